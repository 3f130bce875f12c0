"""
The outbox: what was approved goes out, once, and what the gateway, the bank or an officer says becomes of it.

A state is written before the gateway is spoken to, and after: whoever dies between leaves “sending”, which the next
sweep takes as unknown. What is unknown is asked for before anything else, and is only ever sent again by its own key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.release_operations import (
    lock_in_items,
    lock_paid_in_items,
    mark_paid,
    mark_unpaid,
    take_out_of_items,
)
from fissile.domain.ledger.operations import post
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.account_operations import accounts_of, details_of
from fissile.domain.payouts.errors import (
    BankFileMade,
    PayoutAccountChanged,
    PayoutItemStateDiffers,
    PayoutReasonMissing,
    SamePerson,
)
from fissile.domain.payouts.model import OPEN_STATES, Sending, SendingState
from fissile.domain.payouts.results import BankResults, ResultLine, check_line
from fissile.domain.payouts.rules import OFFICERS, REASON_MIN, backoff, bring_back, end, next_watch
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor, Event, record_act, record_events
from fissile.infra.gateways.model import GatewayAway
from fissile.infra.gateways.payouts import PayoutGateway, PayoutReport, PayoutRequest, PayoutUnclear
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import Chance, public_id

_log = structlog.get_logger()

# Nobody else speaks to the gateway about an item within this time of its claim: longer than any request takes.
CLAIM = timedelta(minutes=2)
_GATEWAY_STATES: tuple[SendingState, ...] = ("owed", "sending", "sent", "unknown", "confirmed")

Decision = Literal["send", "paid", "failed", "returned"]


async def send_payouts(db: Database, *, gateway: PayoutGateway, at: datetime, rng: Chance, limit: int = 50) -> int:
    """
    Speak to the gateway about every item whose moment has come; return how many. The house calls it.

    What is owed is sent, by the item's id as its key; what is unknown, on its way or newly paid is asked for. A
    request that surely did not arrive is made again later, with growing pauses; one that may have arrived is unknown.
    An item whose payee changed the account since it was made, or that would pay more than is owed by now, is held.
    """
    async with db.transaction() as connection:
        held = await operations.hold_stale(connection, at=at)
        claimed = await operations.claim(connection, states=_GATEWAY_STATES, at=at, again_at=at + CLAIM, limit=limit)
        happened = [Event("payout_item.held", one, {"reason": reason}) for one, reason in held]
        for item_id, state, attempts, fresh in claimed:
            if state == "sending":
                happened.append(Event("payout_item.sending", item_id, {"attempt": attempts}))
            elif state == "unknown" and fresh:
                happened.append(Event("payout_item.unknown", item_id, {"reason": "interrupted"}))
        sendings = {item_id: await operations.sending_of(connection, item_id=item_id) for item_id, *_ in claimed}
        await record_events(connection, happened=happened, actor=HOUSE, at=at)
    for item_id, state, *_ in claimed:
        await _speak(db, sendings[item_id], pay=state == "sending", gateway=gateway, at=at, rng=rng)
    return len(claimed) + len(held)


async def _speak(
    db: Database, sending: Sending, *, pay: bool, gateway: PayoutGateway, at: datetime, rng: Chance
) -> None:
    """Send one item, or ask for it, outside of any transaction; then write down what was said."""
    item = sending.item
    assert item.account_version_id is not None, "what goes by a gateway goes to an account"
    async with db.reading() as connection:
        details = await details_of(connection, version_ids=[item.account_version_id])
    account = details[item.account_version_id].number if details else ""
    request = PayoutRequest(item_id=item.id, account=account, amount_minor=item.net.minor, currency=item.net.currency)
    try:
        if not pay:
            report = await gateway.status(request, at=at)
        elif details:
            report = await gateway.pay(request, at=at)
        else:
            await _turn(db, sending, "held", reason="details_erased", at=at)
            return
    except GatewayAway as error:
        _log.warning("payout_gateway_away", gateway=gateway.name, reason=str(error))
        if pay:
            await _turn(db, sending, "owed", reason="gateway_away", next_at=at + backoff(sending.attempts), at=at)
        else:
            await _ask_later(db, sending, at=at)
        return
    except PayoutUnclear as error:
        _log.warning("payout_unclear", gateway=gateway.name, item=str(item.id), reason=str(error))
        if pay:
            await _turn(db, sending, "unknown", reason="no_answer", unclear=True, next_at=at + backoff(0), at=at)
        else:
            await _ask_later(db, sending, at=at)
        return
    if report is not None:
        await _write(db, sending, report, at=at, rng=rng)
    elif sending.state == "unknown" and at - sending.created_at < gateway.remembers:
        # It has never seen the key: the same request is made again, by the same key.
        await _turn(db, sending, "owed", reason="not_arrived", next_at=at, at=at)
    elif sending.state in ("unknown", "sent"):
        # It may only have forgotten: sending again could pay twice.
        await _turn(db, sending, "held", reason="forgotten", next_at=None, unclear=True, at=at)
    else:
        await _ask_later(db, sending, at=at)


async def _turn(
    db: Database,
    sending: Sending,
    state: Literal["owed", "unknown", "held"],
    *,
    at: datetime,
    reason: str,
    **values: Any,
) -> None:
    """Change an item that is still as it was claimed; no money moves."""
    async with db.transaction() as connection:
        now = await operations.sending_of(connection, item_id=sending.item.id, lock=True)
        if now.changes != sending.changes:
            return  # an officer has decided meanwhile
        await operations.change_sending(connection, sending=now, state=state, at=at, reason=reason, **values)
        name = (
            "payout_item.owed"
            if state == "owed"
            else ("payout_item.unknown" if state == "unknown" else "payout_item.held")
        )
        happened = [Event(name, sending.item.id, {"reason": reason})]
        await record_events(connection, happened=happened, actor=HOUSE, at=at)


async def _ask_later(db: Database, sending: Sending, *, at: datetime) -> None:
    async with db.transaction() as connection:
        await operations.ask_later(connection, item_id=sending.item.id, next_at=at + backoff(sending.attempts))


async def _write(db: Database, sending: Sending, report: PayoutReport, *, at: datetime, rng: Chance) -> None:
    """Write down what the gateway said of an item, unless somebody has decided it meanwhile."""
    confirmed = sending.confirmed_at is not None
    state: SendingState | None
    match report.outcome:
        case "paid":
            state = None if confirmed else "confirmed"
        case "taken":
            state = None if confirmed or sending.state == "sent" else "sent"
        case "failed" | "returned":
            state = "returned" if confirmed else "failed"
    async with db.transaction() as connection:
        if state is None:
            watch = next_watch(confirmed_at=sending.confirmed_at, at=at) if sending.confirmed_at else None
            later = watch if confirmed else at + backoff(sending.attempts)
            await operations.ask_later(connection, item_id=sending.item.id, next_at=later)
            return
        values: dict[str, Any] = {"reference": report.reference, "reason": report.reason}
        if state == "sent":
            values["next_at"] = at + backoff(sending.attempts)
        elif state == "confirmed":
            values["next_at"] = next_watch(confirmed_at=at, at=at)
        elif not report.reason:
            values["reason"] = report.outcome
        now = await _locked(connection, sending.item.id)
        if now.changes == sending.changes:
            await _become(connection, now, state, actor=HOUSE, at=at, rng=rng, **values)


async def take_bank_results(
    db: Database, *, results: BankResults, actor: Actor, at: datetime, rng: Chance
) -> list[ResultLine]:
    """
    Mark what a bank says of the items of its files; a payout officer calls it. Return what became of each line.

    A line that does not fit (another item, amount or currency, one that is not on its way, the same item twice) is
    told with its number and changes nothing; the others count. The same file again is refused.

    :raises RoleNotAllowed: if the actor is no payout officer
    :raises ResultFileKnown: if the same bytes were taken before
    """
    require(actor, OFFICERS)
    async with db.transaction() as connection:
        told: list[ResultLine] = []
        wanted = sorted((line for line in results.lines if line.item_id is not None), key=lambda one: str(one.item_id))
        # Locks in the order of the house: all commissions, then batches, items and accounts.
        item_ids = sorted({line.item_id for line in wanted if line.item_id is not None})
        await lock_in_items(connection, item_ids=item_ids)
        await operations.lock_all_sendings(connection, item_ids=item_ids)
        seen: set[UUID] = set()
        for line in wanted:
            assert line.item_id is not None, "they were chosen for it"
            found: Sending | None
            try:
                found = await _locked(connection, line.item_id)
            except Refusal:
                found = None
            refusal = check_line(line, sending=found, doubled=line.item_id in seen)
            seen.add(line.item_id)
            if refusal is None:
                assert found is not None, "the check refuses what does not exist"
                assert line.state is not None, "the check refuses unknown words"
                await _become(
                    connection,
                    found,
                    line.state,
                    actor=actor,
                    at=at,
                    rng=rng,
                    reference=line.reference,
                    reason=line.reason or ("" if line.state == "confirmed" else "bank"),
                    next_at=None,
                )
            told.append(line.answered(refusal))
        told += [line.answered(line.refusal) for line in results.lines if line.item_id is None]
        told.sort(key=lambda line: line.number)
        before = await operations.keep_results(
            connection,
            sha256=results.sha256,
            taken_by=actor.member_id,
            told=[line.as_json() for line in told],
            at=at,
        )
        if before is not None:
            raise results.known(before)
        await record_act(
            connection,
            act="take_bank_results",
            subject=results.sha256.hex(),
            detail={"lines": len(told), "taken": sum(line.refusal is None for line in told)},
            actor=actor,
            at=at,
            rng=rng,
        )
    return told


async def decide_payout_item(
    db: Database, *, item_id: UUID, decision: Decision, reason: str, actor: Actor, at: datetime, rng: Chance
) -> None:
    """
    Decide an item by hand: send it after all, call it paid, not paid, or come back; a payout officer calls it.

    ``reason`` says what the officer knows and from where; it stays with the item. Of an item that may have reached
    the gateway without an answer, and of one that the gateway holds, another officer decides than the one who
    approved its batch: calling it not paid gives its money to the next payout, under another key.

    :raises RoleNotAllowed: if the actor is no payout officer; the house may not either
    :raises PayoutReasonMissing: if the reason is too short to be one
    :raises PayoutItemUnknown: if there is no such item in the outbox
    :raises PayoutItemStateDiffers: if the item is not one of which this can be said
    :raises PayoutAccountChanged: if it shall be sent to an account that its payee has closed
    :raises BankFileMade: if it shall be sent by a bank whose file is made: no other one of this batch ever goes there
    :raises SamePerson: if it needs another officer than the approver
    """
    require(actor, OFFICERS)
    if actor.member_id is None:
        raise RoleNotAllowed(needed=", ".join(OFFICERS))
    if len(reason) < REASON_MIN:
        raise PayoutReasonMissing(least=REASON_MIN)
    async with db.transaction() as connection:
        await lock_in_items(connection, item_ids=[item_id])
        batch_id = (await operations.sending_of(connection, item_id=item_id)).batch_id
        batch = await operations.lock_batch(connection, batch_id=batch_id, items=())
        sending = await operations.sending_of(connection, item_id=item_id, lock=True)
        _check_decision(sending, decision)
        at_gateway = sending.unclear or (sending.item.method == "gateway" and sending.state in ("sent", "confirmed"))
        if at_gateway and batch.approved_by == actor.member_id:
            raise SamePerson()
        if decision == "send":
            await _check_account(connection, sending)
            if await operations.is_file_made(connection, item_id=item_id):
                raise BankFileMade()
            next_at = at if sending.item.method == "gateway" else None
            values = {"reason": reason, "decided_by": actor.member_id, "next_at": next_at}
            # What may have arrived is asked for first.
            state: SendingState = "unknown" if sending.unclear else "owed"
            await operations.change_sending(connection, sending=sending, state=state, at=at, **values)
            name = "payout_item.unknown" if sending.unclear else "payout_item.owed"
            await record_events(connection, happened=[Event(name, item_id, {"reason": "decided"})], actor=actor, at=at)
        else:
            outcome: SendingState = "confirmed" if decision == "paid" else decision
            values = {"reason": reason, "decided_by": actor.member_id, "next_at": None}
            await _become(connection, sending, outcome, actor=actor, at=at, rng=rng, **values)
        await record_act(
            connection,
            act="decide_payout_item",
            subject=public_id("poi", item_id),
            detail={"decision": decision, "reason": reason, "state": sending.state},
            actor=actor,
            at=at,
            rng=rng,
        )


async def ask_now(db: Database, *, item_id: UUID, actor: Actor, at: datetime, rng: Chance) -> None:
    """
    Let the next sweep speak to the gateway about an item at once; a payout officer calls it. No state changes.

    :raises RoleNotAllowed: if the actor is no payout officer
    :raises PayoutItemUnknown: if there is no such item in the outbox
    :raises PayoutItemStateDiffers: if it is not the gateway's, or ended
    """
    require(actor, OFFICERS)
    async with db.transaction() as connection:
        sending = await operations.sending_of(connection, item_id=item_id, lock=True)
        if sending.item.method != "gateway" or sending.state not in ("owed", "sent", "unknown", "confirmed"):
            raise PayoutItemStateDiffers(state=sending.state)
        await operations.ask_later(connection, item_id=item_id, next_at=at)
        await record_act(
            connection,
            act="ask_payout_gateway",
            subject=public_id("poi", item_id),
            detail={"state": sending.state},
            actor=actor,
            at=at,
            rng=rng,
        )


def _check_decision(sending: Sending, decision: Decision) -> None:
    on_way = sending.state in ("sent", "unknown") or (sending.state == "held" and sending.unclear)
    allowed = {
        "send": sending.state == "held",
        "paid": on_way,
        "failed": sending.state in ("held", "sent", "unknown") or (sending.state == "owed" and not sending.unclear),
        "returned": sending.state == "confirmed",
    }
    if not allowed[decision]:
        raise PayoutItemStateDiffers(state=sending.state)


async def _check_account(connection: AsyncConnection, sending: Sending) -> None:
    item = sending.item
    newest = await accounts_of(connection, currency=item.amount.currency, payee_id=item.payee_id)
    account = newest.get((item.payee, item.payee_id))
    if account is not None and account.state == "closed":
        raise PayoutAccountChanged()


async def _locked(connection: AsyncConnection, item_id: UUID) -> Sending:
    """Lock what an item's end changes, in the order of the house: commissions, batch, item."""
    await lock_in_items(connection, item_ids=[item_id])
    batch_id = (await operations.sending_of(connection, item_id=item_id)).batch_id
    await operations.lock_batch(connection, batch_id=batch_id, items=())
    return await operations.sending_of(connection, item_id=item_id, lock=True)


