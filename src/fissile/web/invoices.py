"""Invoices: asked for on the order's page, downloaded as PDF, listed for merchants and operators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.invoices.errors import InvoiceUnknown
from fissile.domain.invoices.rules import thawed
from fissile.domain.orders.errors import NotYourOrder
from fissile.flows.issue_invoice import issue_invoice
from fissile.infra.documents import render_sheet
from fissile.infra.events import Actor
from fissile.infra.tabular import csv_line
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import invoices as views
from fissile.views import orders as order_views
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import PageNotFound
from fissile.web.invoice_sheet import sheet_of
from fissile.web.manage_catalogue import READERS, WRITERS, own_merchants
from fissile.web.page import go, page
from fissile.web.query import cursor, cut, word

_GUEST = Actor(member_id=None, name="guest")
_CSV_HEAD = ("number", "kind", "issued_at", "merchant", "order", "refund", "currency", "total", "tax")
_CSV = {"Content-Disposition": 'attachment; filename="invoices.csv"', "Cache-Control": "private, no-store"}


@post("/o/{order:str}/invoice", status_code=303)
async def send_ask(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """Issue the invoice of an order: its buyer, or the guest who has its link."""
    asker, form = asker_of(request), form_of(request)
    order_id = parse_public_id("ord", order)
    key = form.get("k")
    async with asker.house.db.reading() as connection:
        found = await order_views.order(connection, order_id=order_id)
    if found is None:
        raise PageNotFound()
    by_link = asker.guest_key_holds(order_id, key)
    # Whoever has the signed link of a guest's order is the visitor who ordered, on whatever device.
    await _issue(asker, order_id, visitor_id=found["visitor_id"] if by_link else asker.visitor_id)
    return go(f"/o/{public_id('ord', order_id)}" + (f"?k={key}" if by_link else ""), note="invoice")


@post("/operator/orders/{order:str}/invoice", status_code=303, opt={"roles": WRITERS})
async def send_ask_for_buyer(request: PageRequest, order: FromPath[str]) -> Response[Any]:
    """Issue the invoice of an order: staff of its merchant, or an operator."""
    asker = asker_of(request)
    await _issue(asker, parse_public_id("ord", order), visitor_id=None)
    return go(f"/operator/orders/{order}", note="invoice")


@get("/invoices/{invoice:str}")
async def invoice_pdf(request: PageRequest, invoice: FromPath[str]) -> Response[bytes]:
    """The document as PDF, made of what was frozen at issue: its buyer, the guest's link, merchant and operator."""
    asker = asker_of(request)
    invoice_id = parse_public_id("inv", invoice)
    async with asker.house.db.reading() as connection:
        found = await views.document(connection, invoice_id=invoice_id)
    if found is None:
        raise InvoiceUnknown()
    mine = found["member_id"] is not None and found["member_id"] == asker.member_id
    by_link = asker.guest_key_holds(found["order_id"], word(request, "k"))
    if not (mine or by_link or _may_read(asker, merchant_id=found["merchant_id"])):
        raise NotYourOrder()
    content = thawed(found["content"])
    headers = {
        "Content-Disposition": f'attachment; filename="{content.number}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return Response(await render_sheet(sheet_of(content)), media_type="application/pdf", headers=headers)


@get("/operator/invoices", opt={"roles": READERS})
async def invoices(request: PageRequest) -> Response[str]:
    """Invoices and credit notes, the newest first; staff see those of their merchant."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        read = await views.documents(
            connection,
            merchant_ids=own_merchants(asker),
            before=cursor(request, "before", prefix="inv"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="inv")
    return page(asker, "operator/invoices.html", documents=found, more=more)


@get("/operator/invoices.csv", opt={"roles": READERS})
async def invoices_csv(request: PageRequest) -> Response[str]:
    """The newest invoices and credit notes as CSV, credit notes with negative amounts; no buyer stands in it."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        read = await views.documents(
            connection, merchant_ids=own_merchants(asker), before=None, limit=views.CSV_ROWS_MAX
        )
    return Response(
        csv_line(_CSV_HEAD) + "".join(_csv_row(asker, one) for one in read),
        media_type="text/csv; charset=utf-8",
        headers=_CSV,
    )


def _csv_row(asker: Asker, one: Any) -> str:
    content = thawed(one["content"])
    sign = -1 if one["kind"] == "credit_note" else 1
    line = csv_line(
        (
            content.number,
            one["kind"],
            one["issued_at"].isoformat(),
            content.seller,
            content.order,
            content.refund,
            content.currency,
        )
    )
    # Amounts are ours, and one below zero would be taken for a formula.
    amounts = (content.total_minor, sum(tax.tax_minor for tax in content.taxes))
    return (
        line.rstrip("\n") + "".join(f",{asker.words.plain_money(sign * n, content.currency)}" for n in amounts) + "\n"
    )


async def _issue(asker: Asker, order_id: UUID, *, visitor_id: UUID | None) -> None:
    await issue_invoice(
        asker.house.db,
        order_id=order_id,
        actor=asker.session.actor if asker.session else _GUEST,
        visitor_id=visitor_id,
        shop=asker.house.settings.shop_name,
        locale=asker.words.locale,
        at=asker.at,
        rng=asker.rng,
    )


def _may_read(asker: Asker, *, merchant_id: UUID) -> bool:
    if not asker.has(*READERS):
        return False
    merchants = own_merchants(asker)
    return merchants is None or merchant_id in merchants


HANDLERS = (send_ask, send_ask_for_buyer, invoice_pdf, invoices, invoices_csv)
