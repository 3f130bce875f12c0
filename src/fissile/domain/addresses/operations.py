"""Changing address books."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.addresses.errors import AddressBookFull, AddressUnknown
from fissile.domain.addresses.model import ADDRESSES_MAX, Address
from fissile.domain.addresses.tables import member_addresses

_book = member_addresses.c
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtext('fissile.addresses'), hashtext(:member))")
_BOOK = select(_book.id, _book.slot, _book.is_default).order_by(_book.slot)


async def lock_book(connection: AsyncConnection, *, member_id: UUID) -> dict[UUID, tuple[int, bool]]:
    """
    Return (slot, is default) of a member's addresses, by slot. Two tabs of one person take turns: an empty book has
    no row to lock, so the turn is a lock of its own until the end of the transaction.
    """
    await connection.execute(_TAKE_TURN, {"member": str(member_id)})
    found = await connection.execute(_BOOK.where(_book.member_id == member_id))
    return {row.id: (row.slot, row.is_default) for row in found}


async def add_address(
    connection: AsyncConnection,
    *,
    address_id: UUID,
    member_id: UUID,
    address: Address,
    is_default: bool,
    at: datetime,
) -> None:
    """
    Write an address into the first free slot of a locked book.

    :raises AddressBookFull: if there is none
    """
    taken = {slot for slot, _ in (await lock_book(connection, member_id=member_id)).values()}
    free = [slot for slot in range(1, ADDRESSES_MAX + 1) if slot not in taken]
    if not free:
        raise AddressBookFull(most=ADDRESSES_MAX)
    if is_default:
        await _no_default(connection, member_id=member_id)
    await connection.execute(
        member_addresses.insert(),
        {
            "id": address_id,
            "member_id": member_id,
            "slot": free[0],
            "is_default": is_default or not taken,  # the first is the default
            "changed_at": at,
            **asdict(address),
        },
    )


async def change_address(
    connection: AsyncConnection,
    *,
    address_id: UUID,
    member_id: UUID,
    address: Address | None,
    is_default: bool,
    at: datetime,
) -> None:
    """
    Write an address anew (None: as it is), and make it the default if asked.

    :raises AddressUnknown: if it is not in the member's book
    """
    if address_id not in await lock_book(connection, member_id=member_id):
        raise AddressUnknown()
    if is_default:
        await _no_default(connection, member_id=member_id)
    values = ({} if address is None else asdict(address)) | ({"is_default": True} if is_default else {})
    await connection.execute(update(member_addresses).where(_book.id == address_id).values(changed_at=at, **values))


async def remove_address(connection: AsyncConnection, *, address_id: UUID, member_id: UUID) -> None:
    """
    Erase an address; the first one left becomes the default if this was it.

    :raises AddressUnknown: if it is not in the member's book
    """
    book = await lock_book(connection, member_id=member_id)
    if address_id not in book:
        raise AddressUnknown()
    await connection.execute(delete(member_addresses).where(_book.id == address_id))
    rest = [one for one in book if one != address_id]
    if book[address_id][1] and rest:
        await connection.execute(update(member_addresses).where(_book.id == rest[0]).values(is_default=True))


async def _no_default(connection: AsyncConnection, *, member_id: UUID) -> None:
    mine = (_book.member_id == member_id) & _book.is_default
    await connection.execute(update(member_addresses).where(mine).values(is_default=False))
