"""
What a text holds: links, special identification codes, disguises, contact hints, inducements. Pure.

``read`` scans every text once, cheaply; the detectors run only where something stirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TypeVar

from fissile.domain.gate.facts import codes, contacts, cues, disguises, inducements, links, stir
from fissile.domain.gate.facts.codes import Passphrase
from fissile.domain.gate.facts.cues import Cue
from fissile.domain.gate.facts.links import Address
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import Table, table, version
from fissile.domain.gate.model import (
    FACTS_OF_A_KIND,
    Code,
    Contact,
    CueWord,
    Disguise,
    Dropped,
    Facts,
    Inducement,
    Link,
)

READER = version()
"""Version of code and tables; stored with every verdict."""

WINDOW = 2_000
"""So many signs are read together: a share text is short, and cue words far away from a code say nothing of it."""
OVERLAP = 300
PROMOTING = frozenset({"shop", "short_link", "app_jump"})

_PLATFORM_OF_TAG = {"xianyu", "tmall"}
"""Apps that share links of another one's hosts and say so in brackets."""

Fact = TypeVar("Fact", Code, Link, Contact, Inducement, Disguise, CueWord)


class Reader:
    """A reader with a platforms' table of its own; ``read`` uses the one that ships."""

    def __init__(self, platforms: Table) -> None:
        self._hosts = links.hosts(platforms)
        self._vocabulary = cues.vocabulary(platforms)
        self._shapes = codes.shapes(platforms)

    def read(self, text: str, *, where: str = "text") -> Facts:
        """
        Return the facts of a text. Takes time in proportion to its length, and never fails, whatever it holds.

        :param where: name of the text or picture, stored with each fact
        """
        if len(text) > WINDOW:
            return self._read_long(text, where)
        bits = stir.stirred(text)
        if not bits:
            return Facts(normalised=text, reader=READER)
        return _facts([self._found(text, 0, where, bits)])

    def aligned(self, text: str) -> tuple[str, list[int]]:
        """
        Return the plain reading of a text, and for each of its signs where in the text it comes from.

        It reads the text once more: for people who look at one, not for each verdict.
        """
        parts = self._windows(text, "text")
        return _joined(parts), [
            place for number, part in enumerate(parts) for place in part.origins()[number and OVERLAP :]
        ]

    def _read_long(self, text: str, where: str) -> Facts:
        return _facts(self._windows(text, where))

    def _windows(self, text: str, where: str) -> list[_Found]:
        parts = []
        for first in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            window = text[first : first + WINDOW]
            bits = stir.stirred(window)
            found = self._found(window, first, where, bits) if bits else _Found(normalised=window, offset=first)
            found.keep(
                0 if first == 0 else first + OVERLAP // 2,
                len(text) if first + WINDOW >= len(text) else first + WINDOW - OVERLAP // 2,
            )
            parts.append(found)
        return parts

    def _found(self, text: str, offset: int, where: str, bits: int) -> _Found:
        reading = Reading(text)
        if bits & stir.ODD:
            bits |= stir.stirred(reading.clean) | (stir.EVERYTHING if reading.splits else 0)
        found = _Found(normalised=reading.clean, offset=offset)
        found.reading = reading
        if bits & (stir.CODE | stir.LINK | stir.ODD):
            self._find_codes(reading, found, where)
        if bits & (stir.INDUCEMENT | stir.ODD):
            for wording in inducements.find(reading):
                found.inducements.append(
                    Inducement(wording.category, *found.at(reading, wording.start, wording.end), where)
                )
                found.hide(disguises.of_wording(reading, wording.start, wording.end), where)
        if bits & (stir.CONTACT | stir.ODD):
            for hint in contacts.find(reading):
                found.contacts.append(Contact(hint.technique, *found.at(reading, hint.start, hint.end), where))
                found.hide(disguises.of_wording(reading, hint.start, hint.end), where)
        return found

    def _find_codes(self, reading: Reading, found: _Found, where: str) -> None:
        words = cues.find(reading, self._vocabulary)
        groups = {word.group for word in words}
        is_called = len(groups & {"copy", "press", "open", "tap", "english"}) >= 2 or (
            "app" in groups and bool(groups & {"copy", "open", "tap"})
        )
        addresses = links.find(reading, self._hosts, is_called=is_called)
        context = codes.context(reading, words, addresses)
        phrases = codes.find(reading, context, self._shapes)
        for address in addresses:
            found.add_link(reading, address, context.tagged, where)
        for phrase in phrases:
            place = found.at(reading, phrase.start, phrase.end)
            found.codes.append(Code(phrase.kind, phrase.platform, phrase.code, *place, where))
            found.hide(disguises.of_code(reading, phrase), where)
        found.cues += [CueWord(word.word, *found.at(reading, word.start, word.end)) for word in words]
        self._hide_cues(reading, found, words, where)
        found.pieces = _pieces(words, addresses, phrases)
        found.normalised = _plainly(reading, found.pieces)

    def _hide_cues(self, reading: Reading, found: _Found, words: list[Cue], where: str) -> None:
        """Name disguised cue words where something was found; alone they may be ordinary words of the same sound."""
        if found.codes or any(link.cls in PROMOTING for link in found.links):
            for word in words:
                if word.last and reading.text[slice(*reading.span(word.start, word.end))] != word.word:
                    found.hide(disguises.of_cue(reading, word), where)


