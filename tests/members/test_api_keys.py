from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.members import errors, queries
from fissile.domain.members.model import SCOPES, KeyActor, NewKey, member_actor
from fissile.flows.become_promoter import become_promoter
from fissile.flows.new_api_key import new_api_key
from fissile.flows.revoke_api_key import revoke_api_key
from fissile.flows.revoke_role import revoke_role
from fissile.infra.database import Database
from fissile.infra.events import HOUSE

from .conftest import History, Rows, SignUp, actor_of

OPERATOR = member_actor(member_id=UUID(int=900), roles=frozenset({"operator"}))
STRANGER = member_actor(member_id=UUID(int=901), roles=frozenset({"buyer", "promoter"}))


async def key(db: Database, at: datetime, **changes: Any) -> NewKey:
    """Make a key of the shop by the house, unless something is changed."""
    given: dict[str, Any] = {
        "role": "operator",
        "scopes": None,
        "name": "till",
        "member_id": None,
        "actor": HOUSE,
        "at": at,
        "rng": random.Random(5),
    }
    return await new_api_key(db, **(given | changes))


async def who(db: Database, key_text: str, at: datetime) -> KeyActor | None:
    async with db.reading() as connection:
        return await queries.key_actor(connection, key_text=key_text, at=at)


class TestNewApiKey:
    async def test_acts_with_its_role_and_scopes(
        self, db: Database, history: History, rows: Rows, at: datetime
    ) -> None:
        made = await key(db, at)

        found = await who(db, made.text, at)
        assert found is not None
        assert found.key_id == made.id
        assert found.scopes == set(SCOPES)
        assert found.actor.roles == {"operator"}
        assert found.actor.member_id is None
        assert await history() == [("api_key.made", made.id, {"member_id": None, "role": "operator"})]
        assert await rows("SELECT act FROM audit_log") == [("new_api_key",)]

    async def test_its_secret_is_kept_nowhere(self, db: Database, rows: Rows, at: datetime) -> None:
        made = await key(db, at)

        kept = repr([await rows(f"SELECT * FROM {table}") for table in ("api_keys", "events", "audit_log")])
        assert made.text[31:] not in kept

    async def test_of_a_member_acts_for_the_member(self, db: Database, join: SignUp, at: datetime) -> None:
        member = await join()
        me = await actor_of(db, member.session_token, at)

        made = await key(db, at, role="buyer", scopes=["orders:read"], member_id=member.member_id, actor=me)

        found = await who(db, made.text, at)
        assert found is not None
        assert found.actor.member_id == member.member_id
        assert found.actor.roles == {"buyer"}
        assert found.scopes == {"orders:read"}

    async def test_a_role_that_is_not_held_has_no_key(self, db: Database, join: SignUp, at: datetime) -> None:
        member = await join()

        with pytest.raises(errors.RoleNotHeld):
            await key(db, at, role="promoter", member_id=member.member_id)
        with pytest.raises(errors.MemberNotFound):
            await key(db, at, role="promoter", member_id=UUID(int=3))

    async def test_no_stranger_makes_it(self, db: Database, join: SignUp, rows: Rows, at: datetime) -> None:
        member = await join()

        for actor in (STRANGER, OPERATOR):
            with pytest.raises(errors.RoleNotAllowed):
                await key(db, at, role="buyer", member_id=member.member_id, actor=actor)
        with pytest.raises(errors.RoleNotAllowed):
            await key(db, at, actor=STRANGER)
        assert await rows("SELECT id FROM api_keys") == []

    @pytest.mark.parametrize("name", ["", "x" * 61, "a\x00"])
    async def test_has_a_name(self, db: Database, at: datetime, name: str) -> None:
        with pytest.raises(errors.BadKeyName):
            await key(db, at, name=name)


class TestKeyActor:
    async def test_a_wrong_secret_is_nobody(self, db: Database, at: datetime) -> None:
        one = await key(db, at)
        other = await key(db, at, rng=random.Random(6))

        assert await who(db, one.text[:31] + other.text[31:], at) is None
        assert await who(db, one.text[:-1] + ("A" if one.text[-1] != "A" else "B"), at) is None

    @pytest.mark.parametrize(
        "given", ["", "fsl_", "' OR 1=1 --", "fsl_" + "u" * 26 + "_" + "x" * 43, "\ud800" * 74, "x" * 100_000]
    )
    async def test_another_text_is_nobody(self, db: Database, at: datetime, given: str) -> None:
        await key(db, at)

        assert await who(db, given, at) is None

    async def test_ends_with_the_members_role(
        self, db: Database, join: SignUp, at: datetime, rng: random.Random
    ) -> None:
        member = await join()
        await become_promoter(db, member_id=member.member_id, at=at, rng=rng)
        made = await key(db, at, role="promoter", member_id=member.member_id)
        assert await who(db, made.text, at) is not None

        await revoke_role(
            db, member_id=member.member_id, role="promoter", merchant_id=None, actor=OPERATOR, at=at, rng=rng
        )

        assert await who(db, made.text, at) is None

    async def test_ends_with_the_membership(self, db: Database, join: SignUp, at: datetime) -> None:
        member = await join()
        made = await key(db, at, role="buyer", member_id=member.member_id)
        async with db.transaction() as connection:
            await connection.execute(text("UPDATE members SET state = 'closed'"))

        assert await who(db, made.text, at) is None


class TestRevokeApiKey:
    async def test_is_nobody_from_then_on(
        self, db: Database, history: History, at: datetime, rng: random.Random
    ) -> None:
        made = await key(db, at)

        answers = await asyncio.gather(
            *(revoke_api_key(db, key_id=made.id, actor=OPERATOR, at=at, rng=random.Random(seed)) for seed in range(4))
        )

        assert sorted(answers) == [False, False, False, True]
        assert await who(db, made.text, at) is None
        assert await who(db, made.text, at - timedelta(seconds=1)) is not None
        assert [name for name, _, _ in await history()] == ["api_key.made", "api_key.revoked"]

    async def test_its_member_may(self, db: Database, join: SignUp, at: datetime, rng: random.Random) -> None:
        member = await join()
        me = await actor_of(db, member.session_token, at)
        assert me is not None
        made = await key(db, at, role="buyer", member_id=member.member_id)

        assert await revoke_api_key(db, key_id=made.id, actor=me, at=at, rng=rng)

    async def test_a_stranger_is_told_of_none(
        self, db: Database, join: SignUp, at: datetime, rng: random.Random
    ) -> None:
        member = await join()
        made = await key(db, at, role="buyer", member_id=member.member_id)

        with pytest.raises(errors.KeyNotFound):
            await revoke_api_key(db, key_id=made.id, actor=STRANGER, at=at, rng=rng)
        with pytest.raises(errors.KeyNotFound):
            await revoke_api_key(db, key_id=UUID(int=8), actor=OPERATOR, at=at, rng=rng)
        assert await who(db, made.text, at) is not None
