"""The outbox against a gateway on loopback: every way in which a payout can go wrong, and nobody twice or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from fissile.domain.payouts.errors import (
    PayoutAccountChanged,
    PayoutAccountClosed,
    PayoutAccountCooling,
    PayoutAccountMissing,
    PayoutAmountBeyond,
    PayoutItemStateDiffers,
    PayoutItemUnknown,
    PayoutReasonMissing,
    SamePerson,
)
from fissile.domain.payouts.model import Batch, Method, Payee, SendingState
from fissile.domain.payouts.operations import claim
from fissile.flows.approve_payout import approve_payout
from fissile.flows.erase_payout_details import erase_payout_details
from fissile.flows.make_payout import make_payout
from fissile.flows.register_payout_account import close_payout_account, register_payout_account
from fissile.flows.release_commissions import release_commissions
from fissile.flows.send_payouts import CLAIM, Decision, decide_payout_item, send_payouts
from fissile.infra.events import Actor
from fissile.infra.gateways.sandbox.payouts import SandboxPayouts
from fissile.kernel.ids import public_id
from fissile.kernel.money import CurrencyMismatch, Money
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop
from tests.money.payout_gateway import SECRET, PayoutServer

HOUR = timedelta(hours=1)
PROMOTERS: tuple[Payee, ...] = ("promoter",)
OWED: tuple[SendingState, ...] = ("owed",)


@pytest.fixture
async def server() -> AsyncIterator[PayoutServer]:
    server = PayoutServer()
    await server.start()
    yield server
    await server.stop()


def gateway_of(server: PayoutServer) -> SandboxPayouts:
    return SandboxPayouts(base_url=server.base_url, secret=SECRET, timeout_seconds=0.5)


async def register(shop: Shop, number: str = "sbx-1", method: Method = "gateway", **changes: Any) -> None:
    given: dict[str, Any] = {
        "payee": "promoter",
        "payee_id": shop.promoter.member_id,
        "currency": "CNY",
        "method": method,
        "holder": "Piet",
        "bank": "Bank of Hills" if method == "file" else "",
        "number": number,
        "cooling": timedelta(0),
        "actor": shop.promoter,
    }
    await register_payout_account(shop.db, **(given | changes), at=shop.at, rng=shop.rng)


@pytest.fixture
async def owed(shop: Shop) -> Shop:
    """A promoter who is owed 10 yuan and has an account at the gateway."""
    await register(shop)
    await shop.paid()
    shop.at += HOLD
    await release_commissions(shop.db, at=shop.at, rng=shop.rng)
    return shop


async def approved(shop: Shop) -> Batch:
    batch = await make_payout(
        shop.db,
        currency="CNY",
        actor=shop.maker,
        idempotency_key=str(shop.rng.getrandbits(64)),
        at=shop.at,
        rng=shop.rng,
        payees=PROMOTERS,
    )
    await approve_payout(shop.db, batch_id=batch.id, actor=shop.approver, at=shop.at, rng=shop.rng)
    return batch


async def sweep(shop: Shop, server: PayoutServer, *, after: timedelta = timedelta(0)) -> int:
    shop.at += after
    return await send_payouts(shop.db, gateway=gateway_of(server), at=shop.at, rng=shop.rng)


async def states(shop: Shop) -> list[tuple[str, str]]:
    rows = await shop.db.all(text("SELECT state, reason FROM payout_sendings ORDER BY item_id"))
    return [(row["state"], row["reason"]) for row in rows]


async def payable(shop: Shop) -> tuple[int, int]:
    """What the promoter is owed, and what of it is in a payout."""
    debits, credits, pending, _ = (await shop.balances()).get("commission_payable", (0, 0, 0, 0))
    return credits - debits, pending


async def decide(shop: Shop, item_id: UUID, decision: Decision, actor: Actor | None = None, **changes: Any) -> None:
    given: dict[str, Any] = {"reason": "asked the bank", "actor": actor or shop.maker}
    await decide_payout_item(shop.db, item_id=item_id, decision=decision, **(given | changes), at=shop.at, rng=shop.rng)


async def clean(shop: Shop) -> bool:
    assert (await run_audit(shop.db)).findings == ()
    return True


class TestSendPayouts:
    async def test_pays_and_posts_when_the_gateway_says_so(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        assert await payable(owed) == (1_000, 1_000)  # approved is not yet paid
        assert await owed.column("SELECT state FROM commissions") == ["released"]

        await sweep(owed, server)

        assert (server.paid, await payable(owed)) == (1_000, (0, 0))
        assert await states(owed) == [("confirmed", "")]
        assert await owed.column("SELECT state FROM commissions") == ["paid"]
        assert await owed.column("SELECT state FROM payout_batches") == ["paid"]
        assert (await owed.event_names())[-6:] == [
            "payout.approved",
            "payout_item.owed",
            "payout_item.sending",
            "payout_item.confirmed",
            "commission.paid",
            "payout.paid",
        ]
        assert batch.items[0].method == "gateway"
        assert await clean(owed)

    async def test_waits_while_the_gateway_works_on_it(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)
        server.faults.append("taken")
        await sweep(owed, server)
        assert await states(owed) == [("sent", "")]
        assert await clean(owed)

        server.settle("paid")
        await sweep(owed, server, after=HOUR)

        assert await states(owed) == [("confirmed", "")]
        assert [method for method, _ in server.requests] == ["PUT", "GET"]
        assert await clean(owed)

    async def test_tries_again_later_when_nobody_is_there(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)
        await server.stop()
        await sweep(owed, server)
        assert await states(owed) == [("owed", "gateway_away")]
        assert await sweep(owed, server) == 0  # not at once again
        assert await clean(owed)

        await server.start()
        await sweep(owed, server, after=HOUR)

        assert (server.paid, await payable(owed)) == (1_000, (0, 0))
        assert await clean(owed)

    @pytest.mark.parametrize("fault", ["silent", "broken", "garbled"])
    async def test_asks_before_anything_else_when_the_answer_is_lost(
        self, owed: Shop, server: PayoutServer, fault: str
    ) -> None:
        await approved(owed)
        server.faults.append(fault)
        await sweep(owed, server)
        assert await states(owed) == [("unknown", "no_answer")]
        assert await clean(owed)

        await sweep(owed, server, after=HOUR)

        assert [method for method, _ in server.requests] == ["PUT", "GET"]
        assert (len(server.books), server.paid, await payable(owed)) == (1, 1_000, (0, 0))
        assert await clean(owed)

    async def test_sends_again_by_the_same_key_what_never_arrived(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)
        server.faults.append("lost")
        await sweep(owed, server)
        assert await states(owed) == [("unknown", "no_answer")]

        await sweep(owed, server, after=HOUR)
        assert await states(owed) == [("owed", "not_arrived")]
        await sweep(owed, server)

        assert [method for method, _ in server.requests] == ["PUT", "GET", "PUT"]
        assert (len({key for _, key in server.requests}), server.paid) == (1, 1_000)
        assert await clean(owed)

    async def test_leaves_to_a_person_what_the_gateway_may_have_forgotten(
        self, owed: Shop, server: PayoutServer
    ) -> None:
        batch = await approved(owed)
        server.faults.append("silent")
        gateway = gateway_of(server)
        gateway.remembers = HOUR
        await send_payouts(owed.db, gateway=gateway, at=owed.at, rng=owed.rng)
        server.forget()
        owed.at += 2 * HOUR

        await send_payouts(owed.db, gateway=gateway, at=owed.at, rng=owed.rng)

        assert await states(owed) == [("held", "forgotten")]
        with pytest.raises(SamePerson):
            await decide(owed, batch.items[0].id, "paid", actor=owed.approver)
        await decide(owed, batch.items[0].id, "paid")
        assert await payable(owed) == (0, 0)
        assert await clean(owed)

    async def test_gives_back_what_the_gateway_refuses(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)
        server.faults.append("refused")

        await sweep(owed, server)

        assert await states(owed) == [("failed", "no_such_account")]
        assert await payable(owed) == (1_000, 0)
        assert await owed.column("SELECT payout_item_id FROM commissions") == [None]
        again = await approved(owed)
        await sweep(owed, server)
        assert (again.total.minor, server.paid, await payable(owed)) == (1_000, 1_000, (0, 0))
        assert await clean(owed)

    async def test_puts_what_comes_back_after_all_on_the_balance(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)
        await sweep(owed, server)
        server.bounce()

        await sweep(owed, server, after=HOUR)

        assert await states(owed) == [("returned", "account_gone")]
        assert (server.paid, await payable(owed)) == (0, (1_000, 0))
        assert await owed.column("SELECT state FROM commissions") == ["released"]
        assert await clean(owed)
        await approved(owed)
        await sweep(owed, server)
        assert (server.paid, await payable(owed)) == (1_000, (0, 0))
        assert await clean(owed)

    async def test_goes_on_after_a_crash_between_sending_and_marking(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        # The process claims, the gateway pays, and then nobody is there to write it down.
        async with owed.db.transaction() as connection:
            await claim(connection, states=OWED, at=owed.at, again_at=owed.at + CLAIM, limit=9)
            await connection.execute(
                text(
                    "INSERT INTO events (name, occurred_at, subject_id, data)"
                    " SELECT 'payout_item.sending', changed_at, item_id, '{}' FROM payout_sendings"
                )
            )
        server.books = {
            public_id("poi", batch.items[0].id): {
                "account": "sbx-1",
                "amount_minor": 1_000,
                "currency": "CNY",
                "state": "paid",
                "reference": "r",
                "reason": "",
            }
        }
        assert await sweep(owed, server) == 0  # still claimed

        await sweep(owed, server, after=CLAIM)

        assert ([method for method, _ in server.requests], server.paid) == (["GET"], 1_000)
        assert (await states(owed), await payable(owed)) == ([("confirmed", "")], (0, 0))
        assert "payout_item.unknown" in await owed.event_names()
        assert await clean(owed)

    async def test_by_many_workers_at_once_pays_once(self, owed: Shop, server: PayoutServer) -> None:
        await approved(owed)

        await asyncio.gather(*(sweep(owed, server) for _ in range(6)))

        assert ([method for method, _ in server.requests], server.paid) == (["PUT"], 1_000)
        assert await clean(owed)

    async def test_holds_what_would_pay_more_than_is_owed_by_now(self, shop: Shop, server: PayoutServer) -> None:
        await register(shop)
        order = await shop.paid()
        shop.at += HOLD
        await release_commissions(shop.db, at=shop.at, rng=shop.rng)
        batch = await approved(shop)
        await shop.refund(order)

        await sweep(shop, server)

        assert await states(shop) == [("held", "overdrawn")]
        assert server.requests == []
        await decide(shop, batch.items[0].id, "failed")
        assert await payable(shop) == (0, 0)
        assert await clean(shop)


class TestChangedAccounts:
    async def test_hold_what_is_not_sent_yet(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        await register(owed, "sbx-2")
        assert await states(owed) == [("held", "account_changed")]

        await sweep(owed, server)
        assert server.requests == []
        await decide(owed, batch.items[0].id, "failed")
        await approved(owed)
        await sweep(owed, server)

        assert [one["account"] for one in server.books.values()] == ["sbx-2"]
        assert await payable(owed) == (0, 0)
        assert await clean(owed)

    async def test_may_be_decided_to_get_it_all_the_same(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        await register(owed, "sbx-2")

        await decide(owed, batch.items[0].id, "send")
        await sweep(owed, server)

        assert [one["account"] for one in server.books.values()] == ["sbx-1"]
        assert await clean(owed)

    async def test_that_changed_between_making_and_approving_are_held_too(self, owed: Shop) -> None:
        batch = await owed.payout()
        await register(owed, "sbx-2")
        await approve_payout(owed.db, batch_id=batch.id, actor=owed.approver, at=owed.at, rng=owed.rng)

        assert ("held", "account_changed") in await states(owed)
        assert await clean(owed)

    async def test_that_are_closed_are_never_paid_to(self, owed: Shop) -> None:
        batch = await approved(owed)
        await close_payout_account(
            owed.db,
            payee="promoter",
            payee_id=owed.promoter.member_id or UUID(int=0),
            currency="CNY",
            actor=owed.promoter,
            at=owed.at,
            rng=owed.rng,
        )

        assert await states(owed) == [("held", "account_closed")]
        with pytest.raises(PayoutAccountChanged):
            await decide(owed, batch.items[0].id, "send")
        await decide(owed, batch.items[0].id, "failed")
        assert [item.payee for item in (await owed.payout()).items] == ["merchant"]  # carried on
        with pytest.raises(PayoutAccountClosed, match="CNY"):
            await one_payout(owed, 100)
        assert await clean(owed)

    async def test_wait_before_they_are_paid_to(self, owed: Shop) -> None:
        await register(owed, "sbx-2", cooling=timedelta(hours=48))

        with pytest.raises(PayoutAccountCooling):
            await one_payout(owed, 100)
        owed.at += timedelta(hours=48)
        assert (await one_payout(owed, 100)).total.minor == 100

    async def test_keep_their_details_while_a_payout_is_on_its_way(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)

        with pytest.raises(Exception, match="on its way"):
            await erase(owed)
        await sweep(owed, server)
        assert await erase(owed) == 1

        assert await owed.column("SELECT count(*) FROM payout_account_details") == [0]
        assert batch.items[0].account_version_id is not None
        assert await clean(owed)


async def erase(shop: Shop) -> int:
    assert shop.promoter.member_id is not None
    return await erase_payout_details(
        shop.db, payee="promoter", payee_id=shop.promoter.member_id, actor=shop.operator, at=shop.at, rng=shop.rng
    )


async def one_payout(shop: Shop, minor: int, currency: str = "CNY", **changes: Any) -> Batch:
    assert shop.promoter.member_id is not None
    only = {("promoter", shop.promoter.member_id): Money(minor, currency)}
    given: dict[str, Any] = {"currency": "CNY", "only": only, "actor": shop.maker}
    key = str(shop.rng.getrandbits(64))
    return await make_payout(shop.db, **(given | changes), idempotency_key=key, at=shop.at, rng=shop.rng)


class TestOnePayout:
    async def test_pays_a_chosen_amount_and_leaves_the_rest(self, owed: Shop, server: PayoutServer) -> None:
        batch = await one_payout(owed, 300)
        await approve_payout(owed.db, batch_id=batch.id, actor=owed.approver, at=owed.at, rng=owed.rng)
        await sweep(owed, server)

        assert (server.paid, await payable(owed)) == (300, (700, 0))
        assert (await approved(owed)).total.minor == 700
        assert await clean(owed)

    @pytest.mark.parametrize("minor", [1_001, 0, -5])
    async def test_refuses_what_is_not_owed(self, owed: Shop, minor: int) -> None:
        with pytest.raises(PayoutAmountBeyond, match=r"10\.00 CNY"):
            await one_payout(owed, minor)

    async def test_refuses_another_currency(self, owed: Shop) -> None:
        with pytest.raises(CurrencyMismatch):
            await one_payout(owed, 100, "USD")

    async def test_needs_an_account_where_nobody_is_paid_by_hand(self, shop: Shop) -> None:
        await shop.paid()
        shop.at += HOLD
        await release_commissions(shop.db, at=shop.at, rng=shop.rng)

        with pytest.raises(PayoutAccountMissing):
            await one_payout(shop, 100, by_hand=False)

    async def test_at_once_pays_no_more_than_is_owed(self, owed: Shop) -> None:
        told = await asyncio.gather(*(one_payout(owed, 600) for _ in range(4)), return_exceptions=True)

        assert sorted(type(one).__name__ for one in told) == ["Batch"] + ["PayoutAmountBeyond"] * 3
        assert await clean(owed)


class TestDecidePayoutItem:
    async def test_needs_a_reason_and_an_item_that_it_fits(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        item = batch.items[0].id

        with pytest.raises(PayoutReasonMissing):
            await decide(owed, item, "failed", reason="no")
        with pytest.raises(PayoutItemUnknown):
            await decide(owed, batch.id, "failed")
        wrong: tuple[Decision, ...] = ("send", "paid", "returned")
        for decision in wrong:
            with pytest.raises(PayoutItemStateDiffers, match="owed"):
                await decide(owed, item, decision)
        await sweep(owed, server)
        with pytest.raises(PayoutItemStateDiffers, match="confirmed"):
            await decide(owed, item, "failed")

    async def test_of_what_may_have_arrived_is_another_officers(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        server.faults.append("silent")
        await sweep(owed, server)

        with pytest.raises(SamePerson):
            await decide(owed, batch.items[0].id, "failed", actor=owed.approver)
        await decide(owed, batch.items[0].id, "paid")

        assert await payable(owed) == (0, 0)
        assert await clean(owed)

    async def test_by_two_officers_at_once_is_decided_once(self, owed: Shop, server: PayoutServer) -> None:
        batch = await approved(owed)
        server.faults.append("silent")
        await sweep(owed, server)
        item = batch.items[0].id

        decisions: tuple[Decision, ...] = ("paid", "failed", "paid", "failed")
        told = await asyncio.gather(*(decide(owed, item, one) for one in decisions), return_exceptions=True)

        assert sorted(type(one).__name__ for one in told) == ["NoneType"] + ["PayoutItemStateDiffers"] * 3
        assert await clean(owed)


class TestNobodyForgotten:
    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM payout_sendings",
            "UPDATE payout_sendings SET next_at = NULL",
            "UPDATE payout_batches SET state = 'paid', paid_at = approved_at",
            "UPDATE payout_sendings SET state = 'failed', reason = 'x'",
            "UPDATE payout_items SET account_version_id = gen_random_uuid()",
            "UPDATE payout_items SET withheld_minor = 1, withholding_transfer_id = transfer_id",
        ],
    )
    async def test_the_audit_names_it(self, owed: Shop, superuser: asyncpg.Connection, change: str) -> None:
        await approved(owed)
        assert await clean(owed)

        await superuser.execute(change)

        found = {one.table for one in (await run_audit(owed.db)).findings}
        assert found & {"payout_items", "payout_sendings", "payout_batches"}


class TestGuards:
    async def test_an_item_is_in_the_outbox_once_and_without_the_key_twice(
        self, owed: Shop, superuser: asyncpg.Connection
    ) -> None:
        await approved(owed)
        doubled = "INSERT INTO payout_sendings SELECT * FROM payout_sendings"

        with pytest.raises(asyncpg.UniqueViolationError):
            await superuser.execute(doubled)
        await superuser.execute("ALTER TABLE payout_sendings DROP CONSTRAINT payout_sendings_pkey")
        await superuser.execute(doubled)
