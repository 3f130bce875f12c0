"""A stranger becomes a member: login, profile, the role buyer, a session."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, rules
from fissile.domain.members.model import SignedIn, member_actor
from fissile.infra.database import Database
from fissile.infra.events import Event, record_events
from fissile.infra.passwords import SALT_BYTES, hash_password, in_password_thread
from fissile.kernel.ids import Chance, new_id


async def sign_up(
    db: Database,
    *,
    email: str,
    password: str,
    display_name: str,
    locale: str,
    visitor_id: UUID | None,
    at: datetime,
    rng: Chance,
) -> SignedIn:
    """
    Make a member with the role buyer and sign them in; anyone may call it.

    :raises BadEmail, BadDisplayName, UnknownLocale: if a field will not do
    :raises PasswordTooShort, PasswordTooLong, PasswordTooWeak: if the password will not do
    :raises EmailTaken: if there is a member with the address; of several at once, one is not refused
    :raises PasswordsBusy: if too many people are signing in
    """
    email = rules.normal_email(email=email)
    display_name = rules.normal_display_name(display_name=display_name)
    rules.check_locale(locale=locale)
    rules.check_password_length(password=password)
    about = rules.words_about(email=email, display_name=display_name)
    await in_password_thread(lambda: rules.check_password_strength(password=password, about=about))
    salt = rng.getrandbits(SALT_BYTES * 8).to_bytes(SALT_BYTES)
    password_hash = await hash_password(password=password, salt=salt)

    member_id = new_id(at=at, rng=rng)
    happened = [
        Event("member.joined", member_id, {}),
        Event("member.role_granted", member_id, {"role": "buyer"}),
        Event("session.opened", member_id, {}),
    ]
    async with db.transaction() as connection:
        await operations.add_member(
            connection,
            member_id=member_id,
            email=email,
            password_hash=password_hash,
            display_name=display_name,
            locale=locale,
            at=at,
        )
        await operations.add_role(connection, member_id=member_id, role="buyer", merchant_id=None, at=at)
        signed_in = await operations.open_session(connection, member_id=member_id, at=at, rng=rng)
        if visitor_id is not None and await operations.tie_visitor(
            connection, visitor_id=visitor_id, member_id=member_id, at=at
        ):
            happened.append(Event("visitor.tied", member_id, {"visitor_id": str(visitor_id)}))
        await record_events(connection, happened=happened, actor=member_actor(member_id=member_id), at=at)
    return signed_in
