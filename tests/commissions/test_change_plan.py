from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from fissile.domain.commissions import errors
from fissile.domain.commissions.model import FeeVersion, Plans, PlanVersion
from fissile.domain.commissions.queries import load_plans
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.model import member_actor
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.infra.database import Database
from fissile.kernel.ids import public_id

from .conftest import CATEGORY, MERCHANT, PRODUCT, Rows

OPERATOR = member_actor(member_id=UUID(int=900), roles=frozenset({"operator"}))
NOT_OPERATORS = ("buyer", "promoter", "merchant_staff", "payout_officer", "reviewer", "auditor")


async def plan(db: Database, at: datetime, **changes: Any) -> PlanVersion:
    """Change the platform's plan to five percent, unless something is changed."""
    given: dict[str, Any] = {
        "scope": "platform",
        "scope_id": None,
        "kind": "percent",
        "rate_ppm": 50_000,
        "flat_minor": None,
        "cap_minor": 900,
        "hold_seconds": 120,
        "state": "open",
        "actor": OPERATOR,
        "at": at,
        "rng": random.Random(3),
    }
    return await change_plan(db, **(given | changes))


async def fee(db: Database, at: datetime, **changes: Any) -> FeeVersion:
    """Change everyone's fee to one percent, unless something is changed."""
    given: dict[str, Any] = {
        "merchant_id": None,
        "rate_ppm": 10_000,
        "actor": OPERATOR,
        "at": at,
        "rng": random.Random(4),
    }
    return await change_fee(db, **(given | changes))


async def loaded(db: Database) -> tuple[Plans, int]:
    async with db.reading() as connection:
        return await load_plans(connection)


class TestLoadPlans:
    async def test_of_a_new_house_is_empty(self, db: Database) -> None:
        assert await loaded(db) == (Plans(), 0)

    @pytest.mark.usefixtures("catalogue")
    async def test_returns_the_newest_of_each(self, db: Database, at: datetime) -> None:
        await plan(db, at)
        newest = await plan(db, at, rate_ppm=60_000, rng=random.Random(30))
        tea = await plan(db, at, scope="category", scope_id=CATEGORY, rng=random.Random(31))
        everyone = await fee(db, at)
        own = await fee(db, at, merchant_id=MERCHANT, rate_ppm=0, rng=random.Random(40))

        plans, version = await loaded(db)

        assert plans == Plans.of(plans=[newest, tea], fees=[everyone, own])
        assert version == 5


