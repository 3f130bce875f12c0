"""Wording that presses people to share, help, follow, test or download; not where it is denied, quoted or reported."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

from fissile.domain.gate.facts.alphabet import is_hanzi, sound
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import table

_LONGEST_HEARD = 80
"""Wording by sound is looked for in short texts: in long ones, ordinary words of the same sound come together."""
_SENTENCE_END = re.compile(r"[。！？!?；;\n…]")
_QUOTES = re.compile(r"“[^”\n]{0,60}”|「[^」\n]{0,60}」|『[^』\n]{0,60}』|\"[^\"\n]{0,60}\"|‘[^’\n]{0,60}’")
_AFTER_QUOTE = re.compile(
    r"^\s*(?:等|的|之类|这类|这种|是|一类|字样|信息|链接|套路|行为|，(?:都|多|其实|往往|很可能)?是?)"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """A category with the place of its wording in ``Reading.clean``."""

    category: str
    start: int
    end: int


@cache
def _patterns() -> tuple[tuple[str, frozenset[str], re.Pattern[str]], ...]:
    rows = table("inducements")["category"]
    return tuple(
        (name, frozenset(row["needs"]), re.compile("|".join(f"(?:{pattern})" for pattern in row["patterns"])))
        for name, row in rows.items()
    )


@cache
def _denials() -> tuple[re.Pattern[str], int, re.Pattern[str]]:
    row = table("inducements")["denied"]
    return re.compile(row["before"]), row["reach"], re.compile(row["told"])


def find(reading: Reading) -> list[Wording]:
    """Return the first wording of each category and every further one that does not overlap it, in order."""
    found = _in(reading, reading.simple, reading.at)
    if not found and len(reading.simple) <= _LONGEST_HEARD and not _denials()[2].search(reading.simple):
        heard, at = _as_heard(reading)
        if heard != reading.simple:
            found = [wording for wording in _in(reading, heard, at) if wording.end - wording.start >= 4]
    return found


def _in(reading: Reading, simple: str, at: list[int]) -> list[Wording]:
    found: list[Wording] = []
    signs = set(simple)
    for category, needs, pattern in _patterns():
        place = len(simple) if needs.isdisjoint(signs) else 0
        while place < len(simple) and (match := pattern.search(simple, place)):
            first, last = match.span()
            start, end = at[first], at[last - 1] + 1
            if _crosses_sentences(reading.clean[start:end], last - first):
                # It may stand in the second sentence alone.
                place = max(first + 1, bisect_left(at, _after_sentence(reading.clean, start)))
                continue
            place = last
            if not is_denied(reading, simple, at, first, last, _denials()):
                found.append(Wording(category, start, end))
    found.sort(key=lambda wording: (wording.start, -wording.end))
    return found


def _after_sentence(clean: str, start: int) -> int:
    match = _SENTENCE_END.search(clean, start)
    return match.end() if match else start


def _crosses_sentences(written: str, length: int) -> bool:
    """Return whether a sentence ends inside; where almost every sign stands alone, it is one word set apart."""
    ends = len(_SENTENCE_END.findall(written))
    return 0 < ends <= length // 4


def is_denied(
    reading: Reading,
    simple: str,
    at: list[int],
    first: int,
    last: int,
    denials: tuple[re.Pattern[str], int, re.Pattern[str]],
) -> bool:
    """Return whether what stands at ``simple[first:last]`` is denied, warned of, quoted or reported."""
    before, reach, told = denials
    clean = reading.clean
    start, end = at[first], at[last - 1] + 1
    opening = max((match.end() for match in _SENTENCE_END.finditer(clean, max(0, start - 60), start)), default=0)
    from_place = max(0, first - reach)
    while from_place < first and at[from_place] < opening:
        from_place += 1
    window = simple[from_place : first + 4]
    if any(from_place + match.start() <= first + 1 for match in before.finditer(window)) and not simple.startswith(
        "不转", first
    ):
        return True
    around = simple[max(0, first - 30) : last + 24]
    if told.search(around):
        return True
    for quote in _QUOTES.finditer(clean, max(0, start - 60), min(len(clean), end + 60)):
        if quote.start() < start and end < quote.end() and _AFTER_QUOTE.match(clean[quote.end() : quote.end() + 8]):
            return True
    return False


@cache
def _signs_of_vocabulary() -> dict[str, str]:
    """Return, for each sound that only one sign of the patterns has, this sign."""
    text = "".join(pattern for row in table("inducements")["category"].values() for pattern in row["patterns"])
    by_sound: dict[str, set[str]] = {}
    for sign in set(filter(is_hanzi, text)):
        by_sound.setdefault(sound(sign), set()).add(sign)
    return {heard: min(signs) for heard, signs in by_sound.items() if len(signs) == 1}


@cache
def _vocabulary() -> frozenset[str]:
    text = "".join(pattern for row in table("inducements")["category"].values() for pattern in row["patterns"])
    return frozenset(filter(is_hanzi, text))


@cache
def _keys() -> dict[str, str]:
    """Return the signs that carry the wording, by sound: they win where several signs sound alike."""
    return {sound(sign): sign for sign in "转发领红包砍刀助力拼团集赞关注享券奖测签载"}


class _Heard(dict[int, str]):
    def __missing__(self, place: int) -> str:
        sign = chr(place)
        heard = sign
        if is_hanzi(sign) and sign not in _vocabulary():
            heard = _keys().get(sound(sign)) or _signs_of_vocabulary().get(sound(sign), sign)
        self[place] = heard
        return heard


_HEARD: dict[int, str] = _Heard()
_PINYIN = re.compile(r"(?<![a-z])[a-z]{2,6}(?![a-z])")


def _as_heard(reading: Reading) -> tuple[str, list[int]]:
    """Return ``simple`` with each hanzi and pinyin outside the vocabulary as the one of its sound, and the way back."""
    simple = reading.simple.translate(_HEARD)
    at = reading.at
    found = [match for match in _PINYIN.finditer(simple) if match.group() in _keys()]
    if not found:
        return simple, at
    signs, places, done = [], [], 0
    for match in found:
        signs += [simple[done : match.start()], _keys()[match.group()]]
        places += [*at[done : match.start()], at[match.start()]]
        done = match.end()
    return "".join([*signs, simple[done:]]), [*places, *at[done:]]
