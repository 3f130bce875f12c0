"""The house under load while its processes are killed: what was acknowledged is there, nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from fissile.bench.ground import make_ground
from fissile.infra.database import Database
from fissile.infra.embedded import ensure_server
from fissile.kernel.ids import public_id
from fissile.views.audit import run_audit
from tests.crowd.conftest import Running, under_load
from tests.crowd.traffic import Kept

# How often each is killed; in CI a few times, before a release: FISSILE_TEST_KILLS=20.
KILLS = int(os.environ.get("FISSILE_TEST_KILLS", "4"))

pytestmark = pytest.mark.timeout(120 + 30 * KILLS)


class TestKills:
    def test_of_database_and_web_process_lose_and_double_nothing(self, running: Running, tmp_path: Path) -> None:
        ground = asyncio.run(make_ground(url=running.database_url))
        chance = random.Random()
        kills: list[Callable[[Running], None]] = [_kill_database, _kill_web] * KILLS
        chance.shuffle(kills)

        with under_load(running.url, ground=ground, folder=tmp_path) as end:
            for kill in kills:
                time.sleep(chance.uniform(0.3, 2.0))
                kill(running)
                running.wait_until_open()
            time.sleep(1.0)
            result = end()

        kept: Kept = result.gathered
        assert result.statuses[0] > 0, "no kill was noticed"
        assert min(len(kept.visits), len(kept.orders), len(kept.paid)) > 20, kept.statuses
        assert kept.contradicted == []
        asyncio.run(_check(running.database_url, kept))

    def test_politely_under_load_loses_nothing(self, running: Running, tmp_path: Path) -> None:
        ground = asyncio.run(make_ground(url=running.database_url))

        # The clients end by their time: nobody is there to tell them after the stop.
        with under_load(running.url, ground=ground, folder=tmp_path, seconds=25.0) as end:
            asyncio.run(_until_orders(running.database_url, count=40))
            status = running.stop()
            result = end()

        kept: Kept = result.gathered
        assert status == 0
        assert len(kept.orders) > 20
        assert kept.contradicted == []
        server = ensure_server(home=running.home)
        asyncio.run(_check(server.url, kept))
        server.release()


async def _until_orders(url: str, *, count: int) -> None:
    """Wait until the clients are at work, however long a busy machine takes to start them."""
    db = Database(url=url, pool=1)
    deadline = time.monotonic() + 22
    while time.monotonic() < deadline:
        if (await db.all(text("SELECT count(*) AS n FROM orders")))[0]["n"] >= count:
            break
        await asyncio.sleep(0.1)
    await db.close()


def _kill_database(running: Running) -> None:
    postmaster = json.loads((running.home / "server.json").read_text())["postmaster"]
    os.killpg(os.getpgid(postmaster), signal.SIGKILL)


def _kill_web(running: Running) -> None:
    for pid in running.web_pids():
        os.kill(pid, signal.SIGKILL)


async def _check(url: str, kept: Kept) -> None:
    """Hold the tables to what the clients were told, and the audit to the tables."""
    db = Database(url=url, pool=2)
    orders = await db.all(text("SELECT id, idempotency_key, state FROM orders"))
    by_key: dict[str, list[str]] = {}
    for one in orders:
        by_key.setdefault(one["idempotency_key"], []).append(public_id("ord", one["id"]))
    assert {key: by_key.get(key) for key in kept.orders} == {key: [id] for key, id in kept.orders.items()}
    assert [key for key, ids in by_key.items() if len(ids) > 1] == []

    payments = await db.all(text("SELECT order_id, outcome FROM payments"))
    paid = [public_id("ord", one["order_id"]) for one in payments]
    assert {one["outcome"] for one in payments} == {"settled"}
    assert len(paid) == len(set(paid))
    assert kept.paid - set(paid) == set()

    visits = await db.all(text("SELECT v.visitor_id, s.token FROM visits v JOIN shares s ON s.id = v.share_id"))
    assert set(kept.visits) - {(str(one["visitor_id"]), one["token"]) for one in visits} == set()

    report = await run_audit(db)
    await db.close()
    assert report.findings == ()
