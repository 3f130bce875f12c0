"""Hints to go on in private elsewhere: a messenger's name in any writing, an account, "look at my profile"."""

from __future__ import annotations

import re
import unicodedata
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
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((row["technique"], re.compile(row["pattern"])) for row in table("contacts")["hint"])


@cache
def _denials() -> tuple[re.Pattern[str], int, re.Pattern[str]]:
    row = table("contacts")["denied"]
    return re.compile(row["before"]), row["reach"], re.compile(row["told"])


def find(reading: Reading) -> list[Hint]:
    """Return the hints of a text in order; of overlapping ones the first."""
    simple, at = _with_plus(reading)
    found: list[Hint] = []
    for technique, pattern in _patterns():
        for match in pattern.finditer(simple):
            first, last = match.span()
            start, end = at[first], at[last - 1] + 1
            if re.search(r"[。！？!?；\n]", reading.clean[start:end]) and last - first > 3:
                continue
            if is_denied(reading, simple, at, first, last, _denials()):
                continue
            if not any(hint.start < end and start < hint.end for hint in found):
                found.append(Hint(_technique(technique, reading.clean[start:end]), start, end))
    return sorted(found, key=lambda hint: hint.start)


def _with_plus(reading: Reading) -> tuple[str, list[int]]:
    """Return ``simple`` with a plus sign that stands for 加 (add) read as it."""
    clean = reading.clean
    if not any(sign in clean for sign in "+➕＋"):
        return reading.simple, reading.at
    kept = [
        (place, "加" if sign in "+➕＋" else simple)
        for place, sign in enumerate(clean)
        if sign in "+➕＋" or (simple := SIMPLE[ord(sign)])
    ]
    return "".join(sign for _, sign in kept), [place for place, _ in kept]


def _technique(technique: str, written: str) -> str:
    if technique != "plain":
        return technique
    if any(unicodedata.category(sign) == "So" for sign in written):
        return "emoji-split"
    return "plain"
