"""A file becomes a catalogue: read in chunks, bad rows told, good ones loaded, twice is once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue import store
from fissile.domain.catalogue.errors import BadCell
from fissile.domain.catalogue.model import Draft
from fissile.domain.catalogue.operations import Applied, Fault, Spoken, add_picture, apply_rows
from fissile.domain.catalogue.rules import COLUMNS, NEEDED, known_picture, parse_row
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.infra.mapping import Map, open_mapped
from fissile.infra.pictures import digest, picture_path, prepare_picture, read_picture
from fissile.infra.tabular import BadRow, Row, Table, require_columns
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import Chance

CHUNK_ROWS = 500  # a chunk goes on to the end of its last product, …
CHUNK_ROWS_MAX = 1_000  # … but no further than this
_PICTURES_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """
    What is imported: a file (``path`` None: ``stdin``), through a map if there is one.

    Pictures are looked for in ``pictures_folder``, by default the file's own; ``house_name`` is what the house's
    merchant is called if this import opens it.
    """

    path: Path | None
    stdin: BinaryIO | None = None
    plan: Map | None = None
    pictures_folder: Path | None = None
    house_name: str = "Fissile"

    @property
    def folder(self) -> Path | None:
        """Where pictures are, None if there is no such place."""
        return self.pictures_folder or (self.path.parent if self.path else None)


@dataclass(slots=True)
class ImportReport:
    """
    What an import did: read = loaded + updated + unchanged + rejected.

    A row whose picture could not be taken is loaded without it and has an error of column ``pictures``, but does
    not count as rejected. ``notices`` are for people and not part of the answer.
    """

    read: int = 0
    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the command prints it; ``line`` is the physical line on which a row starts."""
        return {
            "read": self.read,
            "loaded": self.loaded,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "errors": [{"line": one.line, "column": one.column, "reason": one.reason} for one in self.errors],
        }


async def import_catalogue(
    db: Database,
    *,
    source: CatalogueSource,
    dry_run: bool,
    actor: Actor,
    at: datetime,
    rng: Chance,
    progress: Callable[[int], None],
) -> ImportReport:
    """
    Load a catalogue, 500 to 1000 rows a transaction; a dry run is the same path in one, rolled back.

    ``progress`` is told after each chunk how many rows have been read. Importing a file again after it was
    interrupted goes on where it stopped: what is there already is unchanged.
    Who: operators, and staff for the merchants that are theirs.

    :raises FileMissing, FileEmpty, FileNotText, FileTooLarge, FileDamaged: if it is no table as a whole
    :raises ColumnsMissing, ColumnDoubled, MapWrong: if its columns cannot be used
    """
    report, spoken = ImportReport(), Spoken()
    async with AsyncExitStack() as stack:
        opened = open_mapped(source.path, plan=source.plan, stdin=source.stdin)
        table = await asyncio.to_thread(opened.__enter__)
        stack.push(opened)
        require_columns(table, needed=NEEDED)
        step = await stack.enter_async_context(_steps(db, dry_run=dry_run))
        album = _Album(folder=source.folder, step=step, actor=actor, at=at, rng=rng)
        reading = _Reading(table)
        while rows := await asyncio.to_thread(reading.next_chunk):
            drafts = reading.parse(rows, report)
            found = await album.find({name for draft in drafts for name in draft.pictures})
            if drafts:
                async with step() as connection:
                    applied = await apply_rows(
                        connection,
                        drafts=drafts,
                        found_pictures=found,
                        house_name=source.house_name,
                        spoken=spoken,
                        dry_run=dry_run,
                        actor=actor,
                        at=at,
                        rng=rng,
                    )
                _add(report, applied)
            progress(report.read)
    _finish(report, ignored=reading.ignored, spoken=spoken)
    return report


Step = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@asynccontextmanager
async def _steps(db: Database, *, dry_run: bool) -> AsyncIterator[Step]:
    """Give what opens a transaction: a new one each time, or always the same one, which is rolled back."""
    if not dry_run:
        yield db.transaction
        return
    async with db.engine.connect() as connection, connection.begin() as transaction:

        @asynccontextmanager
        async def same() -> AsyncIterator[AsyncConnection]:
            yield connection

        try:
            yield same
        finally:
            await transaction.rollback()


