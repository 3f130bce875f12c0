"""Limits of attempts: exact over every process, at a clock that is handed in."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from fissile.infra.database import Database
from fissile.infra.rate_limits import LIMITS, RateLimits, TooManyRequests, _Windows

FIVE = "password_reset_email"  # five an hour


class TestHit:
    async def test_lets_exactly_the_limit_through_when_twenty_come_at_once(
        self, db: Database, database_url: str, at: datetime
    ) -> None:
        other_process = Database(url=database_url, pool=5)
        both = [RateLimits(db), RateLimits(other_process)]

        results = await asyncio.gather(
            *(both[n % 2].hit(FIVE, "a@example.org", at + timedelta(milliseconds=n)) for n in range(20)),
            return_exceptions=True,
        )
        await other_process.close()

        assert LIMITS[FIVE].amount == 5
        assert sum(one is None for one in results) == 5
        assert sum(isinstance(one, TooManyRequests) for one in results) == 15

    async def test_slides_and_says_how_long_to_wait(self, db: Database, at: datetime) -> None:
        limits = RateLimits(db)
        for minutes in range(5):
            await limits.hit(FIVE, "a@example.org", at + timedelta(minutes=minutes))

        with pytest.raises(TooManyRequests) as refusal:
            await limits.hit(FIVE, "a@example.org", at + timedelta(minutes=10))
        assert refusal.value.details == {"retry_after": 50 * 60}

        with pytest.raises(TooManyRequests) as refusal:
            await limits.hit(FIVE, "a@example.org", at + timedelta(minutes=59, seconds=59, milliseconds=500))
        assert refusal.value.details == {"retry_after": 1}

        await limits.hit(FIVE, "a@example.org", at + timedelta(minutes=60))  # the first has left the window
        with pytest.raises(TooManyRequests):
            await limits.hit(FIVE, "a@example.org", at + timedelta(minutes=60))

    async def test_counts_each_name_and_person_alone(self, db: Database, at: datetime) -> None:
        limits = RateLimits(db)
        for _ in range(5):
            await limits.hit(FIVE, "a@example.org", at)

        await limits.hit(FIVE, "b@example.org", at)
        await limits.hit("sign_in_email", "a@example.org", at)

        with pytest.raises(TooManyRequests):
            await limits.hit(FIVE, "a@example.org", at)

    async def test_writes_no_address_down(self, db: Database, at: datetime) -> None:
        await RateLimits(db).hit(FIVE, "a@example.org", at)

        [row] = await db.all(text("SELECT key FROM rate_limit_windows"))
        assert "example" not in row["key"]
        assert FIVE in row["key"]


class TestClear:
    async def test_forgets_the_attempts_of_one(self, db: Database, at: datetime) -> None:
        limits = RateLimits(db)
        for _ in range(5):
            await limits.hit(FIVE, "a@example.org", at)

        await limits.clear(FIVE, "a@example.org", at)

        await limits.hit(FIVE, "a@example.org", at)


class TestForget:
    async def test_deletes_what_has_passed(self, db: Database, at: datetime) -> None:
        limits = RateLimits(db)
        await limits.hit(FIVE, "a@example.org", at)
        await limits.hit(FIVE, "b@example.org", at + timedelta(minutes=30))

        assert await limits.forget(at + timedelta(minutes=60)) == 0
        assert await limits.forget(at + timedelta(minutes=61)) == 1
        [row] = await db.all(text("SELECT cardinality(hits) AS hits FROM rate_limit_windows"))
        assert row["hits"] == 1


class TestStorage:
    async def test_keeps_what_the_library_asks_of_any_storage(self, db: Database, at: datetime) -> None:
        storage = _Windows(db=db, at=at)

        assert await storage.check()
        assert [await storage.incr("k", 60), await storage.incr("k", 60, 2)] == [1, 3]
        assert await storage.get("k") == 3
        assert await storage.get_expiry("k") == (at + timedelta(seconds=60)).timestamp()
        assert await storage.get_moving_window("k", 5, 60) == (at.timestamp(), 3)
        await storage.clear("k")
        assert await storage.get("k") == 0
        await storage.incr("k", 60)
        assert await storage.reset() == 1
