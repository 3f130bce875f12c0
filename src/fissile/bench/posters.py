"""``fissile bench posters``: posters a second from a kept template, beside bare Pillow; no house is needed."""

from __future__ import annotations

import io
import os
import random
import time
from collections.abc import Callable
from importlib import resources
from typing import Any

import zxingcpp
from PIL import Image

import fissile
from fissile.bench.report import peak_mb, report
from fissile.domain.shares.rules import link_of, new_token
from fissile.infra.pictures import prepare_picture
from fissile.infra.posters import Poster, draw_jpeg, draw_png, draw_svg
from fissile.infra.posters.raster import QUALITY
from fissile.infra.settings import Settings

PRODUCTS = 8
_CHANCE = random.SystemRandom()
_BASE = "https://shop.example"
_SIZE = (750, 1334)


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """
    Return the report of this benchmark: one thread, each poster another share's, of eight products in turn.

    The limit pastes a picture and a QR code on white and writes a JPEG of the same size: no letters, no layout.
    ``audit`` counts posters whose code is not read back.
    """
    folder = resources.files(fissile) / "demo" / "catalogue_en" / "images"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".jpg")), key=lambda one: one.name)
    pictures = [prepare_picture(one.read_bytes()).files["page"] for one in files[: PRODUCTS + 40]]
    made: list[tuple[str, bytes]] = []

    def next_poster(number: int, *, of: int = PRODUCTS) -> Poster:
        return _poster(number % of, pictures[number % min(of, len(pictures))])

    def draw(number: int) -> None:
        poster = next_poster(number)
        content = draw_jpeg(poster)
        if number % 50 == 0:
            made.append((poster.payload or "", content))

    for number in range(PRODUCTS):
        draw(number)  # templates and letters
    bare = _bare(pictures[:PRODUCTS])
    before = _rate(bare, seconds=seconds / 2)
    drawn = _rate(draw, seconds=seconds)
    after = _rate(bare, seconds=seconds / 2)
    new = _rate(lambda number: draw_jpeg(next_poster(number, of=len(pictures))), seconds=seconds / 2)
    png = _rate(lambda number: draw_png(next_poster(number)), seconds=min(1.0, seconds))
    svg = _rate(lambda number: draw_svg(next_poster(number)), seconds=min(1.0, seconds))
    wrong = sum(_payloads(content) != [payload] for payload, content in made)
    return report(
        name="posters",
        figure=drawn[0],
        unit="posters/s, JPEG of 750 × 1334 in one thread, template kept",
        p50_ms=drawn[1],
        p99_ms=drawn[2],
        limit=(before[0] + after[0]) / 2,
        limit_name="bare Pillow: paste a picture and a QR code, write the JPEG",
        peak_mb=peak_mb(os.getpid()),
        seconds=seconds,
        audit="clean" if not wrong else str(wrong),
        new_products=round(new[0]),
        png=round(png[0]),
        svg=round(svg[0]),
        read_back=len(made),
    )


def _poster(product: int, picture: bytes) -> Poster:
    token = new_token(rng=_CHANCE)
    return Poster(
        kind="product",
        texts={
            "mark": "广告",
            "title": f"新疆长绒棉被子冬季加厚保暖学生宿舍单人双人被芯 {product} 号",
            "price": f"¥{product + 38}.00 起",
            "promoter": f"林小满 {token[:2]} 推荐",
            "hint": "长按识别二维码，或用手机扫一扫",
            "expiry": "有效期至 2026年12月31日",
            "shop": "Fissile",
        },
        picture=picture,
        payload=link_of(_BASE, token, form="poster"),
    )


def _bare(pictures: list[bytes]) -> Callable[[int], None]:
    kept = [Image.open(io.BytesIO(one)).convert("RGB").resize((570, 570)) for one in pictures]

    def draw(number: int) -> None:
        image = Image.new("RGB", _SIZE, "white")
        image.paste(kept[number % len(kept)], (90, 0))
        payload = link_of(_BASE, new_token(rng=_CHANCE), form="poster")
        made = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
        code: Any = zxingcpp.write_barcode_to_image(made, scale=10)
        image.paste(Image.frombytes("L", (code.shape[1], code.shape[0]), bytes(memoryview(code).cast("B"))), (189, 884))
        image.save(io.BytesIO(), "JPEG", quality=QUALITY)

    return draw


def _rate(draw: Callable[[int], object], *, seconds: float) -> tuple[float, float, float]:
    """Return how many a second, and the median and the 99th of a hundred in milliseconds."""
    times: list[float] = []
    started = time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        draw(len(times))
        times.append(time.perf_counter() - now)
    spent = time.perf_counter() - started
    times.sort()
    return len(times) / spent, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3


def _payloads(content: bytes) -> list[str]:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(content)))
    return [one.text for one in found]
