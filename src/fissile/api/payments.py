"""What payment gateways say, and the sandbox's button."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from fissile.api.endpoint import FastEndpoint, Request, Response, json_response
from fissile.domain.orders.errors import MessageDiffers, MessageUnknown, OrderUnknown, RefundDiffers
from fissile.domain.orders.model import GatewayPayment
from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.settle_payment import settle_payment
from fissile.infra.batcher import Busy, DatabaseAway
from fissile.infra.gateways.model import (
    GatewayAway,
    GatewayMessage,
    WebhookForged,
    WebhookTooOld,
    WebhookUnreadable,
)
from fissile.infra.gateways.sandbox.gateway import SECRET_NAME, WEBHOOK_PATH, Sandbox, open_sandbox
from fissile.kernel.ids import UnknownId, parse_public_id, public_id
from fissile.kernel.money import Money

if TYPE_CHECKING:
    from fissile.flows.house import House

_CHANCE = random.SystemRandom()


class MessageTaken(msgspec.Struct):
    """What became of a gateway's message; ``replayed`` tells that it had arrived before."""

    outcome: str
    replayed: bool


class SandboxPaid(msgspec.Struct):
    """The order after the sandbox's webhook."""

    id: str
    state: str
    total: str
    currency: str


async def sandbox_of(house: House) -> Sandbox:
    """Return the sandbox of this installation; its webhook goes to this machine's own web server."""
    base_url = house.settings.local_url
    secret = await house.secrets.get(SECRET_NAME)
    if secret is None:
        return await open_sandbox(house.db, base_url=base_url, at=datetime.now(UTC), rng=_CHANCE)
    return Sandbox(secret=secret, base_url=base_url, rng=_CHANCE)


async def press_button(house: House, *, order: str, outcome: Literal["paid", "failed"]) -> SandboxPaid:
    """
    Let the sandbox report that an order's payment succeeded or failed, and return the order as it is then.

    :raises UnknownId, OrderUnknown: if there is no such order
    :raises GatewayAway: if its webhook was not taken
    """
    order_id = parse_public_id("ord", order)
    payable = await house.payables.get(order_id)
    if payable is None:
        raise OrderUnknown(order=order)
    sandbox = await sandbox_of(house)
    await sandbox.pay(
        order_id=order_id,
        amount_minor=payable.total_minor,
        currency=payable.currency,
        outcome=outcome,
        at=datetime.now(UTC),
    )
    after = await house.payables.get(order_id)
    assert after is not None, "orders are never deleted"
    total = Money(after.total_minor, after.currency)
    return SandboxPaid(
        id=public_id("ord", after.id), state=after.state, total=str(total.major()), currency=after.currency
    )


def endpoints(house: House) -> Sequence[FastEndpoint]:
    """Return the sandbox's button and the address that its webhooks come to."""

    async def pay(request: Request) -> Response:
        return json_response(await press_button(house, order=request.parameter, outcome="paid"))

    async def webhook(request: Request) -> Response:
        at = datetime.now(UTC)
        body = await request.body()
        headers = {
            name: request.header(name.encode()) or ""
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        }
        message = (await sandbox_of(house)).verify(headers=headers, body=body, now=at)
        return json_response(await _take(house, message, at=at))

    return (
        FastEndpoint(
            method="POST",
            path="/api/sandbox/pay/{id}",
            summary="Press the sandbox's button: its signed webhook pays the order.",
            handler=pay,
            answer=SandboxPaid,
            problems=(UnknownId, OrderUnknown, GatewayAway),
        ),
        FastEndpoint(
            method="POST",
            path=WEBHOOK_PATH,
            summary="A message of the sandbox gateway, signed as Standard Webhooks says.",
            handler=webhook,
            answer=MessageTaken,
            problems=(
                WebhookForged,
                WebhookTooOld,
                WebhookUnreadable,
                OrderUnknown,
                MessageDiffers,
                MessageUnknown,
                RefundDiffers,
                Busy,
                DatabaseAway,
            ),
        ),
    )


async def _take(house: House, message: GatewayMessage, *, at: datetime) -> MessageTaken:
    if message.kind == "refund.succeeded":
        assert message.refund_id is not None, "the gateway's reader asks for it"
        confirmed = await confirm_refund(
            house.db,
            gateway=message.gateway,
            message_id=message.message_id,
            body_hash=message.body_hash,
            refund_id=message.refund_id,
            amount=Money(message.amount_minor, message.currency),
            at=at,
            rng=_CHANCE,
        )
        return MessageTaken(confirmed.outcome, confirmed.replayed)
    if message.kind == "payment.failed":
        # No money moved and the order still waits; a success may come before or after it.
        return MessageTaken("noted", False)
    settled = await settle_payment(
        house,
        payment=GatewayPayment(
            gateway=message.gateway,
            gateway_payment_id=message.payment_id,
            order_id=message.order_id,
            amount_minor=message.amount_minor,
            currency=message.currency,
            paid_at=message.occurred_at,
        ),
        message_id=message.message_id,
        body_hash=message.body_hash,
        at=at,
        rng=_CHANCE,
    )
    return MessageTaken(settled.outcome, settled.replayed)
