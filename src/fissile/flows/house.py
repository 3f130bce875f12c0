"""The open house: one database, its batchers, the reference data that decisions are made on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from fissile.domain.attribution.model import BuyerBinding, Credit, Policies, Touch
from fissile.domain.attribution.queries import TouchKey, bindings_of, load_policies, touches_of
from fissile.domain.catalogue.model import Offer, ProductView, ShopView
from fissile.domain.catalogue.queries import offers, product_page, shop_view, sku_by_code
from fissile.domain.commissions.model import Plans
from fissile.domain.commissions.queries import load_plans
from fissile.domain.members.invitations import Inviter, inviters_of
from fissile.domain.orders.model import PayableOrder, Quote
from fissile.domain.orders.queries import payable_orders
from fissile.domain.shares.model import Share
from fissile.domain.shares.queries import shares_by_token
from fissile.domain.shipping.model import AllTerms
from fissile.domain.shipping.queries import load_terms
from fissile.flows.place_order import ItemLine, OrderAnswer, OrderItem, place_checkouts
from fissile.flows.record_visit import VisitItem, record_visits
from fissile.flows.settle_payment import PaymentAnswer, PaymentItem, settle_payments
from fissile.infra.batcher import Batcher
from fissile.infra.coalesce import Coalesced
from fissile.infra.database import Database
from fissile.infra.derived import Derived
from fissile.infra.secrets import kept_secret
from fissile.infra.settings import Settings

_log = structlog.get_logger()

CHANNELS = ("fissile_attribution", "fissile_catalogue", "fissile_plans", "fissile_shares")
CACHE_SECONDS = 5.0
CACHE_MAX = 100_000

Wanted = tuple[tuple[UUID, int], ...]  # SKUs with their quantities
CreditKey = tuple[UUID, frozenset[UUID], UUID | None]  # merchant, products, buyer
DecidedCredit = tuple[datetime | None, datetime | None, Credit]  # holds after, up to, and what was decided

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """
    Reference data by key, dropped wholly on a notice, after a lost connection, and after five seconds.

    It may be a moment behind: the SQL functions check the versions that a decision was made on.
    """

    def __init__(self, load: Callable[[Key], Awaitable[Value | None]]) -> None:
        self._load = load
        self._values: dict[Key, Value] = {}
        self._loading: dict[Key, asyncio.Future[Value | None]] = {}
        self._since = 0.0

    async def get(self, key: Key) -> Value | None:
        """Return the value of a key, loading it once for all who ask at the same time."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._since > CACHE_SECONDS or len(self._values) > CACHE_MAX:
            self.drop()
            self._since = loop.time()
        if (known := self._values.get(key)) is not None:
            return known
        if (running := self._loading.get(key)) is None:
            running = self._loading[key] = asyncio.ensure_future(self._fill(key))
        return await asyncio.shield(running)

    async def _fill(self, key: Key) -> Value | None:
        values = self._values
        try:
            value = await self._load(key)
        finally:
            self._loading.pop(key, None)
        if value is not None:
            values[key] = value  # the dictionary of when we began: a drop in between takes this value with it
        return value

    def drop(self) -> None:
        """Forget everything, what is being loaded included."""
        self._values = {}
        self._loading = {}


