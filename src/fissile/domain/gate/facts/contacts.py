"""Hints to go on in private elsewhere: a messenger's name in any writing, an account, "look at my profile"."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

from fissile.domain.gate.facts.alphabet import SIMPLE
from fissile.domain.gate.facts.inducements import is_denied
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import table


@dataclass(frozen=True, slots=True)
class Hint:
    """A technique with the place of the hint in ``Reading.clean``."""

    technique: str
    start: int
    end: int


@cache
def _patterns() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    return tuple(
        (row["technique"], row.get("on") == "clean", re.compile(row["pattern"])) for row in table("contacts")["hint"]
    )


@cache
def _denials() -> tuple[re.Pattern[str], int, re.Pattern[str]]:
    row = table("contacts")["denied"]
    return re.compile(row["before"]), row["reach"], re.compile(row["told"])


_GLUED = re.compile(r"(?:qq|wx|vx|tg)[a-z][0-9a-z]*", re.IGNORECASE)
"""One run of letters that only begins like the name of a messenger: a password, the number of an account."""


def find(reading: Reading) -> list[Hint]:
    """Return the hints of a text in order; of overlapping ones the first."""
    simple, at = _with_plus(reading)
    found: list[Hint] = []
    for technique, is_on_clean, pattern in _patterns():
        for match in pattern.finditer(reading.clean if is_on_clean else simple):
            first, last = match.span()
            if is_on_clean:
                start, end = first, last
                first, last = bisect_left(at, start), bisect_left(at, end)
            else:
                start, end = at[first], at[last - 1] + 1
            if first < last and re.search(r"[。！？!?；\n]", reading.clean[start:end]) and last - first > 3:
                continue
            if _GLUED.fullmatch(reading.clean, start, end):
                continue
            if is_denied(reading, simple, at, first, last, _denials()):
                continue
            if not any(hint.start < end and start < hint.end for hint in found):
                found.append(Hint(_technique(technique, reading.clean[start:end]), start, end))
    return sorted(found, key=lambda hint: hint.start)


def _with_plus(reading: Reading) -> tuple[str, list[int]]:
    """Return ``simple`` with the signs that stand for a hanzi read as it."""
    clean = reading.clean
    if _SPOKEN.keys().isdisjoint(clean):
        return reading.simple, reading.at
    kept: list[tuple[int, str]] = []
    for place, sign in enumerate(clean):
        simple = _SPOKEN.get(sign) or SIMPLE[ord(sign)]
        # A heart is the letter only behind the first half of the name, and where the other half does not follow.
        if simple == "信" and kept and kept[-1] == (place - 1, "♥"):
            kept[-1] = (place, simple)
        elif simple == "♥":
            if kept and kept[-1][1] in "薇微威徽维围葳vw":
                kept.append((place, simple))
        elif simple:
            kept.append((place, simple))
    kept = [(place, "信" if sign == "♥" else sign) for place, sign in kept]
    return "".join(sign for _, sign in kept), [place for place, _ in kept]


# A plus sign stands for 加 (add), a heart for 信 (letter), which sounds like 心 (heart).
_SPOKEN = {**dict.fromkeys("+➕＋", "加"), **dict.fromkeys("❤♥💓💗💕", "♥")}


def _technique(technique: str, written: str) -> str:
    if technique != "plain":
        return technique
    if any(unicodedata.category(sign) == "So" for sign in written):
        return "emoji-split"
    return "plain"
