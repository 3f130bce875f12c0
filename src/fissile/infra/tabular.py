"""
Tables from outside: CSV (comma, semicolon, tab) and JSON Lines, packed with gzip or not, from a file or stdin.

Rows are streamed with their physical line numbers. A damaged row becomes a :class:`BadRow` and reading goes on
at the next line; only what is no table at all is refused as a whole. Memory is bounded whatever the file holds.

Text is read as UTF-8 (with or without BOM), as UTF-16 if it has a BOM, else as GB18030; never by guessing. If
most lines that could tell are in one encoding, the others are bad rows instead of all rows being misread.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from fissile.kernel.errors import Refusal

BYTES_MAX = 2 * 1024**3  # unpacked
LINES_MAX = 1_000_000
LINE_CHARACTERS_MAX = 1_000_000
RECORD_LINES_MAX = 300  # a quoted cell with more line breaks is a quote that was never closed
_BLOCK = 1 << 20
_FORMULA_STARTS = tuple("=+-@\t\r'")


class FileMissing(Refusal):
    """There is no file “{name}” that can be read."""


class FileEmpty(Refusal):
    """{name} is empty: a table has a first line that names its columns."""


class FileNotText(Refusal):
    """{name} is not a table but something else ({found}): save it as CSV, TSV or JSON Lines in UTF-8."""


class FileTooLarge(Refusal):
    """{name} has more than {limit} {unit}: split it into several files."""


class FileDamaged(Refusal):
    """{name} cannot be unpacked to its end: pack it anew."""


class ColumnsMissing(Refusal):
    """{name} has no column {missing}: its first line names {found}."""


class ColumnDoubled(Refusal):
    """{name} names the column “{column}” twice in its first line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the physical line on which it starts, and its cells by column (stripped, "" for none)."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read."""

    line: int
    column: str  # "" if it is the row as a whole
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """An open table. ``columns`` is empty for JSON Lines, where each line names its own."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Row | BadRow]


@contextmanager
def open_table(path: Path | None, *, stdin: BinaryIO | None = None) -> Iterator[Table]:
    """
    Open a table for streaming; ``path`` None reads ``stdin``. Blocks: run it and its rows in a thread.

    :raises FileMissing, FileEmpty, FileNotText, FileTooLarge, FileDamaged, ColumnDoubled: as a whole
    """
    name = path.name if path else "stdin"
    with _spooled(path, stdin, name) as file:
        encoding = _surveyed(file, name)
        file.seek(0)
        text = io.TextIOWrapper(cast(IO[bytes], file), encoding=encoding, errors="surrogateescape", newline="")
        try:
            yield _table(text, name, suffix="".join(path.suffixes[-2:]).lower() if path else "")
        finally:
            text.detach()


def require_columns(table: Table, *, needed: Iterable[str]) -> None:
    """
    Hold a table to the columns without which no row can be right.

    :raises ColumnsMissing: naming those that are missing and those that are there
    """
    if table.columns and (missing := [name for name in needed if name not in table.columns]):
        raise ColumnsMissing(
            name=table.name, missing=", ".join(missing), found=", ".join(table.columns)[:300] or "nothing"
        )


def csv_line(cells: Sequence[str]) -> str:
    """Return one CSV line; a cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([guarded(cell) for cell in cells])
    return out.getvalue()


def guarded(cell: str) -> str:
    """Return a cell that starts no formula; :func:`unguarded` undoes it exactly."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def unguarded(cell: str) -> str:
    """Return what stood in a cell before :func:`guarded`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA_STARTS) else cell


# -- bytes --------------------------------------------------------------------------------------------------


@contextmanager
def _spooled(path: Path | None, stdin: BinaryIO | None, name: str) -> Iterator[BinaryIO]:
    """Give a file that can be read twice: the plain one itself, else a temporary copy, unpacked and limited."""
    try:
        source = cast(BinaryIO, path.open("rb")) if path else stdin
    except OSError:
        raise FileMissing(name=str(path)) from None
    assert source is not None, "without a path there is stdin"
    with tempfile.TemporaryFile() if path is None else source as first:
        if path is None:
            _copy(source, first, name)
        first.seek(0)
        packed = first.read(2) == b"\x1f\x8b"
        first.seek(0)
        if not packed:
            yield first
            return
        with tempfile.TemporaryFile() as unpacked:
            try:
                _copy(cast(BinaryIO, gzip.GzipFile(fileobj=first)), unpacked, name)
            except (EOFError, OSError, zlib.error):
                raise FileDamaged(name=name) from None
            unpacked.seek(0)
            yield unpacked


