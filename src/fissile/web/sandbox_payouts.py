"""
The sandbox's payout side: it stands where a payout gateway would stand, and moves no money.

How an account is named says what becomes of a payout to it: ``…-refused`` fails, ``…-later`` is paid after a minute,
``…-back`` is paid and comes back after two, ``…-silent`` is paid, and the first answer gets lost.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

import msgspec
from litestar import Request, Response, get, put
from litestar.params import FromPath
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from fissile.infra.gateways.payouts import PayoutOutcome
from fissile.infra.gateways.sandbox.payouts import PATH, SECRET_NAME, Answered, Asked
from fissile.infra.secrets import secret_named
from fissile.infra.tables import sandbox_payouts
from fissile.kernel.ids import UnknownId, parse_public_id

_BARE = {"bare": True}
_LATER = timedelta(minutes=1)
_BACK = timedelta(minutes=2)


@put(PATH + "{item:str}", opt=_BARE, status_code=200)
async def take(request: Request[Any, Any, Any], item: FromPath[str]) -> Response[bytes]:
    """Take a payout, or say what became of the same one before."""
    at = datetime.now(UTC)
    try:
        item_id = parse_public_id("poi", item)
        asked = msgspec.json.decode(await request.body(), type=Asked)
    except (UnknownId, msgspec.MsgspecError):
        return Response(b"{}", status_code=400, media_type="application/json")
    if not await _trusted(request, at=at):
        return Response(b"{}", status_code=401, media_type="application/json")
    values = {
        "item_id": item_id,
        "account": asked.account,
        "amount_minor": asked.amount_minor,
        "currency": asked.currency,
        "taken_at": at,
    }
    async with request.app.state.house.db.transaction() as connection:
        made = insert(sandbox_payouts).values(**values).on_conflict_do_nothing().returning(sandbox_payouts.c.item_id)
        new = (await connection.execute(made)).first() is not None
        kept = (await connection.execute(select(sandbox_payouts).where(sandbox_payouts.c.item_id == item_id))).one()
    if (kept.account, kept.amount_minor, kept.currency) != (asked.account, asked.amount_minor, asked.currency):
        return Response(b"{}", status_code=409, media_type="application/json")
    if new and kept.account.endswith("-silent"):
        return Response(b"", status_code=504)
    return _answer(kept, at=at)


@get(PATH + "{item:str}", opt=_BARE)
async def tell(request: Request[Any, Any, Any], item: FromPath[str]) -> Response[bytes]:
    """Say what became of a payout; 404 if it was never seen."""
    at = datetime.now(UTC)
    try:
        item_id = parse_public_id("poi", item)
    except UnknownId:
        return Response(b"{}", status_code=400, media_type="application/json")
    if not await _trusted(request, at=at):
        return Response(b"{}", status_code=401, media_type="application/json")
    async with request.app.state.house.db.reading() as connection:
        kept = (await connection.execute(select(sandbox_payouts).where(sandbox_payouts.c.item_id == item_id))).first()
    if kept is None:
        return Response(b"{}", status_code=404, media_type="application/json")
    return _answer(kept, at=at)


async def _trusted(request: Request[Any, Any, Any], *, at: datetime) -> bool:
    async with request.app.state.house.db.transaction() as connection:
        secret = await secret_named(connection, name=SECRET_NAME, at=at, rng=SystemRandom())
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {secret}".encode())


def _answer(kept: Any, *, at: datetime) -> Response[bytes]:
    age = at - kept.taken_at
    state: PayoutOutcome = "paid"
    reason = ""
    if kept.account.endswith("-refused"):
        state, reason = "failed", "no_such_account"
    elif kept.account.endswith("-later") and age < _LATER:
        state = "taken"
    elif kept.account.endswith("-back") and age >= _BACK:
        state, reason = "returned", "account_gone"
    told = Answered(
        state=state,
        reference=f"sbx-{kept.item_id.hex[-12:]}",
        amount_minor=kept.amount_minor,
        currency=kept.currency,
        reason=reason,
    )
    return Response(msgspec.json.encode(told), media_type="application/json")


HANDLERS = (take, tell)
