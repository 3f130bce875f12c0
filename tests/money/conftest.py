"""A small shop with money in it: valid by default."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from fissile.domain.members.model import member_actor
from fissile.domain.orders.model import GatewayPayment, PlacedOrder
from fissile.domain.payouts.model import Batch
from fissile.domain.shares.model import Share
from fissile.flows.add_member import add_member
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.house import House, open_house
from fissile.flows.invite_promoter import invite_promoter
from fissile.flows.make_payout import make_payout
from fissile.flows.place_order import place_order
from fissile.flows.publish_share import publish_share
from fissile.flows.refund_order import refund_order
from fissile.flows.set_inviter import set_inviter
from fissile.flows.settle_payment import Settled, settle_payment
from fissile.infra.database import Database, asyncpg_args
from fissile.infra.events import HOUSE, Actor, Event, record_events
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id, public_id

HOLD = timedelta(hours=1)
PRICE = 10_000
RATE_PPM = 100_000  # 10 % to the promoter
FEE_PPM = 50_000  # 5 % to the platform

_SHOP = [
    "INSERT INTO merchants VALUES (:merchant, :code, 'Silk Road', 'CNY', 'active', :at)",
    "INSERT INTO products VALUES (:product, :merchant, NULL, :code, 'Tea', '', 'listed', 'tea', '', 'tea', :at, :at)",
    "INSERT INTO skus VALUES (:sku, :product, :merchant, :code, 'Tea', '[]', :price, 'CNY', 'listed', 1, 1, :at, :at)",
    "INSERT INTO sku_stock VALUES (:sku, :tracked, :stock, 0)",
]


@dataclass
class Shop:
    """A house with one merchant, one SKU, a promoter, a buyer, an operator and two payout officers."""

    house: House
    at: datetime
    rng: random.Random
    merchant: UUID
    product: UUID
    sku: UUID
    promoter: Actor
    buyer: Actor
    operator: Actor
    staff: Actor
    maker: Actor
    approver: Actor
    share: Share

    @property
    def db(self) -> Database:
        return self.house.db

    async def place(self, *, quantity: int = 1, shared: bool = True, at: datetime | None = None) -> PlacedOrder:
        return await place_order(
            self.house,
            lines=[(self.sku, quantity)],
            share_token=self.share.token if shared else None,
            member_id=self.buyer.member_id,
            visitor_id=new_id(at=self.at, rng=self.rng),
            contact=None,
            expected_total=None,
            idempotency_scope="test",
            idempotency_key=str(self.rng.getrandbits(64)),
            at=at or self.at,
            rng=self.rng,
        )

    async def pay(self, order: PlacedOrder, *, at: datetime | None = None, **changes: Any) -> Settled:
        given: dict[str, Any] = {
            "gateway": "sandbox",
            "gateway_payment_id": f"sbx_{self.rng.getrandbits(64)}",
            "order_id": order.id,
            "amount_minor": order.total.minor,
            "currency": order.total.currency,
            "paid_at": at or self.at,
        }
        message = f"msg_{self.rng.getrandbits(64)}"
        return await settle_payment(
            self.house,
            payment=GatewayPayment(**(given | changes)),
            message_id=message,
            body_hash=message.encode(),
            at=at or self.at,
            rng=self.rng,
        )

    async def paid(self, **changes: Any) -> PlacedOrder:
        order = await self.place(**changes)
        settled = await self.pay(order, at=changes.get("at"))
        assert settled.outcome == "settled"
        return order

    async def refund(self, order: PlacedOrder, *, at: datetime | None = None, **changes: Any) -> Any:
        given: dict[str, Any] = {
            "order_id": order.id,
            "amount_minor": order.total.minor,
            "reason": "broken",
            "actor": self.operator,
            "idempotency_key": str(order.id),
        }
        return await refund_order(self.db, **(given | changes), at=at or self.at, rng=self.rng)

    async def payout(self, *, at: datetime | None = None, key: str | None = None, actor: Actor | None = None) -> Batch:
        return await make_payout(
            self.db,
            currency="CNY",
            actor=actor or self.maker,
            idempotency_key=key or str(self.rng.getrandbits(64)),
            at=at or self.at,
            rng=self.rng,
        )

    async def balances(self) -> dict[str, tuple[int, int, int, int]]:
        """Each account that ever moved: debits posted, credits posted, debits pending, credits pending."""
        rows = await self.db.all(
            text(
                "SELECT kind, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_accounts"
                " WHERE debits_posted + credits_posted + debits_pending + credits_pending > 0"
            )
        )
        return {
            str(row["kind"]): (
                int(row["debits_posted"]),
                int(row["credits_posted"]),
                int(row["debits_pending"]),
                int(row["credits_pending"]),
            )
            for row in rows
        }

    async def stock(self) -> tuple[int, int]:
        rows = await self.db.all(text("SELECT on_hand, reserved FROM sku_stock WHERE sku_id = :sku"), {"sku": self.sku})
        return int(rows[0]["on_hand"]), int(rows[0]["reserved"])

    async def state(self, order: PlacedOrder) -> str:
        rows = await self.db.all(text("SELECT state FROM orders WHERE id = :id"), {"id": order.id})
        return str(rows[0]["state"])

    async def column(self, statement: str, **parameters: Any) -> list[Any]:
        return [next(iter(row.values())) for row in await self.db.all(text(statement), parameters)]

    async def event_names(self) -> list[str]:
        """What happened since the shop opened, without postings."""
        return await self.column(
            "SELECT name FROM events WHERE name <> 'ledger.posted' AND name NOT LIKE 'plan%' AND name NOT LIKE 'fee%'"
            " AND name NOT LIKE 'share%' AND name NOT LIKE 'stock%' ORDER BY position"
        )


async def open_shop(house: House, *, at: datetime, rng: random.Random, stock: int = 100, price: int = PRICE) -> Shop:
    """Open a shop with a 10 % plan that holds for an hour and a 5 % fee."""
    ids = {name: new_id(at=at, rng=rng) for name in ("merchant", "product", "sku")}
    people = [new_id(at=at, rng=rng) for _ in range(6)]
    async with house.db.transaction() as connection:
        values = {**ids, "at": at, "code": str(ids["sku"]), "price": price, "tracked": True, "stock": stock}
        for statement in _SHOP:
            await connection.execute(text(statement), values)
        for person in people:
            await connection.execute(text("INSERT INTO members VALUES (:id, 'active', :at)"), {"id": person, "at": at})
        await connection.execute(
            text("INSERT INTO stock_movements VALUES (:id, :sku, 'received', :stock, '', NULL, NULL, :at)"),
            {"id": new_id(at=at, rng=rng), "sku": ids["sku"], "stock": stock, "at": at},
        )
        received = Event("stock.received", ids["sku"], {"sku": str(ids["sku"]), "quantity": stock})
        operator = member_actor(member_id=people[2], roles=frozenset({"operator"}))
        await record_events(connection, happened=[received], actor=operator, at=at)
    promoter = member_actor(member_id=people[0], roles=frozenset({"promoter"}))
    await change_plan(
        house.db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=RATE_PPM,
        flat_minor=None,
        cap_minor=None,
        hold_seconds=int(HOLD.total_seconds()),
        state="open",
        actor=operator,
        at=at,
        rng=rng,
    )
    await change_fee(house.db, merchant_id=None, rate_ppm=FEE_PPM, actor=operator, at=at, rng=rng)
    share = await publish_share(
        house.db,
        actor=promoter,
        product_id=ids["product"],
        channel="chat",
        expires_at=None,
        idempotency_key="share",
        at=at,
        rng=rng,
    )
    house.forget()
    return Shop(
        house=house,
        at=at,
        rng=rng,
        merchant=ids["merchant"],
        product=ids["product"],
        sku=ids["sku"],
        promoter=promoter,
        buyer=member_actor(member_id=people[1], roles=frozenset({"buyer"})),
        operator=operator,
        staff=member_actor(
            member_id=people[3], roles=frozenset({"merchant_staff"}), merchant_ids=frozenset({ids["merchant"]})
        ),
        maker=member_actor(member_id=people[4], roles=frozenset({"payout_officer"})),
        approver=member_actor(member_id=people[5], roles=frozenset({"payout_officer"})),
        share=share,
    )


def member_of(actor: Actor) -> UUID:
    """The actor's member."""
    assert actor.member_id is not None, "this actor is a member"
    return actor.member_id


