"""Cancel, expire, ship, complete, refund: stories that end with the whole ledger and the stock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.orders.errors import (
    MessageDiffers,
    MessageUnknown,
    NotYourOrder,
    OrderStateDiffers,
    OrderUnknown,
    RefundDiffers,
    RefundKeyReused,
    RefundNothing,
    RefundTooLarge,
)
from fissile.flows.cancel_order import cancel_order
from fissile.flows.complete_order import complete_order
from fissile.flows.confirm_refund import Confirmed, confirm_refund
from fissile.flows.expire_orders import expire_orders
from fissile.flows.release_commissions import release_commissions
from fissile.flows.ship_order import ship_order
from fissile.infra.events import HOUSE
from fissile.kernel.money import Money
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop, someone

MINUTE = timedelta(minutes=1)


class TestCancelOrder:
    @pytest.mark.parametrize("who", ["buyer", "operator"])
    async def test_gives_the_stock_back(self, shop: Shop, who: str) -> None:
        order = await shop.place(quantity=3)
        assert await shop.stock() == (100, 3)

        await cancel_order(shop.db, order_id=order.id, actor=getattr(shop, who), at=shop.at, rng=shop.rng)

        assert (await shop.stock(), await shop.state(order)) == ((100, 0), "cancelled")
        assert await shop.event_names() == ["order.placed", "order.cancelled"]
        assert await shop.column("SELECT act FROM audit_log WHERE act = 'cancel_order'") == (
            ["cancel_order"] if who == "operator" else []
        )

    async def test_is_refused_to_strangers(self, shop: Shop) -> None:
        order = await shop.place()

        for stranger in (someone("buyer"), someone("merchant_staff"), shop.promoter):
            with pytest.raises(NotYourOrder):
                await cancel_order(shop.db, order_id=order.id, actor=stranger, at=shop.at, rng=shop.rng)
        assert await shop.state(order) == "placed"

    async def test_is_refused_after_payment_and_for_unknown_orders(self, shop: Shop) -> None:
        order = await shop.paid()

        with pytest.raises(OrderStateDiffers, match="The order is paid"):
            await cancel_order(shop.db, order_id=order.id, actor=shop.buyer, at=shop.at, rng=shop.rng)
        with pytest.raises(OrderUnknown):
            await cancel_order(shop.db, order_id=uuid4(), actor=shop.buyer, at=shop.at, rng=shop.rng)

    async def test_twice_at_once_gives_back_once(self, shop: Shop) -> None:
        order = await shop.place(quantity=3)
        await shop.place(quantity=1)

        both = [cancel_order(shop.db, order_id=order.id, actor=shop.buyer, at=shop.at, rng=shop.rng) for _ in "12"]
        told = await asyncio.gather(*both, return_exceptions=True)

        assert sorted(type(one).__name__ for one in told) == ["NoneType", "OrderStateDiffers"]
        assert await shop.stock() == (100, 1)


class TestExpireOrders:
    async def test_expires_at_the_end_of_the_reservation_and_not_before(self, shop: Shop) -> None:
        order = await shop.place(quantity=2)
        end = shop.at + timedelta(seconds=shop.house.settings.reservation_seconds)

        assert await expire_orders(shop.db, at=end - timedelta(microseconds=1), rng=shop.rng) == 0
        assert await expire_orders(shop.db, at=end, rng=shop.rng) == 1

        assert (await shop.stock(), await shop.state(order)) == ((100, 0), "expired")
        assert await shop.event_names() == ["order.placed", "order.expired"]

    async def test_takes_no_more_than_the_limit(self, shop: Shop) -> None:
        for _ in range(5):
            await shop.place()
        end = shop.at + timedelta(hours=1)

        assert [await expire_orders(shop.db, at=end, rng=shop.rng, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_races_payments_without_losing_money_or_stock(self, shop: Shop) -> None:
        orders = [await shop.place() for _ in range(20)]
        end = shop.at + timedelta(hours=1)

        sweeps = [asyncio.create_task(expire_orders(shop.db, at=end, rng=shop.rng, limit=7)) for _ in range(3)]
        settled = await asyncio.gather(*(shop.pay(order, at=end) for order in orders))
        await asyncio.gather(*sweeps)
        while await expire_orders(shop.db, at=end, rng=shop.rng):
            pass

        won = sum(one.outcome == "settled" for one in settled)
        assert sorted({one.outcome for one in settled} | {"settled", "late"}) == ["late", "settled"]
        assert await shop.stock() == (100 - won, 0)
        balances = await shop.balances()
        assert balances["gateway_clearing"] == (200_000, 0, 0, 0)
        assert balances.get("refund_payable", (0, 0, 0, 0))[1] == 10_000 * (20 - won)
        assert (await run_audit(shop.db)).findings == ()


class TestShipAndCompleteOrder:
    async def test_go_one_after_the_other(self, shop: Shop) -> None:
        order = await shop.paid()

        await ship_order(shop.db, order_id=order.id, tracking=" SF 1 ", actor=shop.staff, at=shop.at + MINUTE)
        await complete_order(shop.db, order_id=order.id, actor=shop.buyer, at=shop.at + 2 * MINUTE)

        assert await shop.state(order) == "completed"
        assert await shop.column("SELECT tracking FROM orders") == ["SF 1"]
        assert (await shop.event_names())[-2:] == ["order.shipped", "order.completed"]

    async def test_are_refused_to_strangers(self, shop: Shop) -> None:
        order = await shop.paid()

        with pytest.raises(NotYourOrder):
            await ship_order(shop.db, order_id=order.id, tracking="", actor=someone("merchant_staff"), at=shop.at)
        with pytest.raises(RoleNotAllowed):
            await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.buyer, at=shop.at)
        for stranger in (someone("merchant_staff"), someone("buyer"), someone("promoter")):
            with pytest.raises(NotYourOrder):
                await complete_order(shop.db, order_id=order.id, actor=stranger, at=shop.at)

    async def test_are_refused_out_of_order(self, shop: Shop) -> None:
        order = await shop.place()

        with pytest.raises(OrderStateDiffers):
            await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.operator, at=shop.at)
        await shop.pay(order)
        with pytest.raises(OrderStateDiffers):
            await complete_order(shop.db, order_id=order.id, actor=HOUSE, at=shop.at)
        await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.operator, at=shop.at)
        with pytest.raises(OrderStateDiffers):
            await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.operator, at=shop.at)


class TestRefundOrder:
    async def test_before_release_voids_what_was_held(self, shop: Shop) -> None:
        order = await shop.paid(quantity=2)

        refund = await shop.refund(order)

        assert (refund.amount, refund.state) == (Money(20_000, "CNY"), "posted")
        assert await shop.balances() == {
            "gateway_clearing": (20_000, 0, 0, 0),
            "order_holding": (20_000, 20_000, 0, 0),
            "refund_payable": (0, 20_000, 0, 0),
        }
        assert (await shop.stock(), await shop.state(order)) == ((100, 0), "refunded")
        assert await shop.event_names() == [
            "order.placed",
            "order.paid",
            "order.refunded",
            "commission.taken_back",
            "proceeds.taken_back",
            "proceeds.taken_back",
        ]
        assert await shop.column("SELECT act FROM audit_log WHERE act = 'refund_order'") == ["refund_order"]

    async def test_after_release_takes_it_back(self, shop: Shop) -> None:
        order = await shop.paid()
        await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng)

        await shop.refund(order, at=shop.at + HOLD)

        assert await shop.balances() == {
            "gateway_clearing": (10_000, 0, 0, 0),
            "order_holding": (20_000, 20_000, 0, 0),
            "commission_payable": (1_000, 1_000, 0, 0),
            "platform_fee": (500, 500, 0, 0),
            "merchant_payable": (8_500, 8_500, 0, 0),
            "refund_payable": (0, 10_000, 0, 0),
        }
        assert (await run_audit(shop.db)).findings == ()

    async def test_after_shipping_leaves_the_stock_to_whoever_sees_the_goods(self, shop: Shop) -> None:
        order = await shop.paid()
        await ship_order(shop.db, order_id=order.id, tracking="", actor=shop.staff, at=shop.at)

        await shop.refund(order)

        assert await shop.stock() == (99, 0)

    async def test_again_with_the_same_key_is_the_first_refund(self, shop: Shop) -> None:
        order, other = await shop.paid(), await shop.paid()

        first = await shop.refund(order, idempotency_key="k")

        assert await shop.refund(order, idempotency_key="k") == first
        for changes in ({"amount_minor": 1}, {"reason": "late"}):
            with pytest.raises(RefundKeyReused):
                await shop.refund(order, idempotency_key="k", **changes)
        with pytest.raises(RefundKeyReused):
            await shop.refund(other, idempotency_key="k")
        assert await shop.state(other) == "paid"

    @pytest.mark.parametrize(("amount", "refusal"), [(10_001, RefundTooLarge), (0, RefundNothing), (-1, RefundNothing)])
    async def test_is_of_something_that_was_paid(self, shop: Shop, amount: int, refusal: type[Exception]) -> None:
        order = await shop.paid()

        with pytest.raises(refusal):
            await shop.refund(order, amount_minor=amount)
        assert await shop.column("SELECT count(*) FROM refunds") == [0]

    async def test_is_refused_where_nothing_is_left_or_was_paid(self, shop: Shop) -> None:
        order, unpaid = await shop.paid(), await shop.place()
        await shop.refund(order)

        with pytest.raises(RefundTooLarge):
            await shop.refund(order, idempotency_key="again")
        with pytest.raises(OrderStateDiffers):
            await shop.refund(unpaid)

    async def test_is_the_operators(self, shop: Shop) -> None:
        order = await shop.paid()

        for other in (shop.buyer, shop.staff, shop.promoter, shop.maker):
            with pytest.raises(RoleNotAllowed):
                await shop.refund(order, actor=other)

    @pytest.mark.parametrize("keys", [("a", "a", "a", "a"), ("a", "b", "c", "d")])
    async def test_at_once_happens_once(self, shop: Shop, keys: tuple[str, ...]) -> None:
        order = await shop.paid()

        tries = (shop.refund(order, idempotency_key=key) for key in keys)
        told: list[Any] = await asyncio.gather(*tries, return_exceptions=True)

        made = [one for one in told if not isinstance(one, Exception)]
        assert len({one.id for one in made}) == 1
        assert {type(one) for one in told if isinstance(one, Exception)} <= {RefundTooLarge}
        assert await shop.column("SELECT amount_minor FROM refunds") == [10_000]
        assert (await shop.balances())["refund_payable"] == (0, 10_000, 0, 0)


class TestConfirmRefund:
    async def confirm(self, shop: Shop, refund: Any, **changes: Any) -> Confirmed:
        given: dict[str, Any] = {
            "gateway": "sandbox",
            "message_id": "msg_1",
            "body_hash": b"1",
            "refund_id": refund.id,
            "amount": refund.amount,
        }
        return await confirm_refund(shop.db, **(given | changes), at=shop.at, rng=shop.rng)

    async def test_returns_the_money_once_however_often_it_is_said(self, shop: Shop) -> None:
        refund = await shop.refund(await shop.paid())

        told = [await self.confirm(shop, refund) for _ in "12"] + [await self.confirm(shop, refund, message_id="msg_2")]

        assert told == [Confirmed("returned", False), Confirmed("returned", True), Confirmed("known", False)]
        assert await shop.balances() == {
            "gateway_clearing": (10_000, 10_000, 0, 0),
            "order_holding": (10_000, 10_000, 0, 0),
            "refund_payable": (10_000, 10_000, 0, 0),
        }
        assert (await run_audit(shop.db)).findings == ()

    async def test_at_once_happens_once(self, shop: Shop) -> None:
        refund = await shop.refund(await shop.paid())

        told = await asyncio.gather(*(self.confirm(shop, refund, message_id=f"msg_{n % 2}") for n in range(6)))

        assert [one.outcome for one in told if not one.replayed].count("returned") == 1
        assert (await shop.balances())["refund_payable"] == (10_000, 10_000, 0, 0)

    async def test_refuses_what_differs_or_is_unknown(self, shop: Shop) -> None:
        refund = await shop.refund(await shop.paid())

        with pytest.raises(MessageUnknown):
            await self.confirm(shop, refund, refund_id=uuid4())
        with pytest.raises(MessageUnknown):
            await self.confirm(shop, refund, gateway="another")
        with pytest.raises(RefundDiffers):
            await self.confirm(shop, refund, amount=Money(1, "CNY"))
        await self.confirm(shop, refund)
        with pytest.raises(MessageDiffers):
            await self.confirm(shop, refund, body_hash=b"2")
