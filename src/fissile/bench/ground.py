"""Where a benchmark happens: a database of its own on the home's server, a small shop in it, dropped at the end."""

from __future__ import annotations

import asyncio
import random
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy import select

from fissile.bench.bare import Served, serving
from fissile.domain.catalogue.tables import skus
from fissile.domain.members.model import member_actor
from fissile.flows.become_promoter import become_promoter
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.house import House, open_house
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.flows.publish_share import publish_share
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database, asyncpg_args, with_database
from fissile.infra.events import HOUSE, Actor
from fissile.infra.server import reach_database
from fissile.infra.settings import Settings
from fissile.migrations.upgrade import upgrade
from fissile.views.audit import run_audit

WEB = "fissile.web.main:create"
HOT = "hot"
HOT_STOCK = 100_000_000
SHARES = 20
_CHANCE = random.SystemRandom()
_OPERATOR = Actor(member_id=None, name="bench", roles=frozenset({"operator"}))
_HEADER = "sku,product,title,price,currency,stock,merchant"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A shop to measure in: one hot SKU that never runs out, scarce ones, a fee, a plan, one promoter's shares."""

    url: str
    hot_id: UUID
    scarce: tuple[str, ...]
    tokens: tuple[str, ...]

    def database(self) -> Database:
        """Open the database; its engine belongs to the running loop."""
        return Database(url=self.url, pool=4)

    def open_house(self) -> AbstractAsyncContextManager[House]:
        """Open the shop in this process: what flows and SQL functions do without HTTP."""
        return open_house(db=self.database(), settings=Settings(database_url=self.url))

    def serving(self, *, queue_max: int | None = None) -> AbstractContextManager[Served]:
        """Serve this shop in a web process as the house is served."""
        environ = {"DATABASE_URL": self.url, "FISSILE_LOG_LEVEL": "warning"}
        environ["FISSILE_GUEST_ORDERS_PER_MINUTE"] = "0"  # a load comes from one address
        if queue_max is not None:
            environ["FISSILE_QUEUE_MAX"] = str(queue_max)
        return serving(WEB, factory=True, environ=environ)


@contextmanager
def bench_ground(*, settings: Settings, scarce_stock: int = 0, scarce_count: int = 0) -> Iterator[Ground]:
    """Make the ground on the server of these settings, and drop it at the end."""
    server = reach_database(settings)
    url = with_database(server, f"fissile_bench_{uuid.uuid4().hex[:12]}")
    asyncio.run(_administer(server, f'CREATE DATABASE "{_name(url)}"'))
    try:
        yield asyncio.run(make_ground(url=url, scarce_stock=scarce_stock, scarce_count=scarce_count))
    finally:
        asyncio.run(_administer(server, f'DROP DATABASE "{_name(url)}" WITH (FORCE)'))


async def make_ground(*, url: str, scarce_stock: int = 0, scarce_count: int = 0) -> Ground:
    """Fill a database with the ground, through the flows; ``scarce_stock`` units of each of the scarce SKUs."""
    at = datetime.now(UTC)
    await upgrade(url=url)
    db = Database(url=url, pool=4)
    try:
        scarce = tuple(f"scarce-{number}" for number in range(scarce_count))
        await _goods(db, {HOT: HOT_STOCK, **dict.fromkeys(scarce, scarce_stock)}, at=at)
        async with db.reading() as connection:
            hot = (await connection.execute(select(skus.c.id, skus.c.product_id).where(skus.c.code == HOT))).one()
        await _money(db, at=at)
        tokens = await _shares(db, product_id=hot.product_id, at=at)
        return Ground(url=url, hot_id=hot.id, scarce=scarce, tokens=tokens)
    finally:
        await db.close()


def audit_of(ground: Ground) -> str:
    """Return "clean", or how many findings the audit has."""
    return asyncio.run(_audit(ground))


async def _audit(ground: Ground) -> str:
    db = ground.database()
    try:
        report = await run_audit(db)
    finally:
        await db.close()
    return "clean" if report.clean else str(len(report.findings))


async def _goods(db: Database, stock: dict[str, int], *, at: datetime) -> None:
    rows = [f"{code},{code},Goods {code},12.50,CNY,{units},bench" for code, units in stock.items()]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "goods.csv"
        file.write_text("\n".join([_HEADER, *rows]) + "\n", encoding="utf-8")
        loaded = await import_catalogue(
            db,
            source=CatalogueSource(file),
            dry_run=False,
            actor=HOUSE,
            at=at,
            rng=_CHANCE,
            progress=lambda _: None,
        )
    assert loaded.loaded == len(stock), f"the ground's own goods are whole: {loaded.errors}"


async def _money(db: Database, *, at: datetime) -> None:
    await change_fee(db, merchant_id=None, rate_ppm=50_000, actor=_OPERATOR, at=at, rng=_CHANCE)
    await change_plan(
        db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=100_000,
        flat_minor=None,
        cap_minor=None,
        hold_seconds=3600,
        state="open",
        actor=_OPERATOR,
        at=at,
        rng=_CHANCE,
    )


async def _shares(db: Database, *, product_id: UUID, at: datetime) -> tuple[str, ...]:
    promoter = await sign_up(
        db,
        email="promoter@bench.example",
        password=uuid.UUID(int=_CHANCE.getrandbits(128)).hex,
        display_name="Bench",
        locale="en",
        visitor_id=None,
        at=at,
        rng=_CHANCE,
    )
    await become_promoter(db, member_id=promoter.member_id, at=at, rng=_CHANCE)
    actor = member_actor(member_id=promoter.member_id, roles=frozenset({"buyer", "promoter"}))
    tokens = []
    for number in range(SHARES):
        share = await publish_share(
            db,
            actor=actor,
            product_id=product_id,
            channel="bench",
            expires_at=None,
            idempotency_key=str(number),
            at=at,
            rng=_CHANCE,
        )
        tokens.append(share.token)
    return tuple(tokens)


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(**asyncpg_args(with_database(server, "postgres")))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _name(url: str) -> str:
    name: str = asyncpg_args(url)["database"]
    return name
