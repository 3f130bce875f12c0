"""
Documents as PDF: typst templates of this package, filled with data.

The font is the one that the install brings, and those inside of typst for other scripts; none of the machine. Nothing
is downloaded, and the same data gives the same bytes on every machine. What somebody wrote reaches a template as a
JSON text and is drawn as text: it cannot become typst code.

A compiler is held by one piece of work at a time and keeps what it has parsed; there are two, and the work is done in
threads (typst lets the interpreter go meanwhile), so that the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
import json
import queue
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pylopdf_fonts_zh_cn
import typst

from fissile.kernel.errors import Refusal

TEMPLATES = Path(__file__).parent / "templates"
FONT = "Noto Sans SC"
COMPILERS = 2
TEXT_LENGTH_MAX = 2_000  # characters of one text; a longer one is cut, so that nobody's name is forty pages
ROWS_MAX = 5_000  # of one document: some 140 pages, three seconds, 370 MB while it is made

# Invisible marks that turn the direction of what follows: in a document they could make an amount read otherwise.
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LEFT_OUT = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f{_TURNS}\ufeff\ufe00-\ufe0f\U000e0000-\U000e01ef]")
# No font of ours has colour pictures: one sign, joined ones and flags too, is drawn as one square.
_PICTURE = "[\U0001f000-\U0001faff]"
_PICTURES = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:[\U0001f3fb-\U0001f3ff]|\u200d[\u2600-\u27bf]|\u200d{_PICTURE})*"
)
_SQUARE = "□"
# Chinese breaks anywhere; of other scripts a run without a blank would stand out of its column.
_RUN = re.compile(r"[^\s\u200b\u2e80-\uffff]{24}(?=[^\s\u2e80-\uffff])")


class FontMissing(RuntimeError):
    """The install lacks the font of its documents: a fault of ours, which the log tells."""

    def __init__(self, *, font: str, folder: Path) -> None:
        super().__init__(
            f"The font {font} is not found in {folder}: without it no document can be drawn; run “make install” again."
        )


class DocumentTooLong(Refusal):
    """This document would have more than {most} rows: choose a shorter period, or take the CSV file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; ``share`` parts the free width (0: as wide as what stands in it)."""

    label: str
    align: Literal["left", "right"] = "left"
    share: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads that come again on every page; ``totals`` are pairs of label and value under the last row."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    totals: Sequence[tuple[str, str]] = ()
    title: str = ""
    empty: str = ""  # said where there is no row


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A document of facts and tables; all of its words are in the language ``locale`` (zh_CN or en) already."""

    title: str
    locale: str
    subtitle: str = ""
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    foot: str = ""  # stands on every page, before its number


async def render_sheet(sheet: Sheet) -> bytes:
    """
    Return a sheet as PDF; the same sheet gives the same bytes.

    :raises DocumentTooLong: if its tables have more than ``ROWS_MAX`` rows
    :raises FontMissing: if the install lacks its font
    """
    data = asdict(sheet)
    data["lang"] = language(data.pop("locale"))
    for table in sheet.tables:
        assert all(len(row) == len(table.columns) for row in table.rows), "a row has a cell for each column"
    return await render_document("sheet", data=data)


async def render_document(template: str, *, data: Mapping[str, Any]) -> bytes:
    """
    Return ``templates/<template>.typ`` filled with ``data`` as PDF; the same data gives the same bytes.

    ``data`` is what JSON can say. Its texts are cleaned by :func:`clean_text` first.

    :raises DocumentTooLong: if its lists have more than ``ROWS_MAX`` rows together
    :raises FontMissing: if the install lacks its font
    """
    return await asyncio.to_thread(_render, template, data)


def language(locale: str) -> str:
    """Return what a template calls the language of a locale: zh or en."""
    return "zh" if locale.startswith("zh") else "en"


def clean_text(text: str) -> str:
    """
    Return a text as a document can draw it.

    Control characters and marks that turn the direction of writing are left out (line ends stay), a picture sign
    becomes a square, a long run without a blank may break, and a text longer than ``TEXT_LENGTH_MAX`` characters is
    cut with “…”.
    """
    if len(text) > TEXT_LENGTH_MAX:
        text = text[: TEXT_LENGTH_MAX - 1] + "…"
    text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    return _RUN.sub("\\g<0>\u200b", _PICTURES.sub(_SQUARE, _LEFT_OUT.sub("", text)))


def _render(template: str, data: Mapping[str, Any]) -> bytes:
    if _rows(data) > ROWS_MAX:
        raise DocumentTooLong(most=ROWS_MAX)
    said = json.dumps(_cleaned(data), ensure_ascii=False, sort_keys=True)
    compilers = _compilers()
    compiler = compilers.get()
    try:
        made = compiler.compile(
            input=TEMPLATES / f"{template}.typ", format="pdf", sys_inputs={"data": said}, timestamp=0
        )
    finally:
        compilers.put(compiler)
    assert isinstance(made, bytes), "one PDF"
    return made


@cache
def _compilers() -> queue.LifoQueue[typst.Compiler]:
    """The compilers, made at the first document; the last used one is taken first."""
    folder = pylopdf_fonts_zh_cn.sans_path().parent
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder])
    if FONT not in fonts.families():
        raise FontMissing(font=FONT, folder=folder)
    free: queue.LifoQueue[typst.Compiler] = queue.LifoQueue()
    for _ in range(COMPILERS):
        free.put(typst.Compiler(root=TEMPLATES, font_paths=fonts, ignore_system_fonts=True))
    return free


def _rows(value: Any) -> int:
    """Return how many rows the lists in it have together; a row is a list or a mapping in a list."""
    if isinstance(value, Mapping):
        return sum(_rows(one) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(1 + _rows(one) if isinstance(one, Mapping | list | tuple) else 0 for one in value)
    return 0


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {name: _cleaned(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value
