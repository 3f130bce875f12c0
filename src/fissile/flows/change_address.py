"""A member writes, changes and erases the addresses of the own book."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.addresses import operations
from fissile.domain.addresses.model import Address
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id


async def keep_address(
    db: Database,
    *,
    member_id: UUID,
    address_id: UUID | None,
    address: Address | None,
    is_default: bool,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> UUID:
    """
    Write an address into the member's book, or one of it anew (``address`` None: only make it the default).

    Members call it for themselves; the first address of a book is its default. Return the address's id.

    :raises AddressBookFull: if the book holds as many as it may
    :raises AddressUnknown: if ``address_id`` is not in this book
    """
    assert actor.member_id == member_id, "an address book is its member's own"
    kept = address_id or new_id(at=at, rng=rng)
    name = "address.changed" if address_id else "address.added"
    async with db.transaction() as connection:
        if address_id is None:
            assert address is not None, "a new address is written out"
            await operations.add_address(
                connection, address_id=kept, member_id=member_id, address=address, is_default=is_default, at=at
            )
        else:
            await operations.change_address(
                connection, address_id=kept, member_id=member_id, address=address, is_default=is_default, at=at
            )
        event = Event(name, kept, {"member": str(member_id), "default": is_default})
        await record_events(connection, happened=[event], actor=actor, at=at)
    return kept


async def erase_address(db: Database, *, member_id: UUID, address_id: UUID, actor: Actor, at: datetime) -> None:
    """
    Erase an address of the member's book; members call it for themselves. Orders keep what they were sent to.

    :raises AddressUnknown: if it is not in this book
    """
    assert actor.member_id == member_id, "an address book is its member's own"
    async with db.transaction() as connection:
        await operations.remove_address(connection, address_id=address_id, member_id=member_id)
        event = Event("address.removed", address_id, {"member": str(member_id)})
        await record_events(connection, happened=[event], actor=actor, at=at)
