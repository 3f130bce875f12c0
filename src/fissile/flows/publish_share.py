"""A promoter shares a product, or the shop of a merchant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.tables import merchants, products
from fissile.domain.channels.errors import ChannelNotUsable, ChannelUnknown
from fissile.domain.channels.queries import channel_by_id
from fissile.domain.channels.rules import is_usable
from fissile.domain.members.rules import require
from fissile.domain.shares.errors import BadExpiry, ShareKeyReused, ShareTargetGone
from fissile.domain.shares.model import ChannelKind, Share
from fissile.domain.shares.queries import share_of
from fissile.domain.shares.rules import new_token
from fissile.domain.shares.tables import shares
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id, public_id

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
    channel_id: UUID | None = None,
    offline: bool = False,
) -> Share:
    """
    Make a share of a product, or of a merchant's shop, for the promoter who asks: one of the two is given.

    The same key again returns the first share. Where it will be shared is an account or a community of the promoter
    (``channel_id``), ``offline``, or not said; ``channel`` is a note in the promoter's own words.

    :raises RoleNotAllowed: if the actor is no promoter
    :raises ShareTargetGone: if the product is not offered, or the shop is closed
    :raises ChannelUnknown: if the account or community is none of the promoter's
    :raises ChannelNotUsable: if it is blocked or closed
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
        place = await _place(connection, channel_id=channel_id, offline=offline, promoter_id=actor.member_id)
        wanted |= {"channel_kind": place, "channel_id": channel_id}
        made = insert(shares).values(wanted).on_conflict_do_nothing(index_elements=["idempotency_key"])
        row = (await connection.execute(made.returning(*shares.c))).mappings().first()
        if row is None:
            first = select(shares).where(shares.c.idempotency_key == key)
            share = share_of((await connection.execute(first)).mappings().one())
            asked = (target_id, wanted["channel"], place, channel_id)
            if (share.target_id, share.channel, share.channel_kind, share.channel_id) != asked:
                raise ShareKeyReused()
            return share
        share = share_of(row)
        happened = Event("share.published", share.id, {"promoter": str(share.promoter_id), target_kind: str(target_id)})
        await record_events(connection, happened=[happened], actor=actor, at=at)
    return share


async def _place(
    connection: AsyncConnection, *, channel_id: UUID | None, offline: bool, promoter_id: UUID
) -> ChannelKind:
    if channel_id is None:
        return "offline" if offline else "none"
    # Held as it is until the share is there: who closes it meanwhile waits, and closes it with this share.
    channel = await channel_by_id(connection, channel_id=channel_id, lock="FOR SHARE")
    if channel is None or channel.promoter_id != promoter_id:
        raise ChannelUnknown(given=public_id("chn", channel_id))
    if not is_usable(channel.state):
        raise ChannelNotUsable(name=channel.name, state=channel.state)
    return channel.kind
