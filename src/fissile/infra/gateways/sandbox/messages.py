"""The sandbox's messages: Standard Webhooks, JSON, amounts in minor units, ids as people see them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from standardwebhooks import Webhook

from fissile.infra.gateways.model import (
    GatewayMessage,
    MessageKind,
    WebhookForged,
    WebhookTooOld,
    WebhookUnreadable,
)
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import named_id, parse_public_id, public_id
from fissile.kernel.money import MINOR_MAX, minor_digits

NAME = "sandbox"
WINDOW_SECONDS = 300  # as Standard Webhooks recommends


class _Data(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    order: str
    payment: Annotated[str, msgspec.Meta(max_length=100, pattern="^[!-~]+$")]
    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=MINOR_MAX)]
    currency: str
    occurred_at: datetime
    refund: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    type: MessageKind
    timestamp: datetime
    data: _Data


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message ready to be sent."""

    headers: dict[str, str]
    body: bytes


def payment_id_of(*, order_id: UUID) -> str:
    """Return the sandbox's name of an order's payment: always the same, so pressing twice pays once."""
    return public_id("sbx", named_id("sandbox_payment", str(order_id)))


def sign(
    *,
    secret: str,
    message_id: UUID,
    kind: MessageKind,
    order_id: UUID,
    payment_id: str,
    refund_id: UUID | None,
    amount_minor: int,
    currency: str,
    at: datetime,
) -> SignedMessage:
    """Return a message with its headers; ``secret`` is hexadecimal."""
    data = _Data(
        order=public_id("ord", order_id),
        payment=payment_id,
        amount_minor=amount_minor,
        currency=currency,
        occurred_at=at,
        refund=None if refund_id is None else public_id("rfd", refund_id),
    )
    body = msgspec.json.encode(_Body(type=kind, timestamp=at, data=data))
    named = public_id("msg", message_id)
    headers = {
        "content-type": "application/json",
        "webhook-id": named,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": _signature(secret, named, int(at.timestamp()), body),
    }
    return SignedMessage(headers, body)


def verify(*, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> GatewayMessage:
    """
    Return the message of a webhook whose signature and timestamp are right.

    The library's own check reads the clock itself; here the moment comes from the edge.

    :raises WebhookForged, WebhookTooOld, WebhookUnreadable: as the interface says
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, signatures = given.get("webhook-id", ""), given.get("webhook-signature", "")
    stamp = given.get("webhook-timestamp", "")
    if not (message_id and signatures and stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        raise WebhookForged(gateway=NAME)
    try:
        wanted = _signature(secret, message_id, int(stamp), body)
    except UnicodeDecodeError:
        raise WebhookForged(gateway=NAME) from None
    # Several stand there while a secret is being changed.
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signatures.split(" ")):
        raise WebhookForged(gateway=NAME)
    if abs(now.timestamp() - int(stamp)) > WINDOW_SECONDS:
        raise WebhookTooOld(seconds=WINDOW_SECONDS)
    return _read(message_id, body)


def _read(message_id: str, body: bytes) -> GatewayMessage:
    try:
        read = msgspec.json.decode(body, type=_Body)
        data = read.data
        minor_digits(data.currency)  # the ledger would open accounts in it that no page can show
        if read.type == "refund.succeeded" and data.refund is None:
            raise WebhookUnreadable(gateway=NAME, reason="it names no refund")
        return GatewayMessage(
            gateway=NAME,
            message_id=message_id,
            body_hash=hashlib.sha256(body).digest(),
            kind=read.type,
            order_id=parse_public_id("ord", data.order),
            payment_id=data.payment,
            refund_id=None if data.refund is None else parse_public_id("rfd", data.refund),
            amount_minor=data.amount_minor,
            currency=data.currency,
            occurred_at=data.occurred_at.astimezone(UTC),
        )
    except WebhookUnreadable:
        raise
    except (msgspec.MsgspecError, OverflowError, Refusal) as error:
        raise WebhookUnreadable(gateway=NAME, reason=str(error)) from error


def _signature(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    signed: str = Webhook(bytes.fromhex(secret)).sign(
        message_id, datetime.fromtimestamp(seconds, tz=UTC), body.decode()
    )
    return signed