async def new_promoter(shop: Shop) -> Actor:
    """Add a promoter."""
    member_id = await add_member(
        shop.db, display_name="Wei", locale="en", role="promoter", actor=HOUSE, at=shop.at, rng=shop.rng
    )
    return member_actor(member_id=member_id, roles=frozenset({"promoter"}))


async def an_inviter(shop: Shop, *, second_rate_ppm: int = 20_000) -> Actor:
    """Let somebody have invited the promoter, and the plan pay them 2 %."""
    inviter = await new_promoter(shop)
    await invite_promoter(shop.db, actor=inviter, at=shop.at, rng=shop.rng)
    assert inviter.member_id is not None, "a promoter is a member"
    assert shop.promoter.member_id is not None, "a promoter is a member"
    async with shop.db.transaction() as connection:  # the shop's own promoter has no role in the tables
        given = {"id": shop.promoter.member_id, "at": shop.at}
        await connection.execute(text("INSERT INTO member_roles VALUES (:id, 'promoter', NULL, :at)"), given)
    await set_inviter(
        shop.db,
        member_id=shop.promoter.member_id,
        inviter_id=inviter.member_id,
        actor=shop.operator,
        at=shop.at,
        rng=shop.rng,
    )
    await change_plan(
        shop.db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=RATE_PPM,
        further_rates_ppm=(second_rate_ppm,),
        flat_minor=None,
        cap_minor=None,
        hold_seconds=int(HOLD.total_seconds()),
        state="open",
        actor=shop.operator,
        at=shop.at,
        rng=shop.rng,
    )
    shop.house.forget()
    return inviter


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with open_house(db=Database(url=database_url, pool=8), settings=Settings(after_sale_days=0)) as opened:
        yield opened


@pytest.fixture
async def shop(house: House, at: datetime, rng: random.Random) -> Shop:
    return await open_shop(house, at=at, rng=rng)


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no trigger and no foreign key stops."""
    connection = await asyncpg.connect(**asyncpg_args(database_url))
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


def someone(*roles: str) -> Actor:
    """A stranger with these roles."""
    return member_actor(member_id=uuid4(), roles=frozenset(roles), merchant_ids=frozenset({uuid4()}))


def pob(batch: Batch) -> str:
    return public_id("pob", batch.id)
