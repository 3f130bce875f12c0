from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.domain.commissions import errors
from fissile.domain.commissions.model import FeeVersion, LineSplit, Plans, PlanVersion
from fissile.domain.commissions.rules import HOLD_SECONDS_MAX, check_plan, check_rate, split_line
from fissile.kernel.money import MINOR_MAX, Money

from .conftest import a_fee, a_flat_plan, a_plan

PRODUCT, NEAR, FAR, MERCHANT, OTHER = (UUID(int=number) for number in range(11, 16))


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def split(amount: int, **changes: Any) -> LineSplit:
    """Split a line of one piece that a share is credited for, without plan and fee unless given."""
    fields: dict[str, Any] = {
        "tax": cny(0),
        "quantity": 1,
        "plan": None,
        "fee": None,
        "credited": True,
        "invited": False,
    }
    return split_line(amount=cny(amount), **(fields | changes))


amounts = st.integers(min_value=0, max_value=10**12)
rates = st.integers(min_value=0, max_value=1_000_000)
caps = st.none() | amounts
plans: st.SearchStrategy[PlanVersion] = st.one_of(
    st.builds(lambda rate, cap: a_plan(rate_ppm=rate, cap_minor=cap), rates, caps),
    st.builds(lambda flat, cap: a_flat_plan(flat, cap_minor=cap), amounts, caps),
)
fees: st.SearchStrategy[FeeVersion] = st.builds(a_fee, rates)


class TestSplitLine:
    def test_drops_part_of_a_minor_unit(self) -> None:
        parts = split(19_999, plan=a_plan(rate_ppm=50_000), fee=a_fee(10_000))

        assert parts == LineSplit(commission=cny(999), second=cny(0), fee=cny(199), merchant=cny(18_801))

    def test_pays_a_flat_plan_for_each_piece(self) -> None:
        assert split(10_000, quantity=3, plan=a_flat_plan(250)).commission == cny(750)

    @pytest.mark.parametrize(("cap", "earned"), [(499, 499), (500, 500), (501, 500), (0, 0)])
    def test_pays_no_more_than_the_cap_for_a_line(self, cap: int, earned: int) -> None:
        assert split(10_000, plan=a_plan(cap_minor=cap)).commission == cny(earned)
        assert split(10_000, quantity=2, plan=a_flat_plan(250, cap_minor=cap)).commission == cny(earned)

    def test_pays_no_more_than_the_amount(self) -> None:
        parts = split(100, quantity=3, plan=a_flat_plan(50), fee=a_fee(10_000))

        assert parts == LineSplit(commission=cny(100), second=cny(0), fee=cny(0), merchant=cny(0))

    @pytest.mark.parametrize(("fee_ppm", "charged"), [(100_000, 1_000), (200_000, 1_000), (99_900, 999)])
    def test_the_commission_comes_before_the_fee(self, fee_ppm: int, charged: int) -> None:
        parts = split(10_000, plan=a_plan(rate_ppm=900_000), fee=a_fee(fee_ppm))

        assert parts == LineSplit(cny(9_000), cny(0), cny(charged), cny(1_000 - charged))

    def test_pays_nothing_without_a_share_or_a_plan(self) -> None:
        whole = LineSplit(commission=cny(0), second=cny(0), fee=cny(100), merchant=cny(9_900))

        assert split(10_000, plan=a_plan(), fee=a_fee(10_000), credited=False) == whole
        assert split(10_000, plan=None, fee=a_fee(10_000)) == whole

    def test_splits_a_line_that_cost_nothing(self) -> None:
        assert split(0, plan=a_flat_plan(5), fee=a_fee(10_000)) == LineSplit(cny(0), cny(0), cny(0), cny(0))

    @pytest.mark.parametrize(
        ("cap", "parts"), [(None, (1_000, 500)), (1_200, (1_000, 200)), (1_000, (1_000, 0)), (700, (700, 0))]
    )
    def test_pays_the_inviter_what_the_cap_leaves(self, cap: int | None, parts: tuple[int, int]) -> None:
        plan = a_plan(rate_ppm=100_000, second_rate_ppm=50_000, cap_minor=cap)

        made = split(10_000, plan=plan, fee=a_fee(10_000), invited=True)

        assert (made.commission.minor, made.second.minor) == parts
        assert made.fee == cny(100)
        assert split(10_000, plan=plan, invited=False).second == cny(0)
        assert split(10_000, plan=plan, invited=True, credited=False).second == cny(0)

    def test_reckons_from_the_goods_without_their_tax_which_stays_with_the_merchant(self) -> None:
        made = split(11_300, tax=cny(1_300), plan=a_plan(rate_ppm=100_000), fee=a_fee(50_000))

        assert made == LineSplit(cny(1_000), cny(0), cny(500), cny(9_800))

    def test_takes_no_ended_plan(self) -> None:
        with pytest.raises(AssertionError):
            split(10_000, plan=a_plan(state="ended"))

    @settings(deadline=None, max_examples=400)
    @given(
        amount=amounts,
        quantity=st.integers(min_value=1, max_value=1_000),
        plan=st.none() | plans,
        fee=st.none() | fees,
        credited=st.booleans(),
        second=st.none() | rates,
        tax_ppm=rates,
    )
    def test_parts_are_not_negative_and_exactly_the_whole(
        self,
        amount: int,
        quantity: int,
        plan: PlanVersion | None,
        fee: FeeVersion | None,
        credited: bool,
        second: int | None,
        tax_ppm: int,
    ) -> None:
        tax = amount * tax_ppm // 1_000_000
        if plan is not None:
            plan = replace(plan, second_rate_ppm=second)
        given = {"quantity": quantity, "plan": plan, "fee": fee, "credited": credited}
        parts = split(amount, tax=cny(tax), invited=True, **given)

        assert parts.commission + parts.second + parts.fee + parts.merchant == cny(amount)
        assert min(parts.commission.minor, parts.second.minor, parts.fee.minor) >= 0
        assert parts.merchant.minor >= tax
        if plan is None or not credited:
            assert parts.commission + parts.second == cny(0)
        elif plan.cap_minor is not None:
            assert (parts.commission + parts.second).minor <= plan.cap_minor
        if fee is not None:
            assert parts.fee.minor * 1_000_000 <= amount * fee.rate_ppm


