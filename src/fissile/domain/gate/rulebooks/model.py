"""What a checked rulebook is. ``compile_rulebook`` alone makes these values; a rulebook's text is another type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fissile.domain.gate.rulebooks.language import Condition

SURFACES: Final = ("moments", "moments-comment", "group", "group-reply", "direct", "profile", "picture-caption", "shop")
FORMS: Final = ("link", "code", "comment", "poster")
ACTIONS: Final = ("allow", "limit", "review", "block")
"""From the weakest to the strongest: the strongest rule that matched decides."""

EFFECTS: Final = (
    "warn",
    "limit",
    "block-link",
    "mute",
    "close-share",
    "close-appeal",
    "ban-account",
    "ban-community",
    "ban-domain",
)
"""What a rung of a ladder does, from the mildest. ``close-share`` takes the share interface away."""

EXEMPTIONS: Final = ("partners",)
UNBLOCKS: Final = ("application", "time", "never", "review")
"""What ends a block: an application that says what was changed, time alone, nothing, or a reviewer's decision."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rulebook's facts come from."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """
    A clause by its number, or by its heading where the sources give no number, in our own summary.

    ``quoted`` holds the few words of the original that our sources quote.
    """

    number: str
    summary_zh: str
    summary_en: str
    quoted: tuple[str, ...] = ()

    def summary(self, *, language: str) -> str:
        """Return the summary in ``zh``, else in English."""
        return self.summary_zh if language == "zh" else self.summary_en


@dataclass(frozen=True, slots=True)
class Covers:
    """What the clause forbids: these forms on these surfaces. Nothing named is everything."""

    surfaces: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scan:
    """What the network really looked at, and since when; ``source`` may be "assumed". No verdict reads this."""

    surface: str
    form: str
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class Rung:
    """From the ``count``-th violation within the ladder's window on: these effects, for so long."""

    count: int
    effects: tuple[str, ...]
    hours: int | None
    """None: until it is lifted."""
    adversarial: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """What follows a first, second, third violation."""

    id: str
    window_days: int | None
    """Violations are counted over so many days; None: for ever."""
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a rule must, or must not, match; without a surface it stands on the first one covered."""

    text: str
    surface: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom the network lets through its gate."""

    name: str
    hosts: tuple[str, ...]
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, checked."""

    id: str
    clause: Clause
    covers: Covers
    condition: Condition
    action: str
    severity: int
    exempt: tuple[str, ...]
    ladder: str
    unblock: str
    scans: tuple[Scan, ...]
    must_match: tuple[Example, ...]
    must_not_match: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """
    One version of a network's rules, checked and compiled.

    ``version`` is the day of its announcement. ``assumed`` names the fields that no source gives. ``by_surface`` holds
    for each surface the rules that cover it, in the order of the rulebook.
    """

    name: str
    network: str
    version: str
    announced: date
    in_force: date
    amends: str
    assumed: tuple[str, ...]
    languages: tuple[str, ...]
    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]
    ladders: tuple[Ladder, ...]
    partners: tuple[Partner, ...]
    by_surface: Mapping[str, tuple[Rule, ...]] = field(compare=False, repr=False)
    reads: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)
    """What the rules of a surface read, kept by ``judge``."""
    quiet: dict[tuple[str, ...], object] = field(default_factory=dict, compare=False, repr=False)
    """Verdicts of posts in which nothing was found, kept by ``judge``: they can differ by surface and form alone."""

    @property
    def label(self) -> str:
        """``name@version``, as verdicts name it."""
        return f"{self.name}@{self.version}"

    def rule(self, id: str) -> Rule:
        """
        Return one rule.

        :raises KeyError: if the rulebook has none of this id
        """
        for one in self.rules:
            if one.id == id:
                return one
        raise KeyError(id)
