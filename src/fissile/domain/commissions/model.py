"""Plans as values: what sharing earns and what the platform keeps, and what becomes of one paid line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from fissile.kernel.money import Money

SCOPES = ("platform", "merchant", "category", "product")  # from the widest to the most specific
KINDS = ("percent", "flat")
STATES = ("open", "ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """
    What sharing earns in a scope, from ``valid_from`` until a newer version of the scope.

    ``rate_ppm`` is parts per million of a line (percent), ``flat_minor`` minor units a piece (flat), ``cap_minor``
    the most for a line (None: no cap), both in the line's currency. ``second_rate_ppm`` is parts per million of a line
    for who invited the promoter (None: the plan pays one level); the cap is for both together.
    """

    id: UUID
    scope: str
    scope_id: UUID | None
    version: int
    kind: str
    rate_ppm: int | None
    second_rate_ppm: int | None
    flat_minor: int | None
    cap_minor: int | None
    hold_seconds: int
    state: str
    made_by: UUID | None
    valid_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeVersion:
    """What the platform keeps of a line, in parts per million; ``merchant_id`` None: of all without their own."""

    id: UUID
    merchant_id: UUID | None
    version: int
    rate_ppm: int
    made_by: UUID | None
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Plans:
    """The newest version of every plan and fee; without arguments, those of a house that has none."""

    by_scope: Mapping[tuple[str, UUID | None], PlanVersion] = field(default_factory=dict)
    fees: Mapping[UUID | None, FeeVersion] = field(default_factory=dict)

    @classmethod
    def of(cls, *, plans: Iterable[PlanVersion], fees: Iterable[FeeVersion]) -> Plans:
        """Return the newest version of each scope and each merchant, in whatever order they come."""
        return cls(
            by_scope={(one.scope, one.scope_id): one for one in sorted(plans, key=lambda one: one.version)},
            fees={one.merchant_id: one for one in sorted(fees, key=lambda one: one.version)},
        )

    def commission_for(self, product_id: UUID, category_ids: Sequence[UUID], merchant_id: UUID) -> PlanVersion | None:
        """
        Return the most specific open plan: of the product, else the nearest category, the merchant, the platform.

        ``category_ids`` are the product's categories, nearest first. A plan whose newest version has ended is as
        if it were not there: the next wider scope decides. To pay nothing in a scope, give it an open plan of
        rate 0. None means that sharing earns nothing.
        """
        scopes: list[tuple[str, UUID | None]] = [
            ("product", product_id),
            *(("category", one) for one in category_ids),
            ("merchant", merchant_id),
            ("platform", None),
        ]
        for scope in scopes:
            plan = self.by_scope.get(scope)
            if plan is not None and plan.state == "open":
                return plan
        return None

    def fee_for(self, merchant_id: UUID) -> FeeVersion | None:
        """Return the merchant's own fee, else everyone's; None means that the platform keeps nothing."""
        return self.fees.get(merchant_id) or self.fees.get(None)


@dataclass(frozen=True, slots=True)
class LineSplit:
    """
    Who gets what of a paid line; none is negative, together they are the line.

    ``second`` is the commission of who had invited the credited promoter.
    """

    commission: Money
    second: Money
    fee: Money
    merchant: Money
