"""The interface that payment gateways have, the sandbox and real ones alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from fissile.kernel.errors import Refusal

MessageKind = Literal["payment.succeeded", "payment.failed", "refund.succeeded"]


class WebhookForged(Refusal):
    """The webhook is not signed by {gateway}, or it was changed on its way: it was ignored."""


class WebhookTooOld(Refusal):
    """The webhook's timestamp is more than {seconds} seconds away from now: it was ignored, send it again."""


class WebhookUnreadable(Refusal):
    """The webhook is signed by {gateway}, but it is not a message as agreed: {reason}."""


class GatewayAway(Refusal):
    """The gateway {gateway} did not take the request ({reason}): it is tried again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMessage:
    """
    A verified webhook: what the gateway says happened.

    ``payment_id`` is the gateway's own name of the payment; ``refund_id`` is ours, of refund.succeeded only.
    ``amount_minor`` is in minor units of ``currency``. ``body_hash`` tells another body under the same message id.
    """

    gateway: str
    message_id: str
    body_hash: bytes
    kind: MessageKind
    order_id: UUID
    payment_id: str
    refund_id: UUID | None
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What a gateway is asked to send back; the same ``refund_id`` again is the same request."""

    refund_id: UUID
    order_id: UUID
    payment_id: str
    amount_minor: int
    currency: str


class Gateway(Protocol):
    """A way to be paid. Nothing is believed but its signed webhooks."""

    @property
    def name(self) -> str:
        """How payments and messages name it."""

    def pay_url(self, *, order_id: UUID) -> str:
        """Return the page on which a buyer pays an order."""

    def verify(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> GatewayMessage:
        """
        Return the message of a webhook; header names come in any case.

        :raises WebhookForged: if the signature is missing or wrong
        :raises WebhookTooOld: if its timestamp is outside the replay window
        :raises WebhookUnreadable: if it is signed, but no message
        """

    async def refund(self, request: RefundRequest, *, at: datetime) -> None:
        """
        Ask for money to be sent back; the answer is a webhook, later.

        :raises GatewayAway: if the request was not taken
        """
