"""A file becomes a promoter's accounts and communities: bad rows told, good ones loaded, twice is once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.channels.errors import BadChannelField, ImportTooLong
from fissile.domain.channels.model import Difference, Draft, Tally
from fissile.domain.channels.operations import DIFFERENCES_MAX, Applied, Fault, put_drafts
from fissile.domain.channels.rules import COLUMNS, NEEDED, draft_of, handle_key
from fissile.domain.members.rules import require_self
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.infra.mapping import Map, open_mapped
from fissile.infra.tabular import BadRow, Row, require_columns
from fissile.kernel.ids import Chance

CHUNK_ROWS = 2_000
ROWS_MAX = 200_000


@dataclass(slots=True)
class ChannelReport:
    """
    What an import did: read = loaded + updated + unchanged + rejected.

    ``differences`` are the first fields that it changed; ``notices`` are for people and not part of the answer.
    """

    read: int = 0
    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[Fault] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
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


async def import_channels(
    db: Database,
    *,
    path: Path | None,
    promoter_id: UUID,
    dry_run: bool,
    actor: Actor,
    at: datetime,
    rng: Chance,
    stdin: BinaryIO | None = None,
    plan: Map | None = None,
) -> ChannelReport:
    """
    Load accounts and communities of one promoter; a dry run is the same path, rolled back.

    Rows are told apart by (kind, network, handle); blank cells leave what is there unchanged.
    Who: the promoter, or the house.

    :raises RoleNotAllowed: if it is somebody else
    :raises FileMissing, FileEmpty, FileNotText, FileTooLarge, FileDamaged, ColumnsMissing, ColumnDoubled: as a whole
    :raises ImportTooLong: if it has more than 200,000 rows; those before were loaded
    :raises TooManyChannels: if the promoter would have more than can be; the chunks before were loaded
    """
    require_self(actor, promoter_id, ())
    report = ChannelReport()
    async with AsyncExitStack() as stack:
        opened = open_mapped(path, plan=plan, stdin=stdin)
        table = await asyncio.to_thread(opened.__enter__)
        stack.push(opened)
        require_columns(table, needed=NEEDED)
        step = await stack.enter_async_context(_steps(db, dry_run=dry_run))
        reading = _Reading(table.rows)
        while rows := await asyncio.to_thread(reading.next_chunk):
            drafts = await asyncio.to_thread(reading.parse, rows, report)
            if report.read > ROWS_MAX:
                raise ImportTooLong(limit=ROWS_MAX)
            if not drafts:
                continue
            async with step() as connection:
                applied = await put_drafts(connection, promoter_id=promoter_id, drafts=drafts, at=at, rng=rng)
                if applied.loaded or applied.updated:
                    await _tell(connection, applied.tally, promoter_id=promoter_id, actor=actor, at=at)
            _add(report, applied)
    report.errors.sort(key=lambda one: one.line)
    if ignored := sorted(reading.ignored):
        report.notices.append(f"Columns that are not known were left out: {', '.join(ignored)[:300]}.")
    return report


async def _tell(connection: AsyncConnection, moved: Tally, *, promoter_id: UUID, actor: Actor, at: datetime) -> None:
    data = {
        "accounts": moved.accounts,
        "communities": moved.communities,
        "versions": moved.versions,
        "states": moved.states,
    }
    happened = Event("channels.imported", promoter_id, data)
    await record_events(connection, happened=[happened], actor=actor, at=at)


def _add(report: ChannelReport, applied: Applied) -> None:
    report.loaded += applied.loaded
    report.updated += applied.updated
    report.unchanged += applied.unchanged
    report.rejected += len(applied.faults)
    report.errors += applied.faults
    report.differences += applied.differences[: DIFFERENCES_MAX - len(report.differences)]


@asynccontextmanager
async def _steps(db: Database, *, dry_run: bool) -> AsyncIterator[Any]:
    """Give what opens a transaction: a new one each time, or always the same one, which is rolled back."""
    if not dry_run:
        yield db.transaction
        return
    async with db.connected() as connection:
        whole = await connection.begin()

        @asynccontextmanager
        async def inside() -> AsyncIterator[AsyncConnection]:
            yield connection

        try:
            yield inside
        finally:
            await whole.rollback()


class _Reading:
    """The rows of a file in chunks, and where each channel stood first."""

    def __init__(self, rows: Iterator[Row | BadRow]):
        self._rows = rows
        self._seen: dict[int, int] = {}  # by hashes, to bound the memory
        self.ignored: set[str] = set()

    def next_chunk(self) -> list[Row | BadRow]:
        """Return the next rows; [] at the end. Blocks."""
        return list(islice(self._rows, CHUNK_ROWS))

    def parse(self, rows: list[Row | BadRow], report: ChannelReport) -> list[Draft]:
        """Return the rows that are well formed; the others go into the report."""
        drafts = []
        report.read += len(rows)
        for row in rows:
            if isinstance(row, BadRow):
                report.errors.append(Fault(row.line, row.column, row.reason))
                report.rejected += 1
                continue
            if len(self.ignored) < 100:
                self.ignored |= {name[:60] for name in row.cells if name and name not in COLUMNS}
            try:
                draft = draft_of(row.cells, line=row.line)
                self._judge_double(draft)
            except BadChannelField as bad:
                report.errors.append(Fault(row.line, bad.details["column"], bad.details["reason"]))
                report.rejected += 1
            else:
                drafts.append(draft)
        return drafts

    def _judge_double(self, draft: Draft) -> None:
        first = self._seen.setdefault(hash((draft.kind, draft.network, handle_key(draft.handle))), draft.line)
        if first != draft.line:
            raise BadChannelField(column="handle", reason=f"“{draft.handle}” stands in line {first} already")
