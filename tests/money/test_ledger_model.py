"""
A plain ledger, in fractions, predicts every balance over a long seeded run, while the database is killed in between.

2,000 steps in CI; before a release: FISSILE_TEST_LEDGER_STEPS=100000. A step that a kill has cut is asked for again
with the same key, as clients do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.orders.errors import RefundTooLarge
from fissile.domain.orders.model import GatewayPayment, RefundLine
from fissile.domain.payouts.errors import NothingDue, PayoutOverdrawn, PayoutStateDiffers
from fissile.domain.payouts.model import Batch
from fissile.flows.approve_payout import approve_payout
from fissile.flows.drop_payout import drop_payout
from fissile.flows.house import House, open_house
from fissile.flows.make_payout import make_payout
from fissile.flows.place_order import place_order
from fissile.flows.refund_order import refund_order
from fissile.flows.release_commissions import release_commissions
from fissile.flows.settle_payment import settle_payment
from fissile.infra.batcher import Busy, DatabaseAway
from fissile.infra.database import Database
from fissile.infra.embedded import ensure_server
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id
from fissile.migrations.upgrade import upgrade
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop, an_inviter, member_of, open_shop

STEPS = int(os.environ.get("FISSILE_TEST_LEDGER_STEPS", "2000"))
STOCK = 10**9
PRICE = 9_973  # a prime, so that nothing divides evenly
AUDITS = 4

pytestmark = pytest.mark.timeout(600 + STEPS // 5)


class Plain:
    """Two numbers an account, posted and pending, credits less debits; that is all there is to it."""

    def __init__(self) -> None:
        self.posted: Counter[str] = Counter()
        self.pending: Counter[str] = Counter()
        self.leaving: Counter[str] = Counter()  # what payouts that wait for their approval hold

    def move(self, debit: str, credit: str, amount: int) -> None:
        self.posted[debit] -= amount
        self.posted[credit] += amount

    def hold(self, debit: str, credit: str, amount: int) -> None:
        self.pending[debit] -= amount
        self.pending[credit] += amount

    def told(self) -> dict[str, tuple[int, int]]:
        names = {*self.posted, *self.pending}
        found = {name: (self.posted[name], self.pending[name]) for name in names}
        return {name: one for name, one in found.items() if one != (0, 0)}


@dataclass
class Known:
    """A paid order as the plain ledger knows it: who gets what of it, and what refunds took."""

    id: UUID
    total: int
    quantity: int
    hold_until: datetime
    parts: dict[str, int]
    taken: Counter[str] = field(default_factory=Counter)
    refunded: int = 0
    released: bool = False

    def refund(self, amount: int) -> dict[str, int]:
        """What each gives: led to its fraction of all that was refunded, the rest to the largest remainder."""
        after = self.refunded + amount
        lacking = {
            payee: max(Fraction(part * after, self.total) - self.taken[payee], Fraction(0))
            for payee, part in sorted(self.parts.items())
        }
        shares = {payee: amount * one / sum(lacking.values()) for payee, one in lacking.items()}
        given = {payee: int(one) for payee, one in shares.items()}
        by_remainder = sorted(shares, key=lambda payee: given[payee] - shares[payee])  # stable: ties by name
        for payee in by_remainder[: amount - sum(given.values())]:
            given[payee] += 1
        self.refunded = after
        self.taken.update(given)
        return {payee: one for payee, one in given.items() if one}


class Run:
    """One run: the house, the plain ledger beside it, and the chance that picks what happens next."""

    def __init__(
        self, house: House, shop: Shop, home: Path, *, chance: random.Random, accounts: dict[str, str]
    ) -> None:
        self.house, self.shop, self.home, self.chance = house, shop, home, chance
        self.accounts = accounts
        self.plain = Plain()
        self.now = shop.at
        self.orders: list[Known] = []
        self.batches: list[tuple[Batch, dict[str, int]]] = []
        self.kills = 0

    async def surely(self, asked: Callable[[], Awaitable[Any]], *, kill: bool) -> tuple[Any, bool]:
        """Return the answer, asking again while the database is away; and whether it had to."""
        running = asyncio.ensure_future(asked())
        if kill:
            await asyncio.sleep(self.chance.uniform(0, 0.01))
            self.kill()
        for tries in range(600):
            try:
                return await running, tries > 0
            except (Busy, DatabaseAway, OSError):
                await asyncio.sleep(0.1)
                running = asyncio.ensure_future(asked())
        raise AssertionError("the database did not come back within a minute")

    def kill(self) -> None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            postmaster = json.loads((self.home / "server.json").read_text()).get("postmaster")
            if postmaster is not None:  # else it is just being started again
                os.killpg(os.getpgid(postmaster), signal.SIGKILL)
                self.kills += 1

    async def order(self, *, kill: bool) -> None:
        quantity, shared = self.chance.randint(1, 3), self.chance.random() < 0.7
        key, visitor = str(self.chance.getrandbits(64)), new_id(at=self.now, rng=self.chance)
        placed, _ = await self.surely(
            lambda: place_order(
                self.house,
                lines=[(self.shop.sku, quantity)],
                share_token=self.shop.share.token if shared else None,
                member_id=self.shop.buyer.member_id,
                visitor_id=visitor,
                contact=None,
                expected_total=None,
                idempotency_scope="model",
                idempotency_key=key,
                at=self.now,
                rng=self.chance,
            ),
            kill=kill,
        )
        payment = GatewayPayment(
            gateway="sandbox",
            gateway_payment_id=key,
            order_id=placed.id,
            amount_minor=placed.total.minor,
            currency="CNY",
            paid_at=self.now,
        )
        settled, _ = await self.surely(
            lambda: settle_payment(
                self.house, payment=payment, message_id=key, body_hash=key.encode(), at=self.now, rng=self.chance
            ),
            kill=kill and self.chance.random() < 0.5,
        )
        assert settled.outcome == "settled"
        total = quantity * PRICE
        parts = {"platform": total // 20}
        if shared:
            parts |= {"promoter": total // 10, "inviter": total // 50}
        parts["merchant"] = total - sum(parts.values())
        self.orders.append(Known(placed.id, total, quantity, self.now + HOLD, parts))
        self.plain.move("gateway_clearing", "order_holding", total)
        for payee, part in parts.items():
            self.plain.hold("order_holding", payee, part)

    async def refund(self, *, kill: bool) -> None:
        if not self.orders:
            return
        known = self.chance.choice(self.orders[-40:])
        left = known.total - known.refunded
        amount = self.chance.choice([1, 2, max(left, 1), max(left // 3, 1), self.chance.randint(1, known.total)])
        lines = [RefundLine(line_no=1, amount_minor=amount)] if self.chance.random() < 0.5 else None
        key = str(self.chance.getrandbits(64))

        def asked() -> Awaitable[Any]:
            return refund_order(
                self.shop.db,
                order_id=known.id,
                amount_minor=amount,
                lines=lines,
                reason="model",
                actor=self.shop.operator,
                idempotency_key=key,
                at=self.now,
                rng=self.chance,
            )

        if amount > left:
            with pytest.raises(RefundTooLarge):
                await self.surely(asked, kill=kill)
            return
        await self.surely(asked, kill=kill)
        for payee, part in known.refund(amount).items():
            if known.released:
                self.plain.move(payee, "order_holding", part)
            else:
                self.plain.hold("order_holding", payee, -part)
        self.plain.move("order_holding", "refund_payable", amount)

    async def release(self, *, kill: bool) -> None:
        self.now += timedelta(minutes=self.chance.choice([1, 20, 61]))
        while (await self.surely(lambda: release_commissions(self.shop.db, at=self.now, rng=self.chance), kill=kill))[
            0
        ]:
            kill = False
        for known in self.orders:
            if not known.released and known.hold_until <= self.now:
                known.released = True
                for payee, part in known.parts.items():
                    if rest := part - known.taken[payee]:
                        self.plain.hold("order_holding", payee, -rest)
                        self.plain.move("order_holding", payee, rest)

    async def make_payout(self, *, kill: bool) -> None:
        payees = ("promoter", "inviter", "merchant")
        due = {one: left for one in payees if (left := self.plain.posted[one] - self.plain.leaving[one]) > 0}
        key = str(self.chance.getrandbits(64))

        def asked() -> Awaitable[Any]:
            return make_payout(
                self.shop.db,
                currency="CNY",
                actor=self.shop.maker,
                idempotency_key=key,
                at=self.now,
                rng=self.chance,
            )

        if not due:
            with pytest.raises(NothingDue):
                await self.surely(asked, kill=kill)
            return
        batch, _ = await self.surely(asked, kill=kill)
        assert sorted(item.amount.minor for item in batch.items) == sorted(due.values())
        self.batches.append((batch, due))
        for payee, amount in due.items():
            self.plain.hold(payee, "payout_clearing", amount)
            self.plain.leaving[payee] += amount

    async def end_payout(self, *, kill: bool) -> None:
        if not self.batches:
            return
        batch, due = self.batches.pop(self.chance.randrange(len(self.batches)))
        overdrawn = any(self.plain.posted[payee] < self.plain.leaving[payee] for payee in due)
        approve = self.chance.random() < 0.7
        flow, actor = (approve_payout, self.shop.approver) if approve else (drop_payout, self.shop.maker)

        def asked() -> Awaitable[Any]:
            return flow(self.shop.db, batch_id=batch.id, actor=actor, at=self.now, rng=self.chance)

        if approve and overdrawn:
            with pytest.raises(PayoutOverdrawn):
                await self.surely(asked, kill=kill)
            self.batches.append((batch, due))
            return
        with contextlib.suppress(PayoutStateDiffers):  # the first try of a cut step had arrived
            await self.surely(asked, kill=kill)
        for payee, amount in due.items():
            self.plain.hold(payee, "payout_clearing", -amount)
            self.plain.leaving[payee] -= amount
            if approve:
                self.plain.move(payee, "payout_clearing", amount)

    async def balances(self) -> dict[str, tuple[int, int]]:
        """What the house carries, by the names that the plain ledger uses."""
        rows, _ = await self.surely(
            lambda: self.shop.db.all(
                text(
                    "SELECT kind || coalesce(':' || owner_id, '') AS name, credits_posted - debits_posted AS posted,"
                    " credits_pending - debits_pending AS pending FROM ledger_accounts"
                )
            ),
            kill=False,
        )
        found = {self.accounts.get(row["name"], row["name"]): (row["posted"], row["pending"]) for row in rows}
        return {name: one for name, one in found.items() if one != (0, 0)}


@contextlib.contextmanager
def a_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fissile-ledger-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def a_run(home: Path, *, seed: int) -> AsyncIterator[Run]:
    """A house on an embedded server of its own, that may be killed."""
    server = ensure_server(home=home)
    try:
        await upgrade(url=server.url)
        db = Database(url=server.url, pool=3)
        async with open_house(db=db, settings=Settings()) as house:
            chance = random.Random(seed)
            at = datetime(2026, 3, 1, 12, tzinfo=UTC)
            shop = await open_shop(house, at=at, rng=chance, stock=STOCK, price=PRICE)
            inviter = await an_inviter(shop)
            accounts = {
                f"commission_payable:{member_of(shop.promoter)}": "promoter",
                f"commission_payable:{member_of(inviter)}": "inviter",
                f"merchant_payable:{shop.merchant}": "merchant",
                "platform_fee": "platform",
            }
            yield Run(house, shop, home, chance=chance, accounts=accounts)
    finally:
        server.release()


class TestEveryBalance:
    async def test_is_what_a_plain_ledger_predicts_through_kills(self) -> None:
        started = time.monotonic()
        with a_home() as home:
            async with a_run(home, seed=11) as run:
                doing = [run.order, run.refund, run.release, run.make_payout, run.end_payout]
                kills = set(run.chance.sample(range(STEPS), max(STEPS // 250, 4)))
                for step in range(STEPS):
                    does = run.chance.choices(doing, weights=[40, 35, 10, 6, 9])[0]
                    await does(kill=step in kills)
                    assert await run.balances() == run.plain.told(), f"after step {step}, {does.__name__}"
                    if step % (STEPS // AUDITS) == STEPS // AUDITS - 1:
                        found, _ = await run.surely(lambda: run_audit(run.shop.db), kill=False)
                        assert found.findings == ()

                assert run.kills >= 4
                assert min(run.plain.posted.values()) < 0  # money came in, so the gateway owes it
        print(f"{STEPS} steps, {run.kills} kills, {time.monotonic() - started:.0f} s")
