"""The demo's shares beside those of products: shops, one that has expired, one that is paused; and the mix of forms."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from fissile.domain.catalogue.tables import merchants
from fissile.domain.shares.model import Form, Share
from fissile.flows.change_share import change_share
from fissile.flows.house import House
from fissile.flows.publish_share import publish_share
from fissile.flows.record_visit import record_visit
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import named_id

# What people open shares by: links and codes lead, posters and comments are for where those are refused.
_MIX: Mapping[Form, int] = {"link": 35, "code": 29, "poster": 22, "comment": 14}
_VISITS = 12  # of each shop's share
_NAMES = ("promoter", "promoter2", "promoter3")


def form_by_chance(rng: random.Random) -> Form:
    """Return the form by which somebody opens a share; takes one number of the chance."""
    return rng.choices(list(_MIX), weights=list(_MIX.values()))[0]


async def share_shops(house: House, *, actors: Mapping[str, Actor], began: datetime) -> None:
    """Publish and open shares of the demo's shops, one share that ends early, and one that its promoter pauses."""
    db = house.db
    async with db.reading() as connection:
        shops = (await connection.execute(select(merchants.c.id).order_by(merchants.c.code))).scalars().all()
    rng = random.SystemRandom()
    made = []
    for number, merchant_id in enumerate(shops):
        for name in _NAMES[: 1 + number % 2]:
            made.append(
                await publish_share(
                    db,
                    actor=actors[name],
                    merchant_id=merchant_id,
                    channel="moments",
                    expires_at=None,
                    idempotency_key=f"demo:shop:{merchant_id}",
                    at=began,
                    rng=rng,
                )
            )
    await _closed(db, made, actor=actors[_NAMES[0]], began=began)
    await asyncio.gather(*(_open(house, share, number, began=began) for share in made for number in range(_VISITS)))


async def _open(house: House, share: Share, number: int, *, began: datetime) -> None:
    rng = random.Random(f"shop visit {share.token} {number}")
    await record_visit(
        house,
        token=share.token,
        form=form_by_chance(rng),
        visitor_id=named_id("demo shop visitor", share.token, str(number)),
        at=began + timedelta(seconds=rng.randrange(60, 30 * 86_400 - 3_600)),
        rng=rng,
    )


async def _closed(db: Database, shares: Sequence[Share], *, actor: Actor, began: datetime) -> None:
    for key, expires_at in (("expired", began + timedelta(days=12)), ("paused", None)):
        share = await publish_share(
            db,
            actor=actor,
            merchant_id=shares[0].target_id,
            channel="offline",
            expires_at=expires_at,
            idempotency_key=f"demo:{key}",
            at=began,
            rng=random.SystemRandom(),
        )
        if key == "paused":
            await change_share(db, share_id=share.id, state="paused", actor=actor, at=began + timedelta(days=1))
