"""Documents as PDF: read back, the same bytes again, nothing that somebody wrote becomes code."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import subprocess
import sys
import time
from pathlib import Path

import pylopdf_fonts_zh_cn
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.infra import documents
from fissile.infra.documents import (
    ROWS_MAX,
    TEMPLATES,
    TEXT_LENGTH_MAX,
    Column,
    DocumentTooLong,
    FontMissing,
    Sheet,
    Table,
    clean_text,
    render_document,
    render_sheet,
)


def a_sheet(*, title: str = "Statement", locale: str = "en", rows: int = 3, what: str = "Commission") -> Sheet:
    columns = [Column(label="Day"), Column(label="What", share=1), Column(label="Amount", align="right")]
    return Sheet(
        title=title,
        locale=locale,
        facts=[("Payee", "Ada")],
        tables=[
            Table(
                columns=columns,
                rows=[("2026-03-01", f"{what} {n}", f"{n}.00") for n in range(rows)],
                totals=[("Sum", "42.00")],
            )
        ],
        notes=["Kept for ten years."],
        foot="Fissile",
    )


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


class TestRenderSheet:
    async def test_can_be_read_back_in_english(self) -> None:
        text = "\n".join(pages(await render_sheet(a_sheet())))

        for words in ("Statement", "Payee Ada", "2026-03-01 Commission 2 2.00", "Sum 42.00", "Kept for ten years."):
            assert words in text
        assert "Fissile" in text

    async def test_can_be_read_back_in_chinese(self) -> None:
        text = "\n".join(pages(await render_sheet(a_sheet(title="结算单", locale="zh_CN", what="佣金"))))

        assert "结算单" in text
        assert "佣金 1" in text

    async def test_a_long_table_breaks_and_repeats_its_head(self) -> None:
        found = pages(await render_sheet(a_sheet(rows=150)))

        assert len(found) > 2
        for number, text in enumerate(found, 1):
            assert re.search(r"Day\s+What\s+Amount", text)
            assert f"{number} / {len(found)}" in text
        every = "\n".join(found)
        assert all(f"Commission {n} {n}.00" in every for n in range(150))

    async def test_is_the_same_bytes_again(self) -> None:
        first = await render_sheet(a_sheet(rows=60))
        await render_sheet(a_sheet(rows=5, what="between"))

        assert await render_sheet(a_sheet(rows=60)) == first

    def test_is_the_same_bytes_in_another_process(self) -> None:
        code = (
            "import asyncio, hashlib\n"
            "from fissile.infra.documents import Sheet, render_sheet\n"
            "made = asyncio.run(render_sheet(Sheet(title='发票', locale='zh_CN', facts=[('买家', 'Ada')])))\n"
            "print(hashlib.sha256(made).hexdigest())"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        here = asyncio.run(render_sheet(Sheet(title="发票", locale="zh_CN", facts=[("买家", "Ada")])))

        assert hashlib.sha256(here).hexdigest() == other.stdout.strip()

    async def test_many_at_once_do_not_disturb_each_other(self) -> None:
        made = await asyncio.gather(*(render_sheet(a_sheet(what=f"No{n}")) for n in range(12)))

        for n, pdf in enumerate(made):
            assert f"No{n} 1" in pages(pdf)[0]

    async def test_an_empty_table_says_so(self) -> None:
        sheet = Sheet(
            title="Statement", locale="en", tables=[Table(columns=[Column(label="Day")], rows=[], empty="None.")]
        )

        assert "None." in pages(await render_sheet(sheet))[0]

    async def test_too_many_rows_are_refused_with_what_helps(self) -> None:
        with pytest.raises(DocumentTooLong, match="take the CSV file"):
            await render_sheet(a_sheet(rows=ROWS_MAX + 1))

    async def test_the_event_loop_goes_on_meanwhile(self) -> None:
        beats = 0
        work = asyncio.create_task(render_sheet(a_sheet(rows=1_000)))
        began = time.monotonic()
        while not work.done():
            await asyncio.sleep(0.001)
            beats += 1
        took = time.monotonic() - began

        # With the interpreter held there would be one beat before and one after.
        assert beats > 10, f"{beats} beats in {took:.2f} s"


HOSTILE = [
    '#panic("got in")',
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0": *',
    "$ x^2 $ *bold* _it_ `raw` @label <label> \\ ~ -- // comment",
    '"] ) } #{ while true {} }',
    "= Heading\n- list\n+ enum",
    "{{ 7 * 7 }} ${7 * 7} %s {name}",
]


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE)
    async def test_is_drawn_as_it_was_written(self, text: str) -> None:
        found = pages(await render_sheet(Sheet(title="T", locale="en", facts=[("Name", text)])))[0]

        assert _bare(text) in _bare(found)

    @given(text=st.text(max_size=80))
    @settings(max_examples=60, deadline=None)
    def test_whatever_it_is_a_document_comes_of_it(self, text: str) -> None:
        pdf = asyncio.run(render_sheet(a_sheet(title=text, what=text, rows=2)))

        assert len(pages(pdf)) == 1

    async def test_ten_megabytes_are_cut(self) -> None:
        found = pages(await render_sheet(Sheet(title="T", locale="en", facts=[("Name", "a" * 10_000_000)])))

        assert len(found) <= 2
        assert "…" in "".join(found)

    async def test_a_long_word_stays_on_the_paper(self) -> None:
        columns = [Column(label="What", share=1), Column(label="Amount", align="right")]
        sheet = Sheet(title="T", locale="en", tables=[Table(columns=columns, rows=[("x" * 600, "1.00")])])
        xs: list[float] = []

        def look(text: str, _cm: object, matrix: list[float], *_: object) -> None:
            if text.strip():
                xs.append(matrix[4])

        pypdf.PdfReader(io.BytesIO(await render_sheet(sheet))).pages[0].extract_text(visitor_text=look)

        assert max(xs) < 595  # points: the width of A4

    @pytest.mark.parametrize(
        ("written", "drawn"),
        [
            ("👨‍👩‍👧 小明 🎁", "□ 小明 □"),
            ("🇨🇳", "□"),
            ("محمد שלום", "محمد שלום"),
            ("pay \u202e00.1\u202c", "pay 00.1"),
            ("a\x00b\x07\tc\nd", "abc\nd"),
            ("\ud800x", "?x"),
            ("❤\ufe0f ★", "❤ ★"),
        ],
    )
    def test_is_cleaned(self, written: str, drawn: str) -> None:
        assert clean_text(written) == drawn

    def test_long_text_is_cut(self) -> None:
        assert len(clean_text("字" * (TEXT_LENGTH_MAX + 1))) == TEXT_LENGTH_MAX
        assert clean_text("字" * TEXT_LENGTH_MAX) == "字" * TEXT_LENGTH_MAX


class TestFont:
    async def test_a_missing_font_is_told(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(pylopdf_fonts_zh_cn, "sans_path", lambda: tmp_path / "NotoSansSC-Regular.otf")
        documents._compilers.cache_clear()
        try:
            with pytest.raises(FontMissing, match=r"Noto Sans SC is not found .*make install"):
                await render_sheet(a_sheet())
        finally:
            documents._compilers.cache_clear()

    async def test_chinese_is_drawn_in_the_font_of_the_install(self) -> None:
        reader = pypdf.PdfReader(io.BytesIO(await render_sheet(a_sheet(title="发票", locale="zh_CN"))))

        fonts = reader.pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]
        assert all("NotoSansSC" in font.get_object()["/BaseFont"] for font in fonts)


class TestTemplates:
    @pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.typ")), ids=lambda file: file.name)
    def test_nothing_is_fetched(self, file: Path) -> None:
        assert "@preview" not in file.read_text(encoding="utf-8")

    async def test_an_unknown_one_is_a_mistake_of_the_program(self) -> None:
        with pytest.raises(RuntimeError):
            await render_document("no-such", data={})


def _bare(text: str) -> str:
    return "".join(text.split())
