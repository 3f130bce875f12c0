"""
A text as its reader sees it, with the way back to each sign as it was written.

``clean`` holds the text without what cannot be seen, letters and signs of other shapes undone, split hanzi joined.
``simple`` holds hanzi, letters and digits only, for words with something put between their parts.
"""

from __future__ import annotations

import re
from functools import cache, cached_property

from fissile.domain.gate.facts.alphabet import FOLD, SIMPLE
from fissile.domain.gate.facts.tables import table


@cache
def _split_hanzi() -> tuple[re.Pattern[str], dict[str, str]]:
    rows = table("lookalikes")["split"]
    joined = dict(pair.split("=") for pair in rows["pairs"])
    for parts in rows["ordinary"]:
        joined.pop(parts, None)
    longest_first = sorted(joined, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), joined


class Reading:
    """The readings of one text. Each is made when it is first asked for."""

    __slots__ = ("__dict__", "clean", "ends", "splits", "starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: list[int] | None = None
        self.ends: list[int] | None = None
        self.splits: list[tuple[int, int]] = []
        """Where in ``clean`` a hanzi was put together, with the place and length of its parts in the text."""
        if text.isascii() and text.isprintable():
            self.clean = text
            return
        self.clean = text.translate(FOLD)
        if len(self.clean) != len(text):
            self.starts = [place for place, sign in enumerate(text) if FOLD[ord(sign)]]
            self.ends = [place + 1 for place in self.starts]
        self._join_split_hanzi()

    def _join_split_hanzi(self) -> None:
        pattern, joined = _split_hanzi()
        found = list(pattern.finditer(self.clean))
        if not found:
            return
        starts = self.starts or list(range(len(self.clean)))
        ends = self.ends or [place + 1 for place in starts]
        parts: list[str] = []
        new_starts: list[int] = []
        new_ends: list[int] = []
        at = 0
        for match in found:
            first, last = match.span()
            parts += [self.clean[at:first], joined[match.group()]]
            new_starts += [*starts[at:first], starts[first]]
            new_ends += [*ends[at:first], ends[last - 1]]
            self.splits.append((len(new_starts) - 1, starts[first]))
            at = last
        parts.append(self.clean[at:])
        self.clean = "".join(parts)
        self.starts = [*new_starts, *starts[at:]]
        self.ends = [*new_ends, *ends[at:]]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return where ``clean[first:last]``, which is not empty, stands in the text."""
        if self.starts is None or self.ends is None:
            return first, last
        return self.starts[first], self.ends[last - 1]

    @cached_property
    def _simple(self) -> tuple[str, list[int]]:
        simple = self.clean.translate(SIMPLE)
        if len(simple) == len(self.clean):
            return simple, list(range(len(simple)))
        return simple, [place for place, sign in enumerate(self.clean) if SIMPLE[ord(sign)]]

    @property
    def simple(self) -> str:
        """Hanzi in plain form, letters in lower case, digits."""
        return self._simple[0]

    @property
    def at(self) -> list[int]:
        """Where each sign of ``simple`` stands in ``clean``."""
        return self._simple[1]

    @cached_property
    def lower(self) -> str:
        """``clean`` with ASCII letters in lower case; as long as ``clean``."""
        return self.clean.translate(_LOWER)

    def has_gap(self, first: int, last: int, widest: int) -> bool:
        """Return whether more than ``widest`` signs fell away between two neighbours of ``simple[first:last]``."""
        at = self.at
        if at[last - 1] - at[first] == last - 1 - first:
            return False
        return any(at[place + 1] - at[place] - 1 > widest for place in range(first, last - 1))


_LOWER = {place: place + 32 for place in range(ord("A"), ord("Z") + 1)}
