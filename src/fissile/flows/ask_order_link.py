"""A guest who lost the link of an order asks for it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import UnknownId, parse_public_id
from fissile.views.checkout import guest_contact

_NOT_DIGITS = re.compile(r"\D+")


@dataclass(frozen=True, slots=True)
class OwedLink:
    """To whom a new link of a guest's order is owed: always the address it was placed with, never another."""

    order_id: UUID
    email: str
    phone: str
    name: str


async def ask_order_link(db: Database, *, order: str, contact: str, at: datetime) -> OwedLink | None:
    """
    Return the link that is owed, if number and e-mail address or phone number belong to an order of a guest.

    Whoever sends mail sends it from here. None, and no word of why, if they do not belong together: the edge answers
    both in the same way, and limits how often it asks. Anyone may call it.
    """
    try:
        order_id = parse_public_id("ord", order.strip())
    except UnknownId:
        return None
    async with db.transaction() as connection:
        found = await guest_contact(connection, order_id=order_id)
        if found is None or not _same(contact, email=found["email"], phone=found["phone"]):
            return None
        event = Event("order_link.asked", order_id, {})
        await record_events(connection, happened=[event], actor=Actor(member_id=None, name="guest"), at=at)
    return OwedLink(order_id, found["email"], found["phone"], found["name"])


def _same(given: str, *, email: str, phone: str) -> bool:
    given = given.strip().lower()
    if "@" in given:
        return bool(email) and given == email.lower()
    digits = _NOT_DIGITS.sub("", given)
    return len(digits) >= 5 and digits == _NOT_DIGITS.sub("", phone)
