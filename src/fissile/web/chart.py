"""Geometry of a small bar chart; the template draws it as SVG without scripts or styles of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 140
_GAP = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A value (not negative), the name under it and what it tells when asked."""

    value: int
    name: str
    told: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar in the units of the drawing, from the top left."""

    x: int
    y: int
    width: int
    height: int
    bar: Bar


def bars(values: Sequence[Bar]) -> list[Drawn]:
    """Return the bars side by side over the whole width, the highest as high as the drawing; none for no values."""
    if not values:
        return []
    most = max(one.value for one in values) or 1
    step = WIDTH // len(values)
    drawn = []
    for place, one in enumerate(values):
        # A value that is not 0 is at least a line: else a small day would look like an empty one.
        height = max(2, one.value * HEIGHT // most) if one.value else 0
        drawn.append(Drawn(place * step, HEIGHT - height, step - _GAP, height, one))
    return drawn
