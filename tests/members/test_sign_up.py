from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from fissile.domain.members import errors
from fissile.infra.database import Database

from .conftest import PASSWORD, History, Rows, SignUp, actor_of

VISITOR = UUID(int=77)


class TestSignUp:
    async def test_makes_a_buyer_who_is_signed_in(
        self, db: Database, join: SignUp, history: History, at: datetime
    ) -> None:
        signed_in = await join(visitor_id=VISITOR)

        actor = await actor_of(db, signed_in.session_token, at)
        assert actor is not None
        assert actor.member_id == signed_in.member_id
        assert actor.roles == {"buyer"}
        assert await history() == [
            ("member.joined", signed_in.member_id, {}),
            ("member.role_granted", signed_in.member_id, {"role": "buyer"}),
            ("session.opened", signed_in.member_id, {}),
            ("visitor.tied", signed_in.member_id, {"visitor_id": str(VISITOR)}),
        ]

    async def test_keeps_neither_password_nor_token(self, join: SignUp, rows: Rows) -> None:
        signed_in = await join()

        kept = repr(await rows("SELECT * FROM member_logins")) + repr(await rows("SELECT * FROM sessions"))
        assert PASSWORD not in kept
        assert signed_in.session_token not in kept
        assert "$argon2id$" in kept

    async def test_of_ten_at_once_with_one_address_one_succeeds(self, join: SignUp, rows: Rows) -> None:
        answers = await asyncio.gather(
            *(join(email=f"{'Mei' if one % 2 else 'mei'}@shop.example") for one in range(10)),
            return_exceptions=True,
        )

        assert [type(one) for one in answers if isinstance(one, BaseException)] == [errors.EmailTaken] * 9
        counts = await rows(
            "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM member_logins),"
            " (SELECT count(*) FROM sessions), (SELECT count(*) FROM events WHERE name = 'member.joined')"
        )
        assert counts == [(1, 1, 1, 1)]

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"email": "mei'; DROP TABLE members; --"}, errors.BadEmail),
            ({"email": "mei@localhost"}, errors.BadEmail),
            ({"password": "short"}, errors.PasswordTooShort),
            ({"password": "x" * 1000}, errors.PasswordTooLong),
            ({"password": "password1234"}, errors.PasswordTooWeak),
            ({"display_name": "Mei\x00"}, errors.BadDisplayName),
            ({"locale": "xx"}, errors.UnknownLocale),
        ],
    )
    async def test_refuses_bad_fields_and_writes_nothing(
        self, join: SignUp, rows: Rows, changes: dict[str, str], refusal: type[Exception]
    ) -> None:
        with pytest.raises(refusal):
            await join(**changes)

        assert await rows("SELECT id FROM members") == []

    async def test_takes_a_name_that_looks_like_sql_as_a_name(self, join: SignUp, rows: Rows) -> None:
        await join(display_name="'); DROP TABLE members; --")

        assert await rows("SELECT display_name FROM member_profiles") == [("'); DROP TABLE members; --",)]
