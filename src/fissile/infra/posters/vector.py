"""Posters as SVG: letters are paths, so it looks the same wherever it is opened; nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from fissile.infra.posters import layout
from fissile.infra.posters.codes import Code, code_of_payload, place_of
from fissile.infra.posters.letters import UNITS, advance, outline
from fissile.infra.posters.model import Box, Poster, template


def draw_svg(poster: Poster) -> bytes:
    """Return a poster as an SVG document in UTF-8 that holds everything it shows."""
    return "".join(_parts(poster)).encode()


def _parts(poster: Poster) -> Iterator[str]:
    places = template(poster.kind)
    told = " · ".join(poster.texts[one.field] for one in places.slots if poster.texts.get(one.field))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{places.width}" height="{places.height}" '
        f'viewBox="0 0 {places.width} {places.height}" role="img" aria-label={quoteattr(told)}>'
    )
    yield _filled(Box(0, 0, places.width, places.height), places.ground)
    for band in places.bands:
        yield _filled(band.box, band.colour)
    if poster.picture is not None:
        yield _filled(places.picture, "#ffffff")
        content = base64.b64encode(poster.picture).decode()
        yield f'<image {_at(places.picture)} href="data:image/jpeg;base64,{content}"/>'
    yield _filled(places.code, "#ffffff")
    for personal in (False, True):
        yield from _texts(layout.placed(poster, places, personal=personal))
    if poster.payload is not None:
        code = code_of_payload(poster.payload)
        place = place_of(code, places.code)
        yield (
            f'<path fill="#000" shape-rendering="crispEdges" transform="translate({place.x} {place.y}) '
            f'scale({place.scale})" d="{_squares(code)}"/>'
        )
    yield "</svg>\n"


def _texts(placed: layout.Placed) -> Iterator[str]:
    for label in placed.labels:
        radius = label.box.height / 2
        yield f'<rect {_at(label.box)} rx="{radius:g}" fill="{label.colour}"/>'
    for line in placed.lines:
        scale = line.size / UNITS
        stroke = f' stroke="{line.colour}" stroke-width="{2 / scale:.0f}" stroke-linejoin="round"' if line.bold else ""
        yield f'<g fill="{line.colour}"{stroke}>'
        x = line.x
        for sign in line.text:
            if path := outline(sign):
                yield (
                    f'<path transform="translate({x:.2f} {line.baseline:.2f}) scale({scale:.4f} -{scale:.4f})" '
                    f'd="{path}"/>'
                )
            x += advance(sign) * scale
        yield "</g>"


def _squares(code: Code) -> str:
    """Return the black modules as one path, a run of them at a time."""
    runs = []
    for y in range(code.side):
        row = code.modules[y * code.side : (y + 1) * code.side]
        x = 0
        while (start := row.find(b"\x00", x)) >= 0:
            x = next((place for place in range(start, code.side) if row[place]), code.side)
            runs.append(f"M{start} {y}h{x - start}v1h{start - x}z")
    return "".join(runs)


def _filled(box: Box, colour: str) -> str:
    return f'<rect {_at(box)} fill="{colour}"/>'


def _at(box: Box) -> str:
    return f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
