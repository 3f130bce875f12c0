"""A place where a promoter shares: an account on a network, or a community (a chat group)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

Kind = Literal["account", "community"]
ChannelState = Literal["active", "resting", "blocked", "closed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATES: tuple[ChannelState, ...] = get_args(ChannelState)
USABLE: tuple[ChannelState, ...] = ("active", "resting")  # what a new share may name


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One account or community; ``size`` counts followers or members (None: not known)."""

    id: UUID
    promoter_id: UUID
    kind: Kind
    network: str
    handle: str
    name: str
    tags: tuple[str, ...]
    size: int | None
    state: ChannelState
    owner_id: UUID | None  # the account that a community belongs to
    notes: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a form or a row of a file says; None leaves what is there unchanged."""

    line: int
    kind: Kind
    network: str
    handle: str
    name: str | None = None
    tags: tuple[str, ...] | None = None
    size: int | None = None
    state: ChannelState | None = None
    owner: str | None = None  # the handle of an account on the same network
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which channels are meant; the empty filter means all of them."""

    words: str = ""
    kind: str | None = None
    network: str | None = None
    state: str | None = None
    tag: str | None = None
    ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """What is changed at many at once; "" changes nothing. ``find`` in names is replaced by ``put``."""

    state: str = ""
    add_tag: str = ""
    remove_tag: str = ""
    find: str = ""
    put: str = ""

    @property
    def empty(self) -> bool:
        """Whether it changes nothing at all."""
        return not (self.state or self.add_tag or self.remove_tag or self.find)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What somebody saw of a selection: how many, and the sum of their versions. Any change makes it another."""

    count: int
    versions: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one row that an import changes."""

    line: int
    handle: str
    column: str
    before: str
    after: str


@dataclass(slots=True)
class Tally:
    """
    What writes have moved, as their event tells it: rows by kind, the sum of versions, rows by state.

    Sums of all events of a promoter are the promoter's rows; ``fissile audit`` recomputes them.
    """

    accounts: int = 0
    communities: int = 0
    versions: int = 0
    states: dict[str, int] = field(default_factory=dict)

    def count(self, *, kind: str, n: int) -> None:
        """Add ``n`` rows of a kind."""
        if kind == "account":
            self.accounts += n
        else:
            self.communities += n

    def move(self, *, state: str, n: int) -> None:
        """Add ``n`` rows in a state."""
        self.states[state] = self.states.get(state, 0) + n
        if not self.states[state]:
            del self.states[state]
