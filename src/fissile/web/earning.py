"""What a promoter is told a product earns: the plan in force, and the amount at its lowest price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fissile.domain.commissions.model import PlanVersion
from fissile.domain.commissions.rules import split_line
from fissile.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Earning:
    """The plan, and what one piece at the lowest price earns by it."""

    plan: PlanVersion
    lowest: Money


def earning(plan: PlanVersion | None, *, price: Money) -> Earning | None:
    """Return what one piece at this price earns; None if no plan pays for it."""
    if plan is None:
        return None
    split = split_line(
        amount=price, tax=Money(0, price.currency), quantity=1, plan=plan, fee=None, credited=True, invited=False
    )
    return Earning(plan, split.commission)


def earning_of(plan: PlanVersion | None, *, offers: Sequence[Any]) -> Earning | None:
    """Return what the cheapest of a product's offers earns; None if it has none or no plan pays."""
    if not offers:
        return None
    return earning(plan, price=Money(min(one["price_minor"] for one in offers), offers[0]["currency"]))
