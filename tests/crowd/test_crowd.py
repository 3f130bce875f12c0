"""Five hundred buyers at once for fifty units, and the twin that shows that the test can fail."""

from __future__ import annotations

import asyncio
from importlib import resources

import asyncpg
import pytest

import fissile
from fissile.bench.bare import Served
from fissile.bench.crowd import BUYERS, Round, play
from fissile.bench.ground import Ground
from fissile.infra.database import asyncpg_args
from fissile.views.audit import run_audit
from tests.crowd.conftest import UNITS

pytestmark = pytest.mark.timeout(180)

_GUARD = "ELSIF s_free[k] - s_taken[k] < l_quantity[j] THEN"
_BLIND = "ELSIF s_free[k] < l_quantity[j] THEN"


class TestCrowd:
    async def test_gets_exactly_what_there_is_and_the_rest_is_told(self, ground: Ground, served: Served) -> None:
        rounds = [await _play(served, ground, sku) for sku in ground.scarce]

        for one in rounds:
            assert (one.sold, one.told_sold, one.refused) == (UNITS, UNITS, BUYERS - UNITS)
            assert (one.oversold, one.double) == (0, 0)
        db = ground.database()
        report = await run_audit(db)
        await db.close()
        assert report.findings == ()

    async def test_is_oversold_to_where_the_guard_does_not_count_its_own_set(
        self, ground: Ground, served: Served
    ) -> None:
        await _blind_the_guard(ground)

        played = await _play(served, ground, ground.scarce[0])

        assert played.oversold > 0
        assert played.told_sold == played.sold > UNITS
        db = ground.database()
        report = await run_audit(db)
        await db.close()
        assert not report.clean


async def _play(served: Served, ground: Ground, sku: str) -> Round:
    return await asyncio.to_thread(play, served.url, ground, sku=sku)


async def _blind_the_guard(ground: Ground) -> None:
    """Replace the function by one that compares each item with what was there before its set."""
    source = (resources.files(fissile) / "flows/place_orders_v1.sql").read_text(encoding="utf-8")
    assert source.count(_GUARD) == 1
    owner = await asyncpg.connect(**asyncpg_args(ground.url))
    try:
        await owner.execute(source.replace(_GUARD, _BLIND).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
        await owner.execute("ALTER TABLE sku_stock DROP CONSTRAINT sku_stock_reserved_check")
    finally:
        await owner.close()
