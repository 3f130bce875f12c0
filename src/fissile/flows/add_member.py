"""A member who never signs in: whoever a program's key acts for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, rules
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id


async def add_member(
    db: Database, *, display_name: str, locale: str, role: str, actor: Actor, at: datetime, rng: Chance
) -> UUID:
    """
    Make a member without e-mail and password who has one role, and return its id; the house calls it.

    :raises RoleNotAllowed: if the actor is not the house
    :raises UnknownRole, BadDisplayName, UnknownLocale: if a field will not do
    """
    rules.require(actor, ())
    rules.check_role(role=role)
    rules.check_locale(locale=locale)
    display_name = rules.normal_display_name(display_name=display_name)
    member_id = new_id(at=at, rng=rng)
    happened = [Event("member.joined", member_id, {}), Event("member.role_granted", member_id, {"role": role})]
    async with db.transaction() as connection:
        await operations.add_member_without_login(
            connection, member_id=member_id, display_name=display_name, locale=locale, at=at
        )
        await operations.add_role(connection, member_id=member_id, role=role, merchant_id=None, at=at)
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection,
            act="add_member",
            subject=rules.member_name(member_id),
            detail={"role": role},
            actor=actor,
            at=at,
            rng=rng,
        )
    return member_id
