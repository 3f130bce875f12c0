"""Cue words: what tells the reader to copy, open, search or tap, and the names of apps. Found by sound and shape."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from fissile.domain.gate.facts.alphabet import heard_as, is_hanzi, is_rare, sound
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import Table, table

_ALONE = frozenset("搜戳")  # the words of one sign
WIDEST_GAP = 4
"""So many signs may be put between two parts of a word; more, and they are two words."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue word with its place in ``Reading.simple`` and in ``Reading.clean``."""

    word: str
    group: str
    platform: str | None
    first: int
    last: int
    start: int
    end: int

    @property
    def is_plain(self) -> bool:
        return self.last - self.first == len(self.word) == self.end - self.start


class _Part(NamedTuple):
    """One sign of a cue word: how it is written, what else is read as it, and its pinyin."""

    sign: str
    alike: frozenset[str]
    sound: str


class _Word(NamedTuple):
    word: str
    group: str
    platform: str | None
    parts: tuple[_Part, ...]


class Vocabulary(dict[str, tuple[_Word, ...]]):
    """
    The cue words that may start with two neighbouring signs, the longest first; worked out when a pair first occurs.

    Most pairs start none. ``by_first`` holds the words that may start with a sign.
    """

    def __init__(self, by_first: Mapping[str, tuple[_Word, ...]]) -> None:
        super().__init__()
        self._by_first = by_first

    def __missing__(self, pair: str) -> tuple[_Word, ...]:
        if len(self) >= _PAIRS_MAX:
            self.clear()
        self[pair] = words = tuple(word for word in self._by_first.get(pair[0], ()) if _may_start(word, pair))
        return words


_PAIRS_MAX = 50_000
_ANY_LETTER = frozenset("abcdefghijklmnopqrstuvwxyz")


def _part(sign: str) -> _Part:
    return _Part(sign, frozenset(heard_as(sign)), sound(sign)) if is_hanzi(sign) else _Part(sign, frozenset(sign), "")


def words_of(platforms: Table) -> list[tuple[str, str, str | None]]:
    """Return every cue word with its group and, for the name of an app, its platform."""
    anatomy = table("anatomy")["cues"]
    found = [(word, group, None) for group, row in anatomy.items() for word in row.get("words", ())]
    apps = [(word.lower(), "app", row["platform"]) for row in platforms["app"] for word in row["names"]]
    return [*found, *apps]


def vocabulary(platforms: Table) -> Vocabulary:
    """Compile the cue words and the names of the apps of a platforms' table."""
    by_first: defaultdict[str, list[_Word]] = defaultdict(list)
    for word, group, platform in sorted(words_of(platforms), key=lambda row: -len(row[0])):
        # One sound alone is too common: such a word counts only as it is written.
        parts = tuple(map(_part, word)) if len(word) > 1 else (_Part(word, frozenset(word), ""),)
        entry = _Word(word, group, platform, parts)
        for sign in {*parts[0].alike, *parts[0].sound[:1]}:
            by_first[sign].append(entry)
    return Vocabulary({sign: tuple(entries) for sign, entries in by_first.items()})


def _may_start(entry: _Word, pair: str) -> bool:
    """Return whether a word may begin with these two signs; at the end of a text there is only one."""
    first, second = pair[:1], pair[1:]
    if len(entry.parts) == 1:
        return first in _ALONE
    if first not in entry.parts[0].alike and len(entry.parts[0].sound) > 1:
        return second == entry.parts[0].sound[1]
    return second != "" and (second in entry.parts[1].alike or second == entry.parts[1].sound[:1])


def _is_letter(simple: str, place: int) -> bool:
    return 0 <= place < len(simple) and "a" <= simple[place] <= "z"


def _end_of(entry: _Word, simple: str, first: int) -> int:
    """Return where the word ends that starts at ``first``, or 0 if it is another."""
    place = first
    for _, alike, pinyin in entry.parts:
        if simple[place : place + 1] in alike and place < len(simple):
            place += 1
        elif pinyin and simple.startswith(pinyin, place):
            place += len(pinyin)
        else:
            return 0
    is_short = place - first <= 4 and simple[first:place].isascii()
    return 0 if is_short and _is_letter(simple, place) else place


@cache
def _english() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, table("anatomy")["cues"]["english"]["plain"])))


def _is_one_word(entry: _Word, reading: Reading, first: int, last: int) -> bool:
    """Return whether what stands between the parts is little, and sound alone does not hold them together."""
    at = reading.at
    if at[last - 1] - at[first] == last - 1 - first:
        return True
    if reading.has_gap(first, last, WIDEST_GAP):
        return False
    written = reading.simple[first:last]
    return any(part.sign in written for part in entry.parts) or any(map(is_rare, written))


def find(reading: Reading, vocabulary: Vocabulary) -> list[Cue]:
    """Return the cue words of a text in order."""
    found: list[Cue] = []
    simple = reading.simple
    at = reading.at
    free = 0
    for first, pair in enumerate(map(operator.add, simple, simple[1:] + "\n")):
        entries = vocabulary[pair]
        if not entries or first < free:
            continue
        if (
            pair[0] in _ANY_LETTER
            and first not in (0, free)
            and "a" <= simple[first - 1] <= "z"
            and at[first] == at[first - 1] + 1
        ):
            continue
        for entry in entries:
            last = _end_of(entry, simple, first)
            if last and _is_one_word(entry, reading, first, last):
                found.append(Cue(entry.word, entry.group, entry.platform, first, last, at[first], at[last - 1] + 1))
                free = last
                break
    if "op" in reading.lower or "past" in reading.lower:
        found += [
            Cue(match.group(), "english", None, 0, 0, *match.span()) for match in _english().finditer(reading.lower)
        ]
    return found
