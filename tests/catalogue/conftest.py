"""What the catalogue's tests begin with: an import with one call, and what stands in the tables after it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping

from fissile.cli.import_command import catalogue_source
from fissile.flows.import_catalogue import CatalogueSource, ImportReport, import_catalogue
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor

DEMO = Path(__file__).parents[2] / "src/fissile/demo"

Load = Callable[..., Awaitable[ImportReport]]


def cells(rows: list[RowMapping]) -> list[tuple[Any, ...]]:
    """Return rows as plain tuples, to be compared whole."""
    return [tuple(row.values()) for row in rows]


def _write(path: Path, given: str | bytes) -> None:
    path.write_bytes(given.encode() if isinstance(given, str) else given)


@pytest.fixture
def load(db: Database, tmp_path: Path, at: datetime, rng: random.Random) -> Load:
    """Import text, bytes or a path, and return the report."""

    async def loaded(
        given: str | bytes | Path | CatalogueSource,
        *,
        map_name: str | None = None,
        dry_run: bool = False,
        actor: Actor = HOUSE,
        name: str = "goods.csv",
    ) -> ImportReport:
        if isinstance(given, (str, bytes)):
            path = tmp_path / name
            _write(path, given)
            given = path
        if isinstance(given, Path):
            given = catalogue_source(str(given), map_name=map_name, house_name="The house", stdin=None)
        return await import_catalogue(
            db, source=given, dry_run=dry_run, actor=actor, at=at, rng=rng, progress=lambda read: None
        )

    return loaded
