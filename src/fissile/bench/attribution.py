"""
``fissile bench attribution``: one buyer who opened the links of 2,000 promoters orders, beside one who opened one.

64 connections carry the same visitor cookie; each order has a key of its own and names no share, so that all touches
are read, judged and decided anew for each order. The limit is the same traffic of the buyer with one touch, half of
it before and half after.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from fissile.api.asking import VISITOR_COOKIE
from fissile.bench.ground import HOT, Ground, audit_of, bench_ground
from fissile.bench.load import LoadResult, request_bytes, run_load
from fissile.bench.report import peak_mb, report
from fissile.domain.members.model import member_actor
from fissile.flows.add_member import add_member
from fissile.flows.house import House
from fissile.flows.publish_share import publish_share
from fissile.flows.record_visit import record_visit
from fissile.infra.events import HOUSE
from fissile.infra.settings import Settings

CONNECTIONS = 64
PROMOTERS = 2_000
_AT_ONCE = 4
_CHANCE = random.SystemRandom()


class OneBuyer:
    """Traffic: an order after the other, all of one visitor; counts what was answered."""

    def __init__(self, *, host: str, visitor: str) -> None:
        headers = {"Content-Type": "application/json", "Cookie": f"{VISITOR_COOKIE}={visitor}"}
        body = json.dumps({"sku": HOT, "quantity": 1}).encode()
        whole = request_bytes("POST", "/api/orders", host=host, headers=headers, body=body)
        self._first, self._rest = whole.split(b"\r\n", 1)
        self._run = b"%016x" % random.getrandbits(64)
        self._sent = 0
        self._placed = 0

    def request(self, connection: int) -> bytes:
        self._sent += 1
        return b"%b\r\nIdempotency-Key: %b-%d\r\n%b" % (self._first, self._run, self._sent, self._rest)

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        assert status == 201, f"{status}: {body!r}"
        self._placed += 1

    def result(self) -> int:
        return self._placed


def one_buyer_traffic(host: str, visitor: str) -> OneBuyer:
    """Make :class:`OneBuyer`; named as ``fissile.bench.attribution:one_buyer_traffic``."""
    return OneBuyer(host=host, visitor=visitor)


def measure(*, settings: Settings, seconds: float, promoters: int = PROMOTERS) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings) as ground:
        few, many = asyncio.run(_touch(ground, promoters=promoters))
        with ground.serving() as served:
            load(served.url, few, seconds=min(1.0, seconds))  # caches, the first pages of the tables
            before = load(served.url, few, seconds=seconds / 2)
            done = load(served.url, many, seconds=seconds)
            after = load(served.url, few, seconds=seconds / 2)
            peak = peak_mb(served.pid)
        judged = asyncio.run(_judged(ground, many))
        assert judged == {promoters}, f"every order judges every touch: {judged}"
        return report(
            name="attribution",
            figure=done.per_second,
            unit="orders/s",
            p50_ms=done.p50_ms,
            p99_ms=done.p99_ms,
            limit=(before.per_second + after.per_second) / 2,
            limit_name="the same orders of a buyer with one touch",
            peak_mb=peak,
            seconds=done.seconds,
            audit=audit_of(ground),
            limit_p50_ms=round((before.p50_ms + after.p50_ms) / 2, 2),
            limit_p99_ms=round(max(before.p99_ms, after.p99_ms), 2),
            promoters=promoters,
            connections=CONNECTIONS,
        )


def load(url: str, visitor: UUID, *, seconds: float) -> LoadResult:
    """Place orders of one visitor over HTTP."""
    return run_load(
        url=url,
        connections=CONNECTIONS,
        seconds=seconds,
        make_traffic="fissile.bench.attribution:one_buyer_traffic",
        arguments={"host": url.removeprefix("http://"), "visitor": str(visitor)},
    )


async def _touch(ground: Ground, *, promoters: int) -> tuple[UUID, UUID]:
    """Return two visitors: one who opened one share, one who opened a share of each of many promoters."""
    at = datetime.now(UTC)
    few, many = (uuid.UUID(int=_CHANCE.getrandbits(128)) for _ in range(2))
    async with ground.open_house() as house:
        offer = await house.offers.get(ground.hot_id)
        assert offer is not None, "the ground has its hot product"
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> str:
            async with gate:
                return await _share(house, product_id=offer.product_id, number=number, at=at)

        tokens = await asyncio.gather(*(one(number) for number in range(promoters)))
        await _open(house, tokens[0], visitor=few, at=at)
        await asyncio.gather(
            *(_open(house, token, visitor=many, at=at - timedelta(seconds=n)) for n, token in enumerate(tokens))
        )
    return few, many


async def _share(house: House, *, product_id: UUID, number: int, at: datetime) -> str:
    member_id = await add_member(
        house.db, display_name=f"Promoter {number}", locale="en", role="promoter", actor=HOUSE, at=at, rng=_CHANCE
    )
    share = await publish_share(
        house.db,
        actor=member_actor(member_id=member_id, roles=frozenset({"promoter"})),
        product_id=product_id,
        channel="bench",
        expires_at=None,
        idempotency_key="one",
        at=at,
        rng=_CHANCE,
    )
    return share.token


async def _open(house: House, token: str, *, visitor: UUID, at: datetime) -> None:
    await record_visit(house, token=token, form="link", visitor_id=visitor, at=at, rng=_CHANCE)


_JUDGED = text("""
SELECT DISTINCT (SELECT count(*) FROM order_touches t WHERE t.order_id = o.id)
       + coalesce((SELECT sum(n.value::bigint) FROM jsonb_each_text(o.credit_unkept) n), 0) AS touches
  FROM orders o WHERE o.visitor_id = :visitor
""")


async def _judged(ground: Ground, visitor: UUID) -> set[int]:
    db = ground.database()
    try:
        return {int(row["touches"]) for row in await db.all(_JUDGED, {"visitor": visitor})}
    finally:
        await db.close()
