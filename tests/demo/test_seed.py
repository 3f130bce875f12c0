"""The demo community: whole, clean, and the same however often it was broken off."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from fissile.demo import seed
from fissile.demo.seed import new_passwords, print_people, seed_demo
from fissile.flows.sign_in import sign_in
from fissile.infra.database import Database
from fissile.infra.settings import Settings
from fissile.views.audit import run_audit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = 4


@pytest.fixture
def few_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play four days instead of thirty: what happens on them is the same."""
    monkeypatch.setattr(seed, "DAYS", DAYS)
    monkeypatch.setattr(seed, "PAYOUT_DAY", 2)


async def counts(db: Database) -> dict[str, int]:
    """Return how many rows the demo made of each kind."""
    tables = ("members", "skus", "shares", "orders", "payments", "refunds", "commissions", "payout_batches")
    return {one: (await db.all(text(f"SELECT count(*) AS n FROM {one}")))[0]["n"] for one in tables}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("few_days")
class TestSeedDemo:
    async def test_fills_every_page_and_leaves_clean_books(self, db: Database, tmp_path: Path) -> None:
        people = await seed_demo(db, settings=Settings(home=tmp_path), at=NOW, say=lambda _: None)

        found = await counts(db)
        assert found["skus"] == 73 + 73 + 244
        assert min(found.values()) > 0, found
        assert {role for one in people for role in one.roles} >= {"operator", "promoter", "payout_officer", "auditor"}
        assert (await run_audit(db)).clean
        first = min(row["placed_at"] for row in await db.all(text("SELECT placed_at FROM orders")))
        assert NOW - timedelta(days=DAYS) <= first < NOW

    async def test_goes_on_where_it_was_broken_off(self, db: Database, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path)
        said: list[str] = []

        async def broken_off() -> None:
            def stop_in_the_middle(sentence: str) -> None:
                said.append(sentence)
                if sentence.startswith("Demo: day"):
                    raise KeyboardInterrupt

            await seed_demo(db, settings=settings, at=NOW, say=stop_in_the_middle)

        with pytest.raises(KeyboardInterrupt):
            await broken_off()
        await seed_demo(db, settings=settings, at=NOW + timedelta(hours=1), say=lambda _: None)
        whole = await counts(db)
        await seed_demo(db, settings=settings, at=NOW + timedelta(hours=2), say=lambda _: None)

        assert await counts(db) == whole
        assert whole["members"] == 10
        assert (await run_audit(db)).clean

    async def test_its_people_sign_in_and_get_new_passwords(self, db: Database, tmp_path: Path) -> None:
        await seed_demo(db, settings=Settings(home=tmp_path), at=NOW, say=lambda _: None)

        people = await new_passwords(db, at=NOW)

        lines: list[str] = []
        print_people(people, say=lines.append)
        assert len(people) == 10
        assert all(any(one.password in line for line in lines) for one in people)
        signed = await asyncio.gather(
            *(
                sign_in(
                    db,
                    email=one.email,
                    password=one.password,
                    visitor_id=None,
                    at=NOW,
                    rng=seed.rng_of(one.email),
                )
                for one in people[:2]
            )
        )
        assert len({one.member_id for one in signed}) == 2


async def test_a_shop_with_goods_of_its_own_is_left_alone(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO merchants (id, code, name, currency, state, created_at)"
                " VALUES ('00000000-0000-7000-8000-000000000001', 'own', 'Own', 'CNY', 'active', now())"
            )
        )

    assert await seed_demo(db, settings=Settings(home=tmp_path), at=NOW, say=lambda _: None) == []

    assert (await counts(db))["skus"] == 0
