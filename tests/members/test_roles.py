from __future__ import annotations

import asyncio
import random
from datetime import datetime
from uuid import UUID

import pytest

from fissile.domain.members import errors
from fissile.domain.members.model import member_actor
from fissile.flows.become_promoter import become_promoter
from fissile.flows.grant_role import grant_role
from fissile.flows.revoke_role import revoke_role
from fissile.infra.database import Database
from fissile.kernel.ids import public_id

from .conftest import History, Rows, SignUp, actor_of

OPERATOR = member_actor(member_id=UUID(int=900), roles=frozenset({"operator"}))
BUYER = member_actor(member_id=UUID(int=901), roles=frozenset({"buyer"}))


class TestGrantRole:
    async def test_holds_with_the_next_request(
        self,
        db: Database,
        join: SignUp,
        history: History,
        rows: Rows,
        merchant_id: UUID,
        at: datetime,
        rng: random.Random,
    ) -> None:
        member = await join()

        granted = await grant_role(
            db,
            member_id=member.member_id,
            role="merchant_staff",
            merchant_id=merchant_id,
            actor=OPERATOR,
            at=at,
            rng=rng,
        )

        actor = await actor_of(db, member.session_token, at)
        assert granted
        assert actor is not None
        assert actor.roles == {"buyer", "merchant_staff"}
        assert actor.merchant_ids == {merchant_id}
        detail = {"role": "merchant_staff", "merchant_id": str(merchant_id)}
        assert (await history())[-1] == ("member.role_granted", member.member_id, detail)
        assert await rows("SELECT act, subject, detail, actor_id FROM audit_log") == [
            ("grant_role", public_id("mem", member.member_id), detail, OPERATOR.member_id)
        ]

    async def test_of_several_at_once_one_writes(self, db: Database, join: SignUp, rows: Rows, at: datetime) -> None:
        member = await join()

        answers = await asyncio.gather(
            *(
                grant_role(
                    db,
                    member_id=member.member_id,
                    role="auditor",
                    merchant_id=None,
                    actor=OPERATOR,
                    at=at,
                    rng=random.Random(seed),
                )
                for seed in range(5)
            )
        )

        assert sorted(answers) == [False, False, False, False, True]
        assert await rows("SELECT count(*) FROM audit_log") == [(1,)]

    async def test_staff_belong_to_one_merchant(
        self, db: Database, join: SignUp, merchant_id: UUID, at: datetime, rng: random.Random
    ) -> None:
        member = await join()
        given = {"member_id": member.member_id, "role": "merchant_staff", "actor": OPERATOR, "at": at, "rng": rng}
        await grant_role(db, merchant_id=merchant_id, **given)  # type: ignore[arg-type]

        with pytest.raises(errors.MerchantNotFound):
            await grant_role(db, merchant_id=UUID(int=4), **given)  # type: ignore[arg-type]
        with pytest.raises(errors.RoleNeedsMerchant):
            await grant_role(db, merchant_id=None, **given)  # type: ignore[arg-type]
        assert not await grant_role(db, merchant_id=merchant_id, **given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("role", ["buyer", "promoter", "reviewer", "payout_officer", "auditor"])
    async def test_only_operators_may(
        self, db: Database, join: SignUp, at: datetime, rng: random.Random, role: str
    ) -> None:
        member = await join()
        actor = member_actor(member_id=UUID(int=9), roles=frozenset({role}))

        with pytest.raises(errors.RoleNotAllowed):
            await grant_role(
                db, member_id=member.member_id, role="auditor", merchant_id=None, actor=actor, at=at, rng=rng
            )

    async def test_nobody_grants_to_themself(
        self, db: Database, join: SignUp, at: datetime, rng: random.Random
    ) -> None:
        member = await join()
        self_made = member_actor(member_id=member.member_id, roles=frozenset({"operator"}))

        with pytest.raises(errors.OwnRoles):
            await grant_role(
                db,
                member_id=member.member_id,
                role="payout_officer",
                merchant_id=None,
                actor=self_made,
                at=at,
                rng=rng,
            )

    async def test_refuses_what_is_not_there(self, db: Database, at: datetime, rng: random.Random) -> None:
        with pytest.raises(errors.UnknownRole):
            await grant_role(db, member_id=UUID(int=3), role="king", merchant_id=None, actor=OPERATOR, at=at, rng=rng)
        with pytest.raises(errors.MemberNotFound):
            await grant_role(
                db, member_id=UUID(int=3), role="auditor", merchant_id=None, actor=OPERATOR, at=at, rng=rng
            )


class TestRevokeRole:
    async def test_is_gone_with_the_next_request(
        self, db: Database, join: SignUp, history: History, at: datetime, rng: random.Random
    ) -> None:
        member = await join()
        await become_promoter(db, member_id=member.member_id, at=at, rng=rng)

        answers = [
            await revoke_role(
                db,
                member_id=member.member_id,
                role="promoter",
                merchant_id=None,
                actor=OPERATOR,
                at=at,
                rng=rng,
            )
            for _ in range(2)
        ]

        actor = await actor_of(db, member.session_token, at)
        assert answers == [True, False]
        assert actor is not None
        assert actor.roles == {"buyer"}
        assert (await history())[-1] == ("member.role_revoked", member.member_id, {"role": "promoter"})

    async def test_only_operators_may(self, db: Database, join: SignUp, at: datetime, rng: random.Random) -> None:
        member = await join()

        with pytest.raises(errors.RoleNotAllowed):
            await revoke_role(
                db, member_id=member.member_id, role="buyer", merchant_id=None, actor=BUYER, at=at, rng=rng
            )


class TestBecomePromoter:
    async def test_adds_the_role_once(
        self, db: Database, join: SignUp, history: History, at: datetime, rng: random.Random
    ) -> None:
        member = await join()

        answers = [await become_promoter(db, member_id=member.member_id, at=at, rng=rng) for _ in range(2)]

        actor = await actor_of(db, member.session_token, at)
        assert answers == [True, False]
        assert actor is not None
        assert actor.roles == {"buyer", "promoter"}
        assert (await history())[-1] == ("member.role_granted", member.member_id, {"role": "promoter"})

    async def test_refuses_who_is_no_member(self, db: Database, at: datetime, rng: random.Random) -> None:
        with pytest.raises(errors.MemberNotFound):
            await become_promoter(db, member_id=UUID(int=3), at=at, rng=rng)
