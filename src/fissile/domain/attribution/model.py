"""Touches, the rule, and what it decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

Reason = Literal["last_touch", "earlier_touch", "outside_window", "self_purchase", "share_not_open"]


@dataclass(frozen=True, slots=True)
class Touch:
    """A buyer's last opening of one share before the order."""

    share_id: UUID
    promoter_id: UUID
    touched_at: datetime
    open: bool = True  # False: the share was paused, revoked or expired when the order was placed with it
    own: bool = False  # True: its promoter has signed in with the cookie that the order comes with


@dataclass(frozen=True, slots=True)
class Rule:
    """Last touch within a window; its name with the window stands on every order it decided."""

    window: timedelta
    self_purchase: bool = False

    name: str = field(init=False)
    """How it is stored: kind, version, window in days."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"last-touch@1 {self.window / timedelta(days=1):g}d")


@dataclass(frozen=True, slots=True)
class JudgedTouch:
    """A touch and what became of it."""

    touch: Touch
    won: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Credit:
    """Who brought the buyer, or nobody, and why; ``touches`` holds the losers too."""

    winner: Touch | None
    rule: str
    reason: Literal["last_touch", "no_touch", "no_valid_touch"]
    touches: tuple[JudgedTouch, ...]
