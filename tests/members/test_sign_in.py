from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from fissile.domain.members import errors, queries
from fissile.domain.members.model import SESSION_LIFE, SignedIn, token_hash
from fissile.flows.extend_session import extend_session
from fissile.flows.reset_password import reset_password
from fissile.flows.sign_in import sign_in
from fissile.flows.sign_out import sign_out
from fissile.flows.sweep_sessions import sweep_sessions
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.passwords import HASHER

from .conftest import PASSWORD, History, Rows, SignUp, actor_of

VISITOR = UUID(int=77)
SECOND = timedelta(seconds=1)


async def back(db: Database, at: datetime, **changes: Any) -> SignedIn:
    """Sign in, right unless something is changed."""
    given: dict[str, Any] = {
        "email": "Mei@shop.example ",
        "password": PASSWORD,
        "visitor_id": None,
        "at": at,
        "rng": random.Random(11),
    }
    return await sign_in(db, **(given | changes))


async def close(db: Database, member_id: UUID) -> None:
    async with db.transaction() as connection:
        await connection.execute(text("UPDATE members SET state = 'closed' WHERE id = :id"), {"id": member_id})


class TestSignIn:
    async def test_opens_another_session(self, db: Database, join: SignUp, at: datetime) -> None:
        first = await join()

        second = await back(db, at)

        assert second.member_id == first.member_id
        assert second.session_token != first.session_token
        assert await actor_of(db, first.session_token, at) is not None
        assert await actor_of(db, second.session_token, at) is not None

    async def test_ends_the_session_that_came_along(
        self, db: Database, join: SignUp, history: History, at: datetime
    ) -> None:
        first = await join()

        second = await back(db, at, old_session_token=first.session_token, visitor_id=VISITOR)

        assert await actor_of(db, first.session_token, at) is None
        assert (await history())[-3:] == [
            ("session.opened", second.member_id, {}),
            ("session.closed", second.member_id, {"why": "replaced"}),
            ("visitor.tied", second.member_id, {"visitor_id": str(VISITOR)}),
        ]

    async def test_ties_a_visitor_once(self, db: Database, join: SignUp, history: History, at: datetime) -> None:
        await join(visitor_id=VISITOR)

        await back(db, at, visitor_id=VISITOR)

        assert [name for name, _, _ in await history()].count("visitor.tied") == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"password": "violet harbour crank"},
            {"password": ""},
            {"password": "x" * 1000},
            {"password": PASSWORD + "\x00"},
            {"email": "nobody@shop.example"},
            {"email": "' OR 1=1 --"},
            {"email": "mei@shop.example\x00"},
            {"email": ""},
        ],
    )
    async def test_answers_every_wrong_pair_the_same(
        self, db: Database, join: SignUp, rows: Rows, at: datetime, changes: dict[str, str]
    ) -> None:
        await join()

        with pytest.raises(errors.SignInRefused) as caught:
            await back(db, at, **changes)

        assert caught.value.message == errors.SignInRefused.template()
        assert await rows("SELECT count(*) FROM sessions") == [(1,)]

    async def test_refuses_closed_members_who_know_the_password(self, db: Database, join: SignUp, at: datetime) -> None:
        signed_in = await join()
        await close(db, signed_in.member_id)

        with pytest.raises(errors.MemberClosed):
            await back(db, at)
        with pytest.raises(errors.SignInRefused):
            await back(db, at, password="violet harbour crank")
        assert await actor_of(db, signed_in.session_token, at) is None

    async def test_renews_a_hash_with_older_parameters(
        self, db: Database, join: SignUp, rows: Rows, at: datetime
    ) -> None:
        await join()
        old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
        async with db.transaction() as connection:
            await connection.execute(text("UPDATE member_logins SET password_hash = :old"), {"old": old})

        await back(db, at)

        [(kept,)] = await rows("SELECT password_hash FROM member_logins")
        assert not HASHER.check_needs_rehash(kept)
        assert (await back(db, at, rng=random.Random(12))).session_token

    async def test_refuses_a_password_that_was_changed_while_it_was_checked(
        self, db: Database, join: SignUp, rows: Rows, at: datetime
    ) -> None:
        await join()
        other = await db.raw()
        changing = other.transaction()
        await changing.start()
        await other.execute("UPDATE member_logins SET password_hash = 'changed'")
        signing_in = asyncio.ensure_future(back(db, at))
        await asyncio.sleep(0.7)
        assert not signing_in.done()  # the password was right; now it waits for the change

        await changing.commit()

        with pytest.raises(errors.SignInRefused):
            await signing_in
        assert await rows("SELECT count(*) FROM sessions") == [(1,)]
        await other.close()


class TestSessionActor:
    async def test_knows_the_profile(self, db: Database, join: SignUp, at: datetime) -> None:
        signed_in = await join()

        async with db.reading() as connection:
            found = await queries.session_actor(
                connection, session_token=signed_in.session_token, at=at + timedelta(hours=23)
            )

        assert found is not None
        assert (found.display_name, found.locale) == ("Mei", "zh_CN")
        assert found.form_secret == signed_in.form_secret
        assert found.actor.name.startswith("mem_")
        assert not found.extend_due

    async def test_ends_after_thirty_days(self, db: Database, join: SignUp, at: datetime) -> None:
        token = (await join()).session_token

        assert await actor_of(db, token, at + SESSION_LIFE - SECOND) is not None
        assert await actor_of(db, token, at + SESSION_LIFE) is None

    @pytest.mark.parametrize("token", ["", "' OR 1=1 --", "\x00", "\ud800", "x" * 100_000])
    async def test_is_nobody_for_other_cookies(self, db: Database, join: SignUp, at: datetime, token: str) -> None:
        await join()

        assert await actor_of(db, token, at) is None

    async def test_the_stored_form_is_no_cookie(self, db: Database, join: SignUp, rows: Rows, at: datetime) -> None:
        await join()
        [(stored,)] = await rows("SELECT token_hash FROM sessions")

        assert await actor_of(db, stored.hex(), at) is None
        assert await actor_of(db, stored.decode("latin-1"), at) is None


