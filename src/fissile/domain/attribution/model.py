"""Touches, the policy that judges them, lasting bindings, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args
from uuid import UUID

Model = Literal["last_touch", "first_touch"]
Level = Literal["shop", "product"]
Binding = Literal["off", "after", "before"]
"""Whether a lasting binding decides: never, where no touch does, or before every touch."""

MODELS: tuple[str, ...] = get_args(Model)
LEVELS: tuple[str, ...] = get_args(Level)
BINDINGS: tuple[str, ...] = get_args(Binding)
STATES = ("open", "ended")

TouchReason = Literal[
    "last_touch",
    "first_touch",
    "earlier_touch",
    "later_touch",
    "code_first",
    "binding_first",
    "share_not_open",
    "promoter_closed",
    "other_merchant",
    "other_product",
    "outside_window",
    "self_purchase",
]
CreditReason = Literal["last_touch", "first_touch", "coupon_code", "binding", "no_touch", "no_valid_touch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """
    How the credit of an order is decided, from ``valid_from`` until a newer version of its scope.

    ``merchant_id`` None: for every merchant without an open version of its own. ``level`` shop: shares of anything of
    the order's merchant count; product: only shares of a product in the order. ``id`` None: the one that is built in.
    """

    id: UUID | None
    merchant_id: UUID | None
    version: int
    model: Model
    window_days: int
    level: Level
    binding: Binding
    self_purchase: bool
    state: str
    made_by: UUID | None
    valid_from: datetime | None

    @property
    def window(self) -> timedelta:
        """How long before the order a touch may be; its first moment is within."""
        return timedelta(days=self.window_days)

    @property
    def name(self) -> str:
        """How it is told on an order: model, version, window, level and what is switched on."""
        words = [f"{self.model.replace('_', '-')}@{self.version}", f"{self.window_days}d", self.level]
        if self.binding != "off":
            words.append(f"binding-{self.binding}")
        if self.self_purchase:
            words.append("self-purchase")
        return " ".join(words)


BUILT_IN = PolicyVersion(
    id=None,
    merchant_id=None,
    version=0,
    model="last_touch",
    window_days=15,
    level="shop",
    binding="off",
    self_purchase=False,
    state="open",
    made_by=None,
    valid_from=None,
)
"""What decides in a house where nobody has made a policy."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The newest policy version of each scope; without arguments, those of a house that has none."""

    newest: Mapping[UUID | None, PolicyVersion] = field(default_factory=dict)

    @classmethod
    def of(cls, policies: Iterable[PolicyVersion]) -> Policies:
        """Return the newest version of each scope, in whatever order they come."""
        return cls({one.merchant_id: one for one in sorted(policies, key=lambda one: one.version)})

    def policy_for(self, merchant_id: UUID) -> PolicyVersion:
        """Return the merchant's own open policy, else everyone's, else the built-in one."""
        for scope in (merchant_id, None):
            policy = self.newest.get(scope)
            if policy is not None and policy.state == "open":
                return policy
        return BUILT_IN


class Touch(NamedTuple):
    """
    A buyer's openings of one share within one visit, from ``first_at`` to ``touched_at``.

    A tuple, because one buyer may have thousands.
    """

    share_id: UUID
    promoter_id: UUID
    touched_at: datetime
    first_at: datetime
    product_id: UUID | None = None  # None: the share leads to no single product
    merchant_id: UUID | None = None  # None: it leads to the whole shop, whoever sells there
    open: bool = True  # False: it was given with the order, but was paused, revoked or expired then
    promoter_open: bool = True  # False: the promoter's account is closed
    own: bool = False  # True: its promoter has signed in with the cookie that the order comes with


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerBinding:
    """A buyer's lasting tie to a promoter, made by the buyer's first paid order with a credit."""

    order_id: UUID
    member_id: UUID
    promoter_id: UUID
    share_id: UUID
    promoter_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoterCode:
    """A promoter's coupon code given with an order, and the share that it was handed out with."""

    promoter_id: UUID
    share_id: UUID
    promoter_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What credit needs to know of an order: whose goods, which, who buys, and when."""

    merchant_id: UUID
    product_ids: frozenset[UUID]
    buyer_id: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class JudgedTouch:
    """A share that the buyer touched, the moment that was judged, and what became of it."""

    share_id: UUID
    promoter_id: UUID
    touched_at: datetime
    reason: TouchReason

    @property
    def won(self) -> bool:
        """Whether it decided the order."""
        return self.reason in MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """
    Who brought the buyer, or nobody, and why.

    ``touches`` are kept with the order: the winner, then those that were nearest to winning. ``unkept`` counts by
    reason those that were judged too, but are too many to be kept.
    """

    promoter_id: UUID | None
    share_id: UUID | None
    policy: PolicyVersion
    reason: CreditReason
    binding: BuyerBinding | None
    touches: tuple[JudgedTouch, ...]
    unkept: Mapping[TouchReason, int]
