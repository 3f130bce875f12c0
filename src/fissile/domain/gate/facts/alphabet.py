"""
What each sign is read as: letters of other shapes and scripts as ASCII, invisible signs as nothing, hanzi by sound.

One sign is read as one sign or as none, so that places in the reading lead back to places in the text. Currency
signs, brackets and emoji, which may be the delimiters of a code, are never changed into something else.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import cache

from pypinyin.constants import PINYIN_DICT

from fissile.domain.gate.facts.tables import table

_DROPPED_CATEGORIES = frozenset({"Cf", "Mn", "Me", "Cc"})
_KEPT_CONTROLS = frozenset("\n\r\t")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5")
_NOT_FOLDED = frozenset("åÅøØ")  # delimiters of one app, and letters that stand alone in real words
_SIGNS = {
    **dict.fromkeys("‐‑‒–—―−－﹣", "-"),
    **dict.fromkeys("∕⁄／╱⧸⟋", "/"),
    **dict.fromkeys("．․﹒。", "."),
    **dict.fromkeys("∶꞉：﹕︰", ":"),
    **dict.fromkeys("＼﹨∖⧵", "\\"),
    **dict.fromkeys("？﹖", "?"),
    **dict.fromkeys("＝﹦꞊", "="),
    **dict.fromkeys(
        "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    ),
    **dict.fromkeys("\u2028\u2029\x0b\x0c\x85", "\n"),
}
_ADDRESS_SIGNS = frozenset("#%&@_=+~/.:?-")
_SIGNS["。"] = "。"  # the full stop of Chinese stays: links.py alone reads it as a dot
_NEGATIVE_DIGITS = {chr(0x2776 + n): str(n + 1) for n in range(9)} | {chr(0x2780 + n): str(n + 1) for n in range(9)}
_NEGATIVE_DIGITS |= {chr(0x278A + n): str(n + 1) for n in range(9)} | {chr(0x24F5 + n): str(n + 1) for n in range(9)}
_NEGATIVE_DIGITS |= {"⓿": "0", "🄌": "0", "🄋": "0", "⓪": "0"}
_LETTER_RANGES = ((0x1F150, "A"), (0x1F170, "A"), (0x1F1E6, "A"), (0x1F130, "A"), (0x249C, "a"), (0x1F110, "A"))


def _boxed(sign: str) -> str | None:
    place = ord(sign)
    for first, letter in _LETTER_RANGES:
        if first <= place < first + 26:
            return chr(ord(letter) + place - first)
    if 0x2474 <= place < 0x247D or 0x2488 <= place < 0x2491:
        return str((place - (0x2474 if place < 0x2488 else 0x2488)) + 1)
    return _NEGATIVE_DIGITS.get(sign)


def _folded(sign: str) -> str:
    """Return what one sign is read as: one sign, or nothing."""
    if sign in _SIGNS:
        return _SIGNS[sign]
    category = unicodedata.category(sign)
    if category in _DROPPED_CATEGORIES or sign in _BLANK_LETTERS:
        return sign if sign in _KEPT_CONTROLS else ""
    if category == "Sc" or sign in _NOT_FOLDED:
        return sign
    letter = letters().get(sign) or _boxed(sign)
    if letter:
        return letter
    plain = unicodedata.normalize("NFKC", sign)
    if len(plain) == 1 and plain != sign:
        plain = letters().get(plain, plain)
        return plain if plain.isalnum() or plain in _ADDRESS_SIGNS else sign
    base = unicodedata.normalize("NFKD", sign)
    if category[0] == "L" and base[0].isascii() and base[0].isalpha() and all(map(unicodedata.combining, base[1:])):
        return base[0]
    return sign


class _Fold(dict[int, str]):
    """A table for ``str.translate`` that works out each sign when it first occurs."""

    def __missing__(self, place: int) -> str:
        self[place] = folded = _folded(chr(place))
        return folded


@cache
def pairs(name: str) -> dict[str, str]:
    """Return a list of pairs from the table of look-alikes as {what stands there: what is read}."""
    return {pair[0]: pair[1:] for pair in table("lookalikes")[name]["pairs"].split()}


@cache
def letters() -> dict[str, str]:
    """Return the letters of other scripts that are taken for Latin ones."""
    return pairs("letters")


@cache
def traditional() -> dict[str, str]:
    """Return traditional and variant forms of hanzi with their plain form."""
    return pairs("traditional")


FOLD: dict[int, str] = _Fold()


def is_hanzi(sign: str) -> bool:
    """Return whether it is a Chinese character, of any block."""
    place = ord(sign)
    return (
        0x4E00 <= place <= 0x9FFF
        or 0x3400 <= place <= 0x4DBF
        or 0x20000 <= place <= 0x323AF
        or 0xF900 <= place <= 0xFAFF
        or place == 0x3007
    )


def _simple(sign: str) -> str:
    if "A" <= sign <= "Z":
        return sign.lower()
    if sign.isascii():
        return sign if sign.isalnum() else ""
    return traditional().get(sign, sign) if is_hanzi(sign) else ""


class _Simple(dict[int, str]):
    def __missing__(self, place: int) -> str:
        self[place] = simple = _simple(chr(place))
        return simple


SIMPLE: dict[int, str] = _Simple()
"""For ``str.translate``: hanzi in their plain form, letters in lower case, digits; everything else falls away."""

_TONES = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿê", "aaaaeeeeiiiioooouuuuvvvvvnnnme")


def _toneless(reading: str) -> str:
    return unicodedata.normalize("NFC", reading).translate(_TONES)


def _is_typed(sign: str) -> bool:
    """Return whether usual input methods write a hanzi: the 21,000 of GBK."""
    try:
        sign.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


@cache
def _signs_by_sound() -> dict[str, str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for place, readings in PINYIN_DICT.items():
        if not is_hanzi(chr(place)) or not _is_typed(chr(place)):
            continue
        for reading in dict.fromkeys(map(_toneless, readings.split(",")[:2])):
            found[reading].append(chr(place))
    return {reading: "".join(signs) for reading, signs in found.items()}


def sound(sign: str) -> str:
    """Return the first toneless pinyin of a hanzi, or nothing."""
    return _toneless(PINYIN_DICT.get(ord(sign), "").split(",")[0])


@cache
def heard_as(sign: str) -> str:
    """Return all hanzi that sound like this one or are taken for it, itself among them."""
    alike = [seen for seen, read in pairs("lookalike").items() if read == sign]
    alike += [seen for seen, read in traditional().items() if read == sign]
    return "".join(dict.fromkeys([sign, *_signs_by_sound().get(sound(sign), ""), *alike]))


@cache
def is_rare(sign: str) -> bool:
    """Return whether a hanzi is outside the 6,763 of GB 2312, which everyday simplified Chinese is written in."""
    try:
        sign.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False
