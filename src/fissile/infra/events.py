"""Events: one row for each change of state, written in the change's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.infra.tables import audit_log, events
from fissile.kernel.ids import Chance, new_id

_INSERT = events.insert()
_INSERT_ACT = audit_log.insert()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a member, a program's key, or the house itself (``member_id`` None)."""

    member_id: UUID | None
    name: str
    roles: frozenset[str] = frozenset()
    merchant_ids: frozenset[UUID] = frozenset()


# The clock and the sweeps.
HOUSE = Actor(member_id=None, name="fissile", roles=frozenset({"house"}))


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state: ids, counts and amounts only, nothing about a person."""

    name: str
    subject_id: UUID
    data: Mapping[str, Any]


async def record_events(connection: AsyncConnection, *, happened: Sequence[Event], actor: Actor, at: datetime) -> None:
    """Write the events of one transaction."""
    if happened:
        await connection.execute(
            _INSERT,
            [
                {
                    "name": event.name,
                    "occurred_at": at,
                    "actor_id": actor.member_id,
                    "subject_id": event.subject_id,
                    "data": dict(event.data),
                }
                for event in happened
            ],
        )


async def record_act(
    connection: AsyncConnection,
    *,
    act: str,
    subject: str,
    detail: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    """Write one administrative act into the append-only audit log."""
    await connection.execute(
        _INSERT_ACT,
        {
            "id": new_id(at=at, rng=rng),
            "actor_id": actor.member_id,
            "actor_name": actor.name,
            "act": act,
            "subject": subject,
            "detail": dict(detail),
            "occurred_at": at,
        },
    )
