"""Payouts under random faults: whatever the gateway does, a plain model predicts every balance, and its books agree."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from typing import Any

import pytest

from fissile.domain.payouts.errors import (
    NothingDue,
    PayoutItemStateDiffers,
    PayoutOverdrawn,
    PayoutStateDiffers,
)
from fissile.flows.approve_payout import approve_payout
from fissile.flows.change_payout_terms import change_withholding
from fissile.flows.drop_payout import drop_payout
from fissile.flows.make_payout import make_payout
from fissile.flows.refund_order import refund_order
from fissile.flows.release_commissions import release_commissions
from fissile.flows.send_payouts import decide_payout_item, send_payouts
from fissile.infra.gateways.payouts import PayoutOutcome
from fissile.views.audit import run_audit
from tests.money.conftest import Shop
from tests.money.payout_gateway import PayoutServer
from tests.money.test_outbox import PROMOTERS, gateway_of, payable, register, server

__all__ = ("server",)

STEPS = int(os.environ.get("FISSILE_PAYOUT_STEPS", "120"))
FAULTS = ("ok", "ok", "taken", "refused", "lost", "silent", "broken", "garbled")


@pytest.mark.parametrize("seed", range(4))
async def test_nobody_is_paid_twice_and_nobody_is_forgotten(shop: Shop, server: PayoutServer, seed: int) -> None:
    chance = random.Random(seed)
    orders: list[Any] = []
    number = 0
    await register(shop, "sbx-0")
    if seed % 2:
        await change_withholding(
            shop.db,
            payee="promoter",
            currency="CNY",
            brackets=[(500, 200_000), (2_000, 333_333)],
            actor=shop.operator,
            at=shop.at,
            rng=shop.rng,
        )
    for _ in range(STEPS):
        shop.at += timedelta(minutes=chance.choice((1, 10, 90)))
        match chance.randrange(9):
            case 0 | 1:
                orders.append(await shop.paid(at=shop.at))
            case 2:
                await release_commissions(shop.db, at=shop.at, rng=shop.rng)
            case 3 if orders:
                order = orders.pop(chance.randrange(len(orders)))
                await refund_order(
                    shop.db,
                    order_id=order.id,
                    amount_minor=order.total.minor,
                    reason="x",
                    actor=shop.operator,
                    idempotency_key=str(order.id),
                    at=shop.at,
                    rng=shop.rng,
                )
            case 4 | 5:
                await _pay_out(shop, chance)
            case 6:
                number += 1
                await register(shop, f"sbx-{number}")
            case 7:
                await _disturb(server, chance)
            case _:
                await _decide(shop, chance)
        server.faults.extend(chance.choice(FAULTS) for _ in range(chance.randrange(2)))
        await send_payouts(shop.db, gateway=gateway_of(server), at=shop.at, rng=shop.rng)

    # The storm is over: everything that can still end, ends.
    server.faults.clear()
    await server.stop()
    await server.start()
    server.settle("paid")
    for _ in range(12):
        shop.at += timedelta(days=2)
        await send_payouts(shop.db, gateway=gateway_of(server), at=shop.at, rng=shop.rng)
        await _decide(shop, chance)

    released, taken_back = await _earned(shop)
    assert (await run_audit(shop.db)).findings == ()
    ended = "('confirmed', 'failed', 'returned')"
    assert set(await shop.column(f"SELECT state FROM payout_sendings WHERE state NOT IN {ended}")) <= {"held"}
    # The model: earned, less what refunds took back, what was withheld, and what is out by the gateway's books.
    debits, credits, *_ = (await shop.balances()).get("withholding_payable", (0, 0, 0, 0))
    assert (await payable(shop))[0] == released - taken_back - server.paid - (credits - debits)
    assert bool(credits) == bool(seed % 2)
    for key, one in server.books.items():
        assert one["state"] in ("paid", "failed", "returned"), key


async def _earned(shop: Shop) -> tuple[int, int]:
    """What was released to the promoter, and what of it refunds took back."""
    sums = await shop.column(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM commissions WHERE released_at IS NOT NULL"
        " UNION ALL SELECT coalesce(sum(amount_minor), 0)::bigint FROM commissions"
        " WHERE released_at IS NOT NULL AND state = 'taken_back'"
    )
    return sums[0], sums[1]


async def _pay_out(shop: Shop, chance: random.Random) -> None:
    try:
        batch = await make_payout(
            shop.db,
            currency="CNY",
            actor=shop.maker,
            idempotency_key=str(shop.rng.getrandbits(64)),
            at=shop.at,
            rng=shop.rng,
            payees=PROMOTERS,
        )
    except NothingDue:
        return
    ends = chance.random()
    try:
        if ends < 0.8:
            await approve_payout(shop.db, batch_id=batch.id, actor=shop.approver, at=shop.at, rng=shop.rng)
        else:
            await drop_payout(shop.db, batch_id=batch.id, actor=shop.maker, at=shop.at, rng=shop.rng)
    except (PayoutOverdrawn, PayoutStateDiffers):
        await drop_payout(shop.db, batch_id=batch.id, actor=shop.maker, at=shop.at, rng=shop.rng)


async def _disturb(server: PayoutServer, chance: random.Random) -> None:
    """The gateway goes, comes back, settles what it had only taken, or sends something back."""
    match chance.randrange(4):
        case 0:
            await server.stop()
        case 1:
            await server.stop()
            await server.start()
        case 2:
            ends: PayoutOutcome = chance.choice(("paid", "failed"))
            server.settle(ends)
        case _:
            server.bounce()


async def _decide(shop: Shop, chance: random.Random) -> None:
    """An officer gives back what is held and surely did not go out, or lets it go all the same."""
    held = await shop.column("SELECT item_id FROM payout_sendings WHERE state = 'held' AND NOT unclear")
    for item_id in held:
        try:
            await decide_payout_item(
                shop.db,
                item_id=item_id,
                decision=chance.choice(("failed", "send")),
                reason="by the payee's wish",
                actor=shop.maker,
                at=shop.at,
                rng=shop.rng,
            )
        except PayoutItemStateDiffers:
            await asyncio.sleep(0)