class TestPlans:
    def plans(self, *scopes: tuple[str, UUID | None], ended: tuple[str, ...] = ()) -> Plans:
        made = [
            a_plan(scope=scope, scope_id=scope_id, state="ended" if scope in ended else "open")
            for scope, scope_id in scopes
        ]
        return Plans.of(plans=made, fees=[])

    @pytest.mark.parametrize("first", range(5))
    def test_the_most_specific_decides(self, first: int) -> None:
        order = [
            ("product", PRODUCT),
            ("category", NEAR),
            ("category", FAR),
            ("merchant", MERCHANT),
            ("platform", None),
        ]

        found = self.plans(*order[first:]).commission_for(PRODUCT, [NEAR, FAR], MERCHANT)

        assert found is not None
        assert (found.scope, found.scope_id) == order[first]

    def test_plans_of_others_do_not(self) -> None:
        others = self.plans(("product", OTHER), ("category", OTHER), ("merchant", OTHER))

        assert others.commission_for(PRODUCT, [NEAR, FAR], MERCHANT) is None

    def test_an_ended_one_leaves_it_to_the_next_wider(self) -> None:
        found = self.plans(
            ("product", PRODUCT), ("merchant", MERCHANT), ("platform", None), ended=("product", "merchant")
        ).commission_for(PRODUCT, [NEAR], MERCHANT)

        assert found is not None
        assert found.scope == "platform"

    def test_if_all_have_ended_sharing_earns_nothing(self) -> None:
        ended = self.plans(("product", PRODUCT), ("platform", None), ended=("product", "platform"))

        assert ended.commission_for(PRODUCT, [], MERCHANT) is None

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_the_newest_version_is_the_plan(self, order: tuple[int, ...]) -> None:
        versions = [a_plan(version=number + 1, rate_ppm=number) for number in order]
        fees = [a_fee(number, version=number + 1) for number in order]

        both = Plans.of(plans=versions, fees=fees)

        found, fee = both.commission_for(PRODUCT, [], MERCHANT), both.fee_for(MERCHANT)
        assert found is not None
        assert found.version == 3
        assert fee is not None
        assert fee.version == 3

    def test_an_ended_newest_version_hides_the_older_open_one(self) -> None:
        both = Plans.of(plans=[a_plan(version=1), a_plan(version=2, state="ended")], fees=[])

        assert both.commission_for(PRODUCT, [], MERCHANT) is None

    def test_a_merchants_own_fee_comes_first_even_if_it_is_nothing(self) -> None:
        everyone, own = a_fee(10_000), a_fee(0, merchant_id=MERCHANT)
        both = Plans.of(plans=[], fees=[everyone, own])

        assert both.fee_for(MERCHANT) == own
        assert both.fee_for(OTHER) == everyone
        assert Plans.of(plans=[], fees=[own]).fee_for(OTHER) is None


