"""A plain reference ledger predicts every balance while random operations run on the house."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from fissile.domain.orders.errors import OrderStateDiffers, RefundTooLarge, SoldOut
from fissile.domain.orders.model import PlacedOrder
from fissile.domain.payouts.errors import NothingDue, PayoutOverdrawn
from fissile.domain.payouts.model import Batch
from fissile.flows.approve_payout import approve_payout
from fissile.flows.cancel_order import cancel_order
from fissile.flows.complete_order import complete_order
from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.drop_payout import drop_payout
from fissile.flows.expire_orders import expire_orders
from fissile.flows.house import open_house
from fissile.flows.release_commissions import release_commissions
from fissile.flows.ship_order import ship_order
from fissile.infra.database import Database, asyncpg_args, with_database
from fissile.infra.settings import Settings
from fissile.kernel.money import Money
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, PRICE, Shop, open_shop

STOCK = 60
PAYEES = {"promoter": "commission_payable", "platform": "platform_fee", "merchant": "merchant_payable"}


class Ledger:
    """Four numbers an account: debits and credits, posted and pending."""

    def __init__(self) -> None:
        self.accounts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def move(self, debit: str, credit: str, amount: int, *, pending: bool = False, sign: int = 1) -> None:
        at = 2 if pending else 0
        self.accounts[debit][at] += sign * amount
        self.accounts[credit][at + 1] += sign * amount

    def available(self, account: str) -> int:
        debits, credits, leaving, _ = self.accounts[account]
        return credits - debits - leaving

    def moved(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(numbers) for name, numbers in self.accounts.items() if any(numbers)}


@dataclass
class Known:
    """An order as the reference knows it."""

    order: PlacedOrder
    quantity: int
    shared: bool
    reserved_until: datetime
    state: str = "placed"
    hold_until: datetime | None = None
    released: bool = False

    @property
    def total(self) -> int:
        return self.quantity * PRICE

    @property
    def parts(self) -> dict[str, int]:
        commission = self.total // 10 if self.shared else 0
        fee = self.total // 20
        parts = {"promoter": commission, "platform": fee, "merchant": self.total - commission - fee}
        return {payee: amount for payee, amount in parts.items() if amount}


class Machine(RuleBasedStateMachine):
    """Operations on the house and, beside them, what the reference expects of each."""

    server_url: str
    template_url: str

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.shop = self.run(self._open())
        self.ledger = Ledger()
        self.orders: list[Known] = []
        self.batches: list[tuple[Batch, dict[str, int]]] = []
        self.owed = 0
        self.stock = [STOCK, 0]

    async def _open(self) -> Shop:
        name = f"fissile_test_{uuid.uuid4().hex[:12]}"
        admin = await asyncpg.connect(**asyncpg_args(with_database(self.server_url, "postgres")))
        self.stack.push_async_callback(admin.close)
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{asyncpg_args(self.template_url)["database"]}"')
        self.stack.push_async_callback(admin.execute, f'DROP DATABASE "{name}" WITH (FORCE)')
        db = Database(url=with_database(self.server_url, name), pool=3)
        house = await self.stack.enter_async_context(open_house(db=db, settings=Settings(after_sale_days=0)))
        return await open_shop(house, at=self.now, rng=random.Random(3), stock=STOCK)

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        try:
            assert self.run(run_audit(self.shop.db)).findings == ()
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    def run(self, what: Any) -> Any:
        return self.runner.run(what)

    def any_of(self, many: list[Any], number: int) -> Any:
        return many[number % len(many)] if many else None

    @invariant()
    def balances_are_as_predicted(self) -> None:
        if not hasattr(self, "shop"):
            return
        assert self.run(self.shop.balances()) == self.ledger.moved()
        assert list(self.run(self.shop.stock())) == self.stock

    @rule(minutes=st.sampled_from([1, 16, 61]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(quantity=st.integers(1, 12), shared=st.booleans())
    def place(self, quantity: int, shared: bool) -> None:
        placing = self.shop.place(quantity=quantity, shared=shared, at=self.now)
        if quantity > self.stock[0] - self.stock[1]:
            with pytest.raises(SoldOut):
                self.run(placing)
            return
        until = self.now + timedelta(seconds=self.shop.house.settings.reservation_seconds)
        self.orders.append(Known(self.run(placing), quantity, shared, until))
        self.stock[1] += quantity

    @rule(number=st.integers(0, 30))
    def pay(self, number: int) -> None:
        if (known := self.any_of(self.orders, number)) is None:
            return
        outcome = self.run(self.shop.pay(known.order, at=self.now)).outcome
        if known.state == "placed":
            assert outcome == "settled"
            known.state, known.hold_until = "paid", self.now + HOLD
            self.stock = [self.stock[0] - known.quantity, self.stock[1] - known.quantity]
            self.ledger.move("gateway_clearing", "order_holding", known.total)
            for payee, amount in known.parts.items():
                self.ledger.move("order_holding", PAYEES[payee], amount, pending=True)
        else:
            assert outcome == ("late" if known.state in ("cancelled", "expired") else "doubled")
            self.ledger.move("gateway_clearing", "refund_payable", known.total)
            self.owed += 1

    @rule(number=st.integers(0, 30), step=st.sampled_from(["ship", "complete", "cancel"]))
    def move_on(self, number: int, step: str) -> None:
        if (known := self.any_of(self.orders, number)) is None:
            return
        shop = self.shop
        given: dict[str, Any] = {"order_id": known.order.id, "at": self.now}
        wanted, after = {
            "ship": ("paid", "shipped"),
            "complete": ("shipped", "completed"),
            "cancel": ("placed", "cancelled"),
        }[step]
        going: Coroutine[Any, Any, None]
        if step == "ship":
            going = ship_order(shop.db, tracking="1", actor=shop.staff, **given)
        elif step == "complete":
            going = complete_order(shop.db, actor=shop.buyer, **given)
        else:
            going = cancel_order(shop.db, actor=shop.buyer, rng=shop.rng, **given)
        if known.state != wanted:
            with pytest.raises(OrderStateDiffers):
                self.run(going)
            return
        self.run(going)
        known.state = after
        if step == "cancel":
            self.stock[1] -= known.quantity

    @rule(number=st.integers(0, 30))
    def refund(self, number: int) -> None:
        if (known := self.any_of(self.orders, number)) is None:
            return
        refunding = self.shop.refund(known.order, at=self.now, idempotency_key=str(self.shop.rng.getrandbits(64)))
        if known.hold_until is None or known.state == "refunded":
            with pytest.raises(RefundTooLarge if known.hold_until else OrderStateDiffers):
                self.run(refunding)
            return
        self.run(refunding)
        if known.state == "paid":
            self.stock[0] += known.quantity
        known.state = "refunded"
        for payee, amount in known.parts.items():
            if known.released:
                self.ledger.move(PAYEES[payee], "order_holding", amount)
            else:
                self.ledger.move("order_holding", PAYEES[payee], amount, pending=True, sign=-1)
        self.ledger.move("order_holding", "refund_payable", known.total)
        self.owed += 1

    @rule()
    def gateway_confirms_a_refund(self) -> None:
        oldest = text("SELECT id, amount_minor FROM refunds WHERE state = 'posted' ORDER BY id LIMIT 1")
        rows = self.run(self.shop.db.all(oldest))
        assert bool(rows) == (self.owed > 0)
        for row in rows:
            confirming = confirm_refund(
                self.shop.db,
                gateway="sandbox",
                message_id=str(row["id"]),
                body_hash=b"",
                refund_id=row["id"],
                amount=Money(row["amount_minor"], "CNY"),
                at=self.now,
                rng=self.shop.rng,
            )
            assert self.run(confirming).outcome == "returned"
            self.ledger.move("refund_payable", "gateway_clearing", row["amount_minor"])
            self.owed -= 1

    @rule()
    def sweep(self) -> None:
        self.run(expire_orders(self.shop.db, at=self.now, rng=self.shop.rng))
        self.run(release_commissions(self.shop.db, at=self.now, rng=self.shop.rng))
        for known in self.orders:
            if known.state == "placed" and known.reserved_until <= self.now:
                known.state = "expired"
                self.stock[1] -= known.quantity
            due = known.hold_until is not None and known.hold_until <= self.now
            if due and not known.released and known.state != "refunded":
                known.released = True
                for payee, amount in known.parts.items():
                    self.ledger.move("order_holding", PAYEES[payee], amount, pending=True, sign=-1)
                    self.ledger.move("order_holding", PAYEES[payee], amount)

    @rule()
    def make_payout(self) -> None:
        accounts = ("commission_payable", "merchant_payable")
        due = {name: amount for name in accounts if (amount := self.ledger.available(name)) > 0}
        if not due:
            with pytest.raises(NothingDue):
                self.run(self.shop.payout(at=self.now))
            return
        batch = self.run(self.shop.payout(at=self.now))
        assert sorted(item.amount.minor for item in batch.items) == sorted(due.values())
        self.batches.append((batch, due))
        for name, amount in due.items():
            self.ledger.move(name, "payout_clearing", amount, pending=True)

    @rule(number=st.integers(0, 5), approve=st.booleans())
    def end_payout(self, number: int, approve: bool) -> None:
        if not self.batches:
            return
        batch, due = self.any_of(self.batches, number)
        given: dict[str, Any] = {"batch_id": batch.id, "at": self.now, "rng": self.shop.rng}
        if approve and any(self.ledger.available(name) < 0 for name in due):
            with pytest.raises(PayoutOverdrawn):
                self.run(approve_payout(self.shop.db, actor=self.shop.approver, **given))
            return
        if approve:
            self.run(approve_payout(self.shop.db, actor=self.shop.approver, **given))
        else:
            self.run(drop_payout(self.shop.db, actor=self.shop.maker, **given))
        self.batches.remove((batch, due))
        for name, amount in due.items():
            self.ledger.move(name, "payout_clearing", amount, pending=True, sign=-1)
            if approve:
                self.ledger.move(name, "payout_clearing", amount)


class TestEveryBalance:
    def test_is_what_the_reference_predicts(self, server_url: str, template_url: str) -> None:
        machine = type("Run", (Machine,), {"server_url": server_url, "template_url": template_url})

        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=20,
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
