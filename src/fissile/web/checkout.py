"""Checkout: the quote is shown, and charged as it was shown, or the buyer is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.limits import count_guest_order
from fissile.api.payments import press_button
from fissile.api.problems import status_of
from fissile.domain.addresses.model import Address, KeptAddress
from fissile.domain.addresses.queries import addresses_of
from fissile.domain.carts.operations import cart_of
from fissile.domain.orders.errors import EmptyOrder, NotYourOrder, QuoteChanged, SoldOut
from fissile.domain.orders.model import QUANTITY_MAX, Contact
from fissile.domain.orders.rules import totals
from fissile.flows.change_address import keep_address
from fissile.flows.change_cart import take_ordered
from fissile.flows.place_order import place_checkout
from fissile.flows.quote_order import quote_order
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import MINOR_MAX, Money
from fissile.views import checkout as views
from fissile.web.addresses import address_in, choices, field_values
from fissile.web.asker import Asker, Form, PageRequest, asker_of, client_of, form_of, whole
from fissile.web.cart import apart_from, owner_of
from fissile.web.errors import BadNumber, ContactMissing, FieldTooLong, PageNotFound
from fissile.web.page import go, page
from fissile.web.query import word

_FIELDS = {"name": 80, "phone": 40, "email": 200}
Lines = list[tuple[UUID, int]]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a press of the button would order: its lines, the key of the press, and whether they come from the cart."""

    lines: Lines
    key: str
    from_cart: bool


@get("/checkout")
async def checkout(request: PageRequest) -> Response[Any]:
    """The quote of one SKU, or of what can be ordered of the cart; and the form for whom it is."""
    asker = asker_of(request)
    if given := word(request, "sku"):
        quantity = whole(word(request, "quantity") or "1", low=1, high=QUANTITY_MAX)
        return await _shown(asker, wish=_Wish([(parse_public_id("sku", given), quantity)], "", False), form=Form({}))
    wish = await _cart_wish(asker)
    return await _shown(asker, wish=wish, form=Form({})) if wish.lines else go("/cart")


