"""Who brought the buyer."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime
from uuid import UUID

from fissile.domain.attribution.model import Credit, JudgedTouch, Reason, Rule, Touch

TOUCHES_MAX = 50  # judged and stored with an order, the latest ones; earlier ones cannot win


def credit(*, touches: Iterable[Touch], rule: Rule, buyer_id: UUID | None, at: datetime) -> Credit:
    """
    Return who gets the credit for an order placed ``at``: the last touch within the window.

    The window includes its first moment (a touch exactly ``rule.window`` ago counts). Of touches of the same
    moment the one whose share is younger (greater id) wins. A promoter's own purchase, or one with the
    promoter's own cookie, brings no credit unless the rule says so, and then the touch before it may win.

    Source: docs/decisions/0005-attribution.md
    """
    latest: dict[UUID, Touch] = {}
    buyers = {buyer_id}
    for touch in touches:
        if touch.own:
            buyers.add(touch.promoter_id)
        known = latest.get(touch.share_id)
        if known is None or (touch.touched_at, touch.open) > (known.touched_at, known.open):
            latest[touch.share_id] = touch
    ordered = sorted(latest.values(), key=lambda one: (one.touched_at, one.share_id), reverse=True)[:TOUCHES_MAX]
    winner: Touch | None = None
    judged = []
    for touch in ordered:
        refused = _refused(touch, rule=rule, buyers=buyers, at=at)
        if refused is None and winner is None:
            winner = touch
            judged.append(JudgedTouch(touch, True, "last_touch"))
        else:
            judged.append(JudgedTouch(touch, False, refused or "earlier_touch"))
    if winner is not None:
        return Credit(winner, rule.name, "last_touch", tuple(judged))
    return Credit(None, rule.name, "no_valid_touch" if judged else "no_touch", tuple(judged))


def _refused(touch: Touch, *, rule: Rule, buyers: Set[UUID | None], at: datetime) -> Reason | None:
    if not touch.open:
        return "share_not_open"
    if at - touch.touched_at > rule.window:
        return "outside_window"
    if touch.promoter_id in buyers and not rule.self_purchase:
        return "self_purchase"
    return None
