"""
A random walk through all that moves money, where the rooms meet: carts of several merchants, each with a policy,
shipping and tax of its own; two levels; refunds in part and returns; payouts of all kinds, withholding; statements.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.attribution.model import BINDINGS, LEVELS, MODELS
from fissile.domain.members.model import member_actor
from fissile.domain.orders.model import Contact, GatewayPayment, RefundLine
from fissile.domain.payouts.model import METHODS
from fissile.domain.payouts.results import RESULT_COLUMNS, read_results
from fissile.domain.shipping.model import Zone
from fissile.flows.approve_payout import approve_payout
from fissile.flows.ask_return import answer_return, ask_return, withdraw_return
from fissile.flows.cancel_order import cancel_order
from fissile.flows.change_attribution import change_attribution
from fissile.flows.change_fee import change_fee
from fissile.flows.change_payout_terms import change_withholding
from fissile.flows.change_plan import change_plan
from fissile.flows.change_shipping import change_shipping
from fissile.flows.change_sku_terms import change_sku_terms
from fissile.flows.complete_orders import complete_orders
from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.drop_payout import drop_payout
from fissile.flows.expire_orders import expire_orders
from fissile.flows.invite_promoter import invite_promoter
from fissile.flows.make_bank_file import make_bank_file
from fissile.flows.make_payout import make_payout
from fissile.flows.place_order import place_checkout
from fissile.flows.publish_share import publish_share
from fissile.flows.refund_order import preview_refund, refund_order
from fissile.flows.register_payout_account import close_payout_account, register_payout_account
from fissile.flows.release_commissions import release_commissions
from fissile.flows.seal_statements import seal_statements
from fissile.flows.send_payouts import decide_payout_item, send_payouts, take_bank_results
from fissile.flows.set_inviter import set_inviter
from fissile.flows.settle_payment import settle_payment
from fissile.flows.ship_order import ship_order
from fissile.infra.events import HOUSE, Actor
from fissile.infra.gateways.sandbox.payouts import SandboxPayouts
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import new_id, public_id
from fissile.kernel.money import Money
from fissile.views.audit import run_audit
from tests.money.payout_gateway import SECRET, PayoutServer

from .conftest import Shop, bring_in

STEPS = int(os.environ.get("FISSILE_TEST_WALK_STEPS", "80"))
FAULTS = ("ok", "ok", "taken", "refused", "lost", "silent", "broken", "garbled")
MORE_GOODS = """sku,title,price,currency,stock,merchant
sock,Socks,7.77,CNY,4000,isle
pin,A pin,0.01,CNY,4000,isle
pot,A pot,333.33,CNY,4000,hill
reed,Reed,1.00,CNY,4000,dune
"""


@pytest.fixture
async def server() -> AsyncIterator[PayoutServer]:
    server = PayoutServer()
    await server.start()
    yield server
    await server.stop()


class Walk:
    """One walk: every step is a flow called with what chance chose; refusals are counted, faults fail the test."""

    def __init__(self, shop: Shop, server: PayoutServer, *, seed: int) -> None:
        self.shop, self.server, self.chance = shop, server, random.Random(seed)
        self.db, self.rng = shop.house.db, shop.rng
        self.told: Counter[str] = Counter()
        self.merchants: list[UUID] = []
        self.promoters: list[Actor] = []
        self.buyers: list[Actor] = []
        self.shares: list[str] = []
        self.officers = [member_actor(member_id=new_id(at=shop.at, rng=self.rng)) for _ in range(2)]

    async def begin(self) -> None:
        shop = self.shop
        await bring_in(self.db, MORE_GOODS, at=shop.at, rng=shop.rng)
        for row in await self.db.all(text("SELECT code, id, product_id FROM skus")):
            shop.skus[row["code"]], shop.products[row["code"]] = row["id"], row["product_id"]
        self.merchants = [row["id"] for row in await self.db.all(text("SELECT id FROM merchants ORDER BY code"))]
        self.officers = [await shop.member("payout_officer") for _ in range(2)]
        self.promoters = [shop.promoter, *[await shop.member() for _ in range(3)]]
        self.buyers = [await shop.member("buyer") for _ in range(2)]
        operator = await shop.member("operator")
        for one, other in zip(self.promoters, self.promoters[1:], strict=False):
            await invite_promoter(self.db, actor=other, at=shop.at, rng=shop.rng)
            await set_inviter(
                self.db,
                member_id=self._id(one),
                inviter_id=self._id(other),
                actor=operator,
                at=shop.at,
                rng=shop.rng,
            )
        for number, promoter in enumerate(self.promoters):
            for sku in ("tea", "sock", "pot", "reed"):
                made = await publish_share(
                    self.db,
                    actor=promoter,
                    product_id=shop.products[sku],
                    channel="chat",
                    expires_at=None,
                    idempotency_key=f"{number} {sku}",
                    at=shop.at,
                    rng=shop.rng,
                )
                self.shares.append(made.token)
        await self.plan()
        shop.house.forget()

    @staticmethod
    def _id(actor: Actor) -> UUID:
        assert actor.member_id is not None
        return actor.member_id

    @property
    def when(self) -> dict[str, Any]:
        return {"at": self.shop.at, "rng": self.rng}

    async def one(self, statement: str, **values: Any) -> Any:
        rows = await self.db.all(text(statement), values)
        return self.chance.choice(rows) if rows else None

    # What buyers do

    async def order(self) -> None:
        chance = self.chance
        skus = chance.sample(["tea", "cup", "song", "sock", "pin", "pot", "reed", "hat"], chance.randrange(1, 5))
        buyer = chance.choice([None, *self.buyers, self.promoters[0], self.promoters[1]])
        key = f"walk {self.rng.getrandbits(64)}"
        given: dict[str, Any] = {
            "lines": [(self.shop.skus[sku], chance.choice((1, 1, 2, 3, 7))) for sku in skus],
            "share_token": chance.choice([None, *self.shares]),
            "member_id": buyer.member_id if buyer else None,
            "visitor_id": new_id(**self.when),
            "contact": Contact(
                name="Mei", phone="1", address="1", country="CN", region=chance.choice(("CN-ZJ", "CN-XJ"))
            ),
            "expected_totals": None,
            "idempotency_scope": "walk",
            "idempotency_key": key,
        }
        both = await asyncio.gather(
            *(place_checkout(self.shop.house, **given, **self.when) for _ in range(chance.choice((1, 1, 2)))),
            return_exceptions=True,
        )
        for told in both:
            if isinstance(told, BaseException):
                raise told
        assert len({tuple(one.id for one in told.orders) for told in both if not isinstance(told, BaseException)}) == 1
        if chance.random() < 0.85:
            for order in both[0].orders:  # type: ignore[union-attr]
                await self._pay(order.id, order.total, twice=chance.random() < 0.1)

    async def _pay(self, order_id: UUID, total: Money, *, twice: bool = False) -> None:
        for _ in range(2 if twice else 1):
            message = f"m{self.rng.getrandbits(64)}"
            await settle_payment(
                self.shop.house,
                payment=GatewayPayment(
                    gateway="sandbox",
                    gateway_payment_id=f"p{self.rng.getrandbits(64)}",
                    order_id=order_id,
                    amount_minor=total.minor,
                    currency=total.currency,
                    paid_at=self.shop.at,
                ),
                message_id=message,
                body_hash=message.encode(),
                **self.when,
            )

    async def pay_late(self) -> None:
        found = await self.one(
            "SELECT id, total_minor, currency FROM orders WHERE state IN ('placed', 'expired', 'cancelled')"
        )
        if found:
            await self._pay(found["id"], Money(found["total_minor"], found["currency"]))

    async def cancel(self) -> None:
        if found := await self.one("SELECT id FROM orders WHERE state = 'placed'"):
            await cancel_order(self.db, order_id=found["id"], actor=HOUSE, **self.when)

    async def ship(self) -> None:
        if found := await self.one("SELECT id FROM orders WHERE state = 'paid'"):
            await ship_order(self.db, order_id=found["id"], tracking="1", actor=HOUSE, at=self.shop.at)

    async def ask(self) -> None:
        found = await self.one(
            "SELECT id, member_id, visitor_id FROM orders WHERE state IN ('paid', 'shipped', 'completed')"
        )
        if found:
            actor = member_actor(member_id=found["member_id"]) if found["member_id"] else None
            await ask_return(
                self.db,
                order_id=found["id"],
                kind="return",
                reason="broken",
                actor=actor,
                visitor_id=found["visitor_id"],
                **self.when,
            )

    async def answer(self) -> None:
        found = await self.one(
            "SELECT r.id, o.member_id, o.visitor_id FROM after_sale_requests r JOIN orders o ON o.id = r.order_id"
            " WHERE r.state = 'asked'"
        )
        if not found:
            return
        if self.chance.random() < 0.3:
            actor = member_actor(member_id=found["member_id"]) if found["member_id"] else None
            await withdraw_return(
                self.db, request_id=found["id"], actor=actor, visitor_id=found["visitor_id"], at=self.shop.at
            )
        else:
            state: Literal["accepted", "refused"] = "accepted" if self.chance.random() < 0.5 else "refused"
            await answer_return(self.db, request_id=found["id"], state=state, answer="", actor=HOUSE, **self.when)

    # What operators do

    async def refund(self) -> None:
        found = await self.one(
            "SELECT id, total_minor - refunded_minor AS rest, shipping_minor - shipping_refunded_minor AS sending"
            "  FROM orders WHERE paid_at IS NOT NULL AND total_minor > refunded_minor"
        )
        if not found:
            return
        lines: list[RefundLine] | None = None
        amount = self.chance.choice(
            (found["rest"], 1, max(1, found["rest"] // 3), self.chance.randint(1, found["rest"]))
        )
        if self.chance.random() < 0.6:
            rows = await self.db.all(
                text(
                    "SELECT line_no, quantity, amount_minor FROM order_lines WHERE order_id = :id"
                    " AND NOT EXISTS (SELECT FROM refunds WHERE order_id = :id)"
                ),
                {"id": found["id"]},
            )
            lines = [
                RefundLine(
                    line_no=row["line_no"],
                    amount_minor=self.chance.randint(1, row["amount_minor"]),
                    quantity=self.chance.randint(0, row["quantity"]),
                )
                for row in rows
                if self.chance.random() < 0.6
            ]
            if found["sending"] and self.chance.random() < 0.5:
                lines.append(RefundLine(line_no=0, amount_minor=self.chance.randint(1, found["sending"])))
            amount = sum(line.amount_minor for line in lines)
        given: dict[str, Any] = {"order_id": found["id"], "amount_minor": amount, "lines": lines, "actor": HOUSE}
        key = f"refund {self.rng.getrandbits(64)}"
        shown = await preview_refund(self.db, **given, **self.when)
        done: list[Any] = await asyncio.gather(
            *(refund_order(self.db, **given, reason="x", idempotency_key=key, **self.when) for _ in range(2)),
            release_commissions(self.db, **self.when),
        )
        assert done[0] == done[1]
        assert shown.amount == done[0].amount

    async def return_money(self) -> None:
        found = await self.one("SELECT id, amount_minor, currency FROM refunds WHERE state = 'posted'")
        if found:
            message = f"r{self.rng.getrandbits(64)}"
            await confirm_refund(
                self.db,
                gateway="sandbox",
                message_id=message,
                body_hash=message.encode(),
                refund_id=found["id"],
                amount=Money(found["amount_minor"], found["currency"]),
                **self.when,
            )

    async def plan(self) -> None:
        chance = self.chance
        scope = chance.choice(("platform", "merchant"))
        await change_plan(
            self.db,
            scope=scope,
            scope_id=None if scope == "platform" else chance.choice(self.merchants),
            kind="percent",
            rate_ppm=chance.choice((100_000, 333_333, 1, 0)),
            further_rates_ppm=chance.choice(((), (50_000,), (111_111,))),
            flat_minor=None,
            cap_minor=chance.choice((None, None, 300)),
            hold_seconds=chance.choice((0, 60, 86_400)),
            state="open",
            actor=HOUSE,
            **self.when,
        )

    async def fee(self) -> None:
        await change_fee(
            self.db,
            merchant_id=self.chance.choice([None, *self.merchants]),
            rate_ppm=self.chance.choice((0, 50_000, 123_456)),
            actor=HOUSE,
            **self.when,
        )

    async def policy(self) -> None:
        chance = self.chance
        await change_attribution(
            self.db,
            merchant_id=chance.choice([None, *self.merchants]),
            model=chance.choice(MODELS),
            window_days=chance.choice((1, 30)),
            level=chance.choice(LEVELS),
            binding=chance.choice(BINDINGS),
            self_purchase=chance.random() < 0.5,
            actor=HOUSE,
            **self.when,
        )

    async def shipping(self) -> None:
        chance = self.chance
        zones = (
            Zone(regions=("CN-XJ",), base_minor=2_345, first_grams=100, step_grams=333, step_minor=77),
            Zone(regions=("*",), base_minor=chance.choice((0, 1, 800)), free_from_minor=chance.choice((None, 10_000))),
        )
        await change_shipping(
            self.db,
            merchant_id=chance.choice(self.merchants),
            zones=zones,
            after_sale_days=chance.choice((None, 0, 1, 7)),
            actor=HOUSE,
            **self.when,
        )

    async def tax(self) -> None:
        await change_sku_terms(
            self.db,
            sku_id=self.shop.skus[self.chance.choice(("tea", "sock", "pot"))],
            weight_grams=self.chance.choice((0, 250, 1_000)),
            tax_rate_ppm=self.chance.choice((0, 60_000, 130_000)),
            actor=HOUSE,
            **self.when,
        )

    # What officers and payees do

    async def account(self) -> None:
        chance = self.chance
        method = chance.choice(METHODS)
        promoter = chance.choice(self.promoters)
        merchant = chance.choice(self.merchants)
        of_merchant = chance.random() < 0.4
        staff = member_actor(
            member_id=self._id(self.buyers[0]), roles=frozenset({"merchant_staff"}), merchant_ids=frozenset({merchant})
        )
        given: dict[str, Any] = {
            "payee": "merchant" if of_merchant else "promoter",
            "payee_id": merchant if of_merchant else promoter.member_id,
            "currency": "CNY",
            "actor": staff if of_merchant else promoter,
        }
        if chance.random() < 0.15:
            await close_payout_account(self.db, **given, **self.when)
            return
        await register_payout_account(
            self.db,
            **given,
            method=method,
            holder="Piet",
            bank="Bank" if method == "file" else "",
            number=f"sbx-{chance.randrange(10_000, 99_999)}"
            if method == "gateway"
            else str(chance.randrange(10_000, 99_999)),
            cooling=timedelta(0),
            **self.when,
        )

    async def withholding(self) -> None:
        await change_withholding(
            self.db,
            payee=self.chance.choice(("promoter", "merchant")),
            currency="CNY",
            brackets=self.chance.choice(([], [(500, 200_000), (2_000, 333_333)], [(0, 1)])),
            actor=HOUSE,
            **self.when,
        )

    async def payout(self) -> None:
        chance = self.chance
        only: Any = None
        if chance.random() < 0.3:
            row = await self.one(
                "SELECT owner_id, credits_posted - debits_posted - debits_pending AS owed FROM ledger_accounts"
                " WHERE kind = 'commission_payable' AND currency = 'CNY'"
                " AND credits_posted - debits_posted - debits_pending > 0"
            )
            if row:
                only = {("promoter", row["owner_id"]): Money(chance.randint(1, row["owed"]), "CNY")}
        batch, *_ = await asyncio.gather(
            make_payout(
                self.db,
                currency=chance.choice(("CNY", "CNY", "USD")) if only is None else "CNY",
                actor=self.officers[0],
                idempotency_key=f"payout {self.rng.getrandbits(64)}",
                only=only,
                **self.when,
            ),
            release_commissions(self.db, **self.when),
        )
        if chance.random() < 0.5:
            await self.quietly(self.refund)
        try:
            if chance.random() < 0.8:
                await approve_payout(self.db, batch_id=batch.id, actor=self.officers[1], **self.when)
            else:
                await drop_payout(self.db, batch_id=batch.id, actor=self.officers[0], **self.when)
        except Refusal as refusal:
            self.told[refusal.code] += 1
            await drop_payout(self.db, batch_id=batch.id, actor=self.officers[0], **self.when)

    async def file(self) -> None:
        found = await self.one("SELECT batch_id AS id FROM payout_sendings WHERE method = 'file' AND state = 'owed'")
        if found:
            await make_bank_file(self.db, batch_id=found["id"], bank="Bank", actor=self.officers[0], **self.when)

    async def results(self) -> None:
        rows = await self.db.all(
            text(
                "SELECT i.id, i.amount_minor - i.withheld_minor AS net, i.currency, s.state FROM payout_sendings s"
                "  JOIN payout_items i ON i.id = s.item_id"
                " WHERE s.method = 'file' AND s.state IN ('sent', 'confirmed') ORDER BY i.id"
            )
        )
        lines = [
            f"{public_id('poi', row['id'])},{Money(row['net'], row['currency']).major()},{row['currency']},"
            f"{'returned' if row['state'] == 'confirmed' else self.chance.choice(('paid', 'paid', 'failed'))},B-1,"
            for row in rows
            if self.chance.random() < (0.2 if row["state"] == "confirmed" else 0.7)
        ]
        if lines:
            content = "\n".join((",".join(RESULT_COLUMNS), *lines)).encode()
            told = await take_bank_results(self.db, results=read_results(content), actor=self.officers[0], **self.when)
            assert [one.refusal for one in told if one.refusal] == []

    async def decide(self) -> None:
        found = await self.one(
            "SELECT item_id FROM payout_sendings WHERE state IN ('held', 'unknown', 'sent', 'confirmed')"
        )
        if found:
            await decide_payout_item(
                self.db,
                item_id=found["item_id"],
                decision=self.chance.choice(("send", "failed", "paid")),
                reason="asked the bank",
                actor=self.chance.choice(self.officers),
                **self.when,
            )

    async def sweep(self) -> None:
        gateway = SandboxPayouts(base_url=self.server.base_url, secret=SECRET, timeout_seconds=0.3)
        self.server.faults.extend(self.chance.choice(FAULTS) for _ in range(self.chance.randrange(2)))
        await expire_orders(self.db, **self.when)
        await complete_orders(self.db, after=timedelta(days=1), at=self.shop.at)
        await asyncio.gather(
            *(release_commissions(self.db, **self.when) for _ in range(2)),
            send_payouts(self.db, gateway=gateway, **self.when),
            *(seal_statements(self.db, actor=HOUSE, **self.when) for _ in range(2)),
        )

    async def gateway(self) -> None:
        match self.chance.randrange(3):
            case 0:
                self.server.settle("paid")
            case 1:
                self.server.settle("failed")
            case _:
                self.server.bounce()

    async def quietly(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Refusal as refusal:
            self.told[refusal.code] += 1


async def check(walk: Walk) -> None:
    """Hold what the books say to what an order's rows and the statements say."""
    report = await run_audit(walk.db)
    assert [one.sentence for one in report.findings] == []
    wrong = await walk.db.all(
        text(
            "SELECT o.id FROM orders o WHERE paid_at IS NOT NULL AND total_minor - refunded_minor <>"
            " (SELECT coalesce(sum(amount_minor - taken_back_minor), 0) FROM commissions c WHERE c.order_id = o.id)"
            " + (SELECT coalesce(sum(amount_minor - taken_back_minor), 0) FROM line_proceeds p WHERE p.order_id = o.id)"
        )
    )
    assert wrong == []
    wrong = await walk.db.all(
        text(
            "SELECT a.id, a.kind FROM ledger_accounts a JOIN LATERAL"
            " (SELECT * FROM statements s WHERE s.account_id = a.id ORDER BY period_start DESC LIMIT 1) s ON true"
            " WHERE s.closing_minor + coalesce((SELECT sum(CASE WHEN t.credit_account_id = a.id THEN t.amount_minor"
            " ELSE -t.amount_minor END) FROM ledger_transfers t WHERE a.id IN (t.credit_account_id, t.debit_account_id)"
            " AND t.phase IN ('single', 'post') AND NOT EXISTS (SELECT FROM statement_lines l"
            " WHERE l.account_id = a.id AND l.transfer_id = t.id)), 0) <> a.credits_posted - a.debits_posted"
        )
    )
    assert wrong == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("FISSILE_TEST_WALKS", "1"))))
async def test_every_cent_adds_up(shop: Shop, server: PayoutServer, seed: int) -> None:
    walk = Walk(shop, server, seed=seed)
    await walk.begin()
    steps: list[tuple[int, Callable[[], Awaitable[None]]]] = [
        (8, walk.order),
        (2, walk.pay_late),
        (1, walk.cancel),
        (4, walk.ship),
        (2, walk.ask),
        (2, walk.answer),
        (4, walk.refund),
        (2, walk.return_money),
        (1, walk.plan),
        (1, walk.fee),
        (1, walk.policy),
        (1, walk.shipping),
        (1, walk.tax),
        (2, walk.account),
        (1, walk.withholding),
        (4, walk.payout),
        (2, walk.file),
        (2, walk.results),
        (2, walk.decide),
        (5, walk.sweep),
        (1, walk.gateway),
    ]
    for number in range(STEPS):
        shop.at += timedelta(minutes=walk.chance.choice((1, 20, 600, 2_000)))
        step = walk.chance.choices([one for _, one in steps], [weight for weight, _ in steps])[0]
        await walk.quietly(step)
        if number % 50 == 49:
            await check(walk)
    await check(walk)
    assert walk.told["offer_kept_changing"] == 0
