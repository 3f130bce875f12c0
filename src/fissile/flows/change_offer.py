"""Staff set a price, or take a SKU off the shelf."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue.operations import change_sku_offer
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import Chance


async def change_offer(
    db: Database,
    *,
    sku_id: UUID,
    price_minor: int | None = None,
    state: str | None = None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> int:
    """
    Set a SKU's price (minor units) or state (listed, unlisted) and return the version of its offer.

    Who: operators, and staff of the SKU's merchant.

    :raises SkuUnknown, NotYourMerchant, NothingToChange: as they say
    :raises BadCell: if the price or the state is none
    """
    async with db.transaction() as connection:
        return await change_sku_offer(
            connection, sku_id=sku_id, price_minor=price_minor, state=state, actor=actor, at=at, rng=rng
        )
