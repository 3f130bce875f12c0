"""What a poster is, and the templates that say where its parts stand. All lengths are pixels from the top left."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

KINDS: Final = ("product", "shop")
"""Templates that ship. A coupon or a group buy is one more file: its fields are whatever its slots name."""

CODE_PIXELS_MIN: Final = 240
"""A QR code has at least so many pixels of 750, without its quiet zone: phones read it off another phone's screen."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Band:
    """A filled rectangle behind everything else."""

    box: Box
    colour: str


@dataclass(frozen=True, slots=True)
class Slot:
    """
    Where one text stands.

    ``ladder`` holds (size, lines) from the largest: the first at which the text fits is taken, else the last one, and
    what does not fit ends in “…”. ``personal`` texts are different on each promoter's poster; all others are drawn once
    for the product. ``ground`` is the colour of a label around the text.
    """

    field: str
    box: Box
    ladder: tuple[tuple[int, int], ...]
    colour: str
    align: str = "left"
    middle: bool = False
    bold: bool = False
    personal: bool = False
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """The places of a kind of poster."""

    name: str
    width: int
    height: int
    ground: str
    bands: tuple[Band, ...]
    picture: Box
    code: Box
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """
    What is to be drawn.

    ``texts`` are the fields of the template's slots, in the poster's language and in letters that can be drawn (see
    :func:`written`); a field that is missing leaves its place empty. ``picture`` are the bytes of a JPEG on white, as
    :func:`fissile.infra.pictures.prepare_picture` makes them. ``payload`` is what the QR code holds; None draws none.
    """

    kind: str
    texts: Mapping[str, str]
    picture: bytes | None
    payload: str | None


@cache
def template(kind: str) -> Template:
    """Return the template of a kind."""
    assert kind in KINDS, "callers choose among KINDS"
    file = resources.files("fissile.infra.posters") / "templates" / f"{kind}.toml"
    return _template(tomllib.loads(file.read_text(encoding="utf-8")))


def _template(given: Mapping[str, Any]) -> Template:
    return Template(
        name=given["name"],
        width=given["width"],
        height=given["height"],
        ground=given["ground"],
        bands=tuple(Band(Box(*one["box"]), one["colour"]) for one in given.get("bands", ())),
        picture=Box(*given["picture"]),
        code=Box(*given["code"]),
        slots=tuple(
            Slot(**(one | {"box": Box(*one["box"]), "ladder": tuple((size, lines) for size, lines in one["ladder"])}))
            for one in given["slots"]
        ),
    )
