"""What a gateway may do wrong: its messages forged, late, doubled and out of order, over HTTP."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from fissile.bench.bare import Served
from fissile.bench.ground import HOT, Ground
from fissile.infra.database import Database
from fissile.infra.gateways.model import MessageKind
from fissile.infra.gateways.sandbox.gateway import SECRET_NAME, WEBHOOK_PATH
from fissile.infra.gateways.sandbox.messages import SignedMessage, payment_id_of, sign
from fissile.infra.secrets import secret_named
from fissile.kernel.ids import new_id, parse_public_id

_CHANCE = random.Random()


@dataclass
class Till:
    """An order that waits for its payment, and the gateway's secret."""

    client: httpx2.AsyncClient
    db: Database
    secret: str
    order_id: UUID
    total_minor: int

    def message(self, kind: MessageKind = "payment.succeeded", **changes: Any) -> SignedMessage:
        at = datetime.now(UTC)
        given: dict[str, Any] = {
            "secret": self.secret,
            "message_id": new_id(at=at, rng=_CHANCE),
            "kind": kind,
            "order_id": self.order_id,
            "payment_id": payment_id_of(order_id=self.order_id),
            "refund_id": new_id(at=at, rng=_CHANCE) if kind == "refund.succeeded" else None,
            "amount_minor": self.total_minor,
            "currency": "CNY",
            "at": at,
        }
        return sign(**(given | changes))

    async def send(self, message: SignedMessage) -> httpx2.Response:
        return await self.client.post(WEBHOOK_PATH, content=message.body, headers=message.headers)

    async def state(self) -> tuple[str, int]:
        """The order's state, and how many payments there are."""
        found = text("SELECT state, (SELECT count(*) FROM payments) AS payments FROM orders")
        [one] = await self.db.all(found)
        return one["state"], one["payments"]


@pytest.fixture
async def till(ground: Ground, served: Served) -> AsyncIterator[Till]:
    db = ground.database()
    async with httpx2.AsyncClient(base_url=served.url, trust_env=False, timeout=30) as client:
        placed = await client.post("/api/orders", json={"sku": HOT}, headers={"Idempotency-Key": "one"})
        async with db.transaction() as connection:
            secret = await secret_named(connection, name=SECRET_NAME, at=datetime.now(UTC), rng=_CHANCE)
        order_id = parse_public_id("ord", placed.json()["id"])
        yield Till(client, db, secret, order_id, placed.json()["total_minor"])
    await db.close()


class TestWebhook:
    async def test_forged_moves_nothing(self, till: Till) -> None:
        honest = till.message()
        forged = [
            till.message(secret="00" * 32),
            SignedMessage(honest.headers, honest.body.replace(b"succeeded", b"failed")),
            SignedMessage(honest.headers | {"webhook-id": "msg_other"}, honest.body),
            SignedMessage({**honest.headers, "webhook-signature": ""}, honest.body),
        ]

        answers = [await till.send(one) for one in forged]

        assert [(one.status_code, one.json()["code"]) for one in answers] == [(401, "webhook_forged")] * 4
        assert await till.state() == ("placed", 0)

    async def test_late_moves_nothing(self, till: Till) -> None:
        answer = await till.send(till.message(at=datetime.now(UTC) - timedelta(minutes=10)))

        assert (answer.status_code, answer.json()["code"]) == (401, "webhook_too_old")
        assert await till.state() == ("placed", 0)

    async def test_doubled_pays_once(self, till: Till) -> None:
        message = till.message()

        same = await asyncio.gather(*(till.send(message) for _ in range(20)))
        named_anew = await till.send(till.message())

        assert Counter((one.status_code, one.json()["replayed"]) for one in same) == {(200, False): 1, (200, True): 19}
        assert {one.json()["outcome"] for one in same} == {"settled"}
        assert named_anew.json()["outcome"] == "known"
        assert await till.state() == ("paid", 1)

    async def test_with_the_name_of_another_is_refused(self, till: Till) -> None:
        at = datetime.now(UTC)
        name = new_id(at=at, rng=_CHANCE)
        await till.send(till.message(message_id=name))

        answer = await till.send(till.message(message_id=name, amount_minor=1))

        assert (answer.status_code, answer.json()["code"]) == (422, "message_differs")
        assert await till.state() == ("paid", 1)

    async def test_shuffled_comes_to_the_same(self, till: Till) -> None:
        unknown = await till.send(till.message("refund.succeeded"))
        failed = await till.send(till.message("payment.failed"))
        paid = await till.send(till.message())
        failed_after = await till.send(till.message("payment.failed"))

        assert (unknown.status_code, unknown.json()["code"]) == (404, "message_unknown")
        assert [one.json()["outcome"] for one in (failed, paid, failed_after)] == ["noted", "settled", "noted"]
        assert await till.state() == ("paid", 1)
