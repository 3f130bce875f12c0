"""Placing orders: stock, keys, quotes, credit; and the SQL function against a plain model of its rules."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fissile.domain.members.operations import tie_visitor
from fissile.domain.orders.errors import (
    BadQuantity,
    EmptyOrder,
    IdempotencyKeyReused,
    NothingToPay,
    QuoteChanged,
    SeveralMerchants,
    SkuNotOffered,
    SoldOut,
    TotalTooLarge,
)
from fissile.domain.orders.model import Contact
from fissile.domain.shares.errors import CodeMistyped, ShareUnknown
from fissile.domain.shares.rules import new_token
from fissile.flows.change_offer import change_offer
from fissile.flows.change_plan import change_plan
from fissile.flows.change_share import change_share
from fissile.flows.place_order import ItemHead, ItemLine, OrderAnswer, OrderItem, place_orders
from fissile.flows.record_visit import record_visit
from fissile.infra.events import HOUSE
from fissile.kernel.ids import new_id
from fissile.kernel.money import Money
from fissile.views.audit import run_audit

from .conftest import Shop


class TestPlaceOrder:
    async def test_reserves_the_stock_and_says_the_total(self, shop: Shop) -> None:
        placed = await shop.order("tea", 3)

        assert (placed.total, placed.state, placed.replayed) == (Money(3750, "CNY"), "placed", False)
        assert await shop.stock("tea") == (10, 3)

    async def test_sells_the_last_piece_and_no_more(self, shop: Shop) -> None:
        await shop.order("cup", 5)

        with pytest.raises(SoldOut) as refused:
            await shop.order("cup", 1)

        assert refused.value.details["available"] == 0
        assert await shop.stock("cup") == (5, 5)

    async def test_takes_no_more_money_than_the_ledger_can_add_up(self, shop: Shop) -> None:
        await change_offer(
            shop.house.db, sku_id=shop.skus["song"], price_minor=10**15, actor=HOUSE, at=shop.at, rng=shop.rng
        )
        shop.house.forget()

        placed = await shop.order("song", 1)

        assert placed.total == Money(10**15, "CNY")
        with pytest.raises(TotalTooLarge):
            await shop.order("song", 2)

    async def test_sells_what_is_not_counted_without_end(self, shop: Shop) -> None:
        await shop.order("song", 10_000)

        assert await shop.stock("song") == (0, 10_000)  # reserved all the same: counting may begin any time

    async def test_counting_may_begin_while_an_order_waits(self, shop: Shop) -> None:
        waiting = await shop.order("song", 3)
        await shop.restock("song", 5)

        with pytest.raises(SoldOut):
            await shop.order("song", 3)
        await shop.pay(waiting)

        assert await shop.stock("song") == (2, 0)

    async def test_takes_all_lines_or_none(self, shop: Shop) -> None:
        lines = [(shop.skus["tea"], 2), (shop.skus["cup"], 6)]

        with pytest.raises(SoldOut, match="Cup"):
            await shop.order(lines=lines)

        assert (await shop.stock("tea"), await shop.stock("cup")) == ((10, 0), (5, 0))

    async def test_adds_two_lines_of_one_sku_together(self, shop: Shop) -> None:
        lines = [(shop.skus["cup"], 3), (shop.skus["cup"], 3)]

        with pytest.raises(SoldOut):
            await shop.order(lines=lines)

    @pytest.mark.parametrize(
        ("lines", "refusal"), [([], EmptyOrder), ([("tea", 0)], BadQuantity), ([("tea", -1)], BadQuantity)]
    )
    async def test_refuses_nonsense(self, shop: Shop, lines: list[tuple[str, int]], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            await shop.order(lines=[(shop.skus[sku], quantity) for sku, quantity in lines])

    async def test_goes_to_one_merchant(self, shop: Shop) -> None:
        with pytest.raises(SeveralMerchants):
            await shop.order(lines=[(shop.skus["tea"], 1), (shop.skus["hat"], 1)])

    async def test_does_not_give_away(self, shop: Shop) -> None:
        with pytest.raises(NothingToPay):
            await shop.order("gift")

    async def test_keeps_the_contact_apart(self, shop: Shop) -> None:
        placed = await shop.order(contact=Contact(name="王芳", phone="13800000000"))

        assert await shop.rows("SELECT order_id, name FROM order_contacts") == [(placed.id, "王芳")]

    async def test_writes_one_event(self, shop: Shop) -> None:
        placed = await shop.order("tea", 2)

        found = await shop.rows("SELECT name, data FROM events WHERE subject_id = :id", id=placed.id)
        assert [(name, data["lines"]) for name, data in found] == [("order.placed", [[str(shop.skus["tea"]), 2]])]


class TestKeys:
    async def test_the_same_key_again_returns_the_first_answer(self, shop: Shop) -> None:
        first = await shop.order("tea", 2, idempotency_key="k")

        again = await shop.order("tea", 2, idempotency_key="k")

        assert (again.id, again.total, again.replayed) == (first.id, first.total, True)
        assert await shop.stock("tea") == (10, 2)

    async def test_a_hundred_times_at_once_is_one_order(self, shop: Shop) -> None:
        answers = await asyncio.gather(*(shop.order("tea", 2, idempotency_key="k") for _ in range(100)))

        assert len({answer.id for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
        assert await shop.stock("tea") == (10, 2)

    async def test_another_body_is_refused(self, shop: Shop) -> None:
        await shop.order("tea", 2, idempotency_key="k")

        with pytest.raises(IdempotencyKeyReused):
            await shop.order("tea", 3, idempotency_key="k")

        assert await shop.stock("tea") == (10, 2)

    async def test_a_refusal_is_kept(self, shop: Shop) -> None:
        with pytest.raises(SoldOut):
            await shop.order("cup", 6, idempotency_key="k")
        await shop.house.db.all(text("SELECT 1"))

        with pytest.raises(SoldOut):  # the same answer, whatever stock there may be since
            await shop.order("cup", 6, idempotency_key="k")

        assert await shop.rows("SELECT kind FROM kept_answers WHERE scope = 'test'") == [("refused",)]

    async def test_each_scope_has_its_own_keys(self, shop: Shop) -> None:
        one = await shop.order(idempotency_key="k", idempotency_scope="a")
        other = await shop.order(idempotency_key="k", idempotency_scope="b")

        assert one.id != other.id

    async def test_a_placed_order_is_the_answer_though_the_price_has_changed(self, shop: Shop) -> None:
        first = await shop.order(idempotency_key="k", expected_total=Money(1250, "CNY"))
        await change_offer(
            shop.house.db, sku_id=shop.skus["tea"], price_minor=2000, actor=HOUSE, at=shop.at, rng=shop.rng
        )
        shop.house.forget()

        again = await shop.order(idempotency_key="k", expected_total=Money(1250, "CNY"))

        assert (again.id, again.replayed) == (first.id, True)


class TestQuotes:
    async def test_another_total_than_shown_is_asked_again(self, shop: Shop) -> None:
        with pytest.raises(QuoteChanged):
            await shop.order("tea", 1, expected_total=Money(1249, "CNY"))

        assert await shop.stock("tea") == (10, 0)

    async def test_a_price_that_changes_meanwhile_is_decided_again(self, shop: Shop) -> None:
        await shop.order("tea")  # the offer is in the cache now
        await change_offer(
            shop.house.db, sku_id=shop.skus["tea"], price_minor=2000, actor=HOUSE, at=shop.at, rng=shop.rng
        )

        placed = await shop.order("tea")

        assert placed.total == Money(2000, "CNY")

    async def test_what_is_taken_off_the_list_is_not_sold(self, shop: Shop) -> None:
        await shop.order("tea")
        await change_offer(
            shop.house.db, sku_id=shop.skus["tea"], state="unlisted", actor=HOUSE, at=shop.at, rng=shop.rng
        )

        with pytest.raises(SkuNotOffered):
            await shop.order("tea")

    async def test_a_plan_that_changes_meanwhile_is_decided_again(self, shop: Shop) -> None:
        share = await shop.share()
        await shop.order("tea", share_token=share.token)
        await change_plan(
            shop.house.db,
            scope="platform",
            scope_id=None,
            kind="percent",
            rate_ppm=200_000,
            flat_minor=None,
            cap_minor=None,
            hold_seconds=60,
            state="open",
            actor=HOUSE,
            at=shop.at,
            rng=shop.rng,
        )

        placed = await shop.order("tea", share_token=share.token)

        found = await shop.rows("SELECT commission_minor FROM order_lines WHERE order_id = :id", id=placed.id)
        assert found == [(250,)]


class TestCredit:
    async def test_the_last_touch_wins_and_the_losers_are_kept(self, shop: Shop) -> None:
        other = await shop.member()
        early, late = await shop.share(), await shop.share("cup", actor=other)
        visitor = new_id(at=shop.at, rng=shop.rng)
        for minutes, share in ((30, early), (10, late)):
            opened = shop.at - timedelta(minutes=minutes)
            await record_visit(shop.house, token=share.token, form="link", visitor_id=visitor, at=opened, rng=shop.rng)

        placed = await shop.order("tea", visitor_id=visitor)

        found = await shop.rows(
            "SELECT promoter_id, outcome, reason FROM order_touches WHERE order_id = :id ORDER BY touched_at",
            id=placed.id,
        )
        assert found == [
            (shop.promoter.member_id, "lost", "earlier_touch"),
            (other.member_id, "won", "last_touch"),
        ]
        assert await shop.rows("SELECT credit_promoter_id, credit_rule FROM orders") == [
            (other.member_id, "last-touch@0 15d shop")
        ]

    async def test_a_share_given_with_the_order_counts(self, shop: Shop) -> None:
        share = await shop.share()

        placed = await shop.order(share_token=share.token)

        found = await shop.rows("SELECT credit_share_id FROM orders WHERE id = :id", id=placed.id)
        assert found == [(share.id,)]

    async def test_a_revoked_share_brings_no_credit_but_the_order_goes_on(self, shop: Shop) -> None:
        share = await shop.share()
        await change_share(shop.house.db, share_id=share.id, state="revoked", actor=shop.promoter, at=shop.at)
        shop.house.forget()

        await shop.order(share_token=share.token)

        assert await shop.rows("SELECT outcome, reason FROM order_touches") == [("lost", "share_not_open")]
        assert await shop.rows("SELECT credit_reason FROM orders") == [("no_valid_touch",)]

    async def test_ones_own_share_brings_no_credit(self, shop: Shop) -> None:
        share = await shop.share()

        await shop.order(share_token=share.token, member_id=shop.promoter.member_id)

        assert await shop.rows("SELECT reason FROM order_touches") == [("self_purchase",)]

    async def test_signing_out_makes_ones_own_purchase_nobody_elses(self, shop: Shop) -> None:
        share, cookie = await shop.share(), new_id(at=shop.at, rng=shop.rng)
        assert shop.promoter.member_id is not None
        async with shop.house.db.transaction() as connection:
            await tie_visitor(connection, visitor_id=cookie, member_id=shop.promoter.member_id, at=shop.at)
        await record_visit(
            shop.house, token=share.token, form="link", visitor_id=cookie, at=shop.at - timedelta(hours=1), rng=shop.rng
        )

        await shop.order(visitor_id=cookie)

        assert await shop.rows("SELECT reason FROM order_touches") == [("self_purchase",)]
        assert await shop.rows("SELECT credit_promoter_id FROM orders") == [(None,)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_a_typo_is_told_and_an_unknown_share_too(self, shop: Shop) -> None:
        share = await shop.share()
        wrong = ("A" if share.token[0] != "A" else "B") + share.token[1:]

        with pytest.raises(CodeMistyped):
            await shop.order(share_token=wrong)
        with pytest.raises(ShareUnknown):
            await shop.order(share_token=new_token(rng=shop.rng))


_ITEM = st.tuples(
    st.sampled_from(("tea", "cup", "song")),
    st.integers(1, 6),
    st.integers(0, 7),  # which key
    st.sampled_from(("same", "same", "same", "other")),  # the body under that key
    st.sampled_from((True, True, True, True, False)),  # decided on the present version?
)


class TestTheFunctionAgainstAPlainModel:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(sets=st.lists(st.lists(_ITEM, min_size=1, max_size=9), min_size=1, max_size=4))
    async def test_answers_and_stock_are_equal(
        self, shop: Shop, sets: list[list[tuple[str, int, int, str, bool]]]
    ) -> None:
        run = new_id(at=shop.at, rng=shop.rng).hex  # keys of this example alone
        free: dict[str, int | None] = {}
        for sku in ("tea", "cup", "song"):
            on_hand, reserved = await shop.stock(sku)
            free[sku] = None if sku == "song" else on_hand - reserved
        plans = (await shop.rows("SELECT version FROM reference_versions WHERE name = 'plans'"))[0][0]
        known: dict[int, tuple[bytes, str, object]] = {}
        connection = await shop.house.db.raw()
        try:
            for items in sets:
                decided = [self._item(shop, run, plans, *item) for item in items]
                answers = await place_orders(connection, decided)
                stale: set[int] = set()
                expected = [
                    self._predicted(free, known, stale, item, made) for item, made in zip(items, decided, strict=True)
                ]
                assert [_comparable(one) for one in answers] == expected
        finally:
            await connection.close()
        for sku, left in free.items():
            on_hand, reserved = await shop.stock(sku)
            assert left is None or on_hand - reserved == left

    def _item(
        self, shop: Shop, run: str, plans: int, sku: str, quantity: int, key: int, body: str, current: bool
    ) -> OrderItem:
        merchant = shop.merchant_id
        hashed = hashlib.sha256(f"{sku} {quantity} {body}".encode()).digest()
        head = ItemHead(
            id=new_id(at=shop.at, rng=shop.rng),
            scope="model",
            key=f"{run} {key}",
            request_hash=hashed,
            merchant_id=merchant,
            member_id=None,
            visitor_id=new_id(at=shop.at, rng=shop.rng),
            checkout_id=None,
            currency="CNY",
            goods_minor=100 * quantity,
            shipping_minor=0,
            credit_share_id=None,
            credit_promoter_id=None,
            second_promoter_id=None,
            credit_rule="r",
            credit_reason="no_touch",
            placed_at=shop.at,
            reserved_until=shop.at + timedelta(minutes=15),
            plans_version=plans,
            credit_policy_id=None,
            credit_binding_id=None,
            credit_unkept=None,
            policies_version=0,
        )
        version = 1 if current else 0
        line = ItemLine(1, shop.skus[sku], sku, quantity, 100, 0, 0, version, None, 0, None, 0, 0, 0)
        return OrderItem(head, (line,), (), None)

    @staticmethod
    def _predicted(
        free: dict[str, int | None],
        known: dict[int, tuple[bytes, str, object]],
        stale: set[int],
        item: tuple[str, int, int, str, bool],
        made: OrderItem,
    ) -> tuple[str, object]:
        sku, quantity, key, _, current = item
        if key in known:
            hashed, outcome, order_id = known[key]
            if hashed != made.head.request_hash:
                return ("other_body", None)
            return ("known", order_id) if outcome == "placed" else ("sold_out", None)
        if key in stale or not current:  # a key that was stale once in a set is decided again as a whole
            stale.add(key)
            return ("stale", None)
        left = free[sku]
        if left is not None and left < quantity:
            known[key] = (made.head.request_hash, "sold_out", None)
            return ("sold_out", None)
        if left is not None:
            free[sku] = left - quantity
        known[key] = (made.head.request_hash, "placed", made.head.id)
        return ("placed", made.head.id)


def _comparable(answer: OrderAnswer) -> tuple[str, object]:
    """A refusal is the same answer whether it is given for the first time or again."""
    outcome = "sold_out" if answer.outcome == "refused" else answer.outcome
    return outcome, answer.order_id if outcome in ("placed", "known") else None