def _pieces(
    words: Sequence[Cue], addresses: Sequence[Address], phrases: Sequence[Passphrase]
) -> list[tuple[int, int, str]]:
    """Return the places in ``Reading.clean`` that are read as something plainer, in order, none within another."""
    plain = [(word.start, word.end, word.word) for word in words if word.last]
    plain += [(link.start, link.end, link.url) for link in addresses]
    plain += [(code.start, code.end, code.code) for code in phrases]
    pieces, done = [], 0
    for piece in sorted(plain):
        if piece[0] >= done:
            pieces.append(piece)
            done = piece[1]
    return pieces


def _plainly(reading: Reading, pieces: Sequence[tuple[int, int, str]]) -> str:
    """Return the text as its reader understands it: cue words, links and codes in their plain form."""
    parts, done = [], 0
    for start, end, form in pieces:
        parts += [reading.clean[done:start], form]
        done = end
    return "".join([*parts, reading.clean[done:]])


class _Found:
    """What one window of a text holds, with places in the whole text."""

    def __init__(self, *, normalised: str, offset: int) -> None:
        self.normalised = normalised
        self.offset = offset
        self.reading: Reading | None = None
        self.pieces: list[tuple[int, int, str]] = []
        self.codes: list[Code] = []
        self.links: list[Link] = []
        self.contacts: list[Contact] = []
        self.inducements: list[Inducement] = []
        self.disguises: list[Disguise] = []
        self.cues: list[CueWord] = []

    def keep(self, start: int, end: int) -> None:
        """Keep what begins in this part of the text; the windows before and after have the rest."""
        self.codes = [fact for fact in self.codes if start <= fact.start < end]
        self.links = [fact for fact in self.links if start <= fact.start < end]
        self.contacts = [fact for fact in self.contacts if start <= fact.start < end]
        self.inducements = [fact for fact in self.inducements if start <= fact.start < end]
        self.disguises = [fact for fact in self.disguises if start <= fact.start < end]
        self.cues = [fact for fact in self.cues if start <= fact.start < end]

    def origins(self) -> list[int]:
        """Return for each sign of the plain reading where in the text it comes from."""
        if self.reading is None:
            return list(range(self.offset, self.offset + len(self.normalised)))
        clean = [self.reading.span(place, place + 1)[0] + self.offset for place in range(len(self.reading.clean))]
        found: list[int] = []
        done = 0
        for start, end, form in self.pieces:
            found += clean[done:start]
            # Sign by sign where as many are read as were written, else all of them from the first.
            found += clean[start:end] if len(form) == end - start else [clean[start]] * len(form)
            done = end
        return found + clean[done:]

    def at(self, reading: Reading, start: int, end: int) -> tuple[int, int]:
        first, last = reading.span(start, end)
        return first + self.offset, last + self.offset

    def hide(self, ways: Iterable[disguises.Way], where: str) -> None:
        for way in ways:
            self.disguises.append(Disguise(way.technique, way.start + self.offset, way.end + self.offset, where))

    def add_link(self, reading: Reading, address: Address, tagged: str | None, where: str) -> None:
        platform = tagged if tagged in _PLATFORM_OF_TAG and address.platform == "taobao" else address.platform
        place = self.at(reading, address.start, address.end)
        self.links.append(Link(address.url, address.host, address.cls, platform, False, *place, where))
        if address.cls in PROMOTING:
            self.hide(disguises.of_link(reading, address), where)
        if address.code is not None:
            place = self.at(reading, address.code_start, address.code_end)
            self.codes.append(Code(address.kind, platform or "unknown", address.code, *place, where))


def _kept(facts: Iterator[Fact]) -> tuple[tuple[Fact, ...], int]:
    """Return the first facts in order of place, each once, and how many more there were."""
    each = list(facts)
    if len(each) > 1:
        each = list(dict.fromkeys(each))
        each.sort(key=lambda fact: (fact.start, fact.end))
    return tuple(each[:FACTS_OF_A_KIND]), max(0, len(each) - FACTS_OF_A_KIND)


def _facts(parts: list[_Found]) -> Facts:
    found_codes, more_codes = _kept(code for part in parts for code in part.codes)
    found_links, more_links = _kept(link for part in parts for link in part.links)
    found_contacts, more_contacts = _kept(hint for part in parts for hint in part.contacts)
    found_inducements, more_inducements = _kept(wording for part in parts for wording in part.inducements)
    found_disguises, more_disguises = _kept(way for part in parts for way in part.disguises)
    found_cues, more_cues = _kept(word for part in parts for word in part.cues)
    origin = {code.platform for code in found_codes}
    origin |= {link.platform for link in found_links if link.platform and link.cls in PROMOTING}
    return Facts(
        codes=found_codes,
        links=found_links,
        contacts=found_contacts,
        inducements=found_inducements,
        disguises=found_disguises,
        cues=found_cues,
        origin=tuple(sorted(origin - {"unknown"})),
        normalised=_joined(parts),
        dropped=Dropped(more_codes, more_links, more_contacts, more_inducements, more_disguises, more_cues),
        reader=READER,
    )


def _joined(parts: list[_Found]) -> str:
    """Return the readings of the windows one after another; where two overlap, the later one is cut by the overlap."""
    return "".join(part.normalised if place == 0 else part.normalised[OVERLAP:] for place, part in enumerate(parts))


@cache
def _reader() -> Reader:
    return Reader(table("platforms"))


def read(text: str, *, where: str = "text") -> Facts:
    """
    Return the facts of a text, by the tables that ship.

    :param where: name of the text or picture, stored with each fact
    """
    return _reader().read(text, where=where)


def aligned(text: str) -> tuple[str, list[int]]:
    """Return ``Reader.aligned`` by the tables that ship."""
    return _reader().aligned(text)


keep_in = stir.keep_in

__all__ = ["READER", "Reader", "aligned", "keep_in", "read"]
