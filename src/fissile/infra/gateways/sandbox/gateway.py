"""The sandbox as a gateway: it answers to its page and to refunds by sending its webhook over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import httpx2

from fissile.infra.database import Database
from fissile.infra.gateways.model import GatewayAway, GatewayMessage, RefundRequest
from fissile.infra.gateways.sandbox import messages
from fissile.infra.gateways.sandbox.messages import SignedMessage
from fissile.infra.secrets import secret_named
from fissile.kernel.ids import Chance, new_id, public_id

SECRET_NAME = "sandbox_webhook"
WEBHOOK_PATH = "/api/webhooks/sandbox"
TIMEOUT_SECONDS = 10.0


class Sandbox:
    """A gateway without money; ``base_url`` is where this installation is reached."""

    name = messages.NAME

    def __init__(self, *, secret: str, base_url: str, rng: Chance) -> None:
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._rng = rng

    def pay_url(self, *, order_id: UUID) -> str:
        """Return the sandbox's own page, where a button pays."""
        return f"{self._base_url}/sandbox/pay/{public_id('ord', order_id)}"

    def verify(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> GatewayMessage:
        """
        Return the message of a webhook.

        :raises WebhookForged, WebhookTooOld, WebhookUnreadable: as the interface says
        """
        return messages.verify(secret=self._secret, headers=headers, body=body, now=now)

    async def pay(
        self, *, order_id: UUID, amount_minor: int, currency: str, outcome: Literal["paid", "failed"], at: datetime
    ) -> None:
        """
        Do what the button on the page asks for: the payment succeeds or fails, and the webhook says so.

        :raises GatewayAway: if the webhook was not taken
        """
        await self._send(
            messages.sign(
                secret=self._secret,
                message_id=new_id(at=at, rng=self._rng),
                kind="payment.succeeded" if outcome == "paid" else "payment.failed",
                order_id=order_id,
                payment_id=messages.payment_id_of(order_id=order_id),
                refund_id=None,
                amount_minor=amount_minor,
                currency=currency,
                at=at,
            )
        )

    async def refund(self, request: RefundRequest, *, at: datetime) -> None:
        """
        Send the money back, which here is saying so.

        :raises GatewayAway: if the webhook was not taken
        """
        await self._send(
            messages.sign(
                secret=self._secret,
                message_id=new_id(at=at, rng=self._rng),
                kind="refund.succeeded",
                order_id=request.order_id,
                payment_id=request.payment_id,
                refund_id=request.refund_id,
                amount_minor=request.amount_minor,
                currency=request.currency,
                at=at,
            )
        )

    async def _send(self, message: SignedMessage) -> None:
        url = self._base_url + WEBHOOK_PATH
        try:
            # No proxy of the environment: the sandbox only ever speaks to this installation.
            async with httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
                answer = await client.post(url, content=message.body, headers=message.headers)
        except httpx2.HTTPError as error:
            raise GatewayAway(gateway=self.name, reason=type(error).__name__) from error
        if answer.is_error:
            raise GatewayAway(gateway=self.name, reason=f"status {answer.status_code}")


async def open_sandbox(db: Database, *, base_url: str, at: datetime, rng: Chance) -> Sandbox:
    """Return the sandbox of this installation, with the secret that the installation keeps."""
    async with db.transaction() as connection:
        secret = await secret_named(connection, name=SECRET_NAME, at=at, rng=rng)
    return Sandbox(secret=secret, base_url=base_url, rng=rng)
