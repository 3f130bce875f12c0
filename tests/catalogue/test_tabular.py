"""Reading tables: encodings, delimiters, packing, damaged rows, and what is no table."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.infra import tabular
from fissile.infra.tabular import (
    BadRow,
    ColumnDoubled,
    FileDamaged,
    FileEmpty,
    FileMissing,
    FileNotText,
    FileTooLarge,
    Row,
    csv_line,
    guarded,
    open_table,
    unguarded,
)
from fissile.kernel.errors import Refusal

TEXT = "sku,title\nA,红茶\nB,绿茶 é\n"


def rows_of(content: bytes) -> list[Row | BadRow]:
    with open_table(None, stdin=io.BytesIO(content)) as table:
        return list(table.rows)


def titles(content: bytes) -> list[str]:
    return [row.cells["title"] if isinstance(row, Row) else f"{row.line} {row.reason}" for row in rows_of(content)]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
    def test_are_told_apart(self, encoding: str) -> None:
        assert titles(TEXT.encode(encoding)) == ["红茶", "绿茶 é"]

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_of_utf16_need_the_mark(self, encoding: str) -> None:
        mark = "\ufeff".encode(encoding)

        assert titles(mark + TEXT.encode(encoding)) == ["红茶", "绿茶 é"]
        with pytest.raises(FileNotText):
            rows_of(TEXT.encode(encoding))

    def test_lose_a_line_in_another_one_and_keep_the_rest(self) -> None:
        content = TEXT.encode() + "C,白茶\n".encode("gb18030") + "D,花茶\n".encode()

        found = rows_of(content)

        assert [row.cells["title"] for row in found if isinstance(row, Row)] == ["红茶", "绿茶 é", "花茶"]
        assert [(row.line, row.column) for row in found if isinstance(row, BadRow)] == [(4, "title")]

    def test_keep_lines_whole_that_are_longer_than_a_block(self) -> None:
        long = "红" * 700_000  # three bytes each: cut in the middle of a character somewhere

        assert titles(f"sku,title\nA,{long}\n".encode()) == [long]

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_take_every_end_of_line(self, line_end: str) -> None:
        assert titles(TEXT.replace("\n", line_end).encode()) == ["红茶", "绿茶 é"]


class TestDelimiters:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_are_found_in_the_first_line(self, delimiter: str) -> None:
        assert titles(f'sku{delimiter}title\nA{delimiter}"x,y;z"\n'.encode()) == ["x,y;z"]


class TestPacking:
    def test_is_seen_by_content_from_file_and_stdin(self, tmp_path: Path) -> None:
        packed = gzip.compress(TEXT.encode())
        (tmp_path / "goods.csv.gz").write_bytes(packed)

        with open_table(tmp_path / "goods.csv.gz") as table:
            assert len(list(table.rows)) == 2
        assert len(rows_of(packed)) == 2

    @pytest.mark.parametrize("kept", [5, 20, -3])
    def test_that_is_damaged_is_told(self, kept: int) -> None:
        with pytest.raises(FileDamaged):
            rows_of(gzip.compress(TEXT.encode())[:kept])

    def test_is_limited_when_unpacked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tabular, "BYTES_MAX", 1_000_000)

        with pytest.raises(FileTooLarge):
            rows_of(gzip.compress(b"a" * 1_000_001))


class TestDamagedRows:
    def test_with_an_open_quote_lose_only_themselves(self) -> None:
        content = b'sku,title\nA,one\nB,"two\nC,three\nD,"fo\nur"\nE,five\n'

        found = rows_of(content)

        assert [row.cells["sku"] for row in found if isinstance(row, Row)] == ["A", "C", "D", "E"]
        assert [row.line for row in found if isinstance(row, BadRow)] == [3]
        assert [row.line for row in found if isinstance(row, Row)] == [2, 4, 5, 7]

    def test_with_an_open_quote_at_the_end_are_told(self) -> None:
        assert titles(b'sku,title\nA,one\nB,"two\nC,three\n') == [
            "one",
            "3 a quote is opened and never closed",
            "three",
        ]

    def test_with_too_many_or_too_few_cells_are_told(self) -> None:
        assert titles(b"sku,title\nA\nB,two,2\nC,three\n") == [
            "2 it has 1 cells, the first line has 2",
            "3 it has 3 cells, the first line has 2",
            "three",
        ]

    @pytest.mark.parametrize("quote", [b"", b'"'])
    def test_with_a_huge_cell_are_told_without_keeping_it(self, quote: bytes) -> None:
        content = b"sku,title\nA,one\nB," + quote + b"x" * 30_000_000 + quote + b"\nC,three\n"
        tracemalloc.start()

        found = titles(content)

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == ["one", "3 the line has more than 1000000 characters", "three"]
        assert peak < 40_000_000

    def test_hide_nothing_in_a_cell_that_never_ends(self) -> None:
        content = b'sku,title\nA,"' + b"line\n" * 2_000 + b"C,three\n"

        found = rows_of(content)

        assert found[0] == BadRow(2, "", "a quoted cell runs over more than 300 lines")
        assert isinstance(found[-1], Row)
        assert found[-1].line == 2002

    def test_that_are_blank_are_passed_over(self) -> None:
        assert titles(b"\n\nsku,title\n\nA,one\n,\n , \nB,two\n") == ["one", "two"]


class TestWhatIsNoTable:
    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            (b"", FileEmpty),
            (b"\n \n", FileEmpty),
            (b"\xef\xbb\xbf", FileEmpty),
            (b"\xff\xfe", FileEmpty),
            (b"\x89PNG\r\n\x1a\n\0\0", FileNotText),
            (b"PK\x03\x04\0\0", FileNotText),
            (b"sku,title\nA,\0\n", FileNotText),
            (b"\xff" * 100, FileNotText),
            (b"\xff\xfea", FileNotText),
            (b"sku,sku\n", ColumnDoubled),
        ],
    )
    def test_is_refused_as_a_whole(self, content: bytes, refusal: type[Refusal]) -> None:
        with pytest.raises(refusal):
            rows_of(content)

    def test_is_a_file_that_is_not_there_or_a_folder(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.csv", tmp_path):
            with pytest.raises(FileMissing), open_table(path):
                pass

    def test_has_too_many_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tabular, "LINES_MAX", 10)

        for content in (b"a\n" * 11, b"a\r" * 11, ("a\n" * 11).encode("utf-16")):
            with pytest.raises(FileTooLarge):
                rows_of(content)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200))
    def test_is_never_answered_with_a_crash(self, content: bytes) -> None:
        with suppress(Refusal):
            assert all(row.line >= 1 for row in rows_of(content))


class TestGuarding:
    @given(st.text())
    def test_is_undone_exactly(self, cell: str) -> None:
        assert unguarded(guarded(cell)) == cell
        assert guarded(cell)[:1] not in tuple("=+-@\t\r")

    def test_makes_a_line_that_reads_back(self) -> None:
        assert csv_line(["=1+1", 'say "x"', "a\nb"]) == '\'=1+1,"say ""x""","a\nb"\n'
