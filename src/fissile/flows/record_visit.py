"""Somebody opens a share: record the visit, tell where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg

from fissile.domain.shares.errors import CodeMistyped, ShareRevoked, ShareUnknown
from fissile.domain.shares.model import SOMEBODY, Form, Opener, Share
from fissile.domain.shares.rules import check_open, is_sound
from fissile.kernel.ids import Chance, new_id

if TYPE_CHECKING:
    from fissile.flows.house import House

_CALL = (
    "SELECT record_visits_v1("
    "$1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint)"
)
_TRIES = 3


class VisitItem(NamedTuple):
    """An open as it goes to the database: decided on this version of the share."""

    id: UUID
    share_id: UUID
    version: int
    visitor_id: UUID
    form: Form
    at: datetime
    opener: Opener = SOMEBODY


@dataclass(frozen=True, slots=True)
class Opened:
    """A share that was opened; ``first`` tells that it counts as a visit: a person's first in its window."""

    share: Share
    first: bool


async def record_visit(
    house: House,
    *,
    token: str,
    form: Form,
    visitor_id: UUID,
    at: datetime,
    rng: Chance,
    opener: Opener = SOMEBODY,
) -> Opened:
    """
    Record that a visitor opened a share and return it; once per visitor and window it is a visit.

    Machines are counted apart and touch nothing. The promoter's own openings, known by the cookies with which
    the promoter has signed in, are kept as touches, for self-purchases are judged by them, and are no visits.

    :raises CodeMistyped: if the token's check character is wrong
    :raises ShareUnknown: if there is no such share
    :raises ShareExpired, SharePaused, ShareRevoked: if it may not be opened now
    :raises Busy, DatabaseAway: if the visit cannot be recorded
    """
    for _ in range(_TRIES):
        share = await open_share(house, token=token, at=at)
        item = VisitItem(new_id(at=at, rng=rng), share.id, share.version, visitor_id, form, at, opener)
        outcome = await house.visits.submit(item)
        if outcome != "stale":
            return Opened(share, outcome == "recorded")
        house.shares.drop()
    raise ShareRevoked()


async def open_share(house: House, *, token: str, at: datetime) -> Share:
    """
    Return the share behind a token if it may be opened now.

    :raises CodeMistyped, ShareUnknown, ShareExpired, SharePaused, ShareRevoked: see :func:`record_visit`
    """
    share = await house.shares.get(token)
    if share is None:
        raise ShareUnknown(given=token[:40]) if is_sound(token) else CodeMistyped(given=token[:40])
    check_open(share, at=at)
    return share


async def record_visits(
    connection: asyncpg.Connection, items: Sequence[VisitItem], *, window_seconds: int
) -> list[str]:
    """Record a set of opens in one call; return an outcome for each, in order."""
    *columns, openers = zip(*items, strict=True)
    return list(await connection.fetchval(_CALL, *columns, *zip(*openers, strict=True), window_seconds))
