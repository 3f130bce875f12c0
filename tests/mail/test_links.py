"""Links in mails: good once, for a time, and telling nobody who is a member."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from fissile.domain.notices.errors import LinkSpent
from fissile.flows.ask_for_proof import ask_for_proof
from fissile.flows.recover_password import recover_password
from fissile.flows.sign_in import sign_in
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database
from fissile.views.audit import run_audit

NEW = "seven green umbrellas dance"


async def test_a_link_sets_the_password_once_and_ends_all_sessions(
    db: Database, at: datetime, rng: random.Random
) -> None:
    await sign_up(
        db,
        email="ada@example.org",
        password="four purple horses sing",
        display_name="Ada",
        locale="en",
        visitor_id=None,
        at=at,
        rng=rng,
    )
    for email in ("nobody@example.org", "no address", "ada@example.org"):
        await ask_for_proof(db, email=email, purpose="password", at=at, rng=rng)
    [proof] = await db.all(text("SELECT id FROM member_proofs"))

    with pytest.raises(LinkSpent):
        await recover_password(db, proof_id=proof["id"], password=NEW, at=at + timedelta(hours=1), rng=rng)
    await recover_password(db, proof_id=proof["id"], password=NEW, at=at, rng=rng)
    with pytest.raises(LinkSpent):
        await recover_password(db, proof_id=proof["id"], password=NEW, at=at, rng=rng)

    assert await db.all(text("SELECT 1 FROM sessions")) == []
    await sign_in(db, email="ada@example.org", password=NEW, visitor_id=None, at=at, rng=rng)
    assert (await run_audit(db)).clean
