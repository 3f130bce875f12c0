"""Somebody fills a cart, changes it, signs in with it, orders from it, or leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fissile.domain.carts.errors import CartQuantity
from fissile.domain.carts.model import CART_LINES_MAX, Cart, CartLine, Owner
from fissile.domain.carts.operations import cart_of, forget_left, lock_cart, write_lines
from fissile.domain.orders.errors import SkuNotOffered
from fissile.domain.orders.model import QUANTITY_MAX
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor, Event, record_events

if TYPE_CHECKING:
    from fissile.flows.house import House

VISITOR_CARTS_KEPT = timedelta(days=90)


async def add_to_cart(
    house: House, *, owner: Owner, sku_id: UUID, quantity: int, actor: Actor | None, at: datetime
) -> None:
    """
    Put some of a SKU into a cart, besides what of it is there; anyone may, into the own cart.

    :raises SkuNotOffered: if it is not listed, or costs nothing
    :raises CartQuantity: if the quantity is below 1, or the cart would hold more than 10,000 of it
    :raises CartFull: if the cart holds a hundred other things
    """
    offer = await house.offers.get(sku_id)
    if offer is None or offer.state != "listed" or not offer.price_minor:
        raise SkuNotOffered(title=offer.title if offer else str(sku_id))
    async with house.db.transaction() as connection:
        cart = await lock_cart(connection, owner=owner, at=at)
        there = next((line.quantity for line in cart.lines if line.sku_id == sku_id), 0)
        if quantity < 1 or there + quantity > QUANTITY_MAX:
            raise CartQuantity(given=there + quantity, most=QUANTITY_MAX)
        line = CartLine(
            sku_id=sku_id, quantity=there + quantity, seen_minor=offer.price_minor, seen_currency=offer.currency
        )
        await write_lines(connection, cart=cart, wanted={sku_id: line}, at=at)
        event = _changed(cart, sku_id, line.quantity)
        await record_events(connection, happened=[event], actor=_who(owner, actor), at=at)


async def set_in_cart(
    db: Database, *, owner: Owner, quantities: Mapping[UUID, int], actor: Actor | None, at: datetime
) -> None:
    """
    Set how many of SKUs in a cart there shall be; 0 takes one out, SKUs that are not there are left so.

    :raises CartQuantity: if one is below 0 or above 10,000: then nothing is changed
    """
    for given in quantities.values():
        if not 0 <= given <= QUANTITY_MAX:
            raise CartQuantity(given=given, most=QUANTITY_MAX)
    async with db.transaction() as connection:
        cart = await lock_cart(connection, owner=owner, at=at)
        wanted = {
            line.sku_id: _with(line, quantities[line.sku_id])
            for line in cart.lines
            if quantities.get(line.sku_id, line.quantity) != line.quantity
        }
        await write_lines(connection, cart=cart, wanted=wanted, at=at)
        happened = [_changed(cart, sku_id, line.quantity if line else 0) for sku_id, line in wanted.items()]
        await record_events(connection, happened=happened, actor=_who(owner, actor), at=at)


async def take_ordered(
    db: Database,
    *,
    owner: Owner,
    ordered: Mapping[UUID, int],
    actor: Actor | None,
    at: datetime,
    revision: int | None = None,
) -> None:
    """
    Take what was ordered out of a cart; more than was ordered of a thing stays with the rest. Anyone, their own.

    With nothing ordered it only lets the revision grow: the next press of the button is another order. With a
    ``revision`` the lines stay if the cart has changed since: they were taken then, or are others.
    """
    async with db.transaction() as connection:
        cart = await lock_cart(connection, owner=owner, at=at)
        if revision is not None and cart.revision != revision + 1:
            return
        wanted = {
            line.sku_id: _with(line, max(0, line.quantity - ordered[line.sku_id]))
            for line in cart.lines
            if line.sku_id in ordered
        }
        await write_lines(connection, cart=cart, wanted=wanted, at=at)
        happened = [_changed(cart, sku_id, line.quantity if line else 0) for sku_id, line in wanted.items()]
        await record_events(connection, happened=happened, actor=_who(owner, actor), at=at)


async def merge_cart(db: Database, *, visitor_id: UUID, actor: Actor, at: datetime) -> int:
    """
    Move what a visitor had in the cart into that of the member who has signed in; return how many lines moved.

    Quantities of the same SKU add up, to 10,000 at most; what a full cart cannot take stays with the visitor.
    """
    assert actor.member_id is not None, "a member signs in"
    guest, mine = Owner(visitor_id, is_member=False), Owner(actor.member_id, is_member=True)
    async with db.reading() as connection:
        if not (await cart_of(connection, owner=guest)).lines:
            return 0
    async with db.transaction() as connection:
        # One order of locks for everybody: the visitor's cart is nobody else's member cart.
        left = await lock_cart(connection, owner=guest, at=at)
        cart = await lock_cart(connection, owner=mine, at=at)
        there = {line.sku_id: line.quantity for line in cart.lines}
        room = CART_LINES_MAX - len(there)
        wanted: dict[UUID, CartLine | None] = {}
        for line in left.lines:
            if line.sku_id in there or room > 0:
                room -= line.sku_id not in there
                wanted[line.sku_id] = _with(line, min(QUANTITY_MAX, line.quantity + there.get(line.sku_id, 0)))
        await write_lines(connection, cart=cart, wanted=wanted, at=at)
        await write_lines(connection, cart=left, wanted=dict.fromkeys(wanted), at=at)
        happened = [_changed(left, sku_id, 0) for sku_id in wanted]
        happened += [_changed(cart, sku_id, line.quantity if line else 0) for sku_id, line in wanted.items()]
        await record_events(connection, happened=happened, actor=actor, at=at)
    return len(wanted)


async def forget_carts(db: Database, *, at: datetime, limit: int = 500) -> int:
    """Forget up to ``limit`` carts of visitors untouched for ninety days, and return how many; the house calls it."""
    async with db.transaction() as connection:
        gone = await forget_left(connection, before=at - VISITOR_CARTS_KEPT, limit=limit)
        happened = [Event("cart.left", owner_id, {"member": False}) for owner_id in gone]
        await record_events(connection, happened=happened, actor=HOUSE, at=at)
    return len(gone)


def _with(line: CartLine, quantity: int) -> CartLine | None:
    if not quantity:
        return None
    return CartLine(sku_id=line.sku_id, quantity=quantity, seen_minor=line.seen_minor, seen_currency=line.seen_currency)


def _changed(cart: Cart, sku_id: UUID, quantity: int) -> Event:
    return Event("cart.changed", cart.owner.id, {"sku": str(sku_id), "quantity": quantity})


def _who(owner: Owner, actor: Actor | None) -> Actor:
    return actor or Actor(member_id=owner.id if owner.is_member else None, name="visitor")