class TestChangePlan:
    @pytest.mark.usefixtures("catalogue")
    @pytest.mark.parametrize(
        ("scope", "scope_id"),
        [("platform", None), ("merchant", MERCHANT), ("category", CATEGORY), ("product", PRODUCT)],
    )
    async def test_counts_versions_in_each_scope(
        self, db: Database, at: datetime, scope: str, scope_id: UUID | None
    ) -> None:
        first = await plan(db, at, scope=scope, scope_id=scope_id)
        second = await plan(
            db,
            at,
            scope=scope,
            scope_id=scope_id,
            kind="flat",
            rate_ppm=None,
            flat_minor=7,
            rng=random.Random(30),
        )

        plans, version = await loaded(db)
        assert (first.version, second.version, version) == (1, 2, 2)
        assert plans.commission_for(PRODUCT, [CATEGORY], MERCHANT) == second
        assert (second.made_by, second.valid_from) == (OPERATOR.member_id, at)

    async def test_tells_log_and_history(self, db: Database, rows: Rows, at: datetime) -> None:
        made = await plan(db, at)

        detail = {
            "scope": "platform",
            "scope_id": None,
            "version": 1,
            "kind": "percent",
            "rate_ppm": 50_000,
            "second_rate_ppm": None,
            "flat_minor": None,
            "cap_minor": 900,
            "hold_seconds": 120,
            "state": "open",
        }
        assert await rows("SELECT name, subject_id, data FROM events") == [("plan.changed", made.id, detail)]
        assert await rows("SELECT act, subject, actor_id, detail FROM audit_log") == [
            ("change_plan", public_id("plan", made.id), OPERATOR.member_id, detail)
        ]

    async def test_tells_who_listens_after_the_commit(self, db: Database, at: datetime) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        listener = await db.raw()
        await listener.add_listener("fissile_plans", lambda *told: heard.put_nowait(told[3]))

        with pytest.raises(errors.PlanTargetNotFound):
            await plan(db, at, scope="product", scope_id=PRODUCT)
        await plan(db, at)
        await fee(db, at)

        assert [await asyncio.wait_for(heard.get(), 5) for _ in range(2)] == ["1", "2"]
        await listener.close()

    async def test_of_several_at_once_all_are_written_or_told(self, db: Database, at: datetime) -> None:
        answers = await asyncio.gather(
            *(plan(db, at, rate_ppm=seed, rng=random.Random(seed)) for seed in range(10)),
            return_exceptions=True,
        )

        written = [one for one in answers if isinstance(one, PlanVersion)]
        refused = [one for one in answers if isinstance(one, BaseException)]
        assert written
        assert all(isinstance(one, errors.PlanChangedMeanwhile) for one in refused)
        assert sorted(one.version for one in written) == list(range(1, len(written) + 1))
        plans, version = await loaded(db)
        assert version == len(written)
        newest = max(written, key=lambda one: one.version)
        assert plans.commission_for(PRODUCT, [], MERCHANT) == newest

    async def test_the_later_of_two_transactions_is_told(self, db: Database, at: datetime) -> None:
        first = await db.raw()
        holding = first.transaction()
        await holding.start()
        await first.execute(
            "INSERT INTO commission_plan_versions (id, scope, version, kind, rate_ppm, hold_seconds, state, valid_from)"
            " VALUES ($1, 'platform', 1, 'percent', 1, 0, 'open', $2)",
            UUID(int=7),
            at,
        )
        second = asyncio.ensure_future(plan(db, at))
        await asyncio.sleep(0.2)
        assert not second.done()

        await holding.commit()

        with pytest.raises(errors.PlanChangedMeanwhile):
            await second
        await first.close()

    @pytest.mark.usefixtures("catalogue")
    async def test_refuses_what_is_not_there(self, db: Database, at: datetime) -> None:
        with pytest.raises(errors.PlanTargetNotFound, match="cat_"):
            await plan(db, at, scope="category", scope_id=PRODUCT)

        assert (await loaded(db))[1] == 0

    @pytest.mark.parametrize("role", NOT_OPERATORS)
    async def test_only_operators_may(self, db: Database, rows: Rows, at: datetime, role: str) -> None:
        actor = member_actor(member_id=UUID(int=5), roles=frozenset({role}), merchant_ids=frozenset({MERCHANT}))

        with pytest.raises(RoleNotAllowed):
            await plan(db, at, actor=actor)

        assert await rows("SELECT id FROM commission_plan_versions") == []


class TestChangeFee:
    @pytest.mark.usefixtures("catalogue")
    async def test_counts_versions_for_each_merchant(self, db: Database, rows: Rows, at: datetime) -> None:
        everyone = await fee(db, at)
        own = await fee(db, at, merchant_id=MERCHANT, rate_ppm=0, rng=random.Random(40))
        again = await fee(db, at, merchant_id=MERCHANT, rate_ppm=20_000, rng=random.Random(41))

        plans, version = await loaded(db)
        assert (everyone.version, own.version, again.version, version) == (1, 1, 2, 3)
        assert plans.fee_for(MERCHANT) == again
        assert plans.fee_for(UUID(int=5)) == everyone
        detail = {"merchant_id": str(MERCHANT), "version": 2, "rate_ppm": 20_000}
        assert (await rows("SELECT name, subject_id, data FROM events ORDER BY position"))[-1] == (
            "fee.changed",
            again.id,
            detail,
        )
        assert await rows("SELECT act FROM audit_log") == [("change_fee",)] * 3

    async def test_refuses_bad_rates_unknown_merchants_and_others(self, db: Database, at: datetime) -> None:
        with pytest.raises(errors.RateOutOfRange):
            await fee(db, at, rate_ppm=1_000_001)
        with pytest.raises(errors.PlanTargetNotFound):
            await fee(db, at, merchant_id=MERCHANT)
        for role in NOT_OPERATORS:
            with pytest.raises(RoleNotAllowed):
                await fee(db, at, actor=member_actor(member_id=UUID(int=5), roles=frozenset({role})))

        assert await loaded(db) == (Plans(), 0)