@post("/checkout", status_code=303)
async def place(request: PageRequest) -> Response[Any]:
    """Place the orders for the totals that were shown, or show the totals for another address."""
    asker, form = asker_of(request), form_of(request)
    wish = _Wish(_lines(form), form.get("_key"), form.get("from") == "cart")
    if form.get("step") == "quote":
        return await _shown(asker, wish=wish, form=form)
    try:
        if asker.member_id is None:
            pieces = sum(quantity for _, quantity in wish.lines)
            await count_guest_order(asker.house, address=client_of(request), pieces=pieces, at=asker.at)
        contact, address = await _contact(asker, form)
        placed = await place_checkout(
            asker.house,
            lines=wish.lines,
            share_token=None,
            member_id=asker.member_id,
            visitor_id=asker.visitor_id,
            visitor_is_new=asker.visitor_is_new,
            contact=contact,
            expected_totals=_totals(form),
            idempotency_scope=asker.scope,
            idempotency_key=form.key,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        if wish.from_cart and isinstance(refusal, SoldOut):
            # The refusal is kept for this key: the next press is another order.
            await _take(asker, [])
            wish = _Wish(wish.lines, (await _cart_wish(asker)).key, True)
        return await _shown(asker, wish=wish, form=form, refusal=refusal)
    if wish.from_cart:
        # A press that was answered before may have died before its cart was emptied.
        await _take(asker, wish.lines, revision=_revision(form.key) if placed.orders[0].replayed else None)
    if address is not None and form.get("keep") and not placed.orders[0].replayed:
        await _keep(asker, address)
    if placed.checkout_id is not None:
        id = placed.checkout_id
        return go(f"/checkout/{public_id('cko', id)}?k={asker.guest_key(id)}", note="orders-placed")
    id = placed.orders[0].id
    return go(f"/o/{public_id('ord', id)}?k={asker.guest_key(id)}", note="order-placed")


@get("/checkout/{checkout:str}")
async def placed_together(request: PageRequest, checkout: FromPath[str]) -> Response[str]:
    """The orders that were placed together, and one press to pay them all."""
    asker = asker_of(request)
    checkout_id = parse_public_id("cko", checkout)
    found = await _of_checkout(asker, checkout_id=checkout_id, key=word(request, "k"))
    payable = [one for one in found if one["state"] == "placed" and one["reserved_until"] > asker.at]
    return page(
        asker,
        "shop/placed.html",
        orders=found,
        payable=payable,
        sums=_sums(payable),
        checkout_id=checkout_id,
        keys={one["id"]: asker.guest_key(one["id"]) for one in found},
        k=asker.guest_key(checkout_id),
    )


@post("/checkout/{checkout:str}/pay", status_code=303)
async def pay_together(request: PageRequest, checkout: FromPath[str]) -> Response[Any]:
    """Press the sandbox's button for each order that waits: each has a payment and a message of its own."""
    asker, form = asker_of(request), form_of(request)
    checkout_id = parse_public_id("cko", checkout)
    for one in await _of_checkout(asker, checkout_id=checkout_id, key=form.get("k")):
        if one["state"] == "placed" and one["reserved_until"] > asker.at:
            await press_button(asker.house, order=public_id("ord", one["id"]), outcome="paid")
    return go(f"/checkout/{checkout}?k={asker.guest_key(checkout_id)}", note="paid")


async def _of_checkout(asker: Asker, *, checkout_id: UUID, key: str) -> list[Any]:
    async with asker.house.db.reading() as connection:
        found = list(await views.checkout(connection, checkout_id=checkout_id))
    if not found:
        raise PageNotFound()
    mine = found[0]["member_id"] is not None and found[0]["member_id"] == asker.member_id
    if not (mine or asker.guest_key_holds(checkout_id, key)):
        raise NotYourOrder()
    return found


def _sums(orders: list[Any]) -> list[Money]:
    found: dict[str, int] = {}
    for one in orders:
        found[one["currency"]] = found.get(one["currency"], 0) + one["total_minor"]
    return [Money(found[currency], currency) for currency in sorted(found)]


async def _shown(asker: Asker, *, wish: _Wish, form: Form, refusal: Refusal | None = None) -> Response[str]:
    book: list[KeptAddress] = []
    async with asker.house.db.reading() as connection:
        goods = {one["sku_id"]: one for one in await views.items(connection, sku_ids=[sku for sku, _ in wish.lines])}
        if asker.member_id is not None:
            book = await addresses_of(connection, member_id=asker.member_id)
    if not all(sku in goods for sku, _ in wish.lines) or not wish.lines:
        raise refusal or PageNotFound()
    chosen = form.get("to") or (public_id("adr", book[0].id) if book else "new")
    kept = next((one for one in book if public_id("adr", one.id) == chosen), None)
    place = kept.address.place if kept else _place(form)
    try:
        quotes, missing = await quote_order(asker.house, lines=wish.lines, place=place)
    except Refusal as unquotable:
        raise refusal or unquotable from None
    told = refusal or (missing if form.get("step") == "quote" else None)
    return page(
        asker,
        "shop/checkout.html",
        status=status_of(refusal.code) if refusal else 200,
        goods=goods,
        quotes=quotes,
        totals=totals(quotes),
        missing=asker.words.refusal(missing) if missing else "",
        lines=" ".join(f"{public_id('sku', sku)}*{quantity}" for sku, quantity in wish.lines),
        first=wish.lines[0],
        from_cart=wish.from_cart,
        ships=any(one["weight_grams"] != 0 for one in goods.values()),
        book=book,
        chosen=chosen,
        values=field_values(form),
        form=form,
        sentence=asker.words.refusal(told) if told else "",
        # After a changed quote the person decides anew, so the order is a new one; else it is the same. A cart's key
        # is its revision: two tabs press the same button.
        key=wish.key if wish.from_cart or (refusal and not isinstance(refusal, QuoteChanged)) else "",
        **choices(asker),
    )


async def _cart_wish(asker: Asker) -> _Wish:
    owner = owner_of(asker)
    async with asker.house.db.reading() as connection:
        good, _ = apart_from(await views.cart(connection, owner_id=owner.id))
        cart = await cart_of(connection, owner=owner)
    return _Wish([(one["sku_id"], one["quantity"]) for one in good], f"cart-{cart.revision:020d}", True)


def _revision(key: str) -> int:
    """Return which revision of the cart a key names; -1, which is none, if it is another key."""
    number = key.removeprefix("cart-")
    return int(number) if number.isdecimal() else -1


async def _take(asker: Asker, lines: Lines, *, revision: int | None = None) -> None:
    await take_ordered(
        asker.house.db,
        owner=owner_of(asker),
        ordered=dict(lines),
        actor=asker.session.actor if asker.session else None,
        at=asker.at,
        revision=revision,
    )


async def _keep(asker: Asker, address: Address) -> None:
    assert asker.member_id is not None, "guests have no address book"
    await keep_address(
        asker.house.db,
        member_id=asker.member_id,
        address_id=None,
        address=address,
        is_default=False,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )


def _lines(form: Form) -> Lines:
    if not (given := form.get("lines")):
        quantity = form.whole("quantity", low=1, high=QUANTITY_MAX)
        return [(parse_public_id("sku", form.get("sku")), quantity)]
    lines = []
    for one in given.split()[:200]:
        sku, _, many = one.partition("*")
        lines.append((parse_public_id("sku", sku), whole(many, low=1, high=QUANTITY_MAX)))
    if not lines:
        raise EmptyOrder()
    return lines


def _totals(form: Form) -> tuple[Money, ...]:
    if not (given := form.get("totals")):
        return (Money(form.whole("total", low=0, high=MINOR_MAX), form.get("currency")),)
    found = []
    for one in given.split()[:60]:
        currency, _, minor = one.partition(":")
        if len(currency) != 3:
            raise BadNumber(given=one[:40])
        found.append(Money(whole(minor, low=0, high=60 * MINOR_MAX), currency))
    return tuple(found)


def _place(form: Form) -> tuple[str, str] | None:
    """Return country and region as far as the form has them: the price can be shown before the street is written."""
    country, region = form.get("country").upper(), form.get("region").upper()
    if len(country) != 2 or (country == "CN" and not region):
        return None
    return country, region if region.startswith(f"{country}-") else ""


async def _contact(asker: Asker, form: Form) -> tuple[Contact, Address | None]:
    """Return whom it is sent to, and the address if it was written anew with all of its parts."""
    chosen = form.get("to")
    if chosen.startswith("adr_") and asker.member_id is not None:
        async with asker.house.db.reading() as connection:
            book = await addresses_of(connection, member_id=asker.member_id)
        kept = next((one.address for one in book if public_id("adr", one.id) == chosen), None)
        if kept is None:
            raise PageNotFound()
        return _written(kept), None
    if form.get("city") or form.get("street"):
        address = address_in(form)
        return _written(address), address
    values = {name: form.get(name) for name in _FIELDS}
    for name, most in _FIELDS.items():
        if len(values[name]) > most:
            raise FieldTooLong(most=most)
    if not values["name"] or not (values["phone"] or values["email"]):
        raise ContactMissing()
    return Contact(**values), None


def _written(address: Address) -> Contact:
    country, region = address.place
    return Contact(
        name=address.name,
        phone=address.phone,
        email=address.email,
        address=address.written(),
        country=country,
        region=region,
    )


HANDLERS = (checkout, place, placed_together, pay_together)
