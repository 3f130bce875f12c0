"""
``fissile bench orders``: durable orders of one hot product over HTTP, beside the SQL function alone.

64 connections, one line of one piece, each order with an Idempotency-Key of its own from a visitor of its own; every
second order names a share, so that half of them bring credit, a touch and a commission.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from fissile.bench.bare import bare_limit
from fissile.bench.ground import HOT, Ground, audit_of, bench_ground
from fissile.bench.load import LoadResult, request_bytes, run_load
from fissile.bench.report import peak_mb, report
from fissile.domain.attribution.model import Basket, Policies, Touch
from fissile.domain.attribution.rules import credit
from fissile.domain.orders.rules import quote, request_hash
from fissile.flows.house import House
from fissile.flows.place_order import ItemHead, OrderItem, item_lines, item_touches, place_orders
from fissile.infra.batcher import BATCH_MAX
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id

CONNECTIONS = 64
_CHANCE = random.SystemRandom()


class Orders:
    """Traffic: an order after the other on each connection; counts what was answered."""

    def __init__(self, *, host: str, tokens: tuple[str, ...]) -> None:
        # Made beforehand, cut where the key goes: the generator has the same two cores.
        self._plain = _request(host=host, share=None).split(b"\r\n", 1)
        self._shared = [_request(host=host, share=token).split(b"\r\n", 1) for token in tokens]
        self._run = b"%016x" % random.getrandbits(64)
        self._sent = 0
        self._placed = 0

    def request(self, connection: int) -> bytes:
        self._sent += 1
        number = self._sent
        first, rest = self._shared[number // 2 % len(self._shared)] if number % 2 else self._plain
        return b"%b\r\nIdempotency-Key: %b-%d\r\n%b" % (first, self._run, number, rest)

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        assert status == 201, f"{status}: {body!r}"
        self._placed += 1

    def result(self) -> int:
        return self._placed


def _request(*, host: str, share: str | None) -> bytes:
    body = json.dumps({"sku": HOT, "quantity": 1} | ({"share": share} if share else {})).encode()
    return request_bytes("POST", "/api/orders", host=host, headers={"Content-Type": "application/json"}, body=body)


def orders_traffic(host: str, tokens: tuple[str, ...]) -> Orders:
    """Make :class:`Orders`; named as ``fissile.bench.orders:orders_traffic``."""
    return Orders(host=host, tokens=tokens)


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings) as ground:
        before = bare_function(ground, seconds=seconds / 2)
        with ground.serving() as served:
            load(served.url, ground, seconds=min(1.0, seconds))  # plans, caches, the first pages of the tables
            done = load(served.url, ground, seconds=seconds)
            peak = peak_mb(served.pid)
        after = bare_function(ground, seconds=seconds / 2)
        bare = bare_limit(connections=CONNECTIONS, seconds=min(2.0, seconds))
        return report(
            name="orders",
            figure=done.per_second,
            unit="orders/s",
            p50_ms=done.p50_ms,
            p99_ms=done.p99_ms,
            limit=(before + after) / 2,
            limit_name=f"place_orders_v1, {BATCH_MAX} a batch, without HTTP",
            peak_mb=peak,
            seconds=done.seconds,
            audit=audit_of(ground),
            limit_http=round(bare.per_second),
            connections=CONNECTIONS,
        )


def load(url: str, ground: Ground, *, seconds: float) -> LoadResult:
    """Place orders over HTTP."""
    return run_load(
        url=url,
        connections=CONNECTIONS,
        seconds=seconds,
        make_traffic="fissile.bench.orders:orders_traffic",
        arguments={"host": url.removeprefix("http://"), "tokens": ground.tokens},
    )


def bare_function(ground: Ground, *, seconds: float) -> float:
    """Return how many of the same orders the SQL function alone takes a second; making the items is not counted."""
    return asyncio.run(_bare_function(ground, seconds=seconds))


async def _bare_function(ground: Ground, *, seconds: float) -> float:
    async with ground.open_house() as house:
        connection = await house.db.raw()
        try:
            done, spent = 0, 0.0
            while spent < seconds:
                items = [await _item(house, ground, shared=number % 2 == 1) for number in range(BATCH_MAX)]
                started = time.perf_counter()
                answers = await place_orders(connection, items)
                spent += time.perf_counter() - started
                assert all(one.outcome == "placed" for one in answers), "the hot product never runs out"
                done += len(items)
            return done / spent
        finally:
            await connection.close()


async def _item(house: House, ground: Ground, *, shared: bool) -> OrderItem:
    at = datetime.now(UTC)
    wanted = {ground.hot_id: 1}
    offers = {ground.hot_id: await house.offers.get(ground.hot_id)}
    plans = await house.plans.get("plans")
    assert plans is not None, "the ground has a plan"
    token = _CHANCE.choice(ground.tokens)
    share = await house.shares.get(token) if shared else None
    touches = [Touch(share.id, share.promoter_id, at, at)] if share else []
    quoted = quote(wanted=wanted, offers=offers)
    policies, policies_version = await house.policies.get("policies") or (Policies(), 0)
    policy = policies.policy_for(quoted.merchant_id)
    products = frozenset(line.product_id for line in quoted.lines)
    basket = Basket(merchant_id=quoted.merchant_id, product_ids=products, buyer_id=None, at=at)
    decided = credit(touches=touches, policy=policy, basket=basket)
    head = ItemHead(
        id=new_id(at=at, rng=_CHANCE),
        scope="anybody",
        key=f"bare-{_CHANCE.getrandbits(64)}",
        request_hash=request_hash(wanted=wanted, share_token=token, contact=None, expected_total=None),
        merchant_id=quoted.merchant_id,
        member_id=None,
        visitor_id=new_id(at=at, rng=_CHANCE),
        checkout_id=None,
        currency=quoted.currency,
        goods_minor=quoted.goods.minor,
        shipping_minor=0,
        credit_share_id=share.id if share else None,
        credit_promoter_id=share.promoter_id if share else None,
        second_promoter_id=None,
        credit_rule=policy.name,
        credit_reason=decided.reason,
        placed_at=at,
        reserved_until=at + timedelta(seconds=house.settings.reservation_seconds),
        plans_version=plans[1],
        credit_policy_id=policy.id,
        credit_binding_id=None,
        credit_unkept=None,
        policies_version=policies_version,
    )
    lines = item_lines(quoted=quoted, offers=offers, plans=plans[0], credited=share is not None)
    return OrderItem(head, lines, item_touches(decided), None)