class House:
    """What flows on the fast paths work with; made by :func:`open_house`."""

    def __init__(self, *, db: Database, settings: Settings) -> None:
        self.db = db
        self.settings = settings
        self.secure = settings.base_url.startswith("https://")
        limit = settings.queue_max
        self.visits: Batcher[VisitItem, str] = Batcher("visits", self._fast, self._record_visits, queue_max=limit)
        self.orders: Batcher[tuple[OrderItem, ...], tuple[OrderAnswer, ...]] = Batcher(
            "orders", self._fast, place_checkouts, queue_max=limit
        )
        self.payments: Batcher[PaymentItem, PaymentAnswer] = Batcher(
            "payments", self._fast, settle_payments, queue_max=limit
        )
        self.touches: Coalesced[TouchKey, list[Touch]] = Coalesced(self._fast, touches_of, "touches", queue_max=limit)
        self.bindings: Coalesced[UUID, BuyerBinding] = Coalesced(self._fast, bindings_of, "bindings", queue_max=limit)
        self.payables: Coalesced[UUID, PayableOrder] = Coalesced(
            self._fast, payable_orders, "payables", queue_max=limit
        )
        self._shares_read: Coalesced[str, Share] = Coalesced(self._fast, shares_by_token, "shares", queue_max=limit)
        self.shares: Cache[str, Share] = Cache(self._shares_read.get)
        self.offers: Cache[UUID, Offer] = Cache(self._load_offer)
        self.products: Cache[UUID, ProductView] = Cache(self._load_product)
        self.shops: Cache[UUID, ShopView] = Cache(self._load_shop)
        self.sku_ids: Cache[str, UUID] = Cache(self._load_sku_id)
        self.plans: Cache[str, tuple[Plans, int]] = Cache(self._load_plans)
        self.policies: Cache[str, tuple[Policies, int]] = Cache(self._load_policies)
        self.terms: Cache[str, tuple[AllTerms, int]] = Cache(self._load_terms)
        self.secrets: Cache[str, str] = Cache(self._load_secret)
        self._inviters_read: Coalesced[UUID, Inviter] = Coalesced(self._fast, inviters_of, "inviters", queue_max=limit)
        self.inviters: Cache[UUID, Inviter] = Cache(self._inviters_read.get)
        # Decisions that follow from the caches alone: a quote from its offers, a division of money from the plans too.
        self.quotes: Derived[Wanted, Quote] = Derived()
        # … and the credit by many touches; few are kept, for each holds all the touches it was made from.
        self.credits: Derived[CreditKey, DecidedCredit] = Derived(kept_max=64)
        self.splits: Derived[tuple[Wanted, bool, bool], tuple[ItemLine, ...]] = Derived()
        self._parts = (
            self.visits,
            self.orders,
            self.payments,
            self.touches,
            self.bindings,
            self.payables,
            self._shares_read,
            self._inviters_read,
        )
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect every batcher and begin to listen for changes of reference data."""
        await asyncio.gather(*(part.start() for part in self._parts))
        self._listener = asyncio.create_task(self._listen(), name="listener")

    async def close(self) -> None:
        """Finish what was accepted, then close every connection."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        for part in self._parts:
            await part.close()
        await self.db.close()

    def forget(self) -> None:
        """Drop all reference data: the next decision is made on what the database has now."""
        self.shares.drop()
        self.offers.drop()
        self.products.drop()
        self.shops.drop()
        self.sku_ids.drop()
        self.plans.drop()
        self.inviters.drop()
        self.policies.drop()
        self.terms.drop()

    async def _fast(self) -> asyncpg.Connection:
        connection = await self.db.raw()
        # Arrays of at most 256 keys against indexes: never a scan, however young the statistics are.
        await connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        return connection

    async def _record_visits(self, connection: asyncpg.Connection, items: Sequence[VisitItem]) -> list[str]:
        return await record_visits(connection, items, window_seconds=self.settings.visit_window_seconds)

    async def _load_offer(self, sku_id: UUID) -> Offer | None:
        async with self.db.reading() as connection:
            return (await offers(connection, sku_ids=[sku_id])).get(sku_id)

    async def _load_product(self, product_id: UUID) -> ProductView | None:
        async with self.db.reading() as connection:
            return await product_page(connection, product_id=product_id)

    async def _load_shop(self, merchant_id: UUID) -> ShopView | None:
        async with self.db.reading() as connection:
            return await shop_view(connection, merchant_id=merchant_id)

    async def _load_sku_id(self, given: str) -> UUID:
        async with self.db.reading() as connection:
            return await sku_by_code(connection, given=given)

    async def _load_plans(self, _: str) -> tuple[Plans, int]:
        async with self.db.reading() as connection:
            return await load_plans(connection)

    async def _load_policies(self, _: str) -> tuple[Policies, int]:
        async with self.db.reading() as connection:
            return await load_policies(connection)

    async def _load_terms(self, _: str) -> tuple[AllTerms, int]:
        async with self.db.reading() as connection:
            return await load_terms(connection)

    async def _load_secret(self, name: str) -> str | None:
        async with self.db.reading() as connection:
            return await kept_secret(connection, name=name)

    async def _listen(self) -> None:
        while True:
            lost = asyncio.Event()
            try:
                connection = await self.db.raw()
            except (OSError, asyncpg.PostgresError) as error:
                _log.warning("listener_away", reason=str(error))
                await asyncio.sleep(0.5)
                continue
            try:
                connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                for channel in CHANNELS:
                    await connection.add_listener(channel, lambda *_: self.forget())
                self.forget()  # what was said while nobody listened
                await lost.wait()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("listener_lost", reason=str(error))
            finally:
                connection.terminate()


@asynccontextmanager
async def open_house(*, db: Database, settings: Settings) -> AsyncIterator[House]:
    """Open the house over a migrated database and close it at the end."""
    house = House(db=db, settings=settings)
    await house.start()
    try:
        yield house
    finally:
        await house.close()
