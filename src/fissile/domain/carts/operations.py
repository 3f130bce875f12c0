"""Reading and changing carts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.carts.errors import CartFull
from fissile.domain.carts.model import CART_LINES_MAX, Cart, CartLine, Owner
from fissile.domain.carts.tables import cart_lines, carts

_LINES = (
    select(cart_lines.c.sku_id, cart_lines.c.quantity, cart_lines.c.seen_minor, cart_lines.c.seen_currency)
    .where(cart_lines.c.owner_id == bindparam("owner_id"))
    .order_by(cart_lines.c.added_at, cart_lines.c.sku_id)
)
_REVISION = select(carts.c.revision).where(carts.c.owner_id == bindparam("owner_id"))
_LEFT = text("""
DELETE FROM carts WHERE owner_id IN (
  SELECT owner_id FROM carts WHERE NOT is_member AND changed_at < :before ORDER BY changed_at LIMIT :most
    FOR UPDATE SKIP LOCKED)
RETURNING owner_id
""")


async def cart_of(connection: AsyncConnection, *, owner: Owner) -> Cart:
    """Return a cart; one that nobody has put anything into is empty, of revision 0."""
    revision = (await connection.execute(_REVISION, {"owner_id": owner.id})).scalar_one_or_none()
    lines = [CartLine(**row) for row in (await connection.execute(_LINES, {"owner_id": owner.id})).mappings()]
    return Cart(owner=owner, revision=revision or 0, lines=tuple(lines))


async def lock_cart(connection: AsyncConnection, *, owner: Owner, at: datetime) -> Cart:
    """
    Lock a cart until the end of the transaction, making its row if there is none; its revision grows.

    A new one begins with the seconds of its moment: revisions name orders, and those of a cart that was forgotten may
    not come again for the same owner.
    """
    begin = max(1, int(at.timestamp()))
    made = insert(carts).values(owner_id=owner.id, is_member=owner.is_member, revision=begin, changed_at=at)
    grown = made.on_conflict_do_update(
        index_elements=["owner_id"], set_={"revision": carts.c.revision + 1, "changed_at": at}
    )
    await connection.execute(grown)
    return await cart_of(connection, owner=owner)


async def write_lines(
    connection: AsyncConnection, *, cart: Cart, wanted: Mapping[UUID, CartLine | None], at: datetime
) -> None:
    """
    Write lines of a locked cart, by SKU; None takes one out.

    :raises CartFull: if there would be more than a hundred
    """
    kept = {line.sku_id for line in cart.lines}
    put = {sku_id for sku_id, line in wanted.items() if line is not None}
    gone = set(wanted) - put
    if len((kept | put) - gone) > CART_LINES_MAX:
        raise CartFull(most=CART_LINES_MAX)
    if gone:
        await connection.execute(
            delete(cart_lines).where(cart_lines.c.owner_id == cart.owner.id, cart_lines.c.sku_id.in_(gone))
        )
    for line in wanted.values():
        if line is None:
            continue
        values = {"quantity": line.quantity, "seen_minor": line.seen_minor, "seen_currency": line.seen_currency}
        made = insert(cart_lines).values(owner_id=cart.owner.id, sku_id=line.sku_id, added_at=at, **values)
        await connection.execute(made.on_conflict_do_update(index_elements=["owner_id", "sku_id"], set_=values))


async def forget_left(connection: AsyncConnection, *, before: datetime, limit: int) -> list[UUID]:
    """Delete carts of visitors that nobody has touched since; return whose."""
    found = await connection.execute(_LEFT, {"before": before, "most": limit})
    return [row.owner_id for row in found]