def _add(report: ImportReport, applied: Applied) -> None:
    report.loaded += applied.loaded
    report.updated += applied.updated
    report.unchanged += applied.unchanged
    report.rejected += len(applied.rejected)
    report.errors += [*applied.rejected, *applied.pictures_left_out]


def _finish(report: ImportReport, *, ignored: set[str], spoken: Spoken) -> None:
    report.errors.sort(key=lambda one: one.line)
    if ignored:
        report.notices.append(f"These columns are not used: {', '.join(sorted(ignored))}.")
    for name, count in sorted(spoken.differing.items()):
        report.notices.append(
            f"{count} rows have another {name} than the first row of their product; the first row counts."
        )


class _Reading:
    """The rows of a table, chunk by chunk, and what is known of the file as a whole."""

    def __init__(self, table: Table):
        self._rows: Iterator[Row | BadRow] = table.rows
        self._carried: Row | BadRow | None = None
        # By their hashes, to bound the memory: where each (merchant, SKU) stood first.
        self._seen: dict[int, int] = {}
        self.ignored = {name for name in table.columns if name and name not in COLUMNS}

    def next_chunk(self) -> list[Row | BadRow]:
        """Return the next rows, a product whole where it fits; [] at the end. Blocks."""
        chunk = [] if self._carried is None else [self._carried]
        self._carried = None
        for row in self._rows:
            if len(chunk) >= CHUNK_ROWS_MAX or (len(chunk) >= CHUNK_ROWS and _product(row) != _product(chunk[-1])):
                self._carried = row
                break
            chunk.append(row)
        return chunk

    def parse(self, rows: list[Row | BadRow], report: ImportReport) -> list[Draft]:
        """Return the rows that are well formed; the others go into the report."""
        drafts = []
        report.read += len(rows)
        for row in rows:
            if isinstance(row, BadRow):
                report.rejected += 1
                report.errors.append(Fault(row.line, row.column, row.reason))
                continue
            if len(self.ignored) < 100:
                self.ignored |= {name[:60] for name in row.cells if name and name not in COLUMNS}
            try:
                draft = parse_row(row)
                self._judge_double(draft)
            except BadCell as bad:
                report.rejected += 1
                report.errors.append(Fault(row.line, bad.details["column"], bad.details["reason"]))
            else:
                drafts.append(draft)
        return drafts

    def _judge_double(self, draft: Draft) -> None:
        first = self._seen.setdefault(hash((draft.merchant_code, draft.sku)), draft.line)
        if first != draft.line:
            raise BadCell(column="sku", reason=f"“{draft.sku}” stands in line {first} already")


def _product(row: Row | BadRow) -> str | None:
    return row.cells.get("product") or None if isinstance(row, Row) else None


class _Album:
    """Finds the pictures that rows name: on disk, limited and made small in a thread, or in the database."""

    def __init__(self, *, folder: Path | None, step: Step, actor: Actor, at: datetime, rng: Chance):
        self._folder, self._step, self._actor, self._at, self._rng = folder, step, actor, at, rng
        self._known: dict[str, UUID | str] = {}

    async def find(self, names: set[str]) -> dict[str, UUID | str]:
        """Return for each name its picture, or the reason why there is none."""
        if len(self._known) > _PICTURES_KNOWN_MAX:
            self._known.clear()
        new = sorted(names - self._known.keys())
        by_id = {name: id for name in new if (id := known_picture(name))}
        if by_id:
            async with self._step() as connection:
                there = await store.pictures_by_id(connection, picture_ids=list(by_id.values()))
            for name, id in by_id.items():
                self._known[name] = id if id in there else f"there is no picture {name}"
        for name in new:
            if name not in by_id:
                self._known[name] = await self._from_file(name)
        return {name: self._known[name] for name in names}

    async def _from_file(self, name: str) -> UUID | str:
        if self._folder is None:
            return "pictures are looked for beside the file, and this was read from stdin"
        try:
            content = await asyncio.to_thread(_content, self._folder, name)
            async with self._step() as connection:
                known = await store.picture_by_sha(connection, sha256=digest(content))
            if known:
                return known
            prepared = await asyncio.to_thread(prepare_picture, content)
        except Refusal as refusal:
            return f"{name}: {refusal.message}".rstrip(".")
        async with self._step() as connection:
            return await add_picture(connection, prepared=prepared, actor=self._actor, at=self._at, rng=self._rng)


def _content(folder: Path, name: str) -> bytes:
    return read_picture(picture_path(folder=folder, name=name))
