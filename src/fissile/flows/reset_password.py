"""A member's password is set anew, and everyone who is signed in with the old one is out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import MemberNotFound
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.infra.passwords import SALT_BYTES, hash_password, in_password_thread
from fissile.kernel.ids import Chance


async def reset_password(
    db: Database, *, member_id: UUID, password: str, actor: Actor, at: datetime, rng: Chance
) -> None:
    """
    Set a member's password and end all sessions of the member, the actor's own among them.

    The member calls it, the house, or an operator for members without an office.

    :raises MemberNotFound: if there is no such member, or the member is closed
    :raises RoleNotAllowed: if the actor may not
    :raises PasswordTooShort, PasswordTooLong, PasswordTooWeak: if the password will not do
    :raises PasswordsBusy: if too many people are signing in
    """
    async with db.reading() as connection:
        roles = await queries.roles_of(connection, member_id=member_id)
        if roles is None:
            raise MemberNotFound(member=rules.member_name(member_id))
        email, display_name = await queries.words_of(connection, member_id=member_id)
    rules.require_reset(actor, member_id=member_id, member_roles=roles)
    rules.check_password_length(password=password)
    about = rules.words_about(email=email, display_name=display_name)
    await in_password_thread(lambda: rules.check_password_strength(password=password, about=about))
    salt = rng.getrandbits(SALT_BYTES * 8).to_bytes(SALT_BYTES)
    password_hash = await hash_password(password=password, salt=salt)

    async with db.transaction() as connection:
        if not await operations.write_password(connection, member_id=member_id, password_hash=password_hash, at=at):
            raise MemberNotFound(member=rules.member_name(member_id))
        closed = await operations.close_sessions_of(connection, member_id=member_id)
        await record_act(
            connection,
            act="reset_password",
            subject=rules.member_name(member_id),
            detail={"sessions_closed": closed},
            actor=actor,
            at=at,
            rng=rng,
        )
        happened = [Event("member.password_changed", member_id, {})]
        happened += [Event("session.closed", member_id, {"why": "password_changed"})] * closed
        await record_events(connection, happened=happened, actor=actor, at=at)
