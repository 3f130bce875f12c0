"""A buyer asks to give an order back, or takes that back; the merchant or an operator answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.aftersales import operations as requests
from fissile.domain.aftersales.model import REASON_MAX
from fissile.domain.aftersales.rules import check_window, check_words
from fissile.domain.members.rules import require
from fissile.domain.orders import operations
from fissile.domain.orders.errors import NotYourOrder
from fissile.domain.orders.model import LockedOrder
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id


async def ask_return(
    db: Database,
    *,
    order_id: UUID,
    kind: str,
    reason: str,
    actor: Actor | None,
    visitor_id: UUID,
    at: datetime,
    rng: Chance,
) -> UUID:
    """
    Ask for the money back (``refund``), or to send the goods back for it (``return``); return the request's id.

    Who: the buyer; for a guest's order the visitor who placed it, whom the signed link names on every device. While a
    request waits for its answer nobody is paid for the order.

    :raises RequestUnknown, RequestReason: if kind or reason will not do
    :raises OrderUnknown, NotYourOrder: if there is no such order, or it is somebody else's
    :raises NotPaidYet, AfterSaleOver: if it cannot be given back, or no longer
    :raises RequestOpen, TooManyReturns: if it was asked already, or too often
    """
    tidy = check_words(kind=kind, reason=reason)
    async with db.transaction() as connection:
        order = await operations.lock_order(connection, order_id=order_id)
        _require_buyer(order, actor=actor, visitor_id=visitor_id)
        check_window(order, at=at)
        request_id = new_id(at=at, rng=rng)
        member_id = actor.member_id if actor else None
        row = {
            "id": request_id,
            "order_id": order_id,
            "kind": kind,
            "reason": tidy,
            "asked_by": member_id,
            "asked_at": at,
        }
        await requests.add_request(connection, row=row)
        event = Event("return.asked", request_id, {"order": str(order_id), "kind": kind})
        who = actor or Actor(member_id=None, name="guest")
        await record_events(connection, happened=[event], actor=who, at=at)
    return request_id


async def withdraw_return(
    db: Database, *, request_id: UUID, actor: Actor | None, visitor_id: UUID, at: datetime
) -> None:
    """
    Take a request back that nobody has answered; who asked may.

    :raises RequestUnknown, NotYourOrder, RequestStateDiffers: as they say
    """
    async with db.transaction() as connection:
        order_id = await requests.order_of_request(connection, request_id=request_id)
        order = await operations.lock_order(connection, order_id=order_id)
        _require_buyer(order, actor=actor, visitor_id=visitor_id)
        await requests.lock_request(connection, request_id=request_id)
        await requests.decide(
            connection,
            request_id=request_id,
            state="withdrawn",
            answer="",
            decided_by=actor.member_id if actor else None,
            at=at,
        )
        event = Event("return.withdrawn", request_id, {"order": str(order_id)})
        await record_events(connection, happened=[event], actor=actor or Actor(member_id=None, name="guest"), at=at)


async def answer_return(
    db: Database,
    *,
    request_id: UUID,
    state: Literal["accepted", "refused"],
    answer: str,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> UUID:
    """
    Accept or refuse a request, with a word for the buyer (at most 400 characters); return the order's id.

    An accepted one is a promise: the refund itself is a step of its own, by an operator. Who: operators, and staff of
    the order's merchant.

    :raises RoleNotAllowed, NotYourOrder: if the actor may not
    :raises RequestUnknown, RequestStateDiffers: if there is none, or it was answered already
    """
    require(actor, {"operator", "merchant_staff"})
    async with db.transaction() as connection:
        order_id = await requests.order_of_request(connection, request_id=request_id)
        order = await operations.lock_order(connection, order_id=order_id)
        if not (actor.roles & {"operator", "house"} or order.merchant_id in actor.merchant_ids):
            raise NotYourOrder()
        found = await requests.lock_request(connection, request_id=request_id)
        await requests.decide(
            connection,
            request_id=request_id,
            state=state,
            answer=answer.replace("\x00", " ").strip()[:REASON_MAX],
            decided_by=actor.member_id,
            at=at,
        )
        data = {"order": str(order_id), "kind": found.kind}
        accepted = state == "accepted"
        happened = [
            Event("return.accepted", request_id, data) if accepted else Event("return.refused", request_id, data)
        ]
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection,
            act=f"return.{state}",
            subject=public_id("ord", order_id),
            detail={"request": public_id("ret", request_id)},
            actor=actor,
            at=at,
            rng=rng,
        )
    return order_id


def _require_buyer(order: LockedOrder, *, actor: Actor | None, visitor_id: UUID) -> None:
    if order.member_id is not None:
        mine = actor is not None and actor.member_id == order.member_id
    else:
        mine = order.visitor_id == visitor_id
    if not mine:
        raise NotYourOrder()
