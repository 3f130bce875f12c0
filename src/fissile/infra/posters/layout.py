"""Where each line of a text goes: broken where Chinese and English may be broken, as large as its place allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from fissile.infra.posters.letters import ASCENT, UNITS, shortened, width
from fissile.infra.posters.model import Box, Poster, Slot, Template

_LEADING = 1.32  # of the size from base line to base line
_PAD = 14  # around the text of a label
# A word of Latin, Greek or Cyrillic letters and figures with what holds on to it, or one sign of anything else.
_PIECES = re.compile(r"[0-9A-Za-z\u00c0-\u052f][0-9A-Za-z\u00c0-\u052f.,:;'%/&+\-]*|\s+|.")
_NOT_FIRST = frozenset("，。、；：！？）】》」』”’…·%,.;:!?)]}")
_NOT_LAST = frozenset("（【《「『“‘([{¥￥$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on its base line."""

    text: str
    x: float
    baseline: float
    size: int
    colour: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The ground of a text, with round ends."""

    box: Box
    colour: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Everything of a poster that is text."""

    labels: tuple[Label, ...]
    lines: tuple[Line, ...]


def placed(poster: Poster, template: Template, *, personal: bool) -> Placed:
    """Return the texts of a poster in their places: those of its promoter, or all others."""
    labels: list[Label] = []
    lines: list[Line] = []
    for slot in template.slots:
        text = poster.texts.get(slot.field, "")
        if slot.personal is personal and text:
            found, ground = _set(text, slot)
            lines += found
            labels += [ground] if ground else []
    return Placed(tuple(labels), tuple(lines))


def _set(text: str, slot: Slot) -> tuple[list[Line], Label | None]:
    size, broken = _fitted(text, slot)
    box, step = slot.box, size * _LEADING
    over = box.height - (size + step * (len(broken) - 1)) if slot.middle else 0
    lines = []
    for number, one in enumerate(broken):
        wide = width(one) * size / UNITS
        x = {"left": box.x, "center": box.x + (box.width - wide) / 2, "right": box.x + box.width - wide}[slot.align]
        lines.append(
            Line(one, x, box.y + max(0, over) / 2 + size * ASCENT + step * number, size, slot.colour, slot.bold)
        )
    if not slot.ground:
        return lines, None
    first = lines[0]
    wide = width(first.text) * size / UNITS
    around = Box(round(first.x) - _PAD, box.y, round(wide) + 2 * _PAD, box.height)
    return lines, Label(around, slot.ground)


def _fitted(text: str, slot: Slot) -> tuple[int, list[str]]:
    for size, most in slot.ladder:
        broken = wrapped(text, most=slot.box.width * UNITS // size)
        if len(broken) <= most:
            return size, broken
    last = [*broken[: most - 1], shortened(" ".join(broken[most - 1 :]), most=slot.box.width * UNITS // size)]
    return size, last


@lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[str, ...]:
    """Return what may not be broken apart: words, and signs with those that may not begin or end a line."""
    found: list[str] = []
    for piece in _PIECES.findall(text):
        if found and not piece.isspace() and (piece[0] in _NOT_FIRST or found[-1][-1] in _NOT_LAST):
            found[-1] += piece
        else:
            found.append(piece)
    return tuple(found)


def wrapped(text: str, *, most: int) -> list[str]:
    """Return the lines of a text, none wider than ``most`` thousandths of the size; at least one."""
    lines = [""]
    for piece in _pieces(text):
        if width(lines[-1] + piece.rstrip()) <= most:
            lines[-1] += piece
        elif piece.isspace():
            lines.append("")
        else:
            first, *others = _cut(piece, most=most)
            if lines[-1].strip():
                lines[-1] = lines[-1].rstrip()
                lines.append(first)
            else:
                lines[-1] = first
            lines += others
    return [one.strip() for one in lines if one.strip()] or [""]


def _cut(piece: str, *, most: int) -> Iterator[str]:
    """Yield the parts of a word that is wider than a line."""
    part = ""
    for sign in piece:
        if part and width(part + sign) > most:
            yield part
            part = ""
        part += sign
    yield part
