"""Payments: settled once, divided exactly, and what cannot settle is owed back at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fissile.domain.orders.errors import MessageDiffers, OrderUnknown
from fissile.flows.expire_orders import expire_orders
from fissile.kernel.ids import new_id

from .conftest import Shop


class TestSettlePayment:
    async def test_pays_the_order_and_divides_its_money(self, shop: Shop) -> None:
        share = await shop.share()
        order = await shop.order("tea", 2, share_token=share.token)  # 25.00

        settled = await shop.pay(order)

        assert (settled.outcome, settled.order_state) == ("settled", "paid")
        assert await shop.stock("tea") == (8, 0)
        assert await shop.balances() == {
            "gateway_clearing": (-2500, 0),
            "order_holding": (2500, -2500),
            "commission_payable": (0, 250),
            "platform_fee": (0, 125),
            "merchant_payable": (0, 2125),
        }
        assert await shop.rows("SELECT state, amount_minor, base_minor FROM commissions") == [("held", 250, 2500)]

    async def test_without_a_promoter_the_merchant_gets_the_rest(self, shop: Shop) -> None:
        await shop.pay(await shop.order("tea"))

        assert (await shop.balances())["merchant_payable"] == (0, 1188)  # 12.50 less 5 % rounded down
        assert await shop.rows("SELECT count(*) FROM commissions") == [(0,)]

    async def test_the_same_message_again_changes_nothing(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.pay(order)
        before = await shop.balances()

        again = await shop.pay(order)

        assert (again.outcome, again.replayed) == ("settled", True)
        assert await shop.balances() == before

    async def test_the_same_payment_under_another_message_changes_nothing(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.pay(order)
        before = await shop.balances()

        again = await shop.pay(order, message_id="another")

        assert (again.outcome, again.replayed) == ("known", False)
        assert await shop.balances() == before

    async def test_a_hundred_at_once_pay_once(self, shop: Shop) -> None:
        order = await shop.order()

        outcomes = await asyncio.gather(*(shop.pay(order, message_id=f"m{n % 10}") for n in range(100)))

        assert sum(one.outcome == "settled" and not one.replayed for one in outcomes) == 1
        assert await shop.rows("SELECT count(*) FROM payments") == [(1,)]
        assert await shop.stock("tea") == (9, 0)

    async def test_a_message_id_with_another_body_is_refused(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.pay(order, message_id="m")

        with pytest.raises(MessageDiffers):
            await shop.pay(order, message_id="m", gateway_payment_id="another")

    async def test_a_second_payment_is_owed_back(self, shop: Shop) -> None:
        order = await shop.order("tea")
        await shop.pay(order)

        second = await shop.pay(order, message_id="m2", gateway_payment_id="second")

        assert second.outcome == "doubled"
        assert (await shop.balances())["refund_payable"] == (1250, 0)
        assert await shop.rows("SELECT reason, amount_minor, state FROM refunds") == [
            ("payment doubled", 1250, "posted")
        ]
        assert await shop.stock("tea") == (9, 0)

    async def test_another_amount_is_owed_back_and_the_order_still_waits(self, shop: Shop) -> None:
        order = await shop.order("tea")

        short = await shop.pay(order, message_id="m1", gateway_payment_id="short", amount_minor=1249)
        whole = await shop.pay(order, message_id="m2")

        assert (short.outcome, short.order_state) == ("differs", "placed")
        assert whole.outcome == "settled"
        assert (await shop.balances())["refund_payable"] == (1249, 0)

    async def test_another_currency_is_owed_back_in_that_currency(self, shop: Shop) -> None:
        order = await shop.order("tea")

        other = await shop.pay(order, currency="USD")

        assert other.outcome == "differs"
        assert await shop.rows("SELECT currency FROM ledger_transfers") == [("USD",)]

    async def test_a_payment_after_the_reservation_is_owed_back(self, shop: Shop) -> None:
        order = await shop.order("tea")
        await expire_orders(shop.house.db, at=shop.at + timedelta(hours=1), rng=shop.rng)

        late = await shop.pay(order)

        assert (late.outcome, late.order_state) == ("late", "expired")
        assert await shop.stock("tea") == (10, 0)
        assert await shop.balances() == {"gateway_clearing": (-1250, 0), "refund_payable": (1250, 0)}

    async def test_expiry_and_payment_at_once_have_one_winner(self, shop: Shop) -> None:
        for n in range(10):
            order = await shop.order("song")

            settled, _ = await asyncio.gather(
                shop.pay(order, message_id=f"m{n}"),
                expire_orders(shop.house.db, at=shop.at + timedelta(hours=1), rng=shop.rng),
            )

            state = (await shop.rows("SELECT state FROM orders WHERE id = :id", id=order.id))[0][0]
            assert (settled.outcome, state) in (("settled", "paid"), ("late", "expired"))

    async def test_an_unknown_order_is_told(self, shop: Shop) -> None:
        order = await shop.order()

        with pytest.raises(OrderUnknown):
            await shop.pay(order, order_id=new_id(at=shop.at, rng=shop.rng))
