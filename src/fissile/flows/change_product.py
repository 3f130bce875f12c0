"""Staff rename a product, describe it anew, or take it off the shelf with all of its SKUs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue.operations import change_product_words
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import Chance


async def change_product(
    db: Database,
    *,
    product_id: UUID,
    title: str | None = None,
    description: str | None = None,
    state: str | None = None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    """
    Set a product's title, description or state (listed, unlisted); None leaves a thing as it is.

    Who: operators, and staff of the product's merchant.

    :raises ProductUnknown, NotYourMerchant, NothingToChange: as they say
    :raises BadCell: if a value is none
    """
    async with db.transaction() as connection:
        await change_product_words(
            connection,
            product_id=product_id,
            title=title,
            description=description,
            state=state,
            actor=actor,
            at=at,
            rng=rng,
        )
