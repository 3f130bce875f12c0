"""A guest who lost the link of an order asks for it again."""

from __future__ import annotations

import re
from datetime import datetime

from fissile.domain.notices.operations import owe_notice
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, UnknownId, new_id, parse_public_id
from fissile.views.checkout import guest_contact

_NOT_DIGITS = re.compile(r"\D+")


async def ask_order_link(db: Database, *, order: str, contact: str, locale: str, at: datetime, rng: Chance) -> bool:
    """
    Owe the mail with a new link, if number and e-mail address or phone number belong to an order of a guest.

    It goes to the address that the order was placed with, never to another, in ``locale``. Return whether one is owed:
    the edge answers both in the same way, and limits how often it asks. Anyone may call it.
    """
    try:
        order_id = parse_public_id("ord", order.strip())
    except UnknownId:
        return False
    async with db.transaction() as connection:
        found = await guest_contact(connection, order_id=order_id)
        if found is None or not _same(contact, email=found["email"], phone=found["phone"]):
            return False
        event = Event("order_link.asked", order_id, {})
        await record_events(connection, happened=[event], actor=Actor(member_id=None, name="guest"), at=at)
        if not found["email"]:
            return False  # by phone alone: there is nowhere to write to
        return await owe_notice(
            connection,
            kind="order_link",
            key=f"order_link:{new_id(at=at, rng=rng)}",
            at=at,
            rng=rng,
            address=found["email"],
            locale=locale,
            subject_id=order_id,
        )


def _same(given: str, *, email: str, phone: str) -> bool:
    given = given.strip().lower()
    if "@" in given:
        return bool(email) and given == email.lower()
    digits = _NOT_DIGITS.sub("", given)
    return len(digits) >= 5 and digits == _NOT_DIGITS.sub("", phone)
