"""
``fissile bench crowd``: 500 buyers at once over HTTP for 50 units, again and again, each round for another product.

Each buyer has a cookie, a connection and a key of their own and asks twice with the same key, as an impatient person
does: what is counted as sold, oversold and double is read from the tables, what was told from the answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from fissile.api.asking import VISITOR_COOKIE
from fissile.bench.bare import bare_limit
from fissile.bench.ground import Ground, audit_of, bench_ground
from fissile.bench.load import LoadResult, request_bytes, run_load
from fissile.bench.report import peak_mb, report
from fissile.infra.settings import Settings

BUYERS = 500
UNITS = 50

_SOLD = text(
    """
SELECT coalesce(sum(l.quantity), 0) AS units, count(DISTINCT o.visitor_id) AS buyers, count(*) AS orders
  FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN skus k ON k.id = l.sku_id WHERE k.code = :sku
"""
)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round as the tables and the buyers have it."""

    sold: int
    """Units on orders."""
    double: int
    """Orders above one a buyer, and buyers who were told different things when they asked again."""
    told_sold: int
    """Buyers who were told that they have one."""
    refused: int
    """Buyers who were told that it is sold out."""
    load: LoadResult

    @property
    def oversold(self) -> int:
        """Units sold that were not there."""
        return max(0, self.sold - UNITS)


class Buyers:
    """Traffic: each connection is a buyer who asks twice for the same; gathers what each was told."""

    def __init__(self, *, host: str, sku: str) -> None:
        self._host = host
        self._body = json.dumps({"sku": sku, "quantity": 1}).encode()
        self._visitors = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(BUYERS)]
        self.told: dict[int, list[tuple[int, str]]] = {number: [] for number in range(BUYERS)}

    def request(self, connection: int) -> bytes | None:
        if len(self.told[connection]) == 2:
            return None
        visitor = self._visitors[connection]
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"{VISITOR_COOKIE}={visitor}",
            "Idempotency-Key": visitor,
        }
        return request_bytes("POST", "/api/orders", host=self._host, headers=headers, body=self._body)

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        answer = json.loads(body) if body else {}
        self.told[connection].append((status, answer.get("id") or answer.get("code") or ""))

    def result(self) -> dict[int, list[tuple[int, str]]]:
        return self.told


def buyers_traffic(host: str, sku: str) -> Buyers:
    """Make :class:`Buyers`; named as ``fissile.bench.crowd:buyers_traffic``."""
    return Buyers(host=host, sku=sku)


def measure(*, settings: Settings, seconds: float, rounds: int) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings, scarce_stock=UNITS, scarce_count=rounds) as ground:
        with ground.serving() as served:
            done = [play(served.url, ground, sku=sku) for sku in ground.scarce]
            peak = peak_mb(served.pid)
        bare = bare_limit(connections=BUYERS, seconds=seconds)
        return report(
            name="crowd",
            figure=sum(one.load.requests for one in done) / sum(one.load.seconds for one in done),
            unit="answers/s",
            p50_ms=sorted(one.load.p50_ms for one in done)[len(done) // 2],
            p99_ms=max(one.load.p99_ms for one in done),
            limit=bare.per_second,
            limit_name="a bare ASGI answer on the same server",
            peak_mb=peak,
            seconds=sum(one.load.seconds for one in done),
            audit=audit_of(ground),
            sold=sum(one.sold for one in done),
            refused=sum(one.refused for one in done),
            oversold=sum(one.oversold for one in done),
            double=sum(one.double for one in done),
            rounds=rounds,
            told_sold=sum(one.told_sold for one in done),
            buyers=BUYERS,
            units=UNITS,
        )


def play(url: str, ground: Ground, *, sku: str) -> Round:
    """Let the crowd loose on one SKU and count."""
    load = run_load(
        url=url,
        connections=BUYERS,
        count=2 * BUYERS,
        make_traffic="fissile.bench.crowd:buyers_traffic",
        arguments={"host": url.removeprefix("http://"), "sku": sku},
    )
    told: dict[int, list[tuple[int, str]]] = load.gathered
    first = Counter(answers[0] if answers[0][0] == 409 else answers[0][0] for answers in told.values())
    wavering = sum(1 for answers in told.values() if len({what for _, what in answers}) != 1)
    units, buyers, orders = asyncio.run(_sold(ground, sku))
    return Round(
        sold=units,
        double=orders - buyers + wavering,
        told_sold=first[201],
        refused=first[409, "sold_out"],
        load=load,
    )


async def _sold(ground: Ground, sku: str) -> tuple[int, int, int]:
    db = ground.database()
    try:
        row = (await db.all(_SOLD, {"sku": sku}))[0]
    finally:
        await db.close()
    return int(row["units"]), int(row["buyers"]), int(row["orders"])
