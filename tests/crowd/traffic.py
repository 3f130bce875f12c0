"""What clients of these tests send, and what they keep of the answers; made in the load generator's process."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from dataclasses import dataclass, field

from fissile.api.asking import VISITOR_COOKIE
from fissile.bench.ground import HOT
from fissile.bench.load import request_bytes


@dataclass
class Kept:
    """Everything that was acknowledged."""

    orders: dict[str, str] = field(default_factory=dict)
    """Order by key."""
    paid: set[str] = field(default_factory=set)
    visits: list[tuple[str, str]] = field(default_factory=list)
    """Visitor and token."""
    contradicted: list[str] = field(default_factory=list)
    """Answers that another answer to the same key denies."""
    statuses: Counter[int] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    told_when: int = 0
    """How many of the refusals with 503 said when to come again."""


@dataclass
class _Journey:
    """One visitor: opens a share, orders, asks for the order once more, pays; each step until it is acknowledged."""

    visitor: str
    token: str
    step: int = 0
    order: str = ""


class Journeys:
    """
    Traffic: journeys one after the other on each connection, every request sent again until it is acknowledged.

    It ends when the file ``until`` is there; a journey that is under way is not finished then.
    """

    def __init__(self, *, host: str, tokens: tuple[str, ...], until: str) -> None:
        self._host = host
        self._tokens = tokens
        self._until = until
        self._journeys: dict[int, _Journey] = {}
        self._begun = 0
        self.kept = Kept()

    def request(self, connection: int) -> bytes | None:
        if os.path.exists(self._until):
            return None
        journey = self._journeys.get(connection)
        if journey is None:
            self._begun += 1
            token = self._tokens[self._begun % len(self._tokens)]
            journey = self._journeys[connection] = _Journey(str(uuid.uuid4()), token)
        return self._ask(journey)

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        kept, journey = self.kept, self._journeys[connection]
        kept.statuses[status] += 1
        if status not in (200, 201, 302):
            if status:
                kept.refusals[json.loads(body)["code"]] += 1
                kept.told_when += status == 503 and b"retry-after" in head
            return  # the same again
        if journey.step == 0:
            kept.visits.append((journey.visitor, journey.token))
        elif journey.step in (1, 2):
            journey.order = json.loads(body)["id"]
            if kept.orders.setdefault(journey.visitor, journey.order) != journey.order:
                kept.contradicted.append(journey.visitor)
        elif json.loads(body)["state"] == "paid":
            kept.paid.add(journey.order)
        else:
            kept.contradicted.append(journey.order)
        journey.step += 1
        if journey.step > 3:
            del self._journeys[connection]

    def result(self) -> Kept:
        return self.kept

    def _ask(self, journey: _Journey) -> bytes:
        headers = {"Cookie": f"{VISITOR_COOKIE}={journey.visitor}"}
        if journey.step == 0:
            return request_bytes("GET", f"/s/{journey.token}", host=self._host, headers=headers)
        if journey.step == 3:
            return request_bytes("POST", f"/api/sandbox/pay/{journey.order}", host=self._host, headers=headers)
        headers |= {"Content-Type": "application/json", "Idempotency-Key": journey.visitor}
        body = json.dumps({"sku": HOT, "quantity": 1}).encode()
        return request_bytes("POST", "/api/orders", host=self._host, headers=headers, body=body)


def journeys(host: str, tokens: tuple[str, ...], until: str) -> Journeys:
    """Make :class:`Journeys`."""
    return Journeys(host=host, tokens=tokens, until=until)


class Insisting(Journeys):
    """Traffic: each connection places one order, again and again until it is taken."""

    def request(self, connection: int) -> bytes | None:
        journey = self._journeys.setdefault(connection, _Journey(str(uuid.uuid4()), "", step=1))
        return self._ask(journey) if journey.step == 1 else None


def insisting(host: str) -> Insisting:
    """Make :class:`Insisting`."""
    return Insisting(host=host, tokens=(), until="")
