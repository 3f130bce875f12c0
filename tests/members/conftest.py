"""Members for tests: valid by default."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.members import queries
from fissile.domain.members.model import SignedIn
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.kernel.ids import new_id

PASSWORD = "violet harbour crane"

SignUp = Callable[..., Awaitable[SignedIn]]
History = Callable[[], Awaitable[list[tuple[str, UUID, dict[str, Any]]]]]
Rows = Callable[..., Awaitable[list[Any]]]


@pytest.fixture
def join(db: Database, at: datetime, rng: random.Random) -> SignUp:
    async def joined(**changes: Any) -> SignedIn:
        given: dict[str, Any] = {
            "email": "mei@shop.example",
            "password": PASSWORD,
            "display_name": "Mei",
            "locale": "zh_CN",
            "visitor_id": None,
            "at": at,
            "rng": rng,
        }
        return await sign_up(db, **(given | changes))

    return joined


@pytest.fixture
def rows(db: Database) -> Rows:
    async def read(statement: str, **parameters: Any) -> list[Any]:
        async with db.reading() as connection:
            return [tuple(row) for row in await connection.execute(text(statement), parameters)]

    return read


@pytest.fixture
def history(rows: Rows) -> History:
    async def read() -> list[tuple[str, UUID, dict[str, Any]]]:
        return await rows("SELECT name, subject_id, data FROM events ORDER BY position")

    return read


@pytest.fixture
async def merchant_id(db: Database, at: datetime, rng: random.Random) -> UUID:
    made = new_id(at=at, rng=rng)
    async with db.transaction() as connection:
        await connection.execute(
            text("INSERT INTO merchants VALUES (:id, 'silk', 'Silk Road', 'CNY', 'active', :at)"),
            {"id": made, "at": at},
        )
    return made


async def actor_of(db: Database, session_token: str, at: datetime) -> Actor | None:
    """Who the edges would see behind this cookie."""
    async with db.reading() as connection:
        found = await queries.session_actor(connection, session_token=session_token, at=at)
    return found.actor if found else None
