"""Mails through a real server: nobody twice where the outcome is known, nobody forgotten."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.notices.model import CLAIM, WAITS
from fissile.domain.notices.operations import claim_mails, owe_notice
from fissile.flows.send_mails import send_mails
from fissile.infra.database import Database
from fissile.infra.mail import Letter, message_of, send_letter
from fissile.views.audit import run_audit
from fissile.web.notice_words import letter_of
from tests.mail.conftest import Post


async def owe(db: Database, at: datetime, rng: random.Random, address: str = "ada@example.org", **more: Any) -> bool:
    given: dict[str, Any] = {
        "kind": "order_paid",
        "key": f"test:{address}",
        "subject_id": UUID(int=7),
        "data": {"amount_minor": 1250, "currency": "CNY"},
    }
    async with db.transaction() as connection:
        return await owe_notice(connection, address=address, at=at, rng=rng, **{**given, **more})


async def send(db: Database, post: Post, at: datetime, *, seconds: float = 5.0, **settings: Any) -> int:
    chosen = post.settings(**settings)
    write = partial(letter_of, settings=chosen, link_secret="a" * 64, guest_secret="b" * 64)
    return await send_mails(
        db, write=write, send=partial(send_letter, settings=chosen, seconds=seconds), at=at, limit=50
    )


async def mail(db: Database) -> Any:
    return (await db.all(text("SELECT * FROM notice_mails")))[0]


class TestSendMails:
    async def test_arrives_once_in_the_receivers_language(
        self, db: Database, post: Post, at: datetime, rng: random.Random
    ) -> None:
        await owe(db, at, rng, locale="zh_CN")

        assert await send(db, post, at) == 1
        assert await send(db, post, at + timedelta(days=1)) == 0

        assert len(post.arrived) == 1
        letter = post.arrived[0]
        assert letter["To"] == "ada@example.org"
        assert "Tea & 茶" in letter["Subject"]
        plain, html = letter.iter_parts()
        assert "/o/ord_" in plain.get_content()
        assert "?k=" in plain.get_content()
        assert "Tea &amp; 茶" in html.get_content()
        assert (await mail(db))["state"] == "sent"
        assert (await run_audit(db)).clean

    async def test_the_same_key_is_owed_once(self, db: Database, at: datetime, rng: random.Random) -> None:
        assert await owe(db, at, rng)
        assert not await owe(db, at, rng)

    async def test_is_tried_again_after_a_passing_refusal(
        self, db: Database, post: Post, at: datetime, rng: random.Random
    ) -> None:
        post.answers = ["451 4.3.0 come back"]
        await owe(db, at, rng)

        await send(db, post, at)
        assert (await mail(db))["state"] == "owed"
        assert await send(db, post, at + WAITS[0] - timedelta(seconds=1)) == 0
        await send(db, post, at + WAITS[0])

        kept = await mail(db)
        assert (kept["state"], kept["attempts"], kept["unknowns"], len(post.arrived)) == ("sent", 2, 0, 1)

    @pytest.mark.parametrize("address", ["nobody@example.org", "ada@example.org"])
    async def test_a_refusal_for_good_is_not_tried_again(
        self, db: Database, post: Post, at: datetime, rng: random.Random, address: str
    ) -> None:
        post.answers = ["554 5.7.1 not here"]
        await owe(db, at, rng, address)

        await send(db, post, at)

        kept = await mail(db)
        assert kept["state"] == "refused"
        assert kept["reply"].startswith("55")
        assert await send(db, post, at + timedelta(days=9)) == 0
        assert (await run_audit(db)).clean

    @pytest.mark.parametrize("answer", ["drop", "slow"])
    async def test_an_unknown_outcome_is_tried_again_with_the_same_id(
        self, db: Database, post: Post, at: datetime, rng: random.Random, answer: str
    ) -> None:
        post.answers = [answer]
        await owe(db, at, rng)

        await send(db, post, at, seconds=0.4)
        assert (await mail(db))["unknowns"] == 1
        await send(db, post, at + WAITS[0])

        assert (await mail(db))["state"] == "sent"
        assert len({letter["Message-ID"] for letter in post.arrived}) == 1

    async def test_a_worker_killed_between_sending_and_marking_forgets_nobody(
        self, db: Database, post: Post, at: datetime, rng: random.Random
    ) -> None:
        await owe(db, at, rng)
        async with db.transaction() as connection:  # claimed, perhaps sent, and no end written
            assert len(await claim_mails(connection, at=at, limit=9)) == 1

        assert await send(db, post, at + timedelta(minutes=1)) == 0
        assert await send(db, post, at + CLAIM) == 1

        kept = await mail(db)
        assert (kept["state"], kept["unknowns"]) == ("sent", 1)

    async def test_a_server_that_is_away_is_waited_for_and_has_an_end(
        self, db: Database, post: Post, at: datetime, rng: random.Random
    ) -> None:
        await owe(db, at, rng)
        now = at

        for wait in (*WAITS, timedelta(0)):
            assert await send(db, post, now, smtp_port=1) == 1
            now += wait

        assert (await mail(db))["state"] == "given_up"
        assert await send(db, post, now + timedelta(days=9)) == 0
        assert (await run_audit(db)).clean

    @pytest.mark.parametrize(
        "address",
        ["", "ada", "ada@", "a@b.org\r\nBcc: eve@example.org", "a@example.org, b@example.org", "x" * 10_000_000],
    )
    async def test_what_is_no_address_reaches_no_server(
        self, db: Database, post: Post, at: datetime, rng: random.Random, address: str
    ) -> None:
        await owe(db, at, rng, address, key="bad")

        assert await send(db, post, at) == 0
        assert [row["state"] for row in await db.all(text("SELECT state FROM notice_mails"))] in ([], ["refused"])


class TestMessage:
    def letter(self, subject: str = "s", text: str = "t") -> Letter:
        at = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
        return Letter(to="a@example.org", subject=subject, text=text, html=text, message_id="<1@x>", written_at=at)

    def test_a_line_end_in_a_subject_makes_no_header(self) -> None:
        made = message_of(self.letter("Hi\r\nBcc: eve@example.org\n\nbody"), sender="s@example.org", name="x\r\nBcc: e")

        assert made["Bcc"] is None
        assert made["Subject"] == "Hi Bcc: eve@example.org body"

    def test_ten_megabytes_are_cut(self) -> None:
        made = message_of(self.letter("字" * 10_000_000, "字" * 10_000_000), sender="s@example.org", name="x")

        assert len(made.as_bytes()) < 400_000
