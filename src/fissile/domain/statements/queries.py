"""Reading statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.statements.errors import StatementUnknown
from fissile.domain.statements.model import Line, Statement
from fissile.domain.statements.tables import statement_lines, statements


async def statement_of(connection: AsyncConnection, *, statement_id: UUID) -> Statement:
    """
    Return a sealed statement with its lines.

    :raises StatementUnknown: if there is none
    """
    row = (await connection.execute(select(statements).where(statements.c.id == statement_id))).first()
    if row is None:
        raise StatementUnknown()
    wanted = select(statement_lines).where(statement_lines.c.statement_id == statement_id)
    return statement_from(row, list(await connection.execute(wanted.order_by(statement_lines.c.line_no))))


def statement_from(row: Any, lines: Sequence[Any]) -> Statement:
    """Return a statement from its row and those of its lines."""
    return Statement(
        id=row.id,
        account_id=row.account_id,
        currency=row.currency,
        period_start=row.period_start,
        period_end=row.period_end,
        opening_minor=row.opening_minor,
        closing_minor=row.closing_minor,
        previous_seal=row.previous_seal,
        seal=row.seal,
        lines=[
            Line(
                no=one.line_no,
                transfer_id=one.transfer_id,
                occurred_at=one.occurred_at,
                kind=one.kind,
                amount_minor=one.amount_minor,
                change_minor=one.change_minor,
                balance_minor=one.balance_minor,
                about=one.about,
                hash=one.hash,
            )
            for one in lines
        ],
    )
