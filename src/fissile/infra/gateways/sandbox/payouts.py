"""
The sandbox's payout side, over HTTP: ``PUT /sandbox/payouts/{key}`` pays, ``GET`` tells what became of it.

The body is JSON (account, amount_minor, currency), the answer too (state, reference, reason, and what was paid). The
same key with the same body gets the first answer, with another body 409. A bearer token says who asks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import httpx2
import msgspec

from fissile.infra.gateways.model import GatewayAway
from fissile.infra.gateways.payouts import PayoutOutcome, PayoutReport, PayoutRequest, PayoutUnclear
from fissile.kernel.ids import public_id

NAME = "sandbox"
SECRET_NAME = "sandbox_payouts"
PATH = "/sandbox/payouts/"
TIMEOUT_SECONDS = 10.0

_Short = Annotated[str, msgspec.Meta(max_length=100)]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    account: _Short
    amount_minor: int
    currency: _Short


class Answered(msgspec.Struct):
    """The body of an answer."""

    state: PayoutOutcome
    reference: _Short
    amount_minor: int
    currency: _Short
    reason: _Short = ""


class SandboxPayouts:
    """A payout gateway without money, reached at ``base_url``."""

    name = NAME
    remembers = timedelta(days=3650)  # a key is kept as long as the installation

    def __init__(self, *, base_url: str, secret: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._timeout = timeout_seconds

    async def pay(self, request: PayoutRequest, *, at: datetime) -> PayoutReport:
        """
        Pay, or say what became of the same request before.

        :raises GatewayAway, PayoutUnclear: as the interface says
        """
        body = msgspec.json.encode(Asked(request.account, request.amount_minor, request.currency))
        answer = await self._send("PUT", request, body)
        return self._read(answer, request)

    async def status(self, request: PayoutRequest, *, at: datetime) -> PayoutReport | None:
        """
        Say what became of a request; None if its key was never seen.

        :raises GatewayAway, PayoutUnclear: as the interface says
        """
        answer = await self._send("GET", request, b"")
        return None if answer.status_code == 404 else self._read(answer, request)

    async def _send(self, method: str, request: PayoutRequest, body: bytes) -> httpx2.Response:
        url = self._base_url + PATH + public_id("poi", request.item_id)
        headers = {"authorization": f"Bearer {self._secret}", "content-type": "application/json"}
        try:
            # No proxy of the environment: the sandbox only ever speaks to this installation.
            async with httpx2.AsyncClient(trust_env=False, timeout=self._timeout) as client:
                return await client.request(method, url, content=body, headers=headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise GatewayAway(gateway=self.name, reason=type(error).__name__) from error
        except httpx2.HTTPError as error:
            raise PayoutUnclear(gateway=self.name, reason=type(error).__name__) from error

    def _read(self, answer: httpx2.Response, request: PayoutRequest) -> PayoutReport:
        if answer.status_code not in (200, 201):
            raise PayoutUnclear(gateway=self.name, reason=f"status {answer.status_code}")
        try:
            told = msgspec.json.decode(answer.content, type=Answered)
        except msgspec.MsgspecError as error:
            raise PayoutUnclear(gateway=self.name, reason="an answer that is none") from error
        if (told.amount_minor, told.currency) != (request.amount_minor, request.currency):
            raise PayoutUnclear(gateway=self.name, reason="an answer about another amount")
        return PayoutReport(outcome=told.state, reference=told.reference, reason=told.reason)
