"""A promoter shares a product, or the shop of a merchant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from fissile.domain.catalogue.tables import merchants, products
from fissile.domain.members.rules import require
from fissile.domain.shares.errors import BadExpiry, ShareKeyReused, ShareTargetGone
from fissile.domain.shares.model import Share
from fissile.domain.shares.queries import share_of
from fissile.domain.shares.rules import new_token
from fissile.domain.shares.tables import shares
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id

_PRODUCT = select(products.c.state)
_SHOP = select(merchants.c.state)
CHANNEL_MAX = 100


async def publish_share(
    db: Database,
    *,
    actor: Actor,
    product_id: UUID | None = None,
    merchant_id: UUID | None = None,
    channel: str,
    expires_at: datetime | None,
    idempotency_key: str,
    at: datetime,
    rng: Chance,
) -> Share:
    """
    Make a share of a product, or of a merchant's shop, for the promoter who asks: one of the two is given.

    The same key again returns the first share.

    :raises RoleNotAllowed: if the actor is no promoter
    :raises ShareTargetGone: if the product is not offered, or the shop is closed
    :raises BadExpiry: if it would expire in the past
    :raises ShareKeyReused: if the key was used for another share
    """
    require(actor, {"promoter"})
    assert actor.member_id is not None, "a promoter is a member"
    assert (product_id is None) != (merchant_id is None), "a share has one target"
    target_kind = "product" if product_id is not None else "shop"
    target_id = product_id if product_id is not None else merchant_id
    if expires_at is not None and expires_at <= at:
        raise BadExpiry(given=expires_at.isoformat())
    key = f"{actor.member_id}:{idempotency_key}"
    wanted = {
        "id": new_id(at=at, rng=rng),
        "token": new_token(rng=rng),
        "promoter_id": actor.member_id,
        "target_kind": target_kind,
        "target_id": target_id,
        "channel": channel[:CHANNEL_MAX],
        "state": "active",
        "idempotency_key": key,
        "created_at": at,
        "expires_at": expires_at,
    }
    async with db.transaction() as connection:
        if product_id is not None:
            open_now = (await connection.execute(_PRODUCT.where(products.c.id == product_id))).scalar() == "listed"
        else:
            open_now = (await connection.execute(_SHOP.where(merchants.c.id == merchant_id))).scalar() == "active"
        if not open_now:
            raise ShareTargetGone()
        made = insert(shares).values(wanted).on_conflict_do_nothing(index_elements=["idempotency_key"])
        row = (await connection.execute(made.returning(*shares.c))).mappings().first()
        if row is None:
            first = select(shares).where(shares.c.idempotency_key == key)
            share = share_of((await connection.execute(first)).mappings().one())
            if (share.target_id, share.channel) != (target_id, wanted["channel"]):
                raise ShareKeyReused()
            return share
        share = share_of(row)
        happened = Event("share.published", share.id, {"promoter": str(share.promoter_id), target_kind: str(target_id)})
        await record_events(connection, happened=[happened], actor=actor, at=at)
    return share
