"""Who has forgotten the password sets a new one by the link that came by mail."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, rules
from fissile.domain.members.model import member_actor
from fissile.domain.notices.errors import LinkSpent
from fissile.domain.notices.operations import owe_notice, use_proof
from fissile.infra.database import Database
from fissile.infra.events import Event, record_events
from fissile.infra.passwords import SALT_BYTES, hash_password, in_password_thread
from fissile.kernel.ids import Chance


async def recover_password(db: Database, *, proof_id: UUID, password: str, at: datetime, rng: Chance) -> None:
    """
    Spend the link, set the password, and end all sessions of the member; the edge has checked the signature.

    :raises LinkSpent: if it was used, is too old, or the address has changed since; of two at once one is refused
    :raises PasswordTooShort, PasswordTooLong, PasswordTooWeak: if the password will not do; the link stays good
    :raises PasswordsBusy: if too many people are signing in
    """
    rules.check_password_length(password=password)
    await in_password_thread(lambda: rules.check_password_strength(password=password, about=[]))
    salt = rng.getrandbits(SALT_BYTES * 8).to_bytes(SALT_BYTES)
    password_hash = await hash_password(password=password, salt=salt)
    async with db.transaction() as connection:
        proved = await use_proof(connection, proof_id=proof_id, purpose="password", at=at)
        if proved is None or not await operations.write_password(
            connection, member_id=proved[0], password_hash=password_hash, at=at
        ):
            raise LinkSpent
        member_id = proved[0]
        closed = await operations.close_sessions_of(connection, member_id=member_id)
        happened = [Event("member.password_changed", member_id, {})]
        happened += [Event("session.closed", member_id, {"why": "password_changed"})] * closed
        await record_events(connection, happened=happened, actor=member_actor(member_id=member_id), at=at)
        await owe_notice(
            connection, kind="password_changed", key=f"changed:{proof_id}", member_id=member_id, at=at, rng=rng
        )
