"""A payee says where to pay: a next version of the account, never a change of an old one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.account_operations import accounts_of, add_account_version, details_of
from fissile.domain.payouts.errors import (
    PayoutAccountMissing,
    PayoutAccountNotYours,
    PayoutAccountUnchanged,
    PayoutMethodUnknown,
)
from fissile.domain.payouts.model import METHODS, AccountDetails, AccountVersion, Method, Payee
from fissile.domain.payouts.operations import hold_stale
from fissile.domain.payouts.rules import check_details
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import minor_digits


async def register_payout_account(
    db: Database,
    *,
    payee: Payee,
    payee_id: UUID,
    currency: str,
    method: Method,
    holder: str,
    bank: str,
    number: str,
    cooling: timedelta,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> AccountVersion:
    """
    Register or change where a payee is paid in a currency; promoters for themselves, merchant staff for theirs.

    A changed account is paid to only after ``cooling``. What is approved but not sent yet is held for a decision.

    :raises PayoutAccountNotYours: if the actor is somebody else
    :raises UnknownCurrency: if there is no such currency
    :raises PayoutMethodUnknown: if it is neither a bank account nor one of the gateway
    :raises HolderMissing, BankMissing, BadIban, BadCardNumber, BadRoutingNumber, BadAccountNumber, BadGatewayAccount:
        if details are missing or mistyped
    :raises PayoutAccountUnchanged: if it is the account that is registered
    :raises PayoutTermsChangedMeanwhile: if somebody else changed it at the same moment
    """
    check_yours(payee=payee, payee_id=payee_id, actor=actor)
    minor_digits(currency)
    if method not in METHODS:
        raise PayoutMethodUnknown(given=method[:20])
    details = check_details(method=method, holder=holder, bank=bank, number=number, currency=currency)
    async with db.transaction() as connection:
        known = (await accounts_of(connection, currency=currency, payee_id=payee_id)).get((payee, payee_id))
        kept = {} if known is None else await details_of(connection, version_ids=[known.id])
        if known is not None and (known.state, known.method, kept.get(known.id)) == ("open", method, details):
            raise PayoutAccountUnchanged()
        return await _write(
            connection,
            payee=payee,
            payee_id=payee_id,
            currency=currency,
            method=method,
            state="open",
            details=details,
            cooling=cooling,
            actor=actor,
            at=at,
            rng=rng,
        )


async def close_payout_account(
    db: Database, *, payee: Payee, payee_id: UUID, currency: str, actor: Actor, at: datetime, rng: Chance
) -> AccountVersion:
    """
    Close a payee's account in a currency: nothing more is paid to it, the balance is carried on.

    :raises PayoutAccountNotYours: if the actor is somebody else
    :raises PayoutAccountMissing: if there is none that is open
    """
    check_yours(payee=payee, payee_id=payee_id, actor=actor)
    async with db.transaction() as connection:
        known = (await accounts_of(connection, currency=currency, payee_id=payee_id)).get((payee, payee_id))
        if known is None or known.state == "closed":
            raise PayoutAccountMissing(currency=currency)
        return await _write(
            connection,
            payee=payee,
            payee_id=payee_id,
            currency=currency,
            method=known.method,
            state="closed",
            details=None,
            cooling=timedelta(0),
            actor=actor,
            at=at,
            rng=rng,
        )


def check_yours(*, payee: Payee, payee_id: UUID, actor: Actor) -> None:
    """
    Check that the actor may say where this payee is paid.

    :raises PayoutAccountNotYours: if not
    """
    if "house" in actor.roles:
        return
    mine = (
        "promoter" in actor.roles and payee_id == actor.member_id
        if payee == "promoter"
        else "merchant_staff" in actor.roles and payee_id in actor.merchant_ids
    )
    if not mine:
        raise PayoutAccountNotYours()


async def _write(
    connection: AsyncConnection,
    *,
    payee: Payee,
    payee_id: UUID,
    currency: str,
    method: Method,
    state: Literal["open", "closed"],
    details: AccountDetails | None,
    cooling: timedelta,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> AccountVersion:
    version = await add_account_version(
        connection,
        version_id=new_id(at=at, rng=rng),
        payee=payee,
        payee_id=payee_id,
        currency=currency,
        method=method,
        state=state,
        details=details,
        cooling=cooling,
        made_by=actor.member_id,
        at=at,
    )
    held = await hold_stale(connection, payee_id=payee_id, at=at)
    told = {"payee": payee, "payee_id": str(payee_id), "currency": currency, "version": version.version}
    name = "payout_account.registered" if state == "open" else "payout_account.closed"
    happened = [Event(name, version.id, {"payee": payee, "payee_id": str(payee_id), "currency": currency})]
    happened += [Event("payout_item.held", one, {"reason": reason}) for one, reason in held]
    await record_events(connection, happened=happened, actor=actor, at=at)
    await record_act(
        connection,
        act="register_payout_account" if state == "open" else "close_payout_account",
        subject=public_id("poa", version.id),
        detail=told,
        actor=actor,
        at=at,
        rng=rng,
    )
    return version
