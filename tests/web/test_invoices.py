"""Invoices by the pages: asked for, downloaded, listed; the same bytes for ever."""

from __future__ import annotations

import io
from uuid import UUID

from pypdf import PdfReader
from sqlalchemy import text

from fissile.api import asking
from fissile.domain.invoices.model import Content, Line, Tax
from fissile.infra.documents import render_sheet
from fissile.kernel.ids import parse_public_id, public_id
from fissile.web.invoice_sheet import sheet_of
from tests.web.conftest import Shop, send

ODD = "茶 <b>&amp; #set page(fill: red)"


def content(**changes: object) -> Content:
    given: dict[str, object] = {
        "layout": 1,
        "kind": "invoice",
        "number": "INV-2026-000007",
        "corrects": "",
        "locale": "zh_CN",
        "shop": "Fissile",
        "seller": ODD,
        "buyer_name": "王一诺",
        "buyer_address": "杭州市 西湖区\n文三路 90 号",
        "order": "ord_1",
        "refund": "",
        "currency": "CNY",
        "placed_on": "2026-03-01",
        "paid_on": "2026-03-01",
        "issued_on": "2026-03-02",
        "lines": (
            Line(
                title="x" * 300,
                quantity=2,
                unit_minor=565_000,
                amount_minor=1_130_000,
                tax_rate_ppm=130_000,
                tax_minor=130_000,
            ),
        ),
        "shipping_minor": 800,
        "taxes": (Tax(rate_ppm=130_000, amount_minor=1_130_000, tax_minor=130_000),),
        "total_minor": 1_130_800,
    }
    return Content(**(given | changes))  # type: ignore[arg-type]


def read(pdf: bytes) -> str:
    return "\n".join(one.extract_text() for one in PdfReader(io.BytesIO(pdf)).pages)


class TestSheet:
    async def test_says_all_of_it_in_chinese(self) -> None:
        told = read(await render_sheet(sheet_of(content())))

        for words in ("INV-2026-000007", "王一诺", "11,300.00", "CNY 11,308.00", "13 %", "1,300.00", "不是税务机关"):
            assert words in told, words

    async def test_a_credit_note_names_what_it_corrects(self) -> None:
        note = content(kind="credit_note", number="CN-2026-000001", corrects="INV-2026-000007", locale="en", refund="r")
        told = read(await render_sheet(sheet_of(note)))

        assert "Credit note CN-2026-000001" in told
        assert "INV-2026-000007" in told
        assert "Given back" in told

    async def test_currencies_without_cents_and_lines_of_money_alone(self) -> None:
        line = Line(title="tea", quantity=0, unit_minor=5, amount_minor=3, tax_rate_ppm=0, tax_minor=0)
        told = read(await render_sheet(sheet_of(content(currency="JPY", lines=(line,), taxes=(), locale="en"))))

        assert "–" in told
        assert "Contains no tax." in told


class TestPages:
    async def test_a_buyer_asks_once_and_downloads_the_same_bytes(self, shop: Shop) -> None:
        browser = await shop.signed_in("buyer")
        order = f"/o/{shop.ids['paid order']}"

        page = await browser.get(order)
        assert shop.ids["invoice"] in page.text
        first = await browser.get(f"/invoices/{shop.ids['invoice']}")
        async with shop.house.db.transaction() as connection:
            await connection.execute(text("UPDATE merchants SET name = 'Another'"))
            await connection.execute(text("UPDATE order_contacts SET name = 'Nobody'"))
        again = await browser.get(f"/invoices/{shop.ids['invoice']}?lang=zh_CN")

        assert first.headers["content-type"] == "application/pdf"
        assert first.content == again.content
        assert "Mei & Co" in read(first.content)

    async def test_a_guest_asks_and_downloads_by_the_link(self, shop: Shop) -> None:
        order_id = parse_public_id("ord", shop.ids["paid order"])
        key = _key(shop, order_id)
        async with shop.house.db.transaction() as connection:
            await connection.execute(text("UPDATE orders SET member_id = NULL WHERE id = :id"), {"id": order_id})
        guest = shop.browser()

        page = await guest.get(f"/o/{shop.ids['paid order']}?k={key}")
        assert f"/invoices/{shop.ids['invoice']}?k=" in page.text
        assert (await guest.get(f"/invoices/{shop.ids['invoice']}?k={key}")).status_code == 200
        assert (await guest.get(f"/invoices/{shop.ids['invoice']}")).status_code == 403
        assert (await guest.get(f"/invoices/{shop.ids['invoice']}?k={key[:-1]}x")).status_code == 403

    async def test_a_placed_order_offers_none(self, shop: Shop) -> None:
        browser = await shop.signed_in("buyer")
        page = f"/o/{shop.ids['placed order']}"

        assert "Issue the invoice" not in (await browser.get(page)).text
        answer = await send(browser, page=page, to=f"{page}/invoice")
        assert answer.status_code == 409
        assert "pay it first" in answer.text

    async def test_strangers_cannot_issue(self, shop: Shop) -> None:
        for who, path in (("rival", "/o/{}/invoice"), ("stranger_staff", "/operator/orders/{}/invoice")):
            browser = await shop.signed_in(who)
            answer = await send(browser, page="/orders", to=path.format(shop.ids["paid order"]))
            assert answer.status_code == 403, who

    async def test_staff_see_their_own_in_list_and_csv(self, shop: Shop) -> None:
        staff, other = await shop.signed_in("staff"), await shop.signed_in("stranger_staff")

        mine = (await staff.get("/operator/invoices.csv")).text.splitlines()
        theirs = (await other.get("/operator/invoices.csv")).text.splitlines()

        assert len(mine) == 2
        assert ",invoice," in mine[1]
        assert len(theirs) == 1
        assert shop.ids["invoice"] in (await staff.get("/operator/invoices")).text
        assert "No invoice has been issued yet" in (await other.get("/operator/invoices")).text

    async def test_an_unknown_one_is_not_found(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")

        assert (await browser.get(f"/invoices/{public_id('inv', UUID(int=5))}")).status_code == 404
        assert (await browser.get("/invoices/nonsense")).status_code == 404


def _key(shop: Shop, order_id: UUID) -> str:
    day = 0xFFFFF
    secret = shop.app.state.guest_secret
    return f"{day:x}-{asking.signed(secret=secret, words=f'order:{order_id}:{day:x}')}"
