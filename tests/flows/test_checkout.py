"""Carts of several merchants: all orders or none, shipping and tax in the total, returns, and what is held by them."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fissile.domain.aftersales.errors import AfterSaleOver, RequestOpen
from fissile.domain.carts.errors import CartQuantity
from fissile.domain.carts.model import Owner
from fissile.domain.carts.operations import cart_of
from fissile.domain.orders.errors import IdempotencyKeyReused, NotYourOrder, QuoteChanged, SeveralMerchants, SoldOut
from fissile.domain.orders.model import Contact, PlacedCheckout
from fissile.domain.shipping.errors import AddressNeeded, NotShippedThere
from fissile.domain.shipping.model import Zone
from fissile.flows.ask_return import answer_return, ask_return, withdraw_return
from fissile.flows.change_cart import add_to_cart, forget_carts, merge_cart, set_in_cart, take_ordered
from fissile.flows.change_shipping import change_shipping
from fissile.flows.change_sku_terms import change_sku_terms
from fissile.flows.complete_orders import complete_orders
from fissile.flows.place_order import place_checkout
from fissile.flows.release_commissions import release_commissions
from fissile.flows.ship_order import ship_order
from fissile.infra.events import HOUSE
from fissile.kernel.ids import new_id
from fissile.kernel.money import Money
from fissile.views.audit import run_audit

from .conftest import Shop

MEI = Contact(name="Mei", phone="13800138000", address="1 号", country="CN", region="CN-ZJ")
ZONES = (Zone(regions=("CN-XJ",), ships=False), Zone(regions=("CN",), base_minor=800, free_from_minor=10_000))


async def check_out(shop: Shop, *wanted: tuple[str, int], **changes: Any) -> PlacedCheckout:
    shop.keys += 1
    fields: dict[str, Any] = {
        "lines": [(shop.skus[sku], quantity) for sku, quantity in wanted],
        "share_token": None,
        "member_id": None,
        "visitor_id": new_id(at=shop.at, rng=shop.rng),
        "contact": MEI,
        "expected_totals": None,
        "idempotency_scope": "test",
        "idempotency_key": f"cart {shop.keys}",
        "at": shop.at,
        "rng": shop.rng,
    }
    return await place_checkout(shop.house, **(fields | changes))


async def ship_for_money(shop: Shop) -> None:
    await change_shipping(
        shop.house.db,
        merchant_id=shop.merchant_id,
        zones=ZONES,
        after_sale_days=7,
        actor=HOUSE,
        at=shop.at,
        rng=shop.rng,
    )
    shop.house.forget()


async def clean(shop: Shop) -> None:
    assert [one.sentence for one in (await run_audit(shop.house.db)).findings] == []


class TestPlaceCheckout:
    async def test_is_one_order_a_merchant_each_in_its_currency(self, shop: Shop) -> None:
        placed = await check_out(shop, ("tea", 2), ("hat", 1), ("cup", 1))

        assert sorted(one.total.currency for one in placed.orders) == ["CNY", "USD"]
        assert {one.total for one in placed.orders} == {Money(5500, "CNY"), Money(800, "USD")}
        assert placed.checkout_id is not None
        await clean(shop)

    async def test_is_placed_whole_or_not_at_all(self, shop: Shop) -> None:
        with pytest.raises(SoldOut):
            await check_out(shop, ("tea", 2), ("hat", 4))

        assert (await shop.stock("tea"), await shop.stock("hat")) == ((10, 0), (3, 0))
        assert await shop.rows("SELECT count(*) FROM orders") == [(0,)]
        await clean(shop)

    async def test_the_same_key_again_gives_the_same_orders(self, shop: Shop) -> None:
        visitor = new_id(at=shop.at, rng=shop.rng)
        first = await check_out(shop, ("tea", 1), ("hat", 1), idempotency_key="one", visitor_id=visitor)
        again = await check_out(shop, ("tea", 1), ("hat", 1), idempotency_key="one", visitor_id=visitor)

        assert [one.id for one in again.orders] == [one.id for one in first.orders]
        assert again.checkout_id == first.checkout_id
        assert all(one.replayed for one in again.orders)
        with pytest.raises(IdempotencyKeyReused):
            await check_out(shop, ("tea", 2), ("hat", 1), idempotency_key="one")
        with pytest.raises(IdempotencyKeyReused):
            await check_out(shop, ("tea", 1), idempotency_key="one")

    async def test_two_tabs_press_at_the_same_time_and_order_once(self, shop: Shop) -> None:
        both = await asyncio.gather(
            *(check_out(shop, ("tea", 1), ("hat", 1), idempotency_key="tabs") for _ in range(2))
        )

        assert len({one.checkout_id for one in both}) == 1
        assert await shop.stock("tea") == (10, 1)

    async def test_a_single_order_stays_one_merchant_s(self, shop: Shop) -> None:
        with pytest.raises(SeveralMerchants):
            await shop.order(lines=[(shop.skus["tea"], 1), (shop.skus["hat"], 1)])

    async def test_carts_that_cross_end_without_deadlock_and_oversell_nothing(self, shop: Shop) -> None:
        async def one(number: int) -> bool:
            wanted = [("tea", 1), ("hat", 1)] if number % 2 else [("hat", 1), ("tea", 1)]
            try:
                await check_out(shop, *wanted, idempotency_key=f"cross {number}")
            except SoldOut:
                return False
            return True

        sold = await asyncio.gather(*(one(number) for number in range(40)))

        assert sum(sold) == 3
        assert (await shop.stock("tea"), await shop.stock("hat")) == ((10, 3), (3, 3))
        await clean(shop)

    async def test_without_the_guard_half_a_cart_would_be_placed(self, shop: Shop) -> None:
        """The twin: the function without its guard of checkouts places the one order and refuses the other."""
        body = await shop.rows("SELECT pg_get_functiondef('place_orders_v1'::regproc)")
        broken = body[0][0].replace("p_first[i] < i AND (i = v_n", "false AND (i = v_n")
        assert broken != body[0][0]
        owner = await shop.house.db.raw()
        try:
            await owner.execute("SET ROLE NONE")
            await owner.execute(broken)
        finally:
            await owner.close()

        with pytest.raises(SoldOut):
            await check_out(shop, ("tea", 2), ("hat", 4))

        assert await shop.rows("SELECT count(*) FROM orders") == [(1,)]


class TestShippingAndTax:
    async def test_are_in_the_total_that_is_shown_and_charged(self, shop: Shop) -> None:
        await ship_for_money(shop)
        await change_sku_terms(
            shop.house.db,
            sku_id=shop.skus["tea"],
            weight_grams=250,
            tax_rate_ppm=130_000,
            actor=HOUSE,
            at=shop.at,
            rng=shop.rng,
        )
        shop.house.forget()

        placed = await check_out(shop, ("tea", 2), expected_totals=(Money(3300, "CNY"),))

        assert placed.orders[0].total == Money(3300, "CNY")
        kept = await shop.rows("SELECT goods_minor, shipping_minor, shipping_zone, weight_grams FROM orders")
        assert kept == [(2500, 800, "CN", 500)]
        assert await shop.rows("SELECT tax_rate_ppm, tax_minor FROM order_lines") == [(130_000, 288)]
        await clean(shop)

    async def test_changed_between_quote_and_press_is_asked_again(self, shop: Shop) -> None:
        await ship_for_money(shop)

        with pytest.raises(QuoteChanged):
            await check_out(shop, ("tea", 2), expected_totals=(Money(2500, "CNY"),))

    async def test_a_change_that_the_cache_has_not_heard_of_is_noticed(self, shop: Shop) -> None:
        await check_out(shop, ("tea", 1))
        terms = await shop.house.terms.get("terms")
        await change_shipping(
            shop.house.db,
            merchant_id=shop.merchant_id,
            zones=ZONES,
            after_sale_days=None,
            actor=HOUSE,
            at=shop.at,
            rng=shop.rng,
        )
        assert terms is not None

        placed = await check_out(shop, ("tea", 1))

        assert placed.orders[0].total == Money(2050, "CNY")

    async def test_an_address_is_needed_and_must_be_one_that_is_served(self, shop: Shop) -> None:
        await ship_for_money(shop)

        with pytest.raises(AddressNeeded):
            await check_out(shop, ("tea", 1), contact=None)
        with pytest.raises(NotShippedThere):
            await check_out(shop, ("tea", 1), contact=dataclasses.replace(MEI, region="CN-XJ"))

    async def test_digital_goods_need_none(self, shop: Shop) -> None:
        await ship_for_money(shop)
        await change_sku_terms(
            shop.house.db,
            sku_id=shop.skus["song"],
            weight_grams=0,
            tax_rate_ppm=None,
            actor=HOUSE,
            at=shop.at,
            rng=shop.rng,
        )
        shop.house.forget()

        placed = await check_out(shop, ("song", 1), contact=None)

        assert placed.orders[0].total == Money(999, "CNY")

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.sampled_from(["tea", "cup", "song"]), st.integers(1, 3), min_size=1))
    async def test_total_is_lines_and_shipping_whatever_is_bought(self, shop: Shop, wanted: dict[str, int]) -> None:
        if not (await shop.rows("SELECT 1 FROM shipping_terms")):
            await ship_for_money(shop)
            for sku in ("tea", "cup"):
                await shop.restock(sku, 1000)
            shop.house.forget()

        placed = await check_out(shop, *wanted.items())

        (found,) = await shop.rows(
            "SELECT total_minor, goods_minor, shipping_minor, (SELECT sum(amount_minor) FROM order_lines l"
            " WHERE l.order_id = o.id) FROM orders o WHERE id = :id",
            id=placed.orders[0].id,
        )
        assert found[0] == found[1] + found[2] == placed.orders[0].total.minor
        assert found[1] == found[3]
        assert found[2] == (0 if found[1] >= 10_000 else 800)


class TestCart:
    async def test_is_filled_changed_and_emptied_by_what_is_ordered(self, shop: Shop) -> None:
        owner = Owner(new_id(at=shop.at, rng=shop.rng), is_member=False)
        db, tea = shop.house.db, shop.skus["tea"]
        for sku, many in (("tea", 2), ("hat", 1), ("tea", 1)):
            await add_to_cart(shop.house, owner=owner, sku_id=shop.skus[sku], quantity=many, actor=None, at=shop.at)
        await set_in_cart(db, owner=owner, quantities={shop.skus["hat"]: 0}, actor=None, at=shop.at)
        await take_ordered(db, owner=owner, ordered={tea: 2}, actor=None, at=shop.at)

        async with db.reading() as connection:
            cart = await cart_of(connection, owner=owner)
        assert [(line.sku_id, line.quantity) for line in cart.lines] == [(tea, 1)]
        with pytest.raises(CartQuantity):
            await add_to_cart(shop.house, owner=owner, sku_id=tea, quantity=10_000, actor=None, at=shop.at)
        await clean(shop)

    async def test_comes_along_at_sign_in_and_quantities_add_up(self, shop: Shop) -> None:
        buyer = await shop.member("promoter")
        assert buyer.member_id is not None
        visitor = new_id(at=shop.at, rng=shop.rng)
        mine, guest = Owner(buyer.member_id, is_member=True), Owner(visitor, is_member=False)
        for owner, sku in ((mine, "tea"), (guest, "tea"), (guest, "cup")):
            await add_to_cart(shop.house, owner=owner, sku_id=shop.skus[sku], quantity=2, actor=None, at=shop.at)

        await merge_cart(shop.house.db, visitor_id=visitor, actor=buyer, at=shop.at)

        async with shop.house.db.reading() as connection:
            cart = await cart_of(connection, owner=mine)
            left = await cart_of(connection, owner=guest)
        assert {line.sku_id: line.quantity for line in cart.lines} == {shop.skus["tea"]: 4, shop.skus["cup"]: 2}
        assert left.lines == ()
        await clean(shop)

    async def test_of_a_visitor_is_forgotten_after_ninety_days(self, shop: Shop) -> None:
        owner = Owner(new_id(at=shop.at, rng=shop.rng), is_member=False)
        await add_to_cart(shop.house, owner=owner, sku_id=shop.skus["tea"], quantity=1, actor=None, at=shop.at)

        assert await forget_carts(shop.house.db, at=shop.at + timedelta(days=90)) == 0
        assert await forget_carts(shop.house.db, at=shop.at + timedelta(days=91)) == 1
        await clean(shop)

    async def test_that_was_forgotten_never_names_an_order_again(self, shop: Shop) -> None:
        owner, later = Owner(new_id(at=shop.at, rng=shop.rng), is_member=False), shop.at + timedelta(days=91)

        async def filled(at: datetime) -> int:
            await add_to_cart(shop.house, owner=owner, sku_id=shop.skus["tea"], quantity=1, actor=None, at=at)
            async with shop.house.db.reading() as connection:
                return (await cart_of(connection, owner=owner)).revision

        first = await filled(shop.at)
        assert await forget_carts(shop.house.db, at=later) == 1

        assert await filled(later) > first + 1000


class TestAfterTheSale:
    async def sent(self, shop: Shop) -> tuple[Any, Any]:
        visitor = new_id(at=shop.at, rng=shop.rng)
        order = await shop.order("tea", 1, visitor_id=visitor)
        await shop.pay(order)
        await ship_order(
            shop.house.db, order_id=order.id, tracking="SF1", carrier="sf", actor=HOUSE, at=shop.at + timedelta(hours=1)
        )
        return order.id, visitor

    async def ask(self, shop: Shop, order_id: Any, visitor: Any, *, after: timedelta) -> Any:
        return await ask_return(
            shop.house.db,
            order_id=order_id,
            kind="return",
            reason="broken",
            actor=None,
            visitor_id=visitor,
            at=shop.at + after,
            rng=shop.rng,
        )

    async def test_completes_by_itself_and_pays_nobody_before_the_window_has_ended(self, shop: Shop) -> None:
        await self.sent(shop)
        db, fortnight = shop.house.db, timedelta(days=15)

        assert await release_commissions(db, at=shop.at + timedelta(days=10), rng=shop.rng) == 0
        assert await complete_orders(db, after=fortnight, at=shop.at + fortnight) == 0
        done = shop.at + fortnight + timedelta(hours=1)
        assert await complete_orders(db, after=fortnight, at=done) == 1
        assert await release_commissions(db, at=done + timedelta(days=7, seconds=-1), rng=shop.rng) == 0
        assert await release_commissions(db, at=done + timedelta(days=7), rng=shop.rng) > 0
        await clean(shop)

    async def test_a_request_is_made_within_the_window_only_and_once(self, shop: Shop) -> None:
        order_id, visitor = await self.sent(shop)
        done = timedelta(days=20)
        await complete_orders(shop.house.db, after=timedelta(days=15), at=shop.at + done)

        with pytest.raises(NotYourOrder):
            await self.ask(shop, order_id, new_id(at=shop.at, rng=shop.rng), after=done)
        await self.ask(shop, order_id, visitor, after=done + timedelta(days=7, seconds=-1))
        with pytest.raises(RequestOpen):
            await self.ask(shop, order_id, visitor, after=done)
        with pytest.raises(AfterSaleOver):
            await self.ask(shop, order_id, visitor, after=done + timedelta(days=7))

    async def test_an_open_request_holds_the_money_until_it_is_answered(self, shop: Shop) -> None:
        order_id, visitor = await self.sent(shop)
        db, late = shop.house.db, shop.at + timedelta(days=60)
        await complete_orders(db, after=timedelta(days=15), at=shop.at + timedelta(days=20))
        first = await self.ask(shop, order_id, visitor, after=timedelta(days=21))
        await withdraw_return(db, request_id=first, actor=None, visitor_id=visitor, at=shop.at + timedelta(days=21))
        request = await self.ask(shop, order_id, visitor, after=timedelta(days=22))

        assert await release_commissions(db, at=late, rng=shop.rng) == 0
        await answer_return(
            db, request_id=request, state="refused", answer="it was not", actor=HOUSE, at=late, rng=shop.rng
        )
        assert await release_commissions(db, at=late, rng=shop.rng) > 0
        await clean(shop)

    async def test_two_ask_at_the_same_moment_and_one_is_written(self, shop: Shop) -> None:
        order_id, visitor = await self.sent(shop)

        found = await asyncio.gather(
            *(self.ask(shop, order_id, visitor, after=timedelta(days=1)) for _ in range(2)), return_exceptions=True
        )

        assert sum(isinstance(one, RequestOpen) for one in found) == 1
        count = text("SELECT count(*) FROM after_sale_requests")
        assert [row["count"] for row in await shop.house.db.all(count)] == [1]
