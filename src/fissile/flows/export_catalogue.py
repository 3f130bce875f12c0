"""The whole catalogue as a file that the import reads again."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fissile.domain.catalogue.queries import export_rows
from fissile.domain.catalogue.rules import COLUMNS
from fissile.infra.database import Database
from fissile.infra.tabular import csv_line


async def export_catalogue(db: Database) -> AsyncIterator[str]:
    """
    Stream the catalogue as lines of CSV in the import's columns, the first naming them, from one snapshot.

    Importing it again changes nothing. A cell that would start a formula has an apostrophe in front, which the
    import takes off. Who: operators and auditors.
    """
    yield csv_line(COLUMNS)
    async with db.reading() as connection:
        async for cells in export_rows(connection):
            yield csv_line(cells)