async def _become(
    connection: AsyncConnection,
    sending: Sending,
    state: SendingState,
    *,
    actor: Actor,
    at: datetime,
    rng: Chance,
    **values: Any,
) -> None:
    """Change a locked item to a state that moves money, and end its batch if it was the last one on its way."""
    item, batch_id = sending.item, sending.batch_id
    happened: list[Event] = []
    match state:
        case "confirmed":
            assert sending.state in OPEN_STATES, "only what is on its way is confirmed"
            commission_ids = await lock_in_items(connection, item_ids=[item.id])
            await operations.change_sending(connection, sending=sending, state=state, at=at, confirmed_at=at, **values)
            await mark_paid(connection, commission_ids=commission_ids, at=at)
            await post(connection, transfers=end(batch_id, item, phase="post", at=at, rng=rng))
            happened = [
                Event("payout_item.confirmed", item.id, {"batch": str(batch_id), "amount": item.net.minor}),
                *(Event("commission.paid", one, {"batch": str(batch_id)}) for one in commission_ids),
            ]
        case "failed":
            assert sending.state in OPEN_STATES, "only what is on its way fails"
            await operations.change_sending(connection, sending=sending, state=state, at=at, **values)
            await take_out_of_items(connection, item_ids=[item.id])
            await post(connection, transfers=end(batch_id, item, phase="void", at=at, rng=rng))
            happened = [Event("payout_item.failed", item.id, {"batch": str(batch_id), "amount": item.net.minor})]
        case "returned":
            assert sending.state == "confirmed", "only what was paid comes back"
            commission_ids = await lock_paid_in_items(connection, item_ids=[item.id])
            await operations.change_sending(connection, sending=sending, state=state, at=at, **values)
            await mark_unpaid(connection, commission_ids=commission_ids)
            await post(connection, transfers=bring_back(batch_id, item, at=at, rng=rng))
            happened = [
                Event("payout_item.returned", item.id, {"batch": str(batch_id), "amount": item.net.minor}),
                *(Event("commission.returned", one, {"batch": str(batch_id)}) for one in commission_ids),
            ]
        case _:
            await operations.change_sending(connection, sending=sending, state=state, at=at, **values)
            happened = [Event("payout_item.sent", item.id, {"batch": str(batch_id), "amount": item.net.minor})]
    if state != "returned" and await operations.finish_if_ended(connection, batch_id=batch_id, at=at):
        happened.append(Event("payout.paid", batch_id, {}))
    await record_events(connection, happened=happened, actor=actor, at=at)