def _copy(source: BinaryIO, target: BinaryIO, name: str) -> None:
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > BYTES_MAX:
            raise FileTooLarge(name=name, limit=BYTES_MAX, unit="bytes")
        target.write(block)


@dataclass(slots=True)
class _Tally:
    """How many lines with other than ASCII letters an encoding can read, and how many not."""

    encoding: str
    right: int = 0
    wrong: int = 0


def _surveyed(file: BinaryIO, name: str) -> str:
    """Return the encoding of the whole file; refuse what no table can be."""
    head = file.read(4)
    file.seek(0)
    if not head:
        raise FileEmpty(name=name)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        _survey_utf16(file, name)
        return "utf-16"
    utf8, gb18030 = _Tally("utf-8-sig"), _Tally("gb18030")
    lines, size, blank = 0, 0, True
    for pieces in _lines(file):
        decoders = [(one, codecs.getincrementaldecoder(one.encoding)()) for one in (utf8, gb18030)]
        whole = True
        for piece, last in pieces:
            size += len(piece)
            if size > BYTES_MAX:
                raise FileTooLarge(name=name, limit=BYTES_MAX, unit="bytes")
            if b"\x00" in piece:
                raise FileNotText(name=name, found="it holds zero bytes")
            blank = blank and not piece.strip()
            lines += piece.count(b"\r") - piece.count(b"\r\n")
            if not decoders or (whole and last and piece.isascii()):
                continue
            whole = False
            for entry in list(decoders):
                tally, decoder = entry
                try:
                    decoder.decode(piece, final=last)
                except UnicodeDecodeError:
                    tally.wrong += 1
                    decoders.remove(entry)
        for tally, _ in [] if whole else decoders:
            tally.right += 1
        lines += 1
        if lines > LINES_MAX:
            raise FileTooLarge(name=name, limit=LINES_MAX, unit="lines")
    if blank:
        raise FileEmpty(name=name)
    if not utf8.wrong or utf8.right > utf8.wrong:
        return utf8.encoding
    if gb18030.right > gb18030.wrong:
        return gb18030.encoding
    raise FileNotText(name=name, found="neither UTF-8 nor GB18030")


def _survey_utf16(file: BinaryIO, name: str) -> None:
    decoder = codecs.getincrementaldecoder("utf-16")()
    lines, empty = 0, True
    while block := file.read(_BLOCK):
        try:
            text = decoder.decode(block, final=len(block) < _BLOCK)
        except UnicodeDecodeError:
            raise FileNotText(name=name, found="its start says UTF-16, its letters are none") from None
        lines += text.count("\n")
        empty = empty and not text.strip()
        if lines > LINES_MAX:
            raise FileTooLarge(name=name, limit=LINES_MAX, unit="lines")
    if empty:
        raise FileEmpty(name=name)


def _lines(file: BinaryIO) -> Iterator[Iterator[tuple[bytes, bool]]]:
    """Give each line as its pieces of at most a block, and whether a piece is its last."""
    while piece := file.readline(_BLOCK):
        yield _pieces(file, piece)


def _pieces(file: BinaryIO, piece: bytes) -> Iterator[tuple[bytes, bool]]:
    while piece:
        following = b"" if piece.endswith(b"\n") or len(piece) < _BLOCK else file.readline(_BLOCK)
        yield piece, not following
        piece = following


# -- lines ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lines:
    """
    Physical lines with their numbers, for ``csv.reader``: what a broken record swallowed can be given back.

    An iterator class and not a generator: it goes on after it has raised.
    """

    text: io.TextIOWrapper
    number: int = 0  # of the last line that was read from the text
    taken: list[str] = field(default_factory=list)  # lines of the record in hand
    returned: deque[str] = field(default_factory=deque)

    @property
    def next_number(self) -> int:
        """The number of the line that comes next."""
        return self.number - len(self.returned) + 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= RECORD_LINES_MAX:
            raise csv.Error(f"a quoted cell runs over more than {RECORD_LINES_MAX} lines")
        line = self.returned.popleft() if self.returned else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        if len(line) > LINE_CHARACTERS_MAX:
            raise csv.Error(f"the line has more than {LINE_CHARACTERS_MAX} characters")
        if sum(map(len, self.taken)) > LINE_CHARACTERS_MAX:
            raise csv.Error(f"a quoted cell has more than {LINE_CHARACTERS_MAX} characters")
        return line

    def _read(self) -> str:
        line = self.text.readline(LINE_CHARACTERS_MAX + 1)
        if line:
            self.number += 1
        rest = line
        while len(rest) > LINE_CHARACTERS_MAX and not rest.endswith(("\n", "\r")):
            rest = self.text.readline(LINE_CHARACTERS_MAX + 1)
        return line

    def give_back(self) -> None:
        """Keep the first line of the record in hand as used, and let the others be read again."""
        self.returned.extendleft(reversed(self.taken[1:]))
        self.taken.clear()


