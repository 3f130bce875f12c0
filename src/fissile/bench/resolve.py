"""
``fissile bench resolve``: shares opened over HTTP, each open a durable visit, beside a bare answer of the same server.

64 connections. Each opens the shares of one promoter in turn; every second request comes from a new visitor, the
others bring the cookie that the answer before gave them, so that nearly all are first visits.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import UTC, datetime
from typing import Any, Literal

from fissile.bench.bare import bare_limit
from fissile.bench.ground import Ground, audit_of, bench_ground
from fissile.bench.load import LoadResult, request_bytes, run_load
from fissile.bench.report import peak_mb, report
from fissile.flows.record_visit import VisitItem, record_visits
from fissile.infra.batcher import BATCH_MAX
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id

CONNECTIONS = 64
Way = Literal["resolve", "redirect"]
_CHANCE = random.SystemRandom()
_TEXT = "[Ad] Goods hot, CNY 12.50. Copy this whole message ₣{token}₣ and paste it into the search box of Fissile."


class Opens:
    """Traffic: shares opened one after the other on each connection."""

    def __init__(self, *, way: Way, host: str, tokens: tuple[str, ...]) -> None:
        self._status = 200 if way == "resolve" else 302
        # Made beforehand, cut where a cookie goes: the generator has the same two cores.
        self._requests = [_request(way, host=host, token=token).split(b"\r\n", 1) for token in tokens]
        self._cookies: dict[int, bytes] = {}
        self._sent = 0

    def request(self, connection: int) -> bytes:
        self._sent += 1
        first, rest = self._requests[self._sent % len(self._requests)]
        cookie = self._cookies.pop(connection, None)
        return b"%b\r\n%b" % (first, rest) if cookie is None else b"%b\r\nCookie: %b\r\n%b" % (first, cookie, rest)

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        assert status == self._status, f"{status}: {body!r}"
        found = head.find(b"set-cookie: ")
        if found >= 0:
            self._cookies[connection] = head[found + 12 : head.index(b";", found)]

    def result(self) -> None:
        return None


def _request(way: Way, *, host: str, token: str) -> bytes:
    if way == "redirect":
        return request_bytes("GET", f"/s/{token}", host=host)
    body = json.dumps({"text": _TEXT.format(token=token)}).encode()
    return request_bytes(
        "POST", "/api/shares/resolve", host=host, headers={"Content-Type": "application/json"}, body=body
    )


def opens_traffic(way: Way, host: str, tokens: tuple[str, ...]) -> Opens:
    """Make :class:`Opens`; named as ``fissile.bench.resolve:opens_traffic``."""
    return Opens(way=way, host=host, tokens=tokens)


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings) as ground:
        before = bare_limit(connections=CONNECTIONS, seconds=seconds / 2)
        with ground.serving() as served:
            load(served.url, ground, way="resolve", seconds=min(1.0, seconds))  # plans, caches, the first pages
            resolved = load(served.url, ground, way="resolve", seconds=seconds)
            redirected = load(served.url, ground, way="redirect", seconds=seconds)
            peak = peak_mb(served.pid)
        after = bare_limit(connections=CONNECTIONS, seconds=seconds / 2)
        limit = (before.per_second + after.per_second) / 2
        return report(
            name="resolve",
            figure=resolved.per_second,
            unit="resolves/s, each with a durable visit",
            p50_ms=resolved.p50_ms,
            p99_ms=resolved.p99_ms,
            limit=limit,
            limit_name="a bare ASGI answer on the same server",
            peak_mb=peak,
            seconds=resolved.seconds,
            audit=audit_of(ground),
            redirect=round(redirected.per_second),
            redirect_p50_ms=round(redirected.p50_ms, 2),
            redirect_p99_ms=round(redirected.p99_ms, 2),
            redirect_ratio=round(redirected.per_second / limit, 3),
            limit_sql=round(asyncio.run(_bare_function(ground, seconds=seconds / 2))),
            connections=CONNECTIONS,
        )


def load(url: str, ground: Ground, *, way: Way, seconds: float) -> LoadResult:
    """Open shares over HTTP."""
    return run_load(
        url=url,
        connections=CONNECTIONS,
        seconds=seconds,
        make_traffic="fissile.bench.resolve:opens_traffic",
        arguments={"way": way, "host": url.removeprefix("http://"), "tokens": ground.tokens},
    )


async def _bare_function(ground: Ground, *, seconds: float) -> float:
    """Return how many visits record_visits_v1 alone takes a second, 256 a batch; making them is not counted."""
    async with ground.open_house() as house:
        shares = [share for token in ground.tokens if (share := await house.shares.get(token))]
        connection = await house.db.raw()
        try:
            done, spent = 0, 0.0
            while spent < seconds:
                at = datetime.now(UTC)
                items = [
                    VisitItem(
                        new_id(at=at, rng=_CHANCE),
                        shares[number % len(shares)].id,
                        shares[number % len(shares)].version,
                        new_id(at=at, rng=_CHANCE),
                        "code",
                        at,
                    )
                    for number in range(BATCH_MAX)
                ]
                started = time.perf_counter()
                await record_visits(connection, items, window_seconds=house.settings.visit_window_seconds)
                spent += time.perf_counter() - started
                done += len(items)
            return done / spent
        finally:
            await connection.close()