class TestExtendSession:
    async def test_writes_once_a_day_at_most(self, db: Database, join: SignUp, at: datetime) -> None:
        token = (await join()).session_token
        day = timedelta(days=1)

        assert not await extend_session(db, session_token=token, at=at + day - SECOND)
        written = await asyncio.gather(*(extend_session(db, session_token=token, at=at + day) for _ in range(5)))

        assert sorted(written) == [False, False, False, False, True]
        assert await actor_of(db, token, at + SESSION_LIFE) is not None
        assert await actor_of(db, token, at + day + SESSION_LIFE) is None

    async def test_says_when_it_is_due(self, db: Database, join: SignUp, at: datetime) -> None:
        token = (await join()).session_token

        async with db.reading() as connection:
            found = await queries.session_actor(connection, session_token=token, at=at + timedelta(days=1))

        assert found is not None
        assert found.extend_due

    async def test_wakes_no_expired_session(self, db: Database, join: SignUp, at: datetime) -> None:
        token = (await join()).session_token

        assert not await extend_session(db, session_token=token, at=at + SESSION_LIFE)


class TestSignOut:
    async def test_ends_that_session_alone(self, db: Database, join: SignUp, history: History, at: datetime) -> None:
        first = await join()
        second = await back(db, at)

        assert await sign_out(db, session_token=first.session_token, at=at)

        assert await actor_of(db, first.session_token, at) is None
        assert await actor_of(db, second.session_token, at) is not None
        assert (await history())[-1] == ("session.closed", first.member_id, {"why": "signed_out"})

    async def test_says_if_there_was_none(self, db: Database, join: SignUp, at: datetime) -> None:
        token = (await join()).session_token
        await sign_out(db, session_token=token, at=at)

        assert not await sign_out(db, session_token=token, at=at)


class TestSweepSessions:
    async def test_deletes_what_has_expired_and_no_more_than_the_limit(
        self, db: Database, join: SignUp, history: History, at: datetime
    ) -> None:
        await join()
        for day in range(1, 4):
            await back(db, at + timedelta(days=day), rng=random.Random(day))
        late = at + SESSION_LIFE + timedelta(days=2)

        counts = [await sweep_sessions(db, at=late, limit=2) for _ in range(3)]

        assert counts == [2, 1, 0]
        assert [data for name, _, data in await history() if name == "session.closed"] == [{"why": "expired"}] * 3
        assert len(await db.all(text("SELECT 1 FROM sessions"))) == 1

    async def test_two_at_once_delete_each_session_once(
        self, db: Database, join: SignUp, history: History, at: datetime
    ) -> None:
        await join()
        for seed in range(5):
            await back(db, at, rng=random.Random(seed))

        counts = await asyncio.gather(*(sweep_sessions(db, at=at + SESSION_LIFE) for _ in range(3)))

        assert sum(counts) == 6
        assert [name for name, _, _ in await history()].count("session.closed") == 6

    async def test_waits_for_nobody(self, db: Database, join: SignUp, at: datetime) -> None:
        member = await join()
        await back(db, at)
        other = await db.raw()
        holding = other.transaction()
        await holding.start()
        held = token_hash(token=member.session_token)
        await other.execute("SELECT 1 FROM sessions WHERE token_hash = $1 FOR UPDATE", held)

        swept = await asyncio.wait_for(sweep_sessions(db, at=at + SESSION_LIFE), 5)

        assert swept == 1
        await holding.rollback()
        await other.close()


class TestResetPassword:
    async def test_signs_everyone_out_and_takes_the_new_one(
        self, db: Database, join: SignUp, history: History, rows: Rows, at: datetime, rng: random.Random
    ) -> None:
        signed_in = await join()
        me = await actor_of(db, signed_in.session_token, at)
        assert me is not None

        await reset_password(db, member_id=signed_in.member_id, password="seven lamps of tin", actor=me, at=at, rng=rng)

        assert await actor_of(db, signed_in.session_token, at) is None
        with pytest.raises(errors.SignInRefused):
            await back(db, at)
        await back(db, at, password="seven lamps of tin")
        assert ("member.password_changed", signed_in.member_id, {}) in await history()
        assert await rows("SELECT act FROM audit_log") == [("reset_password",)]

    async def test_a_stranger_may_not(
        self, db: Database, join: SignUp, rows: Rows, at: datetime, rng: random.Random
    ) -> None:
        owner, stranger = await join(), await join(email="bo@shop.example")
        actor = await actor_of(db, stranger.session_token, at)
        assert actor is not None

        with pytest.raises(errors.RoleNotAllowed):
            await reset_password(
                db, member_id=owner.member_id, password="seven lamps of tin", actor=actor, at=at, rng=rng
            )

        assert await back(db, at)
        assert await rows("SELECT act FROM audit_log") == []

    async def test_refuses_weak_ones_and_unknown_members(
        self, db: Database, join: SignUp, at: datetime, rng: random.Random
    ) -> None:
        owner = await join()

        with pytest.raises(errors.PasswordTooWeak):
            await reset_password(
                db, member_id=owner.member_id, password="mei@shop.example", actor=HOUSE, at=at, rng=rng
            )
        with pytest.raises(errors.MemberNotFound):
            await reset_password(db, member_id=UUID(int=5), password="seven lamps of tin", actor=HOUSE, at=at, rng=rng)
