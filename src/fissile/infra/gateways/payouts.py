"""The interface that payout gateways have: money goes out by a key, and its state can be asked for by the same key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from fissile.kernel.errors import Refusal

PayoutOutcome = Literal["taken", "paid", "failed", "returned"]


class PayoutUnclear(Refusal):
    """The gateway {gateway} may or may not have taken the payout ({reason}): it is asked before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRequest:
    """
    What a gateway is asked to pay; the same ``item_id`` again is the same request, whatever became of the first.

    ``account`` is the payee's name at the gateway; ``amount_minor`` is in minor units of ``currency``.
    """

    item_id: UUID
    account: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutReport:
    """
    What a gateway says of a payout: taken (on its way), paid, failed (nothing has moved), or returned after paid.

    ``reference`` is the gateway's own name of it, ``reason`` a word for failed and returned ones.
    """

    outcome: PayoutOutcome
    reference: str
    reason: str = ""


class PayoutGateway(Protocol):
    """A way to pay people."""

    @property
    def name(self) -> str:
        """How refusals and pages name it."""

    @property
    def remembers(self) -> timedelta:
        """How long it knows a key: later its not knowing one proves nothing, and a person has to look."""

    async def pay(self, request: PayoutRequest, *, at: datetime) -> PayoutReport:
        """
        Pay, or say what became of the same request before.

        :raises GatewayAway: if the request surely did not arrive
        :raises PayoutUnclear: if it may have arrived
        """

    async def status(self, request: PayoutRequest, *, at: datetime) -> PayoutReport | None:
        """
        Say what became of a request; None if the gateway has never seen its key.

        :raises GatewayAway, PayoutUnclear: if there is no answer
        """
