"""QR codes by zxing-cpp, as the squares that are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import zxingcpp

from fissile.infra.posters.model import CODE_PIXELS_MIN, Box

QUIET = 4
"""The quiet zone around a QR code, in modules (ISO/IEC 18004)."""

_LEVEL = "M"  # restores 15 %; more would make the squares smaller, which costs phones more than it gives


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code: ``side`` modules a side, a byte each, 0 is black."""

    side: int
    modules: bytes


@dataclass(frozen=True, slots=True)
class CodePlace:
    """Where the code is drawn in whole pixels: its first module, and how many pixels a module has."""

    x: int
    y: int
    scale: int


@lru_cache(maxsize=256)
def code_of_payload(payload: str) -> Code:
    """Return the QR code of a text."""
    made = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level=_LEVEL)
    image: Any = zxingcpp.write_barcode_to_image(made, scale=1, add_quiet_zones=False)
    side: int = image.shape[0]
    return Code(side, bytes(memoryview(image).cast("B")))


def place_of(code: Code, box: Box) -> CodePlace:
    """Return the largest place in a box, with the quiet zone inside of it."""
    scale = min(box.width, box.height) // (code.side + 2 * QUIET)
    drawn = code.side * scale
    assert drawn >= CODE_PIXELS_MIN, f"a payload for which {drawn} pixels are left is too long for this template"
    return CodePlace(box.x + (box.width - drawn) // 2, box.y + (box.height - drawn) // 2, scale)
