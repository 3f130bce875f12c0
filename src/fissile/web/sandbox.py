"""The sandbox's payment page: it stands where a gateway's page would stand."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.payments import press_button
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import orders as views
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import PageNotFound
from fissile.web.page import go, page
from fissile.web.query import word


@get("/sandbox/pay/{order:str}")
async def pay_page(request: PageRequest, order: FromPath[str]) -> Response[str]:
    """What is to be paid, and the two ways a payment can end."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    async with asker.house.db.reading() as connection:
        found = await views.order(connection, order_id=order_id)
    if found is None:
        raise PageNotFound()
    return page(
        asker,
        "sandbox/pay.html",
        order=found,
        open=found["state"] == "placed" and found["reserved_until"] > asker.at,
        seconds_left=max(0, int((found["reserved_until"] - asker.at).total_seconds())),
        back=_back(asker, order_id=order_id, given=word(request, "k")),
        k=word(request, "k"),
    )


@post("/sandbox/pay/{order:str}", status_code=303)
async def send_pay(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """Let the payment succeed or fail; the shop hears of it by the gateway's signed webhook."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    outcome: Literal["paid", "failed"] = "failed" if form.get("outcome") == "failed" else "paid"
    await press_button(asker.house, order=order, outcome=outcome)
    back = _back(asker, order_id=order_id, given=form.get("k"))
    note = "paid" if outcome == "paid" else "payment-failed"
    return go(back or f"/sandbox/pay/{public_id('ord', order_id)}", note=note)


def _back(asker: Asker, *, order_id: UUID, given: str) -> str:
    """Return the way back to the order for those who came from it; the payment page opens no order by itself."""
    if asker.guest_key_holds(order_id, given):
        return f"/o/{public_id('ord', order_id)}?k={given}"
    return ""


HANDLERS = (pay_page, send_pay)
