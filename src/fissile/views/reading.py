"""How every view reads: one statement, its values, rows by column name."""

from __future__ import annotations

from sqlalchemy import Executable
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection


async def rows(connection: AsyncConnection, statement: Executable, **values: object) -> list[RowMapping]:
    """Return every row of a statement; the statement itself bounds them."""
    return list((await connection.execute(statement, values)).mappings().all())


async def row(connection: AsyncConnection, statement: Executable, **values: object) -> RowMapping | None:
    """Return the row of a statement that has at most one."""
    return (await connection.execute(statement, values)).mappings().one_or_none()


async def the_row(connection: AsyncConnection, statement: Executable, **values: object) -> RowMapping:
    """Return the row of a statement that always has exactly one."""
    return (await connection.execute(statement, values)).mappings().one()
