"""Release, payout of two people, debts: stories that end with the whole ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.payouts.errors import (
    NothingDue,
    PayoutKeyReused,
    PayoutOverdrawn,
    PayoutStateDiffers,
    PayoutUnknown,
    SamePerson,
)
from fissile.domain.payouts.model import Batch
from fissile.flows.approve_payout import approve_payout
from fissile.flows.drop_payout import drop_payout
from fissile.flows.release_commissions import release_commissions
from fissile.infra.events import HOUSE, Actor
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop

TICK = timedelta(microseconds=1)


@pytest.fixture
async def released(shop: Shop) -> Shop:
    """One paid order of 100 yuan whose hold is over: 10 to the promoter, 5 to the platform, 85 to the merchant."""
    await shop.paid()
    assert await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng) == 3
    shop.at += HOLD
    return shop


async def approve(shop: Shop, batch: Batch, actor: Actor | None = None) -> None:
    await approve_payout(shop.db, batch_id=batch.id, actor=actor or shop.approver, at=shop.at, rng=shop.rng)


async def drop(shop: Shop, batch: Batch) -> None:
    await drop_payout(shop.db, batch_id=batch.id, actor=shop.maker, at=shop.at, rng=shop.rng)


class TestReleaseCommissions:
    async def test_waits_for_the_end_of_the_hold(self, shop: Shop) -> None:
        await shop.paid()
        end = shop.at + HOLD

        assert await release_commissions(shop.db, at=end - TICK, rng=shop.rng) == 0
        assert await release_commissions(shop.db, at=end, rng=shop.rng) == 3
        assert await release_commissions(shop.db, at=end, rng=shop.rng) == 0

        assert await shop.balances() == {
            "gateway_clearing": (10_000, 0, 0, 0),
            "order_holding": (10_000, 10_000, 0, 0),
            "commission_payable": (0, 1_000, 0, 0),
            "platform_fee": (0, 500, 0, 0),
            "merchant_payable": (0, 8_500, 0, 0),
        }
        assert (await shop.event_names())[2:] == ["commission.released", "proceeds.released", "proceeds.released"]

    async def test_takes_no_more_than_the_limit(self, shop: Shop) -> None:
        for _ in range(3):
            await shop.paid()

        swept = [await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng, limit=4) for _ in range(4)]

        assert swept == [4, 4, 1, 0]
        assert (await run_audit(shop.db)).findings == ()

    async def test_races_refunds(self, shop: Shop) -> None:
        orders = [await shop.paid() for _ in range(10)]
        end = shop.at + HOLD

        sweeps = [asyncio.create_task(release_commissions(shop.db, at=end, rng=shop.rng, limit=9)) for _ in range(3)]
        await asyncio.gather(*(shop.refund(order, at=end) for order in orders[:5]))
        await asyncio.gather(*sweeps)
        while await release_commissions(shop.db, at=end, rng=shop.rng):
            pass

        debits, credits, *pending = (await shop.balances())["commission_payable"]
        assert (credits - debits, pending) == (5_000, [0, 0])
        assert (await run_audit(shop.db)).findings == ()


class TestMakePayout:
    async def test_pays_everybody_who_has_a_balance(self, released: Shop) -> None:
        batch = await released.payout()

        assert {(item.payee, item.payee_id, item.amount.minor) for item in batch.items} == {
            ("promoter", released.promoter.member_id, 1_000),
            ("merchant", released.merchant, 8_500),
        }
        assert (batch.total.minor, batch.state, batch.made_by) == (9_500, "made", released.maker.member_id)
        assert await released.balances() == {
            "gateway_clearing": (10_000, 0, 0, 0),
            "order_holding": (10_000, 10_000, 0, 0),
            "commission_payable": (0, 1_000, 1_000, 0),
            "platform_fee": (0, 500, 0, 0),
            "merchant_payable": (0, 8_500, 8_500, 0),
            "payout_clearing": (0, 0, 0, 9_500),
        }

    async def test_takes_nothing_that_is_held(self, shop: Shop) -> None:
        await shop.paid()

        with pytest.raises(NothingDue, match="CNY"):
            await shop.payout()
        assert await shop.column("SELECT count(*) FROM payout_batches") == [0]

    async def test_again_with_the_same_key_is_the_first_batch(self, released: Shop) -> None:
        first = await released.payout(key="k")

        again = await released.payout(key="k")

        assert (again.id, {item.id for item in again.items}) == (first.id, {item.id for item in first.items})
        with pytest.raises(PayoutKeyReused):
            await released.payout(key="k", actor=released.approver)
        with pytest.raises(NothingDue):
            await released.payout(key="another")

    async def test_is_the_officers_and_never_the_houses(self, released: Shop) -> None:
        for other in (released.operator, released.promoter, HOUSE):
            with pytest.raises(RoleNotAllowed):
                await released.payout(actor=other)

    async def test_at_once_pays_each_commission_once(self, shop: Shop) -> None:
        for _ in range(6):
            await shop.paid()
        end = shop.at + HOLD
        await release_commissions(shop.db, at=end, rng=shop.rng, limit=4)

        sweeps = [asyncio.create_task(release_commissions(shop.db, at=end, rng=shop.rng, limit=3)) for _ in range(4)]
        told = await asyncio.gather(*(shop.payout(at=end) for _ in range(4)), return_exceptions=True)
        await asyncio.gather(*sweeps)
        while await release_commissions(shop.db, at=end, rng=shop.rng):
            pass

        assert {type(one) for one in told} <= {Batch, NothingDue}
        rest = await shop.column("SELECT sum(amount_minor)::bigint FROM commissions WHERE payout_item_id IS NULL")
        items = await shop.column("SELECT sum(amount_minor)::bigint FROM payout_items WHERE payee = 'promoter'")
        assert items[0] + (rest[0] or 0) == 6_000
        assert (await run_audit(shop.db)).findings == ()


class TestApprovePayout:
    async def test_pays(self, released: Shop) -> None:
        batch = await released.payout()

        await approve(released, batch)

        assert await released.balances() == {
            "gateway_clearing": (10_000, 0, 0, 0),
            "order_holding": (10_000, 10_000, 0, 0),
            "commission_payable": (1_000, 1_000, 0, 0),
            "platform_fee": (0, 500, 0, 0),
            "merchant_payable": (8_500, 8_500, 0, 0),
            "payout_clearing": (0, 9_500, 0, 0),
        }
        assert await released.column("SELECT state FROM commissions") == ["paid"]
        assert (await released.event_names())[-6:] == [
            "payout.made",
            "payout.approved",
            "payout_item.confirmed",
            "payout_item.confirmed",
            "payout.paid",
            "commission.paid",
        ]
        acts = await released.column("SELECT act FROM audit_log WHERE act LIKE '%payout' ORDER BY id")
        assert sorted(acts) == ["approve_payout", "make_payout"]
        assert (await run_audit(released.db)).findings == ()

    async def test_is_somebody_elses(self, released: Shop) -> None:
        batch = await released.payout()

        with pytest.raises(SamePerson):
            await approve(released, batch, released.maker)
        for other in (released.operator, released.promoter, HOUSE):
            with pytest.raises(RoleNotAllowed):
                await approve(released, batch, other)
        assert await released.column("SELECT state FROM payout_batches") == ["made"]

    async def test_at_once_happens_once(self, released: Shop) -> None:
        batch = await released.payout()

        told = await asyncio.gather(*(approve(released, batch) for _ in range(4)), return_exceptions=True)

        assert sorted(type(one).__name__ for one in told) == ["NoneType"] + ["PayoutStateDiffers"] * 3
        assert (await released.balances())["payout_clearing"] == (0, 9_500, 0, 0)

    async def test_is_refused_for_unknown_and_dropped_ones(self, released: Shop) -> None:
        batch = await released.payout()
        await drop(released, batch)

        with pytest.raises(PayoutStateDiffers, match="dropped"):
            await approve(released, batch)
        with pytest.raises(PayoutUnknown):
            await approve_payout(
                released.db, batch_id=uuid4(), actor=released.approver, at=released.at, rng=released.rng
            )

    async def test_is_refused_if_a_refund_has_taken_back_what_it_pays(self, shop: Shop) -> None:
        order = await shop.paid()
        shop.at += HOLD
        await release_commissions(shop.db, at=shop.at, rng=shop.rng)
        batch = await shop.payout()
        await shop.refund(order)

        with pytest.raises(PayoutOverdrawn, match="2 of its payees"):
            await approve(shop, batch)
        await drop(shop, batch)

        assert (await shop.balances())["commission_payable"] == (1_000, 1_000, 0, 0)
        assert "payout_clearing" not in await shop.balances()
        assert (await run_audit(shop.db)).findings == ()


class TestDropPayout:
    async def test_frees_everything_for_the_next(self, released: Shop) -> None:
        batch = await released.payout()

        await drop(released, batch)

        assert await released.column("SELECT payout_item_id FROM commissions") == [None]
        again = await released.payout()
        assert again.total == batch.total
        await approve(released, again)
        with pytest.raises(PayoutStateDiffers, match="paid"):
            await drop(released, again)
        assert (await run_audit(released.db)).findings == ()


class TestDebts:
    async def test_of_a_refund_after_the_payout_lower_the_next_one(self, shop: Shop) -> None:
        order = await shop.paid()
        shop.at += HOLD
        await release_commissions(shop.db, at=shop.at, rng=shop.rng)
        await approve(shop, await shop.payout())
        await shop.refund(order)
        assert (await shop.balances())["commission_payable"] == (2_000, 1_000, 0, 0)  # owes 10 yuan
        assert await shop.column("SELECT state FROM commissions WHERE paid_at IS NOT NULL") == ["taken_back"]
        with pytest.raises(NothingDue):
            await shop.payout()

        await shop.paid(quantity=3, at=shop.at)
        shop.at += HOLD
        await release_commissions(shop.db, at=shop.at, rng=shop.rng)
        batch = await shop.payout()

        assert {item.payee: item.amount.minor for item in batch.items} == {
            "promoter": 3_000 - 1_000,
            "merchant": 25_500 - 8_500,
        }
        await approve(shop, batch)
        assert (await run_audit(shop.db)).findings == ()


async def two_people_hold(connection: asyncpg.Connection) -> None:
    """The guard's own test: whatever a page forgets, the table takes nobody who approves their own payout."""
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE payout_batches SET state = 'paid', paid_at = made_at, approved_at = made_at, approved_by = made_by"
        )


