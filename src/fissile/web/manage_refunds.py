"""A refund by the operator: choose lines, amounts and pieces, see what each party gives, then confirm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.orders.model import RefundLine
from fissile.flows.refund_order import preview_refund, refund_order
from fissile.kernel.ids import parse_public_id
from fissile.kernel.money import parse_major
from fissile.views import orders as views
from fissile.web.asker import PageRequest, asker_of, form_of, whole
from fissile.web.errors import FieldTooLong
from fissile.web.manage_orders import order_of
from fissile.web.page import go, page

_OPERATORS = {"roles": ("operator",)}
_REASON_MAX = 200
_PIECES_MAX = 10_000


@get("/operator/orders/{order:str}/refund", opt=_OPERATORS)
async def refund_page(request: PageRequest, order: FromPath[str]) -> Response[str]:
    """What can be given back of each line; with amounts chosen, what that would take from whom, before it is done."""
    asker = asker_of(request)
    order_id = parse_public_id("ord", order)
    found = await order_of(asker, order_id=order_id)
    async with asker.house.db.reading() as connection:
        lines = await views.refundable_lines(connection, order_id=order_id)
        names = await views.payees_of(connection, order_id=order_id)
    fields = dict(request.query_params)
    preview = None
    if any(name.startswith(("amount_", "pieces_")) for name in fields):
        asked = _asked(fields, lines=lines, currency=found["currency"])
        preview = await preview_refund(
            asker.house.db,
            order_id=order_id,
            amount_minor=sum(line.amount_minor for line in asked),
            lines=asked,
            actor=asker.actor,
            at=asker.at,
            rng=asker.rng,
        )
    return page(
        asker,
        "operator/refund.html",
        order=found,
        lines=lines,
        names=names,
        preview=preview,
        given={line.line_no: line for line in preview.lines} if preview else {},
    )


@post("/operator/orders/{order:str}/refund", status_code=303, opt=_OPERATORS)
async def send_refund(request: PageRequest, order: FromPath[str]) -> Response[None]:
    """Refund the lines that were shown."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    reason = form.get("reason")
    if len(reason) > _REASON_MAX:
        raise FieldTooLong(most=_REASON_MAX)
    found = await order_of(asker, order_id=order_id)
    async with asker.house.db.reading() as connection:
        lines = await views.refundable_lines(connection, order_id=order_id)
    numbers = [line["line_no"] for line in lines]
    fields = {name: form.get(name) for no in numbers for name in (f"amount_{no}", f"pieces_{no}")}
    asked = _asked(fields, lines=lines, currency=found["currency"])
    await refund_order(
        asker.house.db,
        order_id=order_id,
        amount_minor=sum(line.amount_minor for line in asked),
        lines=asked,
        reason=reason,
        actor=asker.actor,
        idempotency_key=form.key,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/orders/{order}", note="refunded")


def _asked(fields: Mapping[str, str], *, lines: list[Any], currency: str) -> list[RefundLine]:
    asked = []
    for line in lines:
        amount, pieces = (fields.get(f"{name}_{line['line_no']}", "").strip() for name in ("amount", "pieces"))
        one = RefundLine(
            line_no=line["line_no"],
            amount_minor=parse_major(amount, currency=currency).minor if amount else 0,
            quantity=whole(pieces, low=0, high=_PIECES_MAX) if pieces else 0,
        )
        if one.amount_minor or one.quantity:
            asked.append(one)
    return asked


HANDLERS = (refund_page, send_refund)
