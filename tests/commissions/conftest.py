"""Plans for tests: valid by default."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.commissions.model import FeeVersion, PlanVersion
from fissile.infra.database import Database

Rows = Callable[..., Awaitable[list[Any]]]
MERCHANT, PRODUCT, CATEGORY = UUID(int=101), UUID(int=102), UUID(int=103)


def a_plan(**changes: Any) -> PlanVersion:
    """Five percent of the platform, without a cap, unless something is changed."""
    given: dict[str, Any] = {
        "id": UUID(int=1),
        "scope": "platform",
        "scope_id": None,
        "version": 1,
        "kind": "percent",
        "rate_ppm": 50_000,
        "second_rate_ppm": None,
        "flat_minor": None,
        "cap_minor": None,
        "hold_seconds": 120,
        "state": "open",
        "made_by": None,
        "valid_from": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return PlanVersion(**(given | changes))


def a_flat_plan(flat_minor: int, **changes: Any) -> PlanVersion:
    """So much a piece."""
    return a_plan(kind="flat", rate_ppm=None, flat_minor=flat_minor, **changes)


def a_fee(rate_ppm: int, **changes: Any) -> FeeVersion:
    """A fee of every merchant, unless something is changed."""
    given: dict[str, Any] = {
        "id": UUID(int=2),
        "merchant_id": None,
        "version": 1,
        "made_by": None,
        "valid_from": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return FeeVersion(rate_ppm=rate_ppm, **(given | changes))


@pytest.fixture
def rows(db: Database) -> Rows:
    async def read(statement: str, **parameters: Any) -> list[Any]:
        async with db.reading() as connection:
            return [tuple(row) for row in await connection.execute(text(statement), parameters)]

    return read


@pytest.fixture
async def catalogue(db: Database, at: datetime) -> None:
    """One merchant with one product in one category."""
    given = {"m": MERCHANT, "p": PRODUCT, "c": CATEGORY, "at": at}
    async with db.transaction() as connection:
        for statement in (
            "INSERT INTO merchants (id, code, name, currency, state, created_at)"
            " VALUES (:m, 'silk', 'Silk Road', 'CNY', 'active', :at)",
            "INSERT INTO categories (id, parent_id, name, path, sort_key, created_at)"
            " VALUES (:c, NULL, 'Tea', 'Tea', 'tea', :at)",
            "INSERT INTO products (id, merchant_id, category_id, code, title, description, state, sort_key,"
            " search, search_text, created_at, changed_at)"
            " VALUES (:p, :m, :c, 'T1', 'Tea', '', 'listed', 'tea', to_tsvector('simple', ''), '', :at, :at)",
        ):
            used = {name: value for name, value in given.items() if f":{name}" in statement}
            await connection.execute(text(statement), used)
