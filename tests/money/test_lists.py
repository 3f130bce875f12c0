"""The shop's orders, statements and GMV: page after page is the whole, in order, nothing twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from fissile.flows.cancel_order import cancel_order
from fissile.flows.ship_order import ship_order
from fissile.views import house as overview
from fissile.views import money, orders
from fissile.views.attribution import last_decided
from tests.money.conftest import Shop

Reader = Callable[[UUID | None], Awaitable[Sequence[Any]]]


async def walked(read: Reader) -> list[UUID]:
    """The ids of all pages, as the cursor of each leads to the next."""
    found: list[UUID] = []
    before = None
    while page := await read(before):
        found += [one["id"] for one in page]
        before = found[-1]
    return found


async def mixed(shop: Shop) -> None:
    """Nine orders of four states, three at each of three moments, so that only the id tells some apart."""
    for number in range(9):
        at = shop.at + timedelta(minutes=number // 3)
        order = await shop.place(at=at)
        if number % 3:
            await shop.pay(order, at=at)
        if number % 3 == 2:
            await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.staff, at=at)
        if number == 3:
            await cancel_order(shop.db, order_id=order.id, actor=shop.operator, at=at, rng=shop.rng)


@pytest.mark.parametrize("state", [None, "placed", "paid", "shipped", "cancelled", "expired"])
@pytest.mark.parametrize("of_merchant", [True, False])
async def test_pages_of_orders_are_all_orders_newest_first(shop: Shop, state: str | None, of_merchant: bool) -> None:
    await mixed(shop)
    merchants = [shop.merchant, uuid4()] if of_merchant else None

    async def read(before: UUID | None) -> Sequence[Any]:
        async with shop.db.reading() as connection:
            return await orders.orders_of_shop(connection, state=state, merchant_ids=merchants, before=before, limit=2)

    everything = await shop.column(
        "SELECT id FROM orders WHERE CAST(:state AS text) IS NULL OR state = :state ORDER BY placed_at DESC, id DESC",
        state=state,
    )
    assert await walked(read) == everything
    assert len(everything) == {None: 9, "paid": 3, "shipped": 3, "placed": 2, "cancelled": 1, "expired": 0}[state]


async def test_staff_of_no_merchant_see_no_order_and_a_buyer_only_their_own(shop: Shop) -> None:
    await mixed(shop)
    async with shop.db.reading() as connection:
        for nobodys in ([], [uuid4()]):
            assert not await orders.orders_of_shop(connection, state=None, merchant_ids=nobodys, before=None)
        assert not await orders.orders_of_member(connection, member_id=uuid4(), before=None)

    async def read(before: UUID | None) -> Sequence[Any]:
        async with shop.db.reading() as connection:
            assert shop.buyer.member_id is not None, "a buyer is a member"
            return await orders.orders_of_member(connection, member_id=shop.buyer.member_id, before=before, limit=4)

    assert await walked(read) == await shop.column("SELECT id FROM orders ORDER BY placed_at DESC, id DESC")


async def test_the_last_orders_are_those_of_all_states(shop: Shop) -> None:
    await mixed(shop)
    newest = await shop.column("SELECT id FROM orders ORDER BY placed_at DESC, id DESC LIMIT 5")
    async with shop.db.reading() as connection:
        for merchant_id in (None, shop.merchant):
            found = await last_decided(connection, merchant_id=merchant_id, limit=5)
            assert [one["id"] for one in found] == newest


async def test_a_statement_has_every_transfer_of_either_side(shop: Shop) -> None:
    order = await shop.paid()
    await shop.refund(order, amount_minor=2_500)
    await shop.paid(at=shop.at + timedelta(minutes=1))
    accounts = await shop.column("SELECT id FROM ledger_accounts")
    both_sides = 0
    for account in accounts:

        async def read(before: UUID | None, account: UUID = account) -> Sequence[Any]:
            async with shop.db.reading() as connection:
                return await money.statement(connection, account_id=account, before=before, limit=2)

        everything = await shop.column(
            "SELECT id FROM ledger_transfers WHERE :account IN (debit_account_id, credit_account_id)"
            " ORDER BY occurred_at DESC, id DESC",
            account=account,
        )
        assert await walked(read) == everything
        both_sides += len(everything)
    assert both_sides == 2 * len(await shop.column("SELECT id FROM ledger_transfers"))


async def test_the_trial_balance_is_that_of_the_transfers(shop: Shop) -> None:
    await shop.refund(await shop.paid(), amount_minor=2_500)
    posted = "phase IN ('single', 'post')"
    moved = await shop.column(f"SELECT sum(amount_minor)::bigint FROM ledger_transfers WHERE {posted}")
    async with shop.db.reading() as connection:
        [cny] = await money.trial_balance(connection)
    assert (cny["currency"], cny["debits"], cny["credits"]) == ("CNY", *moved, *moved)


async def test_gmv_has_every_day_and_today_apart(shop: Shop) -> None:
    today = datetime(shop.at.year, shop.at.month, shop.at.day, tzinfo=UTC)
    since = today - timedelta(days=2)
    for moment in (since - timedelta(seconds=1), since, today, today + timedelta(hours=1)):
        order = await shop.place()
        await shop.pay(order)
        async with shop.db.transaction() as connection:
            await connection.execute(
                text("UPDATE orders SET paid_at = :at WHERE id = :id"), {"at": moment, "id": order.id}
            )
    async with shop.db.reading() as connection:
        [cny] = await overview.gmv(connection, day=today, since=since)
        assert not await overview.gmv(connection, day=today + timedelta(days=9), since=today + timedelta(days=8))
    assert [(one.day, one.orders) for one in cny.daily] == [
        (since, 1),
        (since + timedelta(days=1), 0),
        (today, 2),
    ]
    assert (cny.currency, cny.today, cny.thirty, cny.orders) == ("CNY", 20_000, 30_000, 3)


async def test_what_waits_is_counted_up_to_a_bound(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await mixed(shop)
    async with shop.db.reading() as connection:
        counts = await overview.counts(connection, day=shop.at)
        assert (counts["to_ship"], counts["unpaid"], counts["orders_today"]) == (3, 2, 9)
        monkeypatch.setattr(overview, "COUNTED", 1)
        assert (await overview.counts(connection, day=shop.at))["to_ship"] == 2
