"""Posters as pixels. What all promoters' posters of a product share is drawn once and kept."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from fissile.infra.posters import layout
from fissile.infra.posters.codes import code_of_payload, place_of
from fissile.infra.posters.letters import FONT_FILE, UNITS, advance
from fissile.infra.posters.model import Box, Poster, Template, template

QUALITY = 86
BASES_KEPT = 12
"""Of three megabytes each."""

_PARTS = 4  # signs stand on quarters of a pixel
_BOLD = 1  # pixels of stroke around a sign: the font comes in one weight
_SIDE = 5  # pixels around a sign's mask for what reaches out of its advance


def draw_jpeg(poster: Poster) -> bytes:
    """Return a poster as JPEG."""
    out = io.BytesIO()
    draw_image(poster).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def draw_png(poster: Poster) -> bytes:
    """Return a poster as PNG."""
    out = io.BytesIO()
    draw_image(poster).save(out, "PNG")
    return out.getvalue()


def draw_image(poster: Poster) -> Image.Image:
    """Return a poster as an image of its own."""
    places = template(poster.kind)
    shared = {one.field for one in places.slots if not one.personal}
    texts = tuple(sorted((key, text) for key, text in poster.texts.items() if key in shared))
    image = _base(poster.kind, texts, poster.picture).copy()
    _write(image, layout.placed(poster, places, personal=True))
    if poster.payload is not None:
        code = code_of_payload(poster.payload)
        place = place_of(code, places.code)
        side = code.side * place.scale
        squares = Image.frombytes("L", (code.side, code.side), code.modules)
        image.paste(squares.resize((side, side), Image.Resampling.NEAREST), (place.x, place.y))
    return image


@lru_cache(maxsize=BASES_KEPT)
def _base(kind: str, texts: tuple[tuple[str, str], ...], picture: bytes | None) -> Image.Image:
    """Return what the posters of a product share: grounds, picture, and every text that is not personal."""
    places = template(kind)
    image = Image.new("RGB", (places.width, places.height), places.ground)
    draw = ImageDraw.Draw(image)
    for band in places.bands:
        draw.rectangle(_corners(band.box), fill=band.colour)
    if picture is not None:
        _show(image, picture, places.picture)
    _clear_code(draw, places)
    _write(
        image, layout.placed(Poster(kind=kind, texts=dict(texts), picture=None, payload=None), places, personal=False)
    )
    return image


def _show(image: Image.Image, picture: bytes, box: Box) -> None:
    """Draw a picture as a whole into its box, on white."""
    with Image.open(io.BytesIO(picture)) as found:
        found.draft("RGB", (box.width, box.height))
        whole = found.convert("RGB")
    scale = min(box.width / whole.width, box.height / whole.height)
    size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
    if size != whole.size:
        whole = whole.resize(size, Image.Resampling.LANCZOS)
    image.paste("white", _pasted(box))
    image.paste(whole, (box.x + (box.width - size[0]) // 2, box.y + (box.height - size[1]) // 2))


def _clear_code(draw: ImageDraw.ImageDraw, places: Template) -> None:
    draw.rectangle(_corners(places.code), fill="white")


def _write(image: Image.Image, placed: layout.Placed) -> None:
    draw = ImageDraw.Draw(image)
    for label in placed.labels:
        draw.rounded_rectangle(_corners(label.box), radius=label.box.height / 2, fill=label.colour)
    for line in placed.lines:
        x, y = line.x, round(line.baseline)
        for sign in line.text:
            whole, part = divmod(round(x * _PARTS), _PARTS)
            if not sign.isspace():
                mask = _mask(sign, line.size, part, line.bold)
                image.paste(line.colour, (whole - _SIDE, y - line.size), mask)
            x += advance(sign) * line.size / UNITS


@lru_cache(maxsize=4096)
def _mask(sign: str, size: int, part: int, bold: bool) -> Image.Image:
    """Return the coverage of a sign whose base line lies ``size`` below the top of the mask."""
    wide = advance(sign) * size // UNITS + 2 * _SIDE + 2
    mask = Image.new("L", (wide, size + size // 2))
    ImageDraw.Draw(mask).text(
        (_SIDE + part / _PARTS, size), sign, fill=255, font=_font(size), anchor="ls", stroke_width=_BOLD if bold else 0
    )
    return mask


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT_FILE, size, layout_engine=ImageFont.Layout.BASIC)


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width - 1, box.y + box.height - 1


def _pasted(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width, box.y + box.height
