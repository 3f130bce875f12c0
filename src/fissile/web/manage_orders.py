"""Orders for the operator and a merchant's staff: list, one with everything about it, ship, complete, refund."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.aftersales.model import CARRIERS
from fissile.flows.cancel_order import cancel_order
from fissile.flows.complete_order import complete_order
from fissile.flows.ship_order import ship_order
from fissile.kernel.ids import parse_public_id
from fissile.views import invoices as invoice_views
from fissile.views import orders as views
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import FieldTooLong, PageNotFound
from fissile.web.labels import LABELS
from fissile.web.manage_catalogue import READERS, WRITERS, own_merchants
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, cut

_TRACKING_MAX = 100


@get("/operator/orders", opt={"roles": READERS})
async def orders(request: PageRequest) -> Response[str]:
    """Orders by state, newest first."""
    asker = asker_of(request)
    state = choice(request, "state", among=LABELS["order"])
    async with asker.house.db.reading() as connection:
        read = await views.orders_of_shop(
            connection,
            state=state,
            merchant_ids=own_merchants(asker),
            before=cursor(request, "before", prefix="ord"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="ord")
    return page(asker, "operator/orders.html", orders=found, more=more, state=state)


@get("/operator/orders/{order:str}", opt={"roles": READERS})
async def order(request: PageRequest, order: FromPath[str]) -> Response[str]:
    """One order: lines and how their money divides, payments, attribution, history, transfers."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    found = await order_of(asker, order_id=order_id)
    async with asker.house.db.reading() as connection:
        parts: dict[str, Any] = {
            "lines": await views.order_lines(connection, order_id=order_id),
            "touches": await views.order_touches(connection, order_id=order_id),
            "commissions": await views.order_commissions(connection, order_id=order_id),
            "proceeds": await views.order_proceeds(connection, order_id=order_id),
            "payments": await views.order_payments(connection, order_id=order_id),
            "documents": await invoice_views.documents_of(connection, order_id=order_id),
            "refunds": await views.order_refunds(connection, order_id=order_id),
            "history": await views.history(connection, subject_id=order_id),
            "transfers": await views.transfers_about(connection, subject_id=order_id),
        }
    return page(
        asker,
        "operator/order.html",
        order=found,
        may_write=asker.has(*WRITERS),
        may_refund=asker.has("operator"),
        carriers=CARRIERS.values(),
        **parts,
    )


@post("/operator/orders/{order:str}/ship", status_code=303, opt={"roles": WRITERS})
async def send_ship(request: PageRequest, order: FromPath[str]) -> Response[None]:
    """Ship an order with its tracking number."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    await order_of(asker, order_id=order_id)
    tracking = form.get("tracking")
    if len(tracking) > _TRACKING_MAX:
        raise FieldTooLong(most=_TRACKING_MAX)
    await ship_order(
        asker.house.db,
        order_id=order_id,
        tracking=tracking,
        carrier=form.get("carrier"),
        actor=asker.actor,
        at=asker.at,
    )
    return go(f"/operator/orders/{order}", note="shipped")


@post("/operator/orders/{order:str}/complete", status_code=303, opt={"roles": WRITERS})
async def send_complete(request: PageRequest, order: FromPath[str]) -> Response[None]:
    """Complete a shipped order."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    await order_of(asker, order_id=order_id)
    await complete_order(asker.house.db, order_id=order_id, actor=asker.actor, at=asker.at)
    return go(f"/operator/orders/{order}", note="completed")


@post("/operator/orders/{order:str}/cancel", status_code=303, opt={"roles": WRITERS})
async def send_cancel(request: PageRequest, order: FromPath[str]) -> Response[None]:
    """Cancel an order that is not paid."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    await order_of(asker, order_id=order_id)
    await cancel_order(asker.house.db, order_id=order_id, actor=asker.actor, at=asker.at, rng=asker.rng)
    return go(f"/operator/orders/{order}", note="cancelled")


@get("/operator/refunds", opt={"roles": ("operator", "auditor")})
async def refunds(request: PageRequest) -> Response[str]:
    """Refunds, those still owed and those returned."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        read = await views.all_refunds(connection, before=cursor(request, "before", prefix="rfd"), limit=views.PAGE + 1)
    found, more = cut(read, size=views.PAGE, prefix="rfd")
    return page(asker, "operator/refunds.html", refunds=found, more=more)


async def order_of(asker: Asker, *, order_id: UUID) -> Any:
    """Return the order if it is of a merchant that this person works for."""
    async with asker.house.db.reading() as connection:
        found = await views.order(connection, order_id=order_id)
    merchants = own_merchants(asker)
    if found is None or (merchants is not None and found["merchant_id"] not in merchants):
        raise PageNotFound()
    return found


HANDLERS = (
    orders,
    order,
    send_ship,
    send_complete,
    send_cancel,
    refunds,
)
