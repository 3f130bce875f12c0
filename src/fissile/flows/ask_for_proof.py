"""Somebody asks for a link by mail: to prove an address, or to set a new password."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.members import queries
from fissile.domain.members.errors import BadEmail
from fissile.domain.members.rules import normal_email
from fissile.domain.notices.operations import make_proof, owe_notice
from fissile.infra.database import Database
from fissile.kernel.ids import Chance, new_id


async def ask_for_proof(db: Database, *, email: str, purpose: str, at: datetime, rng: Chance) -> None:
    """
    Owe a link for ``purpose`` (email or password) to the member who has the address; an earlier one is spent.

    Anyone may call it; the edge limits how often. It says nothing: whether a member has the address is not told.
    """
    try:
        address = normal_email(email=email)
    except BadEmail:
        return
    async with db.transaction() as connection:
        login = await queries.login_of_email(connection, email=address)
        if login is None or login.state != "active":
            return
        proof_id = new_id(at=at, rng=rng)
        await make_proof(
            connection, proof_id=proof_id, member_id=login.member_id, purpose=purpose, email=address, at=at
        )
        await owe_notice(
            connection,
            kind="password_reset" if purpose == "password" else "sign_up_proof",
            key=f"proof:{proof_id}",
            member_id=login.member_id,
            subject_id=proof_id,
            at=at,
            rng=rng,
        )
