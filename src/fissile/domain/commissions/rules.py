"""How a paid line is split, and which plans will do."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fissile.domain.commissions.errors import (
    PlanAmountOutOfRange,
    PlanHoldOutOfRange,
    PlanKindMixed,
    PlanKindUnknown,
    PlanScopeIncomplete,
    PlanScopeUnknown,
    PlanStateUnknown,
    PlanSumTooLarge,
    RateOutOfRange,
    SecondAboveFirst,
    ThirdLevelRefused,
)
from fissile.domain.commissions.model import KINDS, SCOPES, STATES, FeeVersion, LineSplit, PlanVersion
from fissile.kernel.money import MINOR_MAX, PPM, Money

HOLD_SECONDS_MAX = 10 * 366 * 86_400  # ten years: beyond it is a slip of the pen


def split_line(
    *,
    amount: Money,
    tax: Money,
    quantity: int,
    plan: PlanVersion | None,
    fee: FeeVersion | None,
    credited: bool,
    invited: bool,
) -> LineSplit:
    """
    Split what was paid for a line among sharer, inviter, platform and merchant; the parts are exactly the whole.

    The base of commission and fee is what was paid for the goods, after discounts and before ``tax``, which is
    included in ``amount`` and stays with the merchant, who owes it. Part of a minor unit is dropped, so that nobody is
    promised more than the plan. A flat commission is for each of the ``quantity`` pieces. The commission is at most
    the cap and the base, and comes first; what the credited promoter's inviter gets (if they were ``invited``, and the
    plan pays a second level) is at most what the cap then leaves; if the fee does not fit beside both, the fee is
    lowered. Without a credited share or a plan there is no commission.

    Source: docs/decisions/0012-refunds-and-levels.md
    """
    assert 0 <= tax.minor <= amount.minor, "a paid line is not negative, and its tax is a part of it"
    assert quantity >= 1, "a line has a piece"
    zero, base = Money(0, amount.currency), amount - tax
    commission = zero if plan is None or not credited else _commission(base, quantity, plan)
    second = zero if plan is None or not credited or not invited else _second(base, commission, plan)
    rest = base - commission - second
    charged = zero if fee is None else min(base.share_down(fee.rate_ppm), rest)
    return LineSplit(commission=commission, second=second, fee=charged, merchant=rest - charged + tax)


def check_plan(
    *,
    scope: str,
    scope_id: UUID | None,
    kind: str,
    rate_ppm: int | None,
    further_rates_ppm: Sequence[int],
    flat_minor: int | None,
    cap_minor: int | None,
    hold_seconds: int,
    state: str,
) -> None:
    """
    Check the terms of a plan, in the order of the arguments; ``further_rates_ppm`` are those of the levels above.

    :raises PlanScopeUnknown, PlanScopeIncomplete: if the scope is none, or names nothing, or the platform's something
    :raises PlanKindUnknown, PlanKindMixed: if the kind is none, or its terms are another's or both
    :raises ThirdLevelRefused, SecondAboveFirst: if more than two levels are paid, or the second more than the first
    :raises RateOutOfRange, PlanAmountOutOfRange, PlanHoldOutOfRange: if a number is negative or too large
    :raises PlanStateUnknown: if the state is none
    """
    if scope not in SCOPES:
        raise PlanScopeUnknown(given=scope[:60])
    if (scope == "platform") != (scope_id is None):
        raise PlanScopeIncomplete
    if kind not in KINDS:
        raise PlanKindUnknown(given=kind[:60])
    if (kind == "percent") != (rate_ppm is not None) or (kind == "flat") != (flat_minor is not None):
        raise PlanKindMixed
    if rate_ppm is not None:
        check_rate(rate_ppm=rate_ppm)
    if len(further_rates_ppm) > 1:
        raise ThirdLevelRefused
    for second in further_rates_ppm:
        check_rate(rate_ppm=second)
        if rate_ppm is not None and second > rate_ppm:
            raise SecondAboveFirst(first=_shown(rate_ppm), second=_shown(second))
    for minor in (flat_minor, cap_minor):
        if minor is not None and not 0 <= minor <= MINOR_MAX:
            raise PlanAmountOutOfRange(given=minor, minor_max=MINOR_MAX)
    if not 0 <= hold_seconds <= HOLD_SECONDS_MAX:
        raise PlanHoldOutOfRange(given=hold_seconds, seconds_max=HOLD_SECONDS_MAX)
    if state not in STATES:
        raise PlanStateUnknown(given=state[:60])


def check_sum(*, rate_ppm: int | None, second_rate_ppm: int | None, fee_ppm: int) -> None:
    """
    Check that what a plan pays and the fee beside it are not more than the whole; a flat amount is no part of it.

    :raises PlanSumTooLarge: if they are
    """
    first, second = rate_ppm or 0, second_rate_ppm or 0
    if first + second + fee_ppm > PPM:
        raise PlanSumTooLarge(first=_shown(first), second=_shown(second), fee=_shown(fee_ppm))


def check_rate(*, rate_ppm: int) -> None:
    """
    Check that a rate is a part of the whole.

    :raises RateOutOfRange: if it is negative or above 100 %
    """
    if not 0 <= rate_ppm <= PPM:
        raise RateOutOfRange(given=rate_ppm)


def _commission(amount: Money, quantity: int, plan: PlanVersion) -> Money:
    assert plan.state == "open", "plans.commission_for returns no ended plan"
    if plan.rate_ppm is not None:
        earned = amount.share_down(plan.rate_ppm)
    else:
        assert plan.flat_minor is not None, "a plan is percent or flat"
        earned = Money(plan.flat_minor, amount.currency) * quantity
    if plan.cap_minor is not None:
        earned = min(earned, Money(plan.cap_minor, amount.currency))
    return min(earned, amount)


def _second(base: Money, commission: Money, plan: PlanVersion) -> Money:
    earned = base.share_down(plan.second_rate_ppm or 0)
    left = base - commission
    if plan.cap_minor is not None:
        left = min(left, Money(plan.cap_minor, base.currency) - commission)
    return min(earned, left)


def _shown(rate_ppm: int) -> str:
    return f"{rate_ppm / 10_000:g} %"