def _table(text: io.TextIOWrapper, name: str, *, suffix: str) -> Table:
    lines = _Lines(text)
    first = next(lines, "")
    lines.taken.clear()
    while first and not first.strip():
        first = next(lines, "")
        lines.taken.clear()
    if not first:
        raise FileEmpty(name=name)
    if suffix.removesuffix(".gz").endswith((".jsonl", ".ndjson")) or first.lstrip().startswith("{"):
        lines.returned.append(first)
        return Table(name, (), _json_rows(lines))
    lines.returned.append(first)
    return _csv_table(lines, name, delimiter=_delimiter(first))


# -- CSV ------------------------------------------------------------------------------------------------------


def _delimiter(header: str) -> str:
    outside = "".join(header.split('"')[::2])
    return max(",;\t", key=outside.count)


def _csv_table(lines: _Lines, name: str, *, delimiter: str) -> Table:
    # The lines are limited already; csv's own limit is a setting of the process and too low for them.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * LINE_CHARACTERS_MAX))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = tuple(" ".join(cell.split()).lower() for cell in next(reader))
    except csv.Error as error:
        raise FileNotText(name=name, found=f"its first line cannot be read: {error}") from None
    lines.taken.clear()
    for column in columns:
        if column and columns.count(column) > 1:
            raise ColumnDoubled(name=name, column=column[:60])
    return Table(name, columns, _csv_rows(lines, reader, columns))


def _csv_rows(lines: _Lines, reader: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[Row | BadRow]:
    while True:
        start = lines.next_number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(start, "", _csv_reason(str(error)))
            lines.give_back()
            continue
        if any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                yield BadRow(start, "", f"it has {len(cells)} cells, the first line has {len(columns)}")
                lines.give_back()
                continue
            yield _row(start, {name: unguarded(cell.strip()) for name, cell in zip(columns, cells, strict=True)})
        lines.taken.clear()


def _csv_reason(message: str) -> str:
    if "unexpected end" in message:
        return "a quote is opened and never closed"
    if "expected after" in message:
        return "a quote inside a cell is not doubled, or is never closed"
    return message


def _row(line: int, cells: dict[str, str]) -> Row | BadRow:
    """Return the row, or what no database takes: bytes of another encoding, zero characters."""
    for column, cell in cells.items():
        if cell.isascii():
            if "\x00" in cell:
                return BadRow(line, column, "it holds a zero character")
        elif any("\ud800" <= letter <= "\udfff" or letter == "\x00" for letter in cell):
            return BadRow(line, column, "it holds bytes that are not text in the encoding of the file")
    return Row(line, cells)


# -- JSON Lines -------------------------------------------------------------------------------------------------


def _json_rows(lines: _Lines) -> Iterator[Row | BadRow]:
    while True:
        start = lines.next_number
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(start, "", str(error))
            continue
        finally:
            lines.taken.clear()
        if line.strip():
            yield _json_row(start, line)


def _json_row(start: int, line: str) -> Row | BadRow:
    try:
        # Numbers stay as they are written: a price must not become a float.
        given = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return BadRow(start, "", f"it is not JSON: {str(error)[:100]}")
    if not isinstance(given, dict):
        return BadRow(start, "", "it is not an object: write {…} on each line")
    cells: dict[str, str] = {}
    for key, value in given.items():
        column = " ".join(key.split()).lower()
        cell = _json_cell(value)
        if cell is None:
            return BadRow(start, column[:60], "it is neither text nor number nor a flat list of them")
        cells[column] = cell
    return _row(start, cells)


def _json_cell(value: Any) -> str | None:
    """Return a value as the cell that a CSV would have, None if it has no such form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values()):
        return "; ".join(f"{escaped(name)}={escaped(one)}" for name, one in value.items())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return None


def escaped(text: str) -> str:
    r"""Return a name or value for a cell such as ``Colour=red; Size=M``: ``\``, ``;``, ``=`` get a ``\``."""
    return "".join(f"\\{letter}" if letter in "\\;=" else letter for letter in text)
