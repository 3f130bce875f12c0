"""
The letters of posters: Noto Sans SC, which comes with the install. What it has, how wide it is, its outlines.

It has the letters of Chinese, Japanese kana, and most of Latin, Greek and Cyrillic; it has no emoji, and no Hebrew,
Arabic, Thai or Hangul. So nothing on a poster runs from right to left.
"""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from pylopdf_fonts_zh_cn import sans_path

from fissile.kernel.errors import Refusal

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

FONT_FILE: Final = str(sans_path())
UNITS: Final = 1000
"""Advances and outlines are in thousandths of the size."""
ASCENT: Final = 0.88
"""How far above the base line a line of text reaches, in sizes; its height is one size."""

# Letters that the font lacks and that no decomposition gives, with the one they are read as.
_NEAREST: Final = str.maketrans("łŁđĐħĦŧŦøØıƒ", "lLdDhHtToOif")
_ELLIPSIS: Final = "…"
_reading = threading.Lock()  # fontTools reads tables when they are asked for, and is not made for threads


class LettersMissing(Refusal):
    """The poster's font has no letters for “{given}”: share it as link or code, or ask for a title in other letters."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text in letters that can be drawn, and the letters that were left out of it."""

    text: str
    missing: str


def written(text: str, *, needed: bool = False) -> Written:
    """
    Return a text as a poster can show it.

    Emoji and signs without a shape are left out in silence. Letters that the font lacks are replaced by those they are
    composed of or read as, else left out and told in ``missing``.

    :param needed: whether the poster makes no sense without this text
    :raises LettersMissing: if it is needed and fewer than half of its letters can be drawn
    """
    drawn, missing, letters = [], [], 0
    for sign in unicodedata.normalize("NFC", text):
        if sign.isspace():
            drawn.append(" ")
            continue
        shown = _shown(sign)
        if shown:
            letters += unicodedata.category(sign)[0] in "LN"
            drawn.append(shown)
        elif unicodedata.category(sign)[0] in "LN":
            missing.append(sign)
    plain = " ".join("".join(drawn).split())
    if needed and (len(missing) > letters or not plain):
        raise LettersMissing(given="".join(missing)[:40] or text[:40])
    return Written(plain, "".join(missing))


def _shown(sign: str) -> str:
    if is_covered(sign):
        return sign
    if unicodedata.category(sign)[0] in "CM":
        return ""
    for other in (unicodedata.normalize("NFKD", sign), sign.translate(_NEAREST)):
        kept = "".join(one for one in other if is_covered(one) and unicodedata.category(one)[0] != "M")
        if kept and kept != sign:
            return kept
    return ""


def is_covered(sign: str) -> bool:
    """Return whether the font draws a sign. Those that say only how others are set have nothing to draw."""
    return ord(sign) in _cmap() and unicodedata.category(sign)[0] != "C"


@lru_cache(maxsize=8192)
def advance(sign: str) -> int:
    """Return the width of a sign in thousandths of the size."""
    with _reading:
        width: int = _font()["hmtx"][_cmap()[ord(sign)]][0]
    return width


@lru_cache(maxsize=4096)
def outline(sign: str) -> str:
    """Return the outline of a sign as an SVG path, in thousandths of the size; its y runs upwards."""
    from fontTools.pens.svgPathPen import SVGPathPen

    with _reading:
        glyphs = _glyphs()
        pen = SVGPathPen(glyphs)
        glyphs[_cmap()[ord(sign)]].draw(pen)
    commands: str = pen.getCommands()
    return commands


def width(text: str) -> int:
    """Return the width of a text in thousandths of the size. No kerning: both ways of drawing place sign by sign."""
    return sum(advance(sign) for sign in text)


def shortened(text: str, *, most: int) -> str:
    """Return the text, its end replaced by “…” if it is wider than ``most`` thousandths of the size."""
    if width(text) <= most:
        return text
    while text and width(text + _ELLIPSIS) > most:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


@cache
def _font() -> TTFont:
    from fontTools.ttLib import TTFont

    return TTFont(FONT_FILE, lazy=True)


@cache
def _cmap() -> dict[int, str]:
    found: dict[int, str] = _font().getBestCmap()
    return found


@cache
def _glyphs() -> Any:
    return _font().getGlyphSet()
