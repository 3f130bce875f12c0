"""Who brought the buyer: both sides of each boundary, and what holds for any touches."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.attribution.errors import (
    PolicyBindingUnknown,
    PolicyLevelUnknown,
    PolicyModelUnknown,
    PolicyNotEnded,
    PolicyStateUnknown,
    PolicyWindowOutOfRange,
)
from fissile.domain.attribution.model import (
    BINDINGS,
    BUILT_IN,
    LEVELS,
    MODELS,
    Basket,
    BuyerBinding,
    Credit,
    Policies,
    PolicyVersion,
    PromoterCode,
    Touch,
)
from fissile.domain.attribution.rules import TOUCHES_KEPT, check_policy, credit, holds_between

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA, BEN, CLEO = UUID(int=1), UUID(int=2), UUID(int=3)
HILL, SHORE = UUID(int=11), UUID(int=12)
TEA, CUP = UUID(int=21), UUID(int=22)
LAST = BUILT_IN
FIRST = replace(BUILT_IN, model="first_touch")


def a_touch(*, ago: timedelta, share: int = 1, promoter: UUID = ANNA, **changes: Any) -> Touch:
    """A touch of tea some time before the order."""
    given: dict[str, Any] = {"product_id": TEA, "merchant_id": HILL, "first_at": AT - ago}
    return Touch(UUID(int=share), promoter, AT - ago, **(given | changes))


def decide(*touches: Touch, policy: PolicyVersion = LAST, buyer: UUID | None = None, **more: Any) -> Credit:
    """Decide an order of tea."""
    basket = Basket(merchant_id=HILL, product_ids=frozenset({TEA}), buyer_id=buyer, at=AT)
    return credit(touches=touches, policy=policy, basket=basket, **more)


def reasons(decided: Credit) -> list[str]:
    return [one.reason for one in decided.touches]


class TestCredit:
    def test_nobody_without_touches(self) -> None:
        decided = decide()

        assert (decided.promoter_id, decided.reason, decided.touches) == (None, "no_touch", ())

    @pytest.mark.parametrize("policy", [LAST, FIRST])
    def test_the_window_includes_its_first_moment(self, policy: PolicyVersion) -> None:
        assert decide(a_touch(ago=timedelta(days=15)), policy=policy).promoter_id == ANNA

    @pytest.mark.parametrize("policy", [LAST, FIRST])
    def test_a_moment_before_the_window_is_too_early(self, policy: PolicyVersion) -> None:
        decided = decide(a_touch(ago=timedelta(days=15, microseconds=1)), policy=policy)

        assert (decided.promoter_id, decided.reason, reasons(decided)) == (None, "no_valid_touch", ["outside_window"])

    def test_the_last_touch_wins(self) -> None:
        first, last = a_touch(ago=timedelta(days=2)), a_touch(ago=timedelta(days=1), share=2, promoter=BEN)

        decided = decide(last, first)

        assert (decided.promoter_id, decided.share_id, decided.reason) == (BEN, last.share_id, "last_touch")
        assert [(one.share_id, one.won, one.reason) for one in decided.touches] == [
            (last.share_id, True, "last_touch"),
            (first.share_id, False, "earlier_touch"),
        ]

    def test_or_the_first_by_another_policy(self) -> None:
        first, last = a_touch(ago=timedelta(days=2)), a_touch(ago=timedelta(days=1), share=2, promoter=BEN)

        decided = decide(last, first, policy=FIRST)

        assert (decided.promoter_id, decided.reason) == (ANNA, "first_touch")
        assert reasons(decided) == ["first_touch", "later_touch"]

    def test_who_came_first_and_came_again_was_first(self) -> None:
        first, again = a_touch(ago=timedelta(days=5)), a_touch(ago=timedelta(days=1))
        between = a_touch(ago=timedelta(days=3), share=2, promoter=BEN)

        assert decide(again, between, first, policy=FIRST).promoter_id == ANNA
        assert decide(again, between, first, policy=LAST).promoter_id == ANNA

    def test_first_is_within_the_window(self) -> None:
        long_ago, again = a_touch(ago=timedelta(days=20)), a_touch(ago=timedelta(days=1))
        between = a_touch(ago=timedelta(days=3), share=2, promoter=BEN)

        decided = decide(long_ago, again, between, policy=FIRST)

        assert decided.promoter_id == BEN
        assert reasons(decided) == ["first_touch", "later_touch"]  # Anna's share is judged by what counts of it

    def test_a_visit_that_began_before_the_window_is_within_by_its_end(self) -> None:
        begun = a_touch(ago=timedelta(days=15), first_at=AT - timedelta(days=15, minutes=10))

        decided = decide(begun, policy=FIRST)

        assert decided.touches[0].touched_at == AT - timedelta(days=15)

    def test_at_the_same_moment_the_younger_share_is_the_later(self) -> None:
        old, young = a_touch(ago=timedelta(0), share=1), a_touch(ago=timedelta(0), share=2, promoter=BEN)

        assert decide(young, old).promoter_id == BEN
        assert decide(young, old, policy=FIRST).promoter_id == ANNA

    def test_a_touch_stamped_after_the_order_counts(self) -> None:
        ahead, usual = a_touch(ago=timedelta(hours=-1)), a_touch(ago=timedelta(hours=1), share=2, promoter=BEN)

        assert decide(ahead, usual).promoter_id == ANNA

    def test_ones_own_purchase_passes_the_credit_on(self) -> None:
        own, before = a_touch(ago=timedelta(hours=1)), a_touch(ago=timedelta(hours=2), share=2, promoter=BEN)

        decided = decide(own, before, buyer=ANNA)

        assert decided.promoter_id == BEN
        assert reasons(decided) == ["last_touch", "self_purchase"]

    def test_a_purchase_with_ones_own_cookie_is_ones_own(self) -> None:
        opened = a_touch(ago=timedelta(hours=1), own=True)
        given_with_the_order = a_touch(ago=timedelta(0))

        decided = decide(opened, given_with_the_order)

        assert (decided.promoter_id, reasons(decided)) == (None, ["self_purchase"])

    def test_unless_the_policy_allows_it(self) -> None:
        own = a_touch(ago=timedelta(hours=1))

        assert decide(own, policy=replace(LAST, self_purchase=True), buyer=ANNA).promoter_id == ANNA

    def test_a_share_that_is_not_open_does_not_win_by_being_given(self) -> None:
        closed = a_touch(ago=timedelta(0), open=False)

        assert reasons(decide(closed)) == ["share_not_open"]

    def test_but_its_opening_while_it_was_open_counts(self) -> None:
        opened, closed = a_touch(ago=timedelta(days=1)), a_touch(ago=timedelta(0), open=False)

        decided = decide(opened, closed)

        assert (decided.promoter_id, reasons(decided)) == (ANNA, ["last_touch"])

    def test_a_closed_account_earns_nothing(self) -> None:
        closed, other = (
            a_touch(ago=timedelta(hours=1), promoter_open=False),
            a_touch(ago=timedelta(hours=2), share=2, promoter=BEN),
        )

        decided = decide(closed, other)

        assert (decided.promoter_id, reasons(decided)) == (BEN, ["last_touch", "promoter_closed"])


class TestLevel:
    def test_of_the_shop_counts_anything_of_the_merchant(self) -> None:
        assert decide(a_touch(ago=timedelta(hours=1), product_id=CUP)).promoter_id == ANNA

    def test_of_the_shop_counts_nothing_of_another_merchant(self) -> None:
        decided = decide(a_touch(ago=timedelta(hours=1), product_id=CUP, merchant_id=SHORE))

        assert reasons(decided) == ["other_merchant"]

    def test_of_the_product_counts_what_is_in_the_order(self) -> None:
        policy = replace(LAST, level="product")
        tea = a_touch(ago=timedelta(hours=2))
        cup = a_touch(ago=timedelta(hours=1), share=2, promoter=BEN, product_id=CUP)

        decided = decide(tea, cup, policy=policy)

        assert (decided.promoter_id, reasons(decided)) == (ANNA, ["last_touch", "other_product"])

    def test_a_share_of_the_whole_shop_counts_for_the_shop_alone(self) -> None:
        whole = a_touch(ago=timedelta(hours=1), product_id=None, merchant_id=None)

        assert decide(whole).promoter_id == ANNA
        assert decide(whole, policy=replace(LAST, level="product")).promoter_id is None


def a_binding(promoter: UUID = CLEO, **changes: Any) -> BuyerBinding:
    given: dict[str, Any] = {
        "order_id": UUID(int=99),
        "member_id": UUID(int=98),
        "promoter_id": promoter,
        "share_id": UUID(int=97),
    }
    return BuyerBinding(**(given | changes))


class TestBinding:
    touch = a_touch(ago=timedelta(hours=1))

    @pytest.mark.parametrize(
        ("use", "touched", "promoter", "reason"),
        [
            ("off", True, ANNA, "last_touch"),
            ("off", False, None, "no_touch"),
            ("after", True, ANNA, "last_touch"),
            ("after", False, CLEO, "binding"),
            ("before", True, CLEO, "binding"),
            ("before", False, CLEO, "binding"),
        ],
    )
    def test_decides_where_the_policy_puts_it(self, use: Any, touched: bool, promoter: UUID, reason: str) -> None:
        touches = [self.touch] if touched else []

        decided = decide(*touches, policy=replace(LAST, binding=use), binding=a_binding())

        assert (decided.promoter_id, decided.reason) == (promoter, reason)

    def test_touches_that_it_beat_say_so(self) -> None:
        old = a_touch(ago=timedelta(days=16), share=2)

        decided = decide(self.touch, old, policy=replace(LAST, binding="before"), binding=a_binding())

        assert (decided.share_id, reasons(decided)) == (UUID(int=97), ["binding_first", "outside_window"])
        assert not any(one.won for one in decided.touches)

    def test_to_a_closed_account_decides_nothing(self) -> None:
        policy = replace(LAST, binding="before")

        assert decide(self.touch, policy=policy, binding=a_binding(promoter_open=False)).promoter_id == ANNA

    def test_to_whose_cookie_it_is_decides_nothing(self) -> None:
        own = a_touch(ago=timedelta(hours=1), promoter=CLEO, own=True)

        assert decide(own, policy=replace(LAST, binding="before"), binding=a_binding()).promoter_id is None


class TestCode:
    code = PromoterCode(promoter_id=BEN, share_id=UUID(int=7))

    def test_comes_before_every_click_and_binding(self) -> None:
        decided = decide(
            a_touch(ago=timedelta(0)), policy=replace(LAST, binding="before"), binding=a_binding(), code=self.code
        )

        assert (decided.promoter_id, decided.share_id, decided.reason) == (BEN, UUID(int=7), "coupon_code")
        assert (reasons(decided), decided.binding) == (["code_first"], None)

    def test_of_ones_own_leaves_it_to_the_click(self) -> None:
        assert decide(a_touch(ago=timedelta(0)), code=self.code, buyer=BEN).promoter_id == ANNA

    def test_of_a_closed_account_leaves_it_to_the_click(self) -> None:
        closed = replace(self.code, promoter_open=False)

        assert decide(a_touch(ago=timedelta(0)), code=closed).promoter_id == ANNA


class TestWhatIsKept:
    def test_all_are_judged_and_the_nearest_to_winning_are_kept(self) -> None:
        touches = [a_touch(ago=timedelta(minutes=n), share=n, promoter=UUID(int=1000 + n)) for n in range(1, 2001)]
        old = [a_touch(ago=timedelta(days=20), share=n) for n in range(3000, 3010)]

        for policy, best in ((LAST, 1), (FIRST, 2000)):
            decided = decide(*touches, *old, policy=policy)

            assert decided.promoter_id == UUID(int=1000 + best)
            assert len(decided.touches) == TOUCHES_KEPT
            assert decided.touches[0].won
            lost = "earlier_touch" if policy is LAST else "later_touch"
            assert decided.unkept == {lost: 2000 - TOUCHES_KEPT, "outside_window": 10}

    def test_the_winner_is_kept_behind_any_number_of_later_losers(self) -> None:
        losers = [a_touch(ago=timedelta(minutes=n), share=n) for n in range(1, 200)]
        winner = a_touch(ago=timedelta(days=3), share=500, promoter=BEN)

        decided = decide(*losers, winner, buyer=ANNA)

        assert (decided.promoter_id, decided.touches[0].promoter_id) == (BEN, BEN)
        assert decided.unkept == {"self_purchase": 199 + 1 - TOUCHES_KEPT}


_TOUCHES = st.lists(
    st.builds(
        lambda hours, length, share, product, is_open, promoter_open, own: Touch(
            UUID(int=share),
            UUID(int=1 + share % 4),  # a share has one promoter
            AT - timedelta(hours=hours),
            AT - timedelta(hours=hours, minutes=length),
            (TEA, CUP)[product],
            (HILL, SHORE)[product and share % 2],
            is_open,
            promoter_open,
            own and share % 4 == 1,
        ),
        st.integers(-2, 24 * 17),
        st.integers(0, 30),
        st.integers(1, 30),
        st.integers(0, 1),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=80,
)
_POLICIES = st.builds(
    lambda model, days, level, binding, own: replace(
        BUILT_IN, model=model, window_days=days, level=level, binding=binding, self_purchase=own
    ),
    st.sampled_from(MODELS),
    st.integers(1, 16),
    st.sampled_from(LEVELS),
    st.sampled_from(BINDINGS),
    st.booleans(),
)
_BUYERS = st.sampled_from((None, ANNA, BEN))
_BOUND = st.sampled_from((None, a_binding(), a_binding(BEN), a_binding(promoter_open=False)))


class TestForAnyTouches:
    @given(_TOUCHES, _POLICIES, _BUYERS, _BOUND, st.randoms(use_true_random=False))
    def test_the_order_in_which_they_come_does_not_matter(
        self,
        touches: list[Touch],
        policy: PolicyVersion,
        buyer: UUID | None,
        binding: BuyerBinding | None,
        chance: random.Random,
    ) -> None:
        shuffled = chance.sample(touches, len(touches))

        assert decide(*shuffled, policy=policy, buyer=buyer, binding=binding) == decide(
            *touches, policy=policy, buyer=buyer, binding=binding
        )

    @given(_TOUCHES, _POLICIES, _BUYERS, _BOUND)
    def test_each_share_is_judged_once_and_at_most_one_wins(
        self, touches: list[Touch], policy: PolicyVersion, buyer: UUID | None, binding: BuyerBinding | None
    ) -> None:
        decided = decide(*touches, policy=policy, buyer=buyer, binding=binding)

        winners = [one for one in decided.touches if one.won]
        assert len(decided.touches) + sum(decided.unkept.values()) == len({one.share_id for one in touches})
        assert len(winners) == (decided.reason == policy.model)
        assert all((one.share_id, one.promoter_id) == (decided.share_id, decided.promoter_id) for one in winners)
        assert (decided.promoter_id is None) == (decided.reason in ("no_touch", "no_valid_touch"))

    @given(_TOUCHES, _POLICIES, _BUYERS, st.data())
    def test_another_touch_that_loses_does_not_change_the_winner(
        self, touches: list[Touch], policy: PolicyVersion, buyer: UUID | None, data: st.DataObject
    ) -> None:
        before = decide(*touches, policy=policy, buyer=buyer)
        share = UUID(int=data.draw(st.sampled_from((31, 35, 200))))
        worse = timedelta(seconds=1 if policy.model == "last_touch" else -1)
        won_at = next((one.touched_at for one in before.touches if one.won), AT)
        added = data.draw(
            st.sampled_from(
                (
                    Touch(share, CLEO, won_at - worse, won_at - worse, TEA, HILL),  # on the worse side of the winner
                    Touch(share, CLEO, AT, AT, TEA, HILL, open=False),
                    Touch(share, CLEO, AT, AT, TEA, HILL, promoter_open=False),
                    Touch(share, CLEO, AT, AT, CUP, SHORE),
                    Touch(share, CLEO, AT - timedelta(days=17), AT - timedelta(days=17), TEA, HILL),
                )
            )
        )
        if before.promoter_id is None and added.open and added.promoter_open and added.product_id == TEA:
            return  # where nobody had won, a touch that counts wins

        after = decide(*touches, added, policy=policy, buyer=buyer)

        assert (after.promoter_id, after.share_id) == (before.promoter_id, before.share_id)

    @given(_TOUCHES, _POLICIES)
    def test_of_what_counts_the_outermost_wins(self, touches: list[Touch], policy: PolicyVersion) -> None:
        decided = decide(*touches, policy=policy)

        counted = [(one.touched_at, one.share_id) for one in decided.touches if one.reason.endswith("_touch")]
        if counted:
            assert counted == sorted(counted, reverse=policy.model == "last_touch")
            assert counted[0][1] == decided.share_id

    @given(_TOUCHES, _POLICIES, st.integers(-3600 * 24 * 16, 3600 * 24 * 16))
    def test_between_two_ends_of_the_window_the_moment_does_not_matter(
        self, touches: list[Touch], policy: PolicyVersion, seconds: int
    ) -> None:
        basket = Basket(merchant_id=HILL, product_ids=frozenset({TEA}), buyer_id=None, at=AT)
        after, until = holds_between(touches, policy=policy, at=AT)
        moments = [AT + timedelta(seconds=seconds)]
        moments += [] if after is None else [after, after + timedelta(microseconds=1)]
        moments += [] if until is None else [until]

        for at in moments:
            if (after is None or after < at) and (until is None or at <= until):
                assert credit(touches=touches, policy=policy, basket=replace(basket, at=at)) == credit(
                    touches=touches, policy=policy, basket=basket
                )

    @given(_TOUCHES, _BUYERS)
    def test_nobody_earns_on_what_they_buy_themselves(self, touches: list[Touch], buyer: UUID | None) -> None:
        decided = decide(*touches, buyer=buyer)

        assert decided.promoter_id is None or decided.promoter_id != buyer
        assert decided.promoter_id not in {one.promoter_id for one in touches if one.own}


class TestPolicies:
    def test_the_newest_open_one_of_the_merchant_decides(self) -> None:
        everyone = replace(BUILT_IN, id=UUID(int=1), version=1, window_days=30)
        old = replace(everyone, merchant_id=HILL, version=1, window_days=7)
        new = replace(old, version=2, window_days=3)
        policies = Policies.of([new, everyone, old])

        assert policies.policy_for(HILL) == new
        assert policies.policy_for(SHORE) == everyone

    def test_an_ended_one_leaves_it_to_everyones(self) -> None:
        everyone = replace(BUILT_IN, id=UUID(int=1), version=1)
        ended = replace(everyone, merchant_id=HILL, version=3, state="ended")

        assert Policies.of([ended, everyone]).policy_for(HILL) == everyone

    def test_the_built_in_one_decides_where_none_was_made(self) -> None:
        assert Policies().policy_for(HILL) == BUILT_IN

    def test_a_name_tells_its_terms(self) -> None:
        assert BUILT_IN.name == "last-touch@0 15d shop"
        assert (
            replace(FIRST, version=3, window_days=30, level="product", binding="after", self_purchase=True).name
            == "first-touch@3 30d product binding-after self-purchase"
        )


_FINE: dict[str, Any] = {
    "merchant_id": None,
    "model": "last_touch",
    "window_days": 15,
    "level": "shop",
    "binding": "off",
    "state": "open",
}


class TestCheckPolicy:
    @pytest.mark.parametrize("days", [1, 365])
    def test_takes_windows_of_a_day_to_a_year(self, days: int) -> None:
        check_policy(**(_FINE | {"window_days": days}))

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"window_days": 0}, PolicyWindowOutOfRange),
            ({"window_days": -1}, PolicyWindowOutOfRange),
            ({"window_days": 366}, PolicyWindowOutOfRange),
            ({"model": "linear"}, PolicyModelUnknown),
            ({"level": "planet"}, PolicyLevelUnknown),
            ({"binding": "always"}, PolicyBindingUnknown),
            ({"state": "paused"}, PolicyStateUnknown),
            ({"state": "ended"}, PolicyNotEnded),
        ],
    )
    def test_refuses_what_is_none(self, changes: dict[str, Any], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            check_policy(**(_FINE | changes))
