"""The same order again: with the same key, in parallel, with another body, through a queue that is mostly full."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx2
from sqlalchemy import text

from fissile.bench.bare import Served
from fissile.bench.ground import HOT, Ground
from fissile.bench.load import run_load
from fissile.kernel.ids import public_id
from tests.crowd.traffic import Kept

TIMES = 100


class TestSameKey:
    async def test_a_hundred_times_at_once_is_one_order(self, ground: Ground, served: Served) -> None:
        async with _client(served) as client:
            answers = await asyncio.gather(*(_order(client, key="once", quantity=2) for _ in range(TIMES)))

        assert Counter(one.status_code for one in answers) == {201: 1, 200: TIMES - 1}
        assert len({one.content for one in answers}) == 1
        assert {one.headers.get("idempotent-replayed") for one in answers if one.status_code == 200} == {"true"}
        assert await _orders(ground) == [answers[0].json()["id"]]

    async def test_with_another_body_is_refused(self, ground: Ground, served: Served) -> None:
        async with _client(served) as client:
            first = await _order(client, key="once", quantity=1)
            another = await _order(client, key="once", quantity=2)

        assert (first.status_code, another.status_code) == (201, 422)
        assert another.json()["code"] == "idempotency_key_reused"
        assert await _orders(ground) == [first.json()["id"]]

    async def test_with_two_bodies_at_once_is_one_order(self, ground: Ground, served: Served) -> None:
        async with _client(served) as client:
            answers = await asyncio.gather(*(_order(client, key="once", quantity=1 + n % 2) for n in range(TIMES)))

        statuses = Counter(one.status_code for one in answers)
        assert statuses == {201: 1, 200: TIMES // 2 - 1, 422: TIMES // 2}
        assert len(await _orders(ground)) == 1


class TestBusy:
    async def test_is_told_with_a_moment_to_come_again_and_loses_nothing(self, ground: Ground) -> None:
        def load(url: str) -> Any:
            return run_load(
                url=url,
                connections=64,
                seconds=60,
                make_traffic="tests.crowd.traffic:insisting",
                arguments={"host": url.removeprefix("http://")},
            )

        with ground.serving(queue_max=2) as served:
            result = await asyncio.to_thread(load, served.url)

        kept: Kept = result.gathered
        assert set(kept.refusals) == {"busy"}
        assert kept.refusals["busy"] == kept.statuses[503] == kept.told_when > 0
        assert kept.statuses[201] == len(kept.orders) == 64
        assert sorted(await _orders(ground)) == sorted(kept.orders.values())


def _client(served: Served) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=served.url,
        trust_env=False,
        timeout=60,
        limits=httpx2.Limits(max_connections=TIMES, max_keepalive_connections=TIMES),
    )


async def _order(client: httpx2.AsyncClient, *, key: str, quantity: int) -> httpx2.Response:
    return await client.post("/api/orders", json={"sku": HOT, "quantity": quantity}, headers={"Idempotency-Key": key})


async def _orders(ground: Ground) -> list[str]:
    db = ground.database()
    rows = await db.all(text("SELECT id FROM orders ORDER BY id"))
    await db.close()
    return [public_id("ord", one["id"]) for one in rows]
