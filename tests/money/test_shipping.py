"""Shipping and tax of an order: whose they are, held and audited like the rest."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from fissile.domain.commissions.model import FeeVersion, PlanVersion
from fissile.domain.commissions.rules import split_line
from fissile.domain.orders.model import PlacedOrder
from fissile.flows.place_order import ItemHead, ItemLine, ItemTouch, OrderItem, place_orders
from fissile.flows.release_commissions import release_commissions
from fissile.kernel.ids import new_id
from fissile.kernel.money import Money
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, PRICE, Shop


async def placed(shop: Shop, *, shipping: int, tax: int) -> PlacedOrder:
    """Place a shared order of one piece with shipping, and a tax of 13 % in its price."""
    plans, version = await shop.house.plans.get("plans") or (None, 0)
    assert plans is not None, "the shop has a plan"
    plan: PlanVersion = plans.by_scope["platform", None]
    fee: FeeVersion = plans.fees[None]
    split = split_line(
        amount=Money(PRICE, "CNY"), tax=Money(tax, "CNY"), quantity=1, plan=plan, fee=fee, credited=True, invited=False
    )
    head = ItemHead(
        id=new_id(at=shop.at, rng=shop.rng),
        scope="test",
        key=str(shop.rng.getrandbits(64)),
        request_hash=b"hash",
        merchant_id=shop.merchant,
        member_id=shop.buyer.member_id,
        visitor_id=new_id(at=shop.at, rng=shop.rng),
        checkout_id=new_id(at=shop.at, rng=shop.rng),
        currency="CNY",
        goods_minor=PRICE,
        shipping_minor=shipping,
        credit_share_id=shop.share.id,
        credit_promoter_id=shop.promoter.member_id,
        second_promoter_id=None,
        credit_rule="last-touch@0 15d shop",
        credit_reason="last_touch",
        placed_at=shop.at,
        reserved_until=shop.at + timedelta(minutes=15),
        plans_version=version,
        credit_policy_id=None,
        credit_binding_id=None,
        credit_unkept=None,
        policies_version=0,
    )
    line = ItemLine(
        1,
        shop.sku,
        "Tea",
        1,
        PRICE,
        130_000,
        tax,
        1,
        fee.id,
        split.fee.minor,
        plan.id,
        split.commission.minor,
        split.second.minor,
        plan.hold_seconds,
    )
    promoter_id = shop.promoter.member_id
    assert promoter_id is not None, "a promoter is a member"
    touch = ItemTouch(shop.share.id, promoter_id, shop.at, "won", "last_touch")
    connection = await shop.db.raw()
    try:
        answer = (await place_orders(connection, [OrderItem(head, (line,), (touch,), None)]))[0]
    finally:
        await connection.close()
    assert answer.outcome == "placed"
    return PlacedOrder(
        id=answer.order_id, total=Money(answer.total_minor, answer.currency), state="placed", replayed=False
    )


class TestShipping:
    async def test_is_the_merchants_without_fee_or_commission_and_waits_like_the_rest(self, shop: Shop) -> None:
        order = await placed(shop, shipping=800, tax=1_150)

        settled = await shop.pay(order)

        assert (settled.outcome, order.total.minor) == ("settled", PRICE + 800)
        assert await shop.balances() == {
            "gateway_clearing": (10_800, 0, 0, 0),
            "order_holding": (0, 10_800, 10_800, 0),
            "commission_payable": (0, 0, 0, 885),  # 10 % of 8,850: the goods without their tax
            "platform_fee": (0, 0, 0, 442),  # 5 % of the same
            "merchant_payable": (0, 0, 0, 10_000 - 885 - 442 + 800),
        }
        assert (await run_audit(shop.db)).findings == ()
        assert await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng) == 4
        assert (await run_audit(shop.db)).findings == ()

    async def test_an_order_says_what_of_its_total_is_shipping(self, shop: Shop) -> None:
        order = await placed(shop, shipping=800, tax=0)

        rows = await shop.db.all(
            text("SELECT goods_minor, shipping_minor, total_minor, checkout_id IS NOT NULL AS grouped FROM orders")
        )

        assert order.total == Money(PRICE + 800, "CNY")
        assert [list(row.values()) for row in rows] == [[PRICE, 800, PRICE + 800, True]]
