"""Ways of writing that hide a word, a code or a link: named where such a thing was found, never for themselves."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from fissile.domain.gate.facts.alphabet import FOLD, heard_as, is_hanzi, is_rare, letters, pairs, sound, traditional
from fissile.domain.gate.facts.codes import Passphrase
from fissile.domain.gate.facts.cues import Cue
from fissile.domain.gate.facts.links import Address
from fissile.domain.gate.facts.reading import Reading

USUAL_DELIMITERS = frozenset("￥¥₣")


@dataclass(frozen=True, slots=True)
class Way:
    """A technique with its place in the text as given."""

    technique: str
    start: int
    end: int


def of_signs(text: str, start: int, end: int) -> Iterator[Way]:
    """Name what is put into or done to single signs of ``text[start:end]``: invisible, wide, styled, foreign."""
    named: set[str] = set()
    for sign in text[start:end]:
        if sign < "\x7f":
            continue
        technique = _technique_of(sign)
        if technique:
            named.add(technique)
    for technique in sorted(named):
        yield Way(technique, start, end)


def _technique_of(sign: str) -> str | None:
    place = ord(sign)
    if not FOLD[place]:
        return (
            "combining-mark" if unicodedata.category(sign)[0] == "M" and not 0xFE00 <= place <= 0xFE0F else "zero-width"
        )
    if 0xFF01 <= place <= 0xFF5E:
        return "full-width"
    if sign in letters():
        return "greek-cyrillic-homoglyph"
    if is_hanzi(sign) or not FOLD[place].isascii() or not FOLD[place].isalnum():
        return None
    return "accented-letter" if unicodedata.category(sign)[0] == "L" and place < 0x2000 else "styled-letter"


def of_cue(reading: Reading, cue: Cue) -> Iterator[Way]:
    """Name how a cue word differs from its plain form."""
    start, end = reading.span(cue.start, cue.end)
    if reading.text[start:end] == cue.word:
        return
    named: dict[str, None] = {}
    for sign in reading.clean[cue.start : cue.end]:
        if not is_hanzi(sign):
            named[_inserted(sign)] = None
        elif sign not in cue.word:
            named[_replaced(sign, cue.word)] = None
    named.pop("", None)
    if cue.group == "app" and not any(map(is_hanzi, cue.word)):
        named.pop("latin-phonetic", None)
    for technique in named:
        yield Way(technique, start, end)
    if any(cue.start <= place < cue.end for place, _ in reading.splits):
        yield Way("radical-split", start, end)
    yield from of_signs(reading.text, start, end)


def _inserted(sign: str) -> str:
    place = ord(sign)
    if sign.isascii() and sign.isalnum():
        return "latin-phonetic"
    if 0x3105 <= place <= 0x312F or 0x31A0 <= place <= 0x31BF:
        return "bopomofo-insert"
    if 0x3040 <= place <= 0x30FF or 0x31F0 <= place <= 0x31FF or 0xFF66 <= place <= 0xFF9D:
        return "kana-insert"
    if sign.isspace():
        return "blank-insert"
    if place >= 0x1F000 or sign in "❤♥❣":
        return "emoji-split"
    return "symbol-insert"


def _replaced(sign: str, word: str) -> str:
    plain = traditional().get(sign)
    if plain is not None and plain in word:
        return "traditional"
    if pairs("lookalike").get(sign, "") in set(word) or is_rare(sign):
        return "lookalike-hanzi"
    heard = sound(sign)
    return "homophone" if any(sound(part) == heard or sign in heard_as(part) for part in word) else ""


def of_code(reading: Reading, code: Passphrase) -> Iterator[Way]:
    """Name unusual delimiters and what is done to the letters of a code."""
    start, end = reading.span(code.start, code.end)
    before = code.delimiter
    if before:
        category = unicodedata.category(before[0])
        technique = ""
        if category == "Sc" and before not in USUAL_DELIMITERS:
            technique = "currency-delimiter"
        elif category in {"So", "Sk"}:
            technique = "emoji-delimiter"
        elif is_hanzi(before[0]):
            technique = "hanzi-delimiter"
        if technique:
            yield Way(technique, max(0, start - 1), min(len(reading.text), end + 1))
    if code.is_split:
        yield Way("code-split", start, end)
    yield from of_signs(reading.text, start, end)


def of_link(reading: Reading, link: Address) -> Iterator[Way]:
    """Name how an address is hidden."""
    start, end = reading.span(link.start, link.end)
    if link.technique:
        yield Way(link.technique, start, end)
    yield from of_signs(reading.text, start, end)


def of_wording(reading: Reading, first: int, last: int) -> Iterator[Way]:
    """Name what is put between the signs of a hint or a wording."""
    start, end = reading.span(first, last)
    named: dict[str, None] = {}
    written = reading.clean[first:last]
    for place, sign in enumerate(written[1:-1], start=1):
        if (not is_hanzi(sign) and not sign.isalnum() and unicodedata.category(sign) in {"So", "Sk", "Sm"}) or (
            _inserted(sign) in {"kana-insert", "bopomofo-insert"} and is_hanzi(written[place - 1])
        ):
            named[_inserted(sign)] = None
        elif traditional().get(sign, sign) != sign:
            named["traditional"] = None
    for technique in named:
        yield Way(technique, start, end)
    if any(first <= place < last for place, _ in reading.splits):
        yield Way("radical-split", start, end)
    yield from of_signs(reading.text, start, end)
