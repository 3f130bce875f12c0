"""The chart's geometry, and the secrets that sign forms and guests' links."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime

from fissile.infra.database import Database
from fissile.infra.secrets import secret_named
from fissile.web.chart import HEIGHT, WIDTH, Bar, bars


class TestBars:
    def test_the_highest_fills_the_drawing_and_nothing_is_nothing(self) -> None:
        drawn = bars([Bar(0, "a", ""), Bar(50, "b", ""), Bar(100, "c", "")])

        assert [one.height for one in drawn] == [0, HEIGHT // 2, HEIGHT]
        assert all(one.y + one.height == HEIGHT for one in drawn)
        assert drawn[-1].x + drawn[-1].width <= WIDTH

    def test_a_small_value_is_still_seen(self) -> None:
        assert bars([Bar(1, "a", ""), Bar(1_000_000, "b", "")])[0].height == 2

    def test_no_values_and_only_zeros_are_drawn(self) -> None:
        assert bars([]) == []
        assert bars([Bar(0, "a", "")])[0].height == 0


class TestSecretNamed:
    async def test_all_who_ask_at_once_get_the_same(self, db: Database, at: datetime) -> None:
        async def ask(seed: int) -> str:
            async with db.transaction() as connection:
                return await secret_named(connection, name="x", at=at, rng=random.Random(seed))

        got = set(await asyncio.gather(*(ask(seed) for seed in range(5))))

        assert len(got) == 1
        assert len(got.pop()) == 64

    async def test_another_name_is_another_secret(self, db: Database, at: datetime, rng: random.Random) -> None:
        async with db.transaction() as connection:
            one = await secret_named(connection, name="one", at=at, rng=rng)
            other = await secret_named(connection, name="other", at=at, rng=rng)

        assert one != other
