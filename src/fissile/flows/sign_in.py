"""A member comes back: password checked off the event loop, a new session, the visitor tied."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import BadEmail, MemberClosed, SignInRefused
from fissile.domain.members.model import Login, SignedIn, member_actor
from fissile.infra.database import Database
from fissile.infra.events import Event, record_events
from fissile.infra.passwords import SALT_BYTES, check_password
from fissile.kernel.ids import Chance


async def sign_in(
    db: Database,
    *,
    email: str,
    password: str,
    visitor_id: UUID | None,
    at: datetime,
    rng: Chance,
    old_session_token: str | None = None,
) -> SignedIn:
    """
    Open a new session; anyone may call it, and the edge limits how often, by address and by e-mail.

    ``old_session_token`` is the cookie that came along, if any: its session ends, so that nobody who knew it is
    signed in now.

    :raises SignInRefused: if address and password do not belong together; an unknown address answers the same,
        in the same time
    :raises MemberClosed: if they do, and the member is closed
    :raises PasswordsBusy: if too many people are signing in
    """
    login = await _login_of(db, email=email, password=password)
    salt = rng.getrandbits(SALT_BYTES * 8).to_bytes(SALT_BYTES)
    check = await check_password(
        password=password[: rules.PASSWORD_LENGTH_MAX],
        kept_hash=login.password_hash if login else None,
        salt=salt,
    )
    if login is None or not check.right:
        raise SignInRefused
    if login.state != "active":
        raise MemberClosed

    member_id = login.member_id
    happened = [Event("session.opened", member_id, {})]
    async with db.transaction() as connection:
        # No connection was held while hashing; meanwhile the password may have been changed, the member closed.
        if await queries.locked_login(connection, member_id=member_id) != login:
            raise SignInRefused
        if check.fresh_hash is not None:
            await operations.write_password(connection, member_id=member_id, password_hash=check.fresh_hash, at=at)
        if old_session_token is not None:
            closed = await operations.close_session(connection, session_token=old_session_token)
            if closed is not None:
                happened.append(Event("session.closed", closed, {"why": "replaced"}))
        signed_in = await operations.open_session(connection, member_id=member_id, at=at, rng=rng)
        if visitor_id is not None and await operations.tie_visitor(
            connection, visitor_id=visitor_id, member_id=member_id, at=at
        ):
            happened.append(Event("visitor.tied", member_id, {"visitor_id": str(visitor_id)}))
        await record_events(connection, happened=happened, actor=member_actor(member_id=member_id), at=at)
    return signed_in


async def _login_of(db: Database, *, email: str, password: str) -> Login | None:
    """Return what the password is compared with; None where it cannot be right, whatever it is."""
    try:
        normal = rules.normal_email(email=email)
    except BadEmail:  # nobody has it: answered like any unknown address
        return None
    async with db.reading() as connection:
        login = await queries.login_of_email(connection, email=normal)
    return login if len(password) <= rules.PASSWORD_LENGTH_MAX else None
