"""Reading address books."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.addresses.errors import AddressUnknown
from fissile.domain.addresses.model import Address, KeptAddress
from fissile.domain.addresses.tables import member_addresses

_ROWS = select(member_addresses).order_by(member_addresses.c.is_default.desc(), member_addresses.c.slot)
_FIELDS = ("name", "phone", "email", "country", "region", "city", "street", "postcode")


async def addresses_of(connection: AsyncConnection, *, member_id: UUID) -> list[KeptAddress]:
    """Return a member's address book, the default first."""
    found = await connection.execute(_ROWS.where(member_addresses.c.member_id == member_id))
    return [_kept(row) for row in found]


async def address_of(connection: AsyncConnection, *, member_id: UUID, address_id: UUID) -> KeptAddress:
    """
    Return one address of a member's book.

    :raises AddressUnknown: if it is not there, or somebody else's
    """
    mine = (member_addresses.c.member_id == member_id) & (member_addresses.c.id == address_id)
    row = (await connection.execute(_ROWS.where(mine))).first()
    if row is None:
        raise AddressUnknown()
    return _kept(row)


def _kept(row: Row[Any]) -> KeptAddress:
    fields = row._mapping
    return KeptAddress(
        id=row.id,
        member_id=row.member_id,
        address=Address(**{name: fields[name] for name in _FIELDS}),
        is_default=row.is_default,
    )
