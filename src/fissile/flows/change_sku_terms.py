"""Staff say what a SKU weighs and how its product is taxed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue import operations
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import Chance


async def change_sku_terms(
    db: Database,
    *,
    sku_id: UUID,
    weight_grams: int | None,
    tax_rate_ppm: int | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    """
    Set a SKU's weight (grams; 0: delivered digitally) and its product's tax rate (parts per million of the net price).

    None leaves one as it is. Who: operators, and staff of the SKU's merchant.

    :raises SkuUnknown, NotYourMerchant, NothingToChange: as they say
    """
    async with db.transaction() as connection:
        await operations.change_sku_terms(
            connection,
            sku_id=sku_id,
            weight_grams=weight_grams,
            tax_rate_ppm=tax_rate_ppm,
            actor=actor,
            at=at,
            rng=rng,
        )
