"""Invoices: numbered without a gap however many are issued at once, frozen, one an order; credit notes of refunds."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from fissile.domain.invoices import operations
from fissile.domain.invoices.errors import InvoiceNotPaid
from fissile.domain.invoices.model import Content
from fissile.domain.invoices.rules import thawed
from fissile.domain.orders.errors import NotYourOrder
from fissile.domain.orders.model import PlacedOrder, RefundLine
from fissile.flows.issue_invoice import credit_refunds, issue_invoice
from fissile.infra.events import Actor
from fissile.kernel.ids import public_id
from fissile.views.audit import run_audit
from tests.money.conftest import PRICE, Shop, someone


async def issue(shop: Shop, order: PlacedOrder, **changes: Any) -> UUID:
    given: dict[str, Any] = {
        "actor": shop.buyer,
        "visitor_id": None,
        "shop": "Fissile",
        "locale": "en",
        "at": shop.at,
    }
    return await issue_invoice(shop.db, order_id=order.id, rng=shop.rng, **(given | changes))


async def credit(shop: Shop) -> int:
    return await credit_refunds(shop.db, at=shop.at, rng=shop.rng, limit=100)


async def contents(shop: Shop) -> list[Content]:
    return [thawed(one) for one in await shop.column("SELECT content FROM invoices ORDER BY kind DESC, year, number")]


async def numbers(shop: Shop) -> list[int]:
    return await shop.column("SELECT number FROM invoices ORDER BY number")


async def findings(shop: Shop) -> str:
    return " | ".join(one.sentence for one in (await run_audit(shop.db)).findings)


async def taxed(shop: Shop, *, rate_ppm: int = 130_000) -> None:
    """Let the tea be taxed from now on."""
    async with shop.db.transaction() as connection:
        await connection.execute(text("UPDATE products SET tax_rate_ppm = :rate"), {"rate": rate_ppm})
        await connection.execute(text("UPDATE skus SET version = 2"))
    shop.house.forget()


class TestIssueInvoice:
    async def test_says_what_the_order_says(self, shop: Shop) -> None:
        await taxed(shop)
        order = await shop.paid(quantity=2)

        await issue(shop, order)

        (said,) = await contents(shop)
        year = f"{shop.at:%Y}"
        assert (said.number, said.seller, said.order) == (f"INV-{year}-000001", "Silk Road", public_id("ord", order.id))
        assert (said.total_minor, said.lines[0].quantity, said.lines[0].unit_minor) == (2 * PRICE, 2, PRICE)
        assert [(one.rate_ppm, one.tax_minor) for one in said.taxes] == [(130_000, 2301)]  # 20,000 × 13 / 113
        assert await findings(shop) == ""

    async def test_again_is_the_same_invoice(self, shop: Shop) -> None:
        order = await shop.paid()

        assert await issue(shop, order) == await issue(shop, order, actor=shop.operator, locale="zh_CN")
        assert await numbers(shop) == [1]

    async def test_what_changes_later_does_not_change_it(self, shop: Shop) -> None:
        order = await shop.paid()
        await issue(shop, order)
        before = await contents(shop)

        async with shop.db.transaction() as connection:
            await connection.execute(text("UPDATE merchants SET name = 'Another'"))

        assert await contents(shop) == before

    @pytest.mark.parametrize("who", ["operator", "staff"])
    async def test_the_merchants_side_may_ask(self, shop: Shop, who: str) -> None:
        await issue(shop, await shop.paid(), actor=getattr(shop, who))

        assert await numbers(shop) == [1]

    @pytest.mark.parametrize("actor", [someone("buyer"), someone("merchant_staff"), someone("promoter", "auditor")])
    async def test_a_stranger_may_not(self, shop: Shop, actor: Actor) -> None:
        order = await shop.paid()

        with pytest.raises(NotYourOrder):
            await issue(shop, order, actor=actor)
        assert await numbers(shop) == []

    async def test_an_unpaid_order_has_none(self, shop: Shop) -> None:
        order = await shop.place()

        with pytest.raises(InvoiceNotPaid):
            await issue(shop, order)

    async def test_each_year_begins_with_one(self, shop: Shop) -> None:
        await issue(shop, await shop.paid())
        await issue(shop, await shop.paid(), at=shop.at.replace(year=shop.at.year + 1))

        assert [one.number[-6:] for one in await contents(shop)] == ["000001", "000001"]
        assert await findings(shop) == ""

    async def test_nobody_changes_one(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        await issue(shop, await shop.paid())

        with pytest.raises(Exception, match=r"append-only|permission denied"):
            async with shop.db.transaction() as connection:
                await connection.execute(text("UPDATE invoices SET total_minor = 1"))


class TestNumbers:
    async def test_many_at_once_leave_no_gap(self, shop: Shop) -> None:
        orders = [await shop.paid() for _ in range(8)]

        await asyncio.gather(*(issue(shop, order) for order in orders))

        assert await numbers(shop) == list(range(1, 9))
        assert await findings(shop) == ""

    async def test_one_order_asked_for_at_once_has_one(self, shop: Shop) -> None:
        order = await shop.paid()

        ids = await asyncio.gather(*(issue(shop, order) for _ in range(6)))

        assert len(set(ids)) == 1
        assert await numbers(shop) == [1]

    async def test_what_is_rolled_back_gives_its_number_back(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        order = await shop.paid()
        with monkeypatch.context() as broken:
            broken.setattr("fissile.flows.issue_invoice.record_events", lambda *_, **__: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                await issue(shop, order)

        await issue(shop, order)

        assert await numbers(shop) == [1]

    async def test_without_the_counters_lock_numbers_double(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, superuser: asyncpg.Connection
    ) -> None:
        """The twin of the race: the highest number is read, nobody waits, and no key refuses it."""
        unlocked = text(
            "SELECT coalesce(max(number), 0) + 1, pg_sleep(0.3) FROM invoices"
            " WHERE merchant_id = :merchant_id AND year = :year AND kind = :kind"
        )
        monkeypatch.setattr(operations, "_TAKE", unlocked)
        await superuser.execute("ALTER TABLE invoices DROP CONSTRAINT invoices_merchant_id_year_kind_number_key")
        orders = [await shop.paid() for _ in range(4)]

        await asyncio.gather(*(issue(shop, order) for order in orders))

        assert len(set(await numbers(shop))) < 4
        assert "documents have the numbers" in await findings(shop)

    async def test_the_key_refuses_a_number_twice(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        await issue(shop, await shop.paid())
        again = text(
            "SELECT CAST(1 AS bigint) WHERE CAST(:merchant_id AS uuid) IS NOT NULL"
            " AND CAST(:year AS bigint) > 0 AND CAST(:kind AS text) <> ''"
        )
        monkeypatch.setattr(operations, "_TAKE", again)
        order = await shop.paid()

        with pytest.raises(IntegrityError, match="invoices_merchant_id_year_kind_number_key"):
            await issue(shop, order)


class TestCreditNotes:
    async def test_partial_refunds_have_one_each_and_their_tax_adds_up(self, shop: Shop) -> None:
        await taxed(shop)
        order = await shop.paid(quantity=3)
        await issue(shop, order)
        for key, minor in (("a", 9_999), ("b", 1), ("c", 20_000)):
            pieces = (RefundLine(line_no=1, amount_minor=minor, quantity=1),)
            await shop.refund(order, amount_minor=minor, lines=pieces, idempotency_key=key)
            assert await credit(shop) == 1

        invoice, *notes = await contents(shop)

        assert [one.number[-6:] for one in notes] == ["000001", "000002", "000003"]
        assert {one.corrects for one in notes} == {invoice.number}
        assert sum(one.total_minor for one in notes) == invoice.total_minor
        assert sum(one.lines[0].tax_minor for one in notes) == invoice.lines[0].tax_minor
        assert await findings(shop) == ""

    async def test_a_refund_before_the_invoice_is_told_with_it(self, shop: Shop) -> None:
        order = await shop.paid()
        await shop.refund(order)
        assert await credit(shop) == 0

        await issue(shop, order)

        assert [one.kind for one in await contents(shop)] == ["invoice", "credit_note"]
        assert await credit(shop) == 0

    async def test_sweeps_at_once_write_each_once(self, shop: Shop) -> None:
        orders = [await shop.paid() for _ in range(4)]
        for order in orders:
            await issue(shop, order)
            await shop.refund(order)

        await asyncio.gather(*(credit(shop) for _ in range(4)))

        assert await shop.column("SELECT number FROM invoices WHERE kind = 'credit_note' ORDER BY 1") == [1, 2, 3, 4]
        assert await findings(shop) == ""


class TestAudit:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ("DELETE FROM invoices WHERE number = 1", "documents have the numbers 2 to 2"),
            ("UPDATE invoice_series SET last_number = 5", "the counter stands at 5"),
            ("UPDATE invoices SET content = replace(content, 'Silk', 'Milk')", "or another content"),
            (
                "UPDATE invoices SET content = replace(content, '\"amount_minor\":10000', '\"amount_minor\":9000')",
                "lines 9000",
            ),
            ("DELETE FROM events WHERE name = 'invoice.issued'", "0 times"),
        ],
    )
    async def test_names_what_was_changed(
        self, shop: Shop, superuser: asyncpg.Connection, change: str, sentence: str
    ) -> None:
        for _ in range(2):
            await issue(shop, await shop.paid())
        assert await findings(shop) == ""

        await superuser.execute(change)

        assert sentence in await findings(shop)
