"""Staff count the shelf and correct what is on hand."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue.operations import correct
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import Chance


async def correct_stock(
    db: Database, *, sku_id: UUID, change: int, reason: str, actor: Actor, at: datetime, rng: Chance
) -> int:
    """
    Add ``change`` (pieces, signed) to a SKU's stock and return what is on hand then.

    Who: operators, and staff of the SKU's merchant.

    :raises StockUnchanged, ReasonMissing, SkuUnknown, NotYourMerchant, StockNotTracked: as they say
    :raises StockBelowReserved: if fewer would be left than orders have reserved
    """
    async with db.transaction() as connection:
        return await correct(connection, sku_id=sku_id, change=change, reason=reason, actor=actor, at=at, rng=rng)