class TestCheckPlan:
    percent: dict[str, Any] = {  # noqa: RUF012  copied, never changed
        "scope": "platform",
        "scope_id": None,
        "kind": "percent",
        "rate_ppm": 50_000,
        "further_rates_ppm": (),
        "flat_minor": None,
        "cap_minor": None,
        "hold_seconds": 0,
        "state": "open",
    }

    @pytest.mark.parametrize(
        "changes",
        [
            {"rate_ppm": 0},
            {"rate_ppm": 1_000_000},
            {"cap_minor": 0},
            {"cap_minor": MINOR_MAX},
            {"hold_seconds": HOLD_SECONDS_MAX},
            {"state": "ended"},
            {"scope": "merchant", "scope_id": MERCHANT},
            {"kind": "flat", "rate_ppm": None, "flat_minor": MINOR_MAX},
            {"further_rates_ppm": (50_000,)},
            {"kind": "flat", "rate_ppm": None, "flat_minor": 5, "further_rates_ppm": (10_000,)},
        ],
    )
    def test_takes_what_will_do(self, changes: dict[str, Any]) -> None:
        check_plan(**(self.percent | changes))

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"scope": "galaxy"}, errors.PlanScopeUnknown),
            ({"scope": "product"}, errors.PlanScopeIncomplete),
            ({"scope_id": PRODUCT}, errors.PlanScopeIncomplete),
            ({"kind": "lottery"}, errors.PlanKindUnknown),
            ({"flat_minor": 1}, errors.PlanKindMixed),
            ({"rate_ppm": None}, errors.PlanKindMixed),
            ({"kind": "flat"}, errors.PlanKindMixed),
            ({"kind": "flat", "flat_minor": 5}, errors.PlanKindMixed),
            ({"rate_ppm": -1}, errors.RateOutOfRange),
            ({"rate_ppm": 1_000_001}, errors.RateOutOfRange),
            ({"cap_minor": -1}, errors.PlanAmountOutOfRange),
            ({"cap_minor": MINOR_MAX + 1}, errors.PlanAmountOutOfRange),
            ({"kind": "flat", "rate_ppm": None, "flat_minor": -1}, errors.PlanAmountOutOfRange),
            ({"hold_seconds": -1}, errors.PlanHoldOutOfRange),
            ({"hold_seconds": HOLD_SECONDS_MAX + 1}, errors.PlanHoldOutOfRange),
            ({"state": "asleep"}, errors.PlanStateUnknown),
        ],
    )
    def test_refuses_what_will_not(self, changes: dict[str, Any], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            check_plan(**(self.percent | changes))


class TestCheckRate:
    def test_takes_none_to_all(self) -> None:
        check_rate(rate_ppm=0)
        check_rate(rate_ppm=1_000_000)

        for rate in (-1, 1_000_001):
            with pytest.raises(errors.RateOutOfRange, match=str(rate)):
                check_rate(rate_ppm=rate)
