"""Who brought the buyer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from datetime import datetime
from uuid import UUID

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
    LEVELS,
    MODELS,
    STATES,
    Basket,
    BuyerBinding,
    Credit,
    CreditReason,
    JudgedTouch,
    PolicyVersion,
    PromoterCode,
    Touch,
    TouchReason,
)

TOUCHES_KEPT = 20  # stored with an order; every touch is judged, the others are counted by reason
WINDOW_DAYS_MAX = 365


def credit(
    *,
    touches: Iterable[Touch],
    policy: PolicyVersion,
    basket: Basket,
    binding: BuyerBinding | None = None,
    code: PromoterCode | None = None,
    kept_max: int = TOUCHES_KEPT,
) -> Credit:
    """
    Return who gets the credit for an order, by this precedence: a promoter's code; a binding, where the policy puts
    it before touches; the touch; a binding, where the policy puts it after them; nobody.

    Of the touches that count, the last one (or the first, by the policy's model) decides. The window includes its
    first moment: a touch exactly that long ago counts. One stamped later than the order counts too, since it was
    read before the order was decided: a clock has gone back. Of touches of the same moment the younger share (greater
    id) is the later one. A promoter's own purchase, or one with the promoter's own cookie, brings that promoter
    nothing unless the policy says so, and whoever comes next by the rule may win.

    Every touch is judged; the order in which they are handed in does not matter.

    Source: docs/decisions/0018-attribution-policies.md
    """
    touches = list(touches)
    buyers = {touch.promoter_id for touch in touches if touch.own}
    if basket.buyer_id is not None:
        buyers.add(basket.buyer_id)
    counted, refused = _judge(touches, policy=policy, basket=basket, buyers=buyers)
    decided: tuple[CreditReason, PromoterCode | BuyerBinding] | None = None
    if code is not None and _may_earn(code, policy=policy, buyers=buyers):
        decided = ("coupon_code", code)
    elif binding is not None and _binds(binding, policy=policy, buyers=buyers, any_touch=bool(counted)):
        decided = ("binding", binding)
    if decided is not None:
        reason, by = decided
        lost: TouchReason = "code_first" if reason == "coupon_code" else "binding_first"
        judged = [JudgedTouch(share_id, promoter_id, moment, lost) for moment, share_id, promoter_id in counted]
        promoter_id, share_id = by.promoter_id, by.share_id
    elif counted:
        reason = policy.model
        lost = "earlier_touch" if policy.model == "last_touch" else "later_touch"
        moment, share_id, promoter_id = counted[0]
        judged = [JudgedTouch(share_id, promoter_id, moment, policy.model)]
        judged += [JudgedTouch(share, promoter, when, lost) for when, share, promoter in counted[1:]]
    else:
        return Credit(
            promoter_id=None,
            share_id=None,
            policy=policy,
            reason="no_valid_touch" if refused else "no_touch",
            binding=None,
            touches=tuple(refused[:kept_max]),
            unkept=Counter(one.reason for one in refused[kept_max:]),
        )
    judged += refused
    return Credit(
        promoter_id=promoter_id,
        share_id=share_id,
        policy=policy,
        reason=reason,
        binding=binding if reason == "binding" else None,
        touches=tuple(judged[:kept_max]),
        unkept=Counter(one.reason for one in judged[kept_max:]),
    )


def holds_between(
    touches: Iterable[Touch], *, policy: PolicyVersion, at: datetime
) -> tuple[datetime | None, datetime | None]:
    """
    Return between which moments of an order the credit by these touches is the same as ``at``: after the first, up
    to the second with it; None where there is no such end. Only the window's beginning depends on the moment.
    """
    moments = {moment + policy.window for touch in touches for moment in (touch.touched_at, touch.first_at)}
    return (
        max((one for one in moments if one < at), default=None),
        min((one for one in moments if one >= at), default=None),
    )


def _judge(
    touches: list[Touch], *, policy: PolicyVersion, basket: Basket, buyers: Set[UUID]
) -> tuple[list[tuple[datetime, UUID, UUID]], list[JudgedTouch]]:
    """Return the touches that count, the best first, and those that do not, the latest first; one a share."""
    since = basket.at - policy.window
    by_product = policy.level == "product"
    last = policy.model == "last_touch"
    best: dict[UUID, tuple[datetime, UUID, UUID]] = {}
    worst: dict[UUID, JudgedTouch] = {}
    for share_id, promoter_id, touched_at, first_at, product_id, merchant_id, is_open, promoter_open, _ in touches:
        refused: TouchReason
        if not is_open:
            refused = "share_not_open"
        elif not promoter_open:
            refused = "promoter_closed"
        elif by_product and product_id not in basket.product_ids:
            refused = "other_product"
        elif merchant_id is not None and merchant_id != basket.merchant_id:
            refused = "other_merchant"
        elif touched_at < since:
            refused = "outside_window"
        elif promoter_id in buyers and not policy.self_purchase:
            refused = "self_purchase"
        else:
            # What was opened before the window began and again within it was first opened within it then.
            moment = touched_at if last or first_at < since else first_at
            known = best.get(share_id)
            if known is None or (moment > known[0]) == last:
                best[share_id] = (moment, share_id, promoter_id)
            continue
        earlier = worst.get(share_id)
        if earlier is None or (touched_at, refused) > (earlier.touched_at, earlier.reason):
            worst[share_id] = JudgedTouch(share_id, promoter_id, touched_at, refused)
    counted = sorted(best.values(), reverse=last)
    # A share that counted by another opening is judged by that one.
    out = [one for share_id, one in worst.items() if share_id not in best]
    return counted, sorted(out, key=lambda one: (one.touched_at, one.share_id), reverse=True)


def _binds(binding: BuyerBinding, *, policy: PolicyVersion, buyers: Set[UUID], any_touch: bool) -> bool:
    if policy.binding == "off" or (policy.binding == "after" and any_touch):
        return False
    return _may_earn(binding, policy=policy, buyers=buyers)


def _may_earn(by: PromoterCode | BuyerBinding, *, policy: PolicyVersion, buyers: Set[UUID]) -> bool:
    return by.promoter_open and (by.promoter_id not in buyers or policy.self_purchase)


def check_policy(
    *, merchant_id: UUID | None, model: str, window_days: int, level: str, binding: str, state: str
) -> None:
    """
    Say whether the terms of a policy will do.

    :raises PolicyModelUnknown, PolicyLevelUnknown, PolicyBindingUnknown, PolicyStateUnknown: if a word is none
    :raises PolicyWindowOutOfRange: if the window is not 1 to 365 days
    :raises PolicyNotEnded: if the platform's own policy would end
    """
    if model not in MODELS:
        raise PolicyModelUnknown(given=model[:40])
    if level not in LEVELS:
        raise PolicyLevelUnknown(given=level[:40])
    if binding not in BINDINGS:
        raise PolicyBindingUnknown(given=binding[:40])
    if state not in STATES:
        raise PolicyStateUnknown(given=state[:40])
    if not 1 <= window_days <= WINDOW_DAYS_MAX:
        raise PolicyWindowOutOfRange(given=window_days, days_max=WINDOW_DAYS_MAX)
    if merchant_id is None and state == "ended":
        raise PolicyNotEnded()
