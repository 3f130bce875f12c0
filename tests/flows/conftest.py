"""A small shop for journeys: valid by default."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.members.model import member_actor
from fissile.domain.orders.model import GatewayPayment, PlacedOrder
from fissile.domain.shares.model import Share
from fissile.flows.add_member import add_member
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.house import House, open_house
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.flows.place_order import place_order
from fissile.flows.publish_share import publish_share
from fissile.flows.settle_payment import Settled, settle_payment
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id

GOODS = """sku,title,price,currency,stock,merchant
tea,Green tea,12.50,CNY,10,hill
cup,Cup,30.00,CNY,5,hill
song,A song,9.99,CNY,,hill
hat,Hat,8.00,USD,3,shore
gift,A gift,0.00,CNY,5,hill
"""


@dataclass
class Shop:
    """A shop with five SKUs, a plan of 10 %, a fee of 5 %, and a promoter."""

    house: House
    at: datetime
    rng: random.Random
    promoter: Actor
    skus: dict[str, UUID]
    products: dict[str, UUID]
    merchant_id: UUID
    keys: int = field(default=0)

    async def order(self, sku: str = "tea", quantity: int = 1, **changes: Any) -> PlacedOrder:
        """Place an order of one SKU as a guest with a key of its own."""
        self.keys += 1
        given: dict[str, Any] = {
            "lines": [(self.skus[sku], quantity)],
            "share_token": None,
            "member_id": None,
            "visitor_id": new_id(at=self.at, rng=self.rng),
            "contact": None,
            "expected_total": None,
            "idempotency_scope": "test",
            "idempotency_key": f"key {self.keys}",
            "at": self.at,
            "rng": self.rng,
        }
        return await place_order(self.house, **(given | changes))

    async def pay(self, order: PlacedOrder, *, message_id: str | None = None, **changes: Any) -> Settled:
        """Let the gateway report that an order is paid."""
        payment: dict[str, Any] = {
            "gateway": "sandbox",
            "gateway_payment_id": f"pay {order.id}",
            "order_id": order.id,
            "amount_minor": order.total.minor,
            "currency": order.total.currency,
            "paid_at": self.at,
        }
        return await settle_payment(
            self.house,
            payment=GatewayPayment(**(payment | changes)),
            message_id=message_id or f"message {order.id}",
            body_hash=repr(sorted(changes.items())).encode(),
            at=self.at + timedelta(minutes=1),
            rng=self.rng,
        )

    async def share(self, sku: str = "tea", *, actor: Actor | None = None, **changes: Any) -> Share:
        """Publish a share of a SKU's product."""
        self.keys += 1
        given: dict[str, Any] = {
            "actor": actor or self.promoter,
            "product_id": self.products[sku],
            "channel": "family",
            "expires_at": None,
            "idempotency_key": f"share {self.keys}",
            "at": self.at,
            "rng": self.rng,
        }
        return await publish_share(self.house.db, **(given | changes))

    async def restock(self, sku: str, stock: int) -> None:
        """Import a new stock figure of one SKU."""
        rows = [line for line in GOODS.splitlines() if line.startswith(f"{sku},")]
        cells = rows[0].split(",")
        cells[4] = str(stock)
        await bring_in(self.house.db, GOODS.splitlines()[0] + "\n" + ",".join(cells), at=self.at, rng=self.rng)

    async def member(self, role: str = "promoter") -> Actor:
        """Return a new member with a role."""
        member_id = await add_member(
            self.house.db, display_name=role, locale="en", role=role, actor=HOUSE, at=self.at, rng=self.rng
        )
        return member_actor(member_id=member_id, roles=frozenset({role}))

    async def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Return rows as tuples."""
        return [tuple(row.values()) for row in await self.house.db.all(text(statement), parameters)]

    async def stock(self, sku: str) -> tuple[int, int]:
        """Return what is on hand and what of it is reserved."""
        found = await self.rows("SELECT on_hand, reserved FROM sku_stock WHERE sku_id = :sku", sku=self.skus[sku])
        return (found[0][0], found[0][1])

    async def balances(self) -> dict[str, tuple[int, int]]:
        """Return (posted, pending) of each account that moved: credits less debits, by its kind."""
        found = await self.rows(
            "SELECT kind, credits_posted - debits_posted, credits_pending - debits_pending FROM ledger_accounts"
            " WHERE debits_posted + credits_posted + debits_pending + credits_pending > 0 ORDER BY kind"
        )
        return {kind: (posted, pending) for kind, posted, pending in found}


async def bring_in(db: Database, rows: str, *, at: datetime, rng: random.Random) -> None:
    """Import rows of a catalogue; all of them are good."""
    report = await import_catalogue(
        db,
        source=CatalogueSource(None, stdin=io.BytesIO(rows.encode())),
        dry_run=False,
        actor=HOUSE,
        at=at,
        rng=rng,
        progress=lambda _: None,
    )
    assert not report.errors, report.errors


async def fill(db: Database, *, at: datetime, rng: random.Random) -> None:
    """Import the goods, a fee of 5 % and a plan of 10 % that holds for two minutes."""
    await bring_in(db, GOODS, at=at, rng=rng)
    await change_fee(db, merchant_id=None, rate_ppm=50_000, actor=HOUSE, at=at, rng=rng)
    await change_plan(
        db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=100_000,
        flat_minor=None,
        cap_minor=None,
        hold_seconds=120,
        state="open",
        actor=HOUSE,
        at=at,
        rng=rng,
    )


@pytest.fixture
async def shop(db: Database, database_url: str, at: datetime, rng: random.Random) -> AsyncIterator[Shop]:
    """An open house over a filled database."""
    await fill(db, at=at, rng=rng)
    found = await db.all(text("SELECT code, id, product_id, merchant_id FROM skus"))
    async with open_house(db=Database(url=database_url, pool=5), settings=Settings()) as house:
        made = Shop(
            house,
            at,
            rng,
            HOUSE,
            {row["code"]: row["id"] for row in found},
            {row["code"]: row["product_id"] for row in found},
            next(row["merchant_id"] for row in found if row["code"] == "tea"),
        )
        made.promoter = await made.member()
        yield made
