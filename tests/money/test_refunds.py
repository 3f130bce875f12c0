"""Refunds in part: exact, proportional, cumulative; held parts held again, released ones taken back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from fissile.domain.commissions.releases import Part, shares_of_refund
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.orders.errors import (
    ClockBehind,
    OrderStateDiffers,
    RefundAmount,
    RefundCurrencyDiffers,
    RefundKeyReused,
    RefundLineTooLarge,
    RefundLineTwice,
    RefundLineUnknown,
    RefundNothing,
    RefundQuantityTooLarge,
    RefundSumDiffers,
    RefundTooLarge,
)
from fissile.domain.orders.model import RefundableLine, RefundLine
from fissile.domain.orders.refunding import spread
from fissile.flows.approve_payout import approve_payout
from fissile.flows.refund_order import preview_refund
from fissile.flows.release_commissions import release_commissions
from fissile.flows.ship_order import ship_order
from fissile.kernel.errors import Refusal
from fissile.kernel.money import Money
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, PRICE, Shop
from tests.money.test_shipping import placed

_PAYEES = ("promoter", "inviter", "merchant", "platform")


def a_part(number: int, amount: int, taken: int) -> Part:
    """A part of a line, of the payee with this number."""
    return Part(
        order_id=UUID(int=1),
        line_no=1,
        payee=_PAYEES[number],  # type: ignore[arg-type]
        payee_id=UUID(int=number),
        commission_id=None,
        amount_minor=amount,
        taken_back_minor=taken,
        currency="CNY",
        state="held",
        transfer_id=UUID(int=9),
    )


class TestSharesOfRefund:
    @given(
        amounts=st.lists(st.integers(1, 10**12), min_size=1, max_size=4),
        cuts=st.lists(st.floats(0, 1), max_size=8),
    )
    def test_add_up_stay_proportional_and_end_in_the_whole(self, amounts: list[int], cuts: list[float]) -> None:
        whole = sum(amounts)
        taken = [0] * len(amounts)
        before = 0
        for after in [*sorted(int(cut * whole) for cut in cuts), whole]:
            parts = [a_part(number, amount, taken[number]) for number, amount in enumerate(amounts)]

            shares = shares_of_refund(parts=parts, refunded_before=before, refunded_after=after)

            assert sum(shares) == after - before
            assert min(shares) >= 0
            taken = [one + share for one, share in zip(taken, shares, strict=True)]
            for amount, one in zip(amounts, taken, strict=True):
                assert one <= -(-amount * after // whole)  # its share, rounded up
                assert one * whole > amount * after - len(amounts) * whole  # … and no more than a unit a part below
            before = after
        assert taken == amounts

    def test_one_unit_at_a_time_takes_from_nobody_more_than_their_share(self) -> None:
        taken = [0, 0, 0]
        for step in range(100):
            parts = [a_part(number, amount, taken[number]) for number, amount in enumerate((10, 5, 85))]
            shares = shares_of_refund(parts=parts, refunded_before=step, refunded_after=step + 1)
            taken = [one + share for one, share in zip(taken, shares, strict=True)]
            if step == 49:
                assert taken in ([5, 3, 42], [5, 2, 43])

        assert taken == [10, 5, 85]


class TestSpread:
    @given(left=st.lists(st.integers(0, 10**9), min_size=1, max_size=10), cut=st.floats(0, 1))
    def test_takes_from_no_line_more_than_is_left(self, left: list[int], cut: float) -> None:
        amount = max(int(sum(left) * cut), min(sum(left), 1))
        lines = [
            RefundableLine(
                line_no=number,
                sku_id=None,
                title="Tea",
                amount_minor=one,
                quantity=1,
                refunded_minor=0,
                refunded_quantity=0,
            )
            for number, one in enumerate(left)
        ]
        if not amount:
            return

        given_back = spread(amount=Money(amount, "CNY"), lines=lines)

        assert sum(line.amount_minor for line in given_back) == amount
        assert all(0 < line.amount_minor <= left[line.line_no] for line in given_back)


def whole_balances(balances: dict[str, tuple[int, int, int, int]]) -> dict[str, tuple[int, int]]:
    """Posted and pending, credits less debits, of accounts that are not at zero."""
    found = {name: (one[1] - one[0], one[3] - one[2]) for name, one in balances.items()}
    return {name: one for name, one in found.items() if one != (0, 0)}


class TestRefundInPart:
    async def test_of_held_parts_holds_the_rest_again(self, shop: Shop) -> None:
        order = await shop.paid()

        await shop.refund(order, amount_minor=3_333)

        assert whole_balances(await shop.balances()) == {
            "gateway_clearing": (-10_000, 0),
            "order_holding": (6_667, -6_667),
            "commission_payable": (0, 1_000 - 333),
            "platform_fee": (0, 500 - 167),
            "merchant_payable": (0, 8_500 - 2_833),
            "refund_payable": (3_333, 0),
        }
        assert await shop.state(order) == "paid"
        assert await shop.stock() == (99, 0)
        assert (await shop.event_names())[2:] == [
            "order.partly_refunded",
            "commission.reduced",
            "proceeds.reduced",
            "proceeds.reduced",
        ]
        assert (await run_audit(shop.db)).findings == ()
        assert await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng) == 3
        assert whole_balances(await shop.balances())["commission_payable"] == (667, 0)
        assert (await run_audit(shop.db)).findings == ()

    async def test_many_times_takes_back_exactly_everything(self, shop: Shop) -> None:
        order = await shop.paid(quantity=3)
        given_back = 0
        for number, amount in enumerate((1, 2, 9_999, 7, 12_345, 1)):
            await shop.refund(order, amount_minor=amount, idempotency_key=str(number))
            given_back += amount
            if number == 2:
                await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng)

        await shop.refund(order, amount_minor=30_000 - given_back, idempotency_key="rest", at=shop.at + HOLD)

        assert whole_balances(await shop.balances()) == {
            "gateway_clearing": (-30_000, 0),
            "refund_payable": (30_000, 0),
        }
        assert await shop.state(order) == "refunded"
        assert await shop.column("SELECT DISTINCT state FROM commissions") == ["taken_back"]
        assert (await run_audit(shop.db)).findings == ()
        with pytest.raises(RefundTooLarge):
            await shop.refund(order, amount_minor=1, idempotency_key="more", at=shop.at + HOLD)

    async def test_by_pieces_puts_them_on_hand_while_they_were_not_shipped(self, shop: Shop) -> None:
        order = await shop.paid(quantity=5)
        line = RefundLine(line_no=1, amount_minor=2 * PRICE, quantity=2)

        await shop.refund(order, amount_minor=2 * PRICE, lines=[line], idempotency_key="1")
        assert await shop.stock() == (97, 0)
        await shop.refund(order, amount_minor=PRICE, idempotency_key="2")
        assert await shop.stock() == (97, 0)
        assert (await run_audit(shop.db)).findings == ()
        await shop.refund(order, amount_minor=2 * PRICE, idempotency_key="3")

        assert await shop.stock() == (100, 0)
        assert (await run_audit(shop.db)).findings == ()

    async def test_of_shipped_pieces_leaves_the_stock_to_whoever_sees_them(self, shop: Shop) -> None:
        order = await shop.paid(quantity=5)
        await shop.refund(order, amount_minor=PRICE, lines=[RefundLine(line_no=1, amount_minor=PRICE, quantity=1)])
        await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.staff, at=shop.at + timedelta(minutes=1))

        await shop.refund(order, amount_minor=4 * PRICE, idempotency_key="rest", at=shop.at + timedelta(minutes=2))

        assert await shop.stock() == (96, 0)
        assert await shop.column("SELECT refunded_quantity FROM order_lines") == [5]
        assert (await run_audit(shop.db)).findings == ()

    async def test_of_the_shipping_is_the_merchants_alone(self, shop: Shop) -> None:
        order = await placed(shop, shipping=800, tax=1_150)
        await shop.pay(order)

        await shop.refund(order, amount_minor=500, lines=[RefundLine(line_no=0, amount_minor=500)])

        found = whole_balances(await shop.balances())
        assert (found["commission_payable"], found["platform_fee"]) == ((0, 885), (0, 442))
        assert found["merchant_payable"] == (0, 10_000 - 885 - 442 + 300)
        assert (await run_audit(shop.db)).findings == ()
        await shop.refund(order, amount_minor=10_300, idempotency_key="rest")
        assert await shop.column("SELECT shipping_refunded_minor FROM orders") == [800]
        assert (await run_audit(shop.db)).findings == ()

    async def test_after_a_payout_is_a_debt_that_lowers_the_next(self, shop: Shop) -> None:
        order = await shop.paid()
        await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng)
        batch = await shop.payout(at=shop.at + HOLD)
        await approve_payout(shop.db, batch_id=batch.id, actor=shop.approver, at=shop.at + HOLD, rng=shop.rng)

        await shop.refund(order, amount_minor=4_000, at=shop.at + HOLD)

        found = whole_balances(await shop.balances())
        assert (found["commission_payable"], found["merchant_payable"]) == ((-400, 0), (-3_400, 0))
        assert await shop.column("SELECT state FROM commissions") == ["paid"]
        await shop.paid(quantity=2, at=shop.at + HOLD)
        await release_commissions(shop.db, at=shop.at + 2 * HOLD, rng=shop.rng)
        batch = await shop.payout(at=shop.at + 2 * HOLD)
        assert sorted(item.amount.minor for item in batch.items) == [2_000 - 400, 17_000 - 3_400]
        assert (await run_audit(shop.db)).findings == ()

    async def test_with_the_same_key_is_the_first_refund(self, shop: Shop) -> None:
        order = await shop.paid(quantity=2)
        lines = [RefundLine(line_no=1, amount_minor=500, quantity=1)]
        first = await shop.refund(order, amount_minor=500, lines=lines)

        assert await shop.refund(order, amount_minor=500, lines=lines) == first
        for changed in (None, [RefundLine(line_no=1, amount_minor=500)]):
            with pytest.raises(RefundKeyReused):
                await shop.refund(order, amount_minor=500, lines=changed)
        assert await shop.column("SELECT refunded_minor FROM orders") == [500]

    async def test_at_the_same_moment_gives_back_no_more_than_was_paid(self, shop: Shop) -> None:
        order = await shop.paid()

        done = await asyncio.gather(
            *(shop.refund(order, amount_minor=3_000, idempotency_key=str(number)) for number in range(8)),
            return_exceptions=True,
        )

        assert sum(isinstance(one, RefundTooLarge) for one in done) == 5
        assert await shop.column("SELECT sum(amount_minor) FROM refunds") == [9_000]
        assert (await run_audit(shop.db)).findings == ()

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"lines": []}, RefundNothing),
            ({"lines": [RefundLine(line_no=1, amount_minor=0)]}, RefundNothing),
            ({"lines": [RefundLine(line_no=1, amount_minor=-5)]}, RefundAmount),
            ({"lines": [RefundLine(line_no=1, amount_minor=10**18)]}, RefundAmount),
            ({"lines": [RefundLine(line_no=1, amount_minor=1, quantity=-1)]}, RefundAmount),
            ({"lines": [RefundLine(line_no=2, amount_minor=1)]}, RefundLineUnknown),
            ({"lines": [RefundLine(line_no=0, amount_minor=1)]}, RefundLineUnknown),
            ({"lines": [RefundLine(line_no=1, amount_minor=20_001)]}, RefundLineTooLarge),
            ({"lines": [RefundLine(line_no=1, amount_minor=1, quantity=3)]}, RefundQuantityTooLarge),
            (
                {"lines": [RefundLine(line_no=1, amount_minor=1), RefundLine(line_no=1, amount_minor=1)]},
                RefundLineTwice,
            ),
            ({"lines": [RefundLine(line_no=1, amount_minor=99)]}, RefundSumDiffers),
            ({"amount_minor": 20_001}, RefundTooLarge),
            ({"amount_minor": 10**30}, RefundTooLarge),
            ({"amount_minor": 0}, RefundNothing),
            ({"amount_minor": -1}, RefundNothing),
            ({"currency": "USD"}, RefundCurrencyDiffers),
        ],
    )
    async def test_is_refused_with_a_sentence(
        self, shop: Shop, changes: dict[str, Any], refusal: type[Refusal]
    ) -> None:
        order = await shop.paid(quantity=2)
        before = await shop.balances()

        with pytest.raises(refusal):
            await shop.refund(order, **({"amount_minor": 100} | changes))

        assert await shop.balances() == before

    async def test_is_refused_by_a_clock_that_went_back_and_before_payment(self, shop: Shop) -> None:
        order = await shop.place()
        with pytest.raises(OrderStateDiffers):
            await shop.refund(order, amount_minor=1)
        await shop.pay(order, at=shop.at + timedelta(minutes=1))

        with pytest.raises(ClockBehind, match="set the clock"):
            await shop.refund(order, amount_minor=1)


class TestPreviewRefund:
    async def test_shows_what_each_gives_and_owes_and_changes_nothing(self, shop: Shop) -> None:
        order = await shop.paid()
        await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng)
        batch = await shop.payout(at=shop.at + HOLD)
        await approve_payout(shop.db, batch_id=batch.id, actor=shop.approver, at=shop.at + HOLD, rng=shop.rng)
        before = await shop.balances(), await shop.event_names(), await shop.stock()

        preview = await preview_refund(
            shop.db,
            order_id=order.id,
            amount_minor=5_000,
            lines=[RefundLine(line_no=1, amount_minor=5_000, quantity=1)],
            actor=shop.operator,
            at=shop.at + HOLD,
            rng=shop.rng,
        )

        assert {one.taken.part.payee: (one.taken.amount_minor, one.debt_minor) for one in preview.consequences} == {
            "promoter": (500, 500),
            "merchant": (4_250, 4_250),
            "platform": (250, 0),
        }
        assert (preview.returned, preview.closes) == (((shop.sku, 1),), False)
        assert (await shop.balances(), await shop.event_names(), await shop.stock()) == before
        with pytest.raises(RoleNotAllowed):
            await preview_refund(
                shop.db,
                order_id=order.id,
                amount_minor=5_000,
                lines=None,
                actor=shop.staff,
                at=shop.at + HOLD,
                rng=shop.rng,
            )


class TestTheDatabase:
    """What holds even if the flow were wrong; and that without the guard it would not."""

    @pytest.mark.parametrize(
        ("statement", "constraint", "table"),
        [
            ("UPDATE order_lines SET refunded_minor = amount_minor + 1", "order_lines_refunded_check", "order_lines"),
            (
                "UPDATE order_lines SET refunded_quantity = quantity + 1",
                "order_lines_refunded_quantity_check",
                "order_lines",
            ),
            (
                "UPDATE commissions SET taken_back_minor = amount_minor + 1",
                "commissions_taken_back_minor_check",
                "commissions",
            ),
            (
                "UPDATE orders SET shipping_refunded_minor = shipping_minor + 1",
                "orders_shipping_refunded_check",
                "orders",
            ),
        ],
    )
    async def test_keeps_refunds_within_what_was_paid(
        self, shop: Shop, superuser: asyncpg.Connection, statement: str, constraint: str, table: str
    ) -> None:
        await shop.paid()

        with pytest.raises(asyncpg.CheckViolationError, match=constraint):
            await superuser.execute(statement)

        await superuser.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        await superuser.execute(statement)
        assert (await run_audit(shop.db)).findings != ()

    async def test_changes_no_refund_line_or_part(self, shop: Shop) -> None:
        order = await shop.paid()
        await shop.refund(order, amount_minor=100)

        for table in ("refund_lines", "refund_parts"):
            with pytest.raises(Exception, match=r"append-only|permission denied"):
                async with shop.db.transaction() as connection:
                    await connection.execute(text(f"UPDATE {table} SET amount_minor = 1"))
