"""Writing requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.aftersales.errors import RequestOpen, RequestStateDiffers, RequestUnknown, TooManyReturns
from fissile.domain.aftersales.model import REQUESTS_MAX, LockedRequest
from fissile.domain.aftersales.tables import after_sale_requests

_requests = after_sale_requests.c
_LOCK = select(_requests.id, _requests.order_id, _requests.kind, _requests.state).with_for_update()


async def add_request(connection: AsyncConnection, *, row: dict[str, Any]) -> None:
    """
    Write a request of a locked order.

    :raises RequestOpen: if the order has one that waits for its answer
    :raises TooManyReturns: if it was asked five times
    """
    asked = select(func.count()).select_from(after_sale_requests).where(_requests.order_id == row["order_id"])
    if (await connection.execute(asked)).scalar_one() >= REQUESTS_MAX:
        raise TooManyReturns(most=REQUESTS_MAX)
    made = insert(after_sale_requests).values(state="asked", **row).on_conflict_do_nothing().returning(_requests.id)
    if (await connection.execute(made)).first() is None:
        raise RequestOpen()


async def lock_request(connection: AsyncConnection, *, request_id: UUID) -> LockedRequest:
    """
    Lock a request for the rest of the transaction.

    :raises RequestUnknown: if there is none
    """
    row = (await connection.execute(_LOCK.where(_requests.id == request_id))).mappings().first()
    if row is None:
        raise RequestUnknown()
    return LockedRequest(**row)


async def order_of_request(connection: AsyncConnection, *, request_id: UUID) -> UUID:
    """
    Return whose request it is: the order is locked before its request.

    :raises RequestUnknown: if there is none
    """
    found: UUID | None = (
        await connection.execute(select(_requests.order_id).where(_requests.id == request_id))
    ).scalar_one_or_none()
    if found is None:
        raise RequestUnknown()
    return found


async def decide(
    connection: AsyncConnection,
    *,
    request_id: UUID,
    state: str,
    answer: str,
    decided_by: UUID | None,
    at: datetime,
) -> None:
    """
    Change a locked request from asked to another state.

    :raises RequestStateDiffers: if it was decided already
    """
    changed = await connection.execute(
        update(after_sale_requests)
        .where(_requests.id == request_id, _requests.state == "asked")
        .values(state=state, answer=answer, decided_by=decided_by, decided_at=at)
    )
    if changed.rowcount != 1:
        found = await connection.execute(select(_requests.state).where(_requests.id == request_id))
        raise RequestStateDiffers(state=found.scalar_one())
