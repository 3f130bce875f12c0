"""The cart: what somebody means to buy, of any number of merchants, with the prices of now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post

from fissile.api.problems import status_of
from fissile.domain.carts.model import Owner
from fissile.domain.orders.model import QUANTITY_MAX
from fissile.flows.change_cart import add_to_cart, set_in_cart
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import Money
from fissile.views import checkout as views
from fissile.web.asker import Asker, PageRequest, asker_of, form_of, whole
from fissile.web.page import go, page


def owner_of(asker: Asker) -> Owner:
    """Return whose cart it is."""
    if asker.member_id is not None:
        return Owner(asker.member_id, is_member=True)
    return Owner(asker.visitor_id, is_member=False)


@get("/cart")
async def cart(request: PageRequest) -> Response[str]:
    """What is in the cart, by merchant; what cannot be ordered now stands apart."""
    return await _shown(asker_of(request))


@post("/cart/add", status_code=303)
async def add(request: PageRequest) -> Response[Any]:
    """Put some of a SKU into the cart, or go on to buy it at once."""
    asker, form = asker_of(request), form_of(request)
    if form.get("to") == "checkout":
        quantity = form.whole("quantity", low=1, high=QUANTITY_MAX)
        sku = public_id("sku", parse_public_id("sku", form.get("sku")))
        return go(f"/checkout?sku={sku}&quantity={quantity}")
    await add_to_cart(
        asker.house,
        owner=owner_of(asker),
        sku_id=parse_public_id("sku", form.get("sku")),
        quantity=form.whole("quantity", low=1, high=QUANTITY_MAX),
        actor=asker.session.actor if asker.session else None,
        at=asker.at,
    )
    return go("/cart", note="in-cart")


@post("/cart", status_code=303)
async def change(request: PageRequest) -> Response[Any]:
    """Set quantities; 0, or the button beside it, takes one out."""
    asker, form = asker_of(request), form_of(request)
    try:
        quantities = {
            parse_public_id("sku", name): whole(str(given), low=0, high=QUANTITY_MAX)
            for name, given in form.fields.items()
            if name.startswith("sku_")
        }
        if gone := form.get("remove"):
            quantities = {parse_public_id("sku", gone): 0}
        await set_in_cart(
            asker.house.db,
            owner=owner_of(asker),
            quantities=quantities,
            actor=asker.session.actor if asker.session else None,
            at=asker.at,
        )
    except Refusal as refusal:
        return await _shown(asker, refusal=refusal)
    return go("/cart", note="saved")


async def _shown(asker: Asker, *, refusal: Refusal | None = None) -> Response[str]:
    async with asker.house.db.reading() as connection:
        lines = await views.cart(connection, owner_id=owner_of(asker).id)
    good, apart = apart_from(lines)
    return page(
        asker,
        "shop/cart.html",
        status=status_of(refusal.code) if refusal else 200,
        sentence=asker.words.refusal(refusal) if refusal else "",
        groups=by_merchant(good),
        apart=apart,
        sums=sums(good),
        changed={line["sku_id"] for line in good if _changed(line)},
        public_sku=lambda one: public_id("sku", one),
    )


def apart_from(lines: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return the lines that can be ordered now, and those that cannot: not listed, or fewer left than wanted."""
    good = [one for one in lines if one["state"] == "listed" and not _short(one)]
    return good, [one for one in lines if one not in good]


def by_merchant(lines: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Return lines under the names of their merchants, in their order."""
    found: dict[Any, tuple[str, list[Any]]] = {}
    for line in lines:
        found.setdefault(line["merchant_id"], (line["merchant"], []))[1].append(line)
    return list(found.values())


def sums(lines: Sequence[Any]) -> list[Money]:
    """Return what the lines cost together, one sum a currency."""
    found: dict[str, int] = {}
    for line in lines:
        found[line["currency"]] = found.get(line["currency"], 0) + line["price_minor"] * line["quantity"]
    return [Money(found[currency], currency) for currency in sorted(found)]


def _short(line: Any) -> bool:
    return bool(line["tracked"]) and line["available"] < line["quantity"]


def _changed(line: Any) -> bool:
    return (line["price_minor"], line["currency"]) != (line["seen_minor"], line["seen_currency"])


HANDLERS = (cart, add, change)
