"""Checkout: the quote is shown, and charged as it was shown, or the buyer is asked again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post

from fissile.api.problems import status_of
from fissile.domain.orders.errors import QuoteChanged
from fissile.domain.orders.model import QUANTITY_MAX, Contact
from fissile.flows.place_order import place_order
from fissile.flows.quote_order import quote_order
from fissile.infra.rate_limits import RateLimits
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import MINOR_MAX, Money
from fissile.views import shop as views
from fissile.web.asker import Asker, Form, PageRequest, asker_of, client_of, form_of, whole
from fissile.web.errors import ContactMissing, FieldTooLong, PageNotFound
from fissile.web.page import go, page
from fissile.web.query import word

_FIELDS = {"name": 80, "phone": 40, "email": 200, "address": 400}


@get("/checkout")
async def checkout(request: PageRequest) -> Response[str]:
    """The quote of one SKU, and the form for whom it is."""
    asker = asker_of(request)
    sku_id = parse_public_id("sku", word(request, "sku"))
    quantity = whole(word(request, "quantity") or "1", low=1, high=QUANTITY_MAX)
    return await _shown(asker, sku_id=sku_id, quantity=quantity, form=Form({}))


@post("/checkout", status_code=303)
async def place(request: PageRequest) -> Response[Any]:
    """Place the order for the total that was shown."""
    asker, form = asker_of(request), form_of(request)
    sku_id = parse_public_id("sku", form.get("sku"))
    quantity = form.whole("quantity", low=1, high=QUANTITY_MAX)
    try:
        if asker.member_id is None:
            await RateLimits(asker.house.db).hit("guest_order_address", client_of(request), asker.at)
        placed = await place_order(
            asker.house,
            lines=[(sku_id, quantity)],
            share_token=None,
            member_id=asker.member_id,
            visitor_id=asker.visitor_id,
            visitor_is_new=asker.visitor_is_new,
            contact=_contact(form),
            expected_total=Money(form.whole("total", low=0, high=MINOR_MAX), form.get("currency")),
            idempotency_scope=asker.scope,
            idempotency_key=form.key,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        return await _shown(asker, sku_id=sku_id, quantity=quantity, form=form, refusal=refusal)
    return go(f"/o/{public_id('ord', placed.id)}?k={asker.guest_key(placed.id)}", note="order-placed")


async def _shown(
    asker: Asker, *, sku_id: UUID, quantity: int, form: Form, refusal: Refusal | None = None
) -> Response[str]:
    async with asker.house.db.reading() as connection:
        offer = await views.offer(connection, sku_id=sku_id)
    if offer is None:
        raise refusal or PageNotFound()
    quote = await quote_order(asker.house, lines=[(sku_id, quantity)])
    return page(
        asker,
        "shop/checkout.html",
        status=status_of(refusal.code) if refusal else 200,
        offer=offer,
        quantity=quantity,
        quote=quote,
        form=form,
        sentence=asker.words.refusal(refusal) if refusal else "",
        # After a changed quote the person decides anew, so the order is a new one; else it is the same.
        key=form.get("_key") if refusal and not isinstance(refusal, QuoteChanged) else "",
    )


def _contact(form: Form) -> Contact:
    values = {name: form.get(name) for name in _FIELDS}
    for name, most in _FIELDS.items():
        if len(values[name]) > most:
            raise FieldTooLong(most=most)
    if not values["name"] or not (values["phone"] or values["email"]):
        raise ContactMissing()
    return Contact(**values)


HANDLERS = (checkout, place)
