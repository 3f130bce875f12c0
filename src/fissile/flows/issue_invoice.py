"""A paid order gets its invoice when somebody asks for it, and each refund of it a credit note from then on."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.invoices.errors import InvoiceNotPaid
from fissile.domain.invoices.model import LAYOUT, Content, Kind, Line
from fissile.domain.invoices.operations import add_invoice, take_number
from fissile.domain.invoices.rules import number_text, taxes_of, thawed
from fissile.domain.orders.errors import NotYourOrder
from fissile.domain.orders.model import LockedOrder
from fissile.domain.orders.operations import lock_order
from fissile.domain.orders.rules import tax_contained
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.views import invoices as views


async def issue_invoice(
    db: Database,
    *,
    order_id: UUID,
    actor: Actor,
    visitor_id: UUID | None,
    shop: str,
    locale: str,
    at: datetime,
    rng: Chance,
) -> UUID:
    """
    Issue the invoice of a paid order, and credit notes of what was refunded of it; return the invoice's id.

    Its buyer calls it, staff of its merchant, or an operator. ``visitor_id`` is the cookie of a guest, as in
    :func:`~fissile.flows.cancel_order.cancel_order`. An order that has its invoice keeps it. ``shop`` and ``locale``
    (zh_CN or en) are frozen into it.

    :raises OrderUnknown: if there is no such order
    :raises NotYourOrder: if it is somebody else's
    :raises InvoiceNotPaid: if it was never paid
    """
    async with db.transaction() as connection:
        order = await lock_order(connection, order_id=order_id)
        if not _may_ask(order, actor=actor, visitor_id=visitor_id):
            raise NotYourOrder()
        if order.paid_at is None:
            raise InvoiceNotPaid()
        known = await views.documents_of(connection, order_id=order_id)
        if known:
            invoice_id: UUID = known[0]["id"]
            return invoice_id
        invoice_id = await _invoice(connection, order, shop=shop, locale=locale, actor=actor, at=at, rng=rng)
        await _credit(connection, order, actor=actor, at=at, rng=rng)
    return invoice_id


async def credit_refunds(db: Database, *, at: datetime, rng: Chance, limit: int) -> int:
    """
    Issue the credit notes of refunds whose order has an invoice, of up to ``limit`` orders; return how many orders.

    The house calls it; run twice at once, the second finds nothing left.
    """
    async with db.reading() as connection:
        due = await views.orders_to_credit(connection, limit=limit)
    for order_id in due:
        async with db.transaction() as connection:
            order = await lock_order(connection, order_id=order_id)
            await _credit(connection, order, actor=HOUSE, at=at, rng=rng)
    return len(due)


def _may_ask(order: LockedOrder, *, actor: Actor, visitor_id: UUID | None) -> bool:
    if order.member_id is None:
        is_buyer = visitor_id is not None and order.visitor_id == visitor_id
    else:
        is_buyer = order.member_id == actor.member_id
    is_staff = "merchant_staff" in actor.roles and order.merchant_id in actor.merchant_ids
    return is_buyer or is_staff or bool(actor.roles & {"operator", "house"})


async def _invoice(
    connection: AsyncConnection,
    order: LockedOrder,
    *,
    shop: str,
    locale: str,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> UUID:
    facts = await views.order_facts(connection, order_id=order.id)
    lines = tuple(
        Line(
            title=one["title"],
            quantity=one["quantity"],
            unit_minor=one["unit_price_minor"],
            amount_minor=one["amount_minor"],
            tax_rate_ppm=one["tax_rate_ppm"],
            tax_minor=one["tax_minor"],
        )
        for one in await views.order_lines(connection, order_id=order.id)
    )
    number = await take_number(connection, merchant_id=order.merchant_id, year=at.year, kind="invoice")
    content = Content(
        layout=LAYOUT,
        kind="invoice",
        number=number_text("invoice", year=at.year, number=number),
        corrects="",
        locale=locale,
        shop=shop,
        seller=facts["seller"],
        buyer_name=facts["buyer_name"],
        buyer_address=facts["buyer_address"],
        order=public_id("ord", order.id),
        refund="",
        currency=order.currency,
        placed_on=f"{facts['placed_at']:%Y-%m-%d}",
        paid_on=f"{order.paid_at:%Y-%m-%d}",
        issued_on=f"{at:%Y-%m-%d}",
        lines=lines,
        shipping_minor=order.shipping_minor,
        taxes=taxes_of(lines),
        total_minor=order.total_minor,
    )
    return await _issue(connection, order, content, number=number, actor=actor, at=at, rng=rng)


async def _credit(connection: AsyncConnection, order: LockedOrder, *, actor: Actor, at: datetime, rng: Chance) -> None:
    """Write a credit note for each refund that has none; the tax of all of them together is at most the line's."""
    invoice = (await views.documents_of(connection, order_id=order.id))[0]
    said = thawed(invoice["content"])
    sold = {one["line_no"]: one for one in await views.order_lines(connection, order_id=order.id)}
    for refund in await views.uncredited(connection, order_id=order.id):
        lines, shipping = [], 0
        for one in await views.refund_lines(connection, order_id=order.id, refund_id=refund["id"]):
            amount, before = one["amount_minor"], one["before_minor"]
            if one["line_no"] == 0:
                shipping = amount
                continue
            line = sold[one["line_no"]]
            rate = line["tax_rate_ppm"]
            tax = tax_contained(before + amount, rate_ppm=rate) - tax_contained(before, rate_ppm=rate)
            lines.append(
                Line(
                    title=line["title"],
                    quantity=one["quantity"],
                    unit_minor=line["unit_price_minor"],
                    amount_minor=amount,
                    tax_rate_ppm=rate,
                    tax_minor=tax,
                )
            )
        number = await take_number(connection, merchant_id=order.merchant_id, year=at.year, kind="credit_note")
        content = Content(
            layout=LAYOUT,
            kind="credit_note",
            number=number_text("credit_note", year=at.year, number=number),
            corrects=said.number,
            locale=said.locale,
            shop=said.shop,
            seller=said.seller,
            buyer_name=said.buyer_name,
            buyer_address=said.buyer_address,
            order=said.order,
            refund=public_id("rfd", refund["id"]),
            currency=order.currency,
            placed_on=said.placed_on,
            paid_on=said.paid_on,
            issued_on=f"{at:%Y-%m-%d}",
            lines=tuple(lines),
            shipping_minor=shipping,
            taxes=taxes_of(lines),
            total_minor=refund["amount_minor"],
        )
        await _issue(
            connection,
            order,
            content,
            number=number,
            refund_id=refund["id"],
            invoice_id=invoice["id"],
            actor=actor,
            at=at,
            rng=rng,
        )


async def _issue(
    connection: AsyncConnection,
    order: LockedOrder,
    content: Content,
    *,
    number: int,
    actor: Actor,
    at: datetime,
    rng: Chance,
    refund_id: UUID | None = None,
    invoice_id: UUID | None = None,
) -> UUID:
    id = new_id(at=at, rng=rng)
    kept = await add_invoice(
        connection,
        id=id,
        content=content,
        merchant_id=order.merchant_id,
        number=number,
        order_id=order.id,
        refund_id=refund_id,
        invoice_id=invoice_id,
        at=at,
    )
    kind: Kind = content.kind
    told = {
        "kind": kind,
        "merchant": str(order.merchant_id),
        "year": at.year,
        "number": number,
        "order": str(order.id),
        "refund": None if refund_id is None else str(refund_id),
        "total": content.total_minor,
        "currency": content.currency,
        "sha256": hashlib.sha256(kept.encode()).hexdigest(),
    }
    await record_events(connection, happened=[Event("invoice.issued", id, told)], actor=actor, at=at)
    return id