async def maker_holds(connection: asyncpg.Connection) -> None:
    """A batch that is no proposal has somebody who stands for it, so that its approver is the second."""
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE payout_batches SET made_by = NULL")


async def one_settled_payment_holds(connection: asyncpg.Connection) -> None:
    """A second settled payment of an order is refused."""
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "INSERT INTO payments SELECT gen_random_uuid(), order_id, gateway, 'another', amount_minor, currency,"
            " outcome, paid_at, received_at FROM payments"
        )


async def hold_holds(connection: asyncpg.Connection) -> None:
    """Nothing is released before its time."""
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE commissions SET state = 'released', released_at = hold_until - interval '1 second'"
        )


async def one_end_holds(connection: asyncpg.Connection) -> None:
    """A pending transfer is ended at most once."""
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "INSERT INTO ledger_transfers SELECT gen_random_uuid(), debit_account_id, credit_account_id, amount_minor,"
            " currency, 'void', pending_id, reason, subject_id, 'another ' || id, request_hash, occurred_at"
            " FROM ledger_transfers WHERE phase = 'post'"
        )


class TestGuards:
    """Each guard's test passes on the house as it is; its twin, with the guard taken out, must fail."""

    @pytest.mark.parametrize(
        ("holds", "guard"),
        [
            (two_people_hold, "ALTER TABLE payout_batches DROP CONSTRAINT payout_batches_two_people_check"),
            (maker_holds, "ALTER TABLE payout_batches DROP CONSTRAINT payout_batches_maker_check"),
            (one_settled_payment_holds, "DROP INDEX payments_settled_key"),
            (hold_holds, "ALTER TABLE commissions DROP CONSTRAINT commissions_hold_check"),
            (one_end_holds, "ALTER TABLE ledger_transfers DROP CONSTRAINT ledger_transfers_pending_id_key"),
        ],
    )
    async def test_hold_and_their_twins_fail(
        self,
        released: Shop,
        superuser: asyncpg.Connection,
        holds: Callable[[asyncpg.Connection], Awaitable[None]],
        guard: str,
    ) -> None:
        await released.payout()

        await holds(superuser)
        await superuser.execute(guard)
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            await holds(superuser)

        assert (await run_audit(released.db)).findings != ()
