"""
``fissile bench pages``: how long the server takes for each page of a large shop.

The shop has 100,000 products and a million orders: a few hundred orders are placed, paid, shipped, refunded and
released by the flows, the audit is run on them, then every row that belongs to them is copied again and again under new
ids and earlier times. Every fourth is credited, to one of twenty promoters: each, the measured one too, has one of
eighty of the shop's orders and twice as many visits. Copies have no events, and accounts carry what the originals
moved: the audit is that of the originals.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from sqlalchemy import text

from fissile.api.asking import SESSION_COOKIE
from fissile.bench.bare import serving
from fissile.bench.ground import WEB, Ground, audit_of, bench_ground
from fissile.bench.report import peak_mb, report
from fissile.domain.members.model import member_actor
from fissile.domain.orders.model import Contact, GatewayPayment
from fissile.domain.shares.model import Share
from fissile.flows.add_member import add_member
from fissile.flows.complete_order import complete_order
from fissile.flows.grant_role import grant_role
from fissile.flows.house import House, open_house
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.flows.place_order import place_order
from fissile.flows.publish_share import publish_share
from fissile.flows.record_visit import record_visit
from fissile.flows.refund_order import refund_order
from fissile.flows.release_commissions import release_commissions
from fissile.flows.settle_payment import settle_payment
from fissile.flows.ship_order import ship_order
from fissile.flows.sign_in import sign_in
from fissile.flows.sign_up import sign_up
from fissile.infra.database import asyncpg_args
from fissile.infra.events import HOUSE, Actor
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id, public_id

ORIGINALS = 400
PROMOTERS = 20
ROUNDS = 30
_HOURS = 7  # each copy of the originals lies so much earlier
_PASSWORD = "violet harbour crane"
_PEOPLE: Mapping[str, tuple[str, ...]] = {"buyer": (), "promoter": ("promoter",), "operator": ("operator",)}
# Page, and whose; {names} are filled in.
PAGES: tuple[tuple[str | None, str], ...] = (
    (None, "/"),
    (None, "/search?q=blue+lamp"),
    (None, "/search?q=茶杯"),
    (None, "/p/{product}"),
    (None, "/checkout?sku={sku}&quantity=1"),
    (None, "/cart"),
    ("buyer", "/addresses"),
    ("buyer", "/inbox"),
    ("buyer", "/orders"),
    ("buyer", "/o/{order}"),
    ("promoter", "/promoter/products"),
    ("promoter", "/promoter/shares"),
    ("promoter", "/promoter/shares/{share}"),
    ("promoter", "/promoter/earnings"),
    ("promoter", "/promoter/lost"),
    ("promoter", "/promoter/statistics"),
    ("promoter", "/promoter/statistics?by=form&days=365"),
    ("promoter", "/promoter/statistics?by=share&days=365"),
    ("promoter", "/promoter/visits"),
    ("promoter", "/promoter/channels"),
    ("promoter", "/promoter/payouts"),
    ("promoter", "/promoter/invitation"),
    ("operator", "/operator"),
    ("operator", "/operator/orders"),
    ("operator", "/operator/orders?state=paid"),
    ("operator", "/operator/orders/{order}"),
    ("operator", "/operator/refunds"),
    ("operator", "/operator/catalogue"),
    ("operator", "/operator/catalogue?q=lamp"),
    ("operator", "/operator/plans"),
    ("operator", "/operator/payouts"),
    ("operator", "/operator/ledger"),
    ("operator", "/operator/ledger/{account}"),
    ("operator", "/operator/members"),
    ("operator", "/operator/returns"),
    ("operator", "/operator/visits"),
    ("operator", "/operator/attribution"),
    ("operator", "/operator/bindings"),
    ("operator", "/operator/channels"),
    ("operator", "/operator/mail"),
    ("operator", "/operator/audit"),
)
# Tables whose rows belong to an order, in the order of their references, and the columns that hold ids of these rows.
_OWN: Mapping[str, tuple[str, ...]] = {
    "visits": ("id", "visitor_id"),
    "orders": ("id", "visitor_id"),
    "order_lines": ("order_id",),
    "order_touches": ("order_id",),
    "order_contacts": ("order_id",),
    "payments": ("id", "order_id"),
    "stock_movements": ("id", "order_id"),
    "ledger_transfers": ("id", "pending_id", "subject_id"),
    "commissions": ("id", "order_id", "transfer_id"),
    "line_proceeds": ("order_id", "transfer_id"),
    "refunds": ("id", "order_id", "payment_id"),
    "refund_lines": ("refund_id",),
    "refund_parts": ("refund_id", "ended_id", "transfer_id"),
}
# The column that holds the original that a row belongs to, where it is not the order.
_OWNERS: Mapping[str, str] = {
    "visits": "visitor_id",
    "orders": "id",
    "ledger_transfers": "subject_id",
    "refund_lines": "refund_id",
    "refund_parts": "refund_id",
}
_ORIGINAL = """
CREATE TEMP TABLE original AS
SELECT id FROM orders UNION ALL SELECT id FROM refunds UNION ALL SELECT visitor_id FROM orders
"""
# Words that no two rows share.
_UNIQUE_WORDS = ("idempotency_key", "gateway_payment_id")
_CHANCE = random.SystemRandom()
_STAFF = Actor(member_id=None, name="bench", roles=frozenset({"operator"}))


@dataclass
class _Shop:
    names: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)


def measure(*, settings: Settings, products: int, orders: int) -> dict[str, Any]:
    """Return the report: ``figure`` is the slowest page's 95th percentile, ``limit`` that of the smallest page."""
    with bench_ground(settings=settings) as ground:
        shop = asyncio.run(_fill(ground, products=products))
        audit = audit_of(ground)
        asyncio.run(_copy(ground, copies=max(0, orders // ORIGINALS - 1)))
        started = time.perf_counter()
        with serving(WEB, factory=True, environ={"DATABASE_URL": ground.url, "FISSILE_LOG_LEVEL": "warning"}) as served:
            limit = _percentile(_times(served.url, "/health", ""), 0.95)
            pages = {}
            for person, path in PAGES:
                filled = path.format(**shop.names)
                _say(f"Pages: {path}")
                times = _times(served.url, filled, shop.sessions.get(person or "", ""))
                pages[path] = [round(statistics.median(times), 1), round(_percentile(times, 0.95), 1)]
            peak = peak_mb(served.pid)
    slowest = max(pages, key=lambda path: pages[path][1])
    return report(
        name="pages",
        figure=pages[slowest][1],
        unit="ms, p95 of the slowest page",
        p50_ms=statistics.median(p50 for p50, _ in pages.values()),
        p99_ms=max(p95 for _, p95 in pages.values()),
        limit=limit,
        limit_name="GET /health of the same process, p95 ms",
        peak_mb=peak,
        seconds=time.perf_counter() - started,
        audit=audit,
        slowest=slowest,
        over_100_ms=[path for path, (_, p95) in pages.items() if p95 > 100],
        products=products,
        orders=orders,
        pages_p50_p95_ms=pages,
    )


def _times(url: str, path: str, session: str) -> list[float]:
    """Return how many milliseconds each of the requests took, one after the other on one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=120)
    headers = {"Accept-Language": "en"} | ({"Cookie": f"{SESSION_COOKIE}={session}"} if session else {})
    taken = []
    for number in range(ROUNDS + 2):
        started = time.perf_counter()
        connection.request("GET", _quoted(path), headers=headers)
        answer = connection.getresponse()
        answer.read()
        if number >= 2:  # the first ones fill caches and prepare statements
            taken.append((time.perf_counter() - started) * 1000)
        assert answer.status == 200, f"{path} answered {answer.status}"
    connection.close()
    return taken


def _quoted(path: str) -> str:
    return "".join(one if one.isascii() else "".join(f"%{byte:02X}" for byte in one.encode()) for one in path)


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def _fill(ground: Ground, *, products: int) -> _Shop:
    shop = _Shop()
    async with open_house(db=ground.database(), settings=Settings(database_url=ground.url)) as house:
        await _goods(house, products)
        await _people_and_orders(house, shop)
    return shop


async def _goods(house: House, products: int) -> None:
    words = ("Blue", "Green", "Oak", "Steel", "Silk", "白色", "青花", "便携"), ("lamp", "chair", "tea", "茶杯", "背包")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "goods.csv"
        with file.open("w", encoding="utf-8") as out:
            out.write("sku,product,title,category,price,currency,stock,merchant\n")
            for number in range(products):
                title = f"{words[0][number % 8]} {words[1][number // 8 % 5]} {number}"
                merchant = f"m{number % 20}"
                category = f"Group {number % 12} > Kind {number % 144}"
                out.write(f"S{number},P{number},{title},{category},{number % 900 + 10}.50,CNY,1000000,{merchant}\n")
        await import_catalogue(
            house.db,
            source=CatalogueSource(file),
            dry_run=False,
            actor=HOUSE,
            at=datetime.now(UTC),
            rng=_CHANCE,
            progress=lambda count: _say(f"Pages: {count:,} goods"),
        )


async def _people_and_orders(house: House, shop: _Shop) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    people = {name: await _person(house, shop, name, roles, at=at) for name, roles in _PEOPLE.items()}
    offers = await house.db.all(text("SELECT id, product_id FROM skus WHERE code LIKE 'S%' ORDER BY code LIMIT 200"))
    shares = []
    for number in range(PROMOTERS):
        promoter_id = people["promoter"] if number == 0 else await _promoter(house, number, at=at)
        shares.append(await _share(house, promoter_id, offers[number]["product_id"], at=at))
    mine = UUID(int=0)
    for number in range(ORIGINALS):
        moment = at + timedelta(minutes=number)
        which, is_mine = number // 4 % PROMOTERS, number % 40 == 0
        visitor = new_id(at=moment, rng=_CHANCE)
        if touched := number % 4 == 0:  # by two promoters, of whom the second has the credit
            for share, earlier in ((shares[which - 1], 20), (shares[which], 10)):
                opened = moment - timedelta(minutes=earlier)
                await record_visit(house, token=share.token, form="link", visitor_id=visitor, at=opened, rng=_CHANCE)
        order = await place_order(
            house,
            lines=[(offers[which if touched else number % len(offers)]["id"], number % 3 + 1)],
            share_token=None,
            member_id=people["buyer"] if is_mine else None,
            visitor_id=visitor,
            contact=Contact(name="Bench", phone="123"),
            expected_total=None,
            idempotency_scope="bench",
            idempotency_key=str(number),
            at=moment,
            rng=_CHANCE,
        )
        mine = order.id if is_mine else mine
        await settle_payment(
            house,
            payment=GatewayPayment(
                gateway="sandbox",
                gateway_payment_id=f"pages-{number}",
                order_id=order.id,
                amount_minor=order.total.minor,
                currency=order.total.currency,
                paid_at=moment,
            ),
            message_id=f"pages-{number}",
            body_hash=hashlib.sha256(str(number).encode()).digest(),
            at=moment,
            rng=_CHANCE,
        )
        await _go_on(house, order.id, number, at=moment)
    await release_commissions(house.db, at=datetime.now(UTC), rng=_CHANCE)
    account = await house.db.all(text("SELECT id FROM ledger_accounts WHERE kind = 'order_holding' LIMIT 1"))
    shop.names = {
        "product": public_id("prd", offers[0]["product_id"]),
        "sku": public_id("sku", offers[0]["id"]),
        "order": public_id("ord", mine),
        "share": public_id("shr", shares[0].id),
        "account": str(account[0]["id"]),
    }


async def _person(house: House, shop: _Shop, name: str, roles: tuple[str, ...], *, at: datetime) -> UUID:
    """Sign somebody up, grant their roles, and keep a session of theirs."""
    email = f"{name}@pages.example"
    signed = await sign_up(
        house.db,
        email=email,
        password=_PASSWORD,
        display_name=name.title(),
        locale="en",
        visitor_id=None,
        at=at,
        rng=_CHANCE,
    )
    for role in roles:
        await grant_role(
            house.db, member_id=signed.member_id, role=role, merchant_id=None, actor=HOUSE, at=at, rng=_CHANCE
        )
    again = await sign_in(house.db, email=email, password=_PASSWORD, visitor_id=None, at=datetime.now(UTC), rng=_CHANCE)
    shop.sessions[name] = again.session_token
    return signed.member_id


async def _promoter(house: House, number: int, *, at: datetime) -> UUID:
    return await add_member(
        house.db, display_name=f"Promoter {number}", locale="en", role="promoter", actor=HOUSE, at=at, rng=_CHANCE
    )


async def _share(house: House, promoter_id: UUID, product_id: UUID, *, at: datetime) -> Share:
    return await publish_share(
        house.db,
        actor=member_actor(member_id=promoter_id, roles=frozenset({"buyer", "promoter"})),
        product_id=product_id,
        channel="bench",
        expires_at=None,
        idempotency_key="pages",
        at=at,
        rng=_CHANCE,
    )


async def _go_on(house: House, order_id: UUID, number: int, *, at: datetime) -> None:
    """Of ten paid orders one waits, one is on its way, eight have arrived; of twenty one is refunded in part."""
    if number % 10 > 0:
        await ship_order(house.db, order_id=order_id, tracking=f"T{number}", actor=_STAFF, at=at)
    if number % 10 > 1:
        await complete_order(house.db, order_id=order_id, actor=_STAFF, at=at)
    if number % 20 == 7:
        await refund_order(
            house.db,
            order_id=order_id,
            amount_minor=100,
            reason="Bench",
            actor=_STAFF,
            idempotency_key=f"pages-{number}",
            at=at,
            rng=_CHANCE,
        )


async def _copy(ground: Ground, *, copies: int) -> None:
    """Copy the originals under new ids, each copy some hours earlier."""
    connection = await asyncpg.connect(**asyncpg_args(ground.url))  # as the owner
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET session_replication_role = replica")  # references are right by construction
        statements = [await _copying(connection, table) for table in _OWN]
        await connection.execute(_ORIGINAL)
        done, many = 0, 125
        while done < copies:
            last = min(copies, done + many)
            for statement in statements:
                await connection.execute(statement, done + 1, last)
            done = last
            _say(f"Pages: {(done + 1) * ORIGINALS:,} orders")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _copying(connection: asyncpg.Connection, table: str) -> str:
    """Return the statement that copies a table's rows of the originals for copies $1 to $2."""
    columns = await connection.fetch(
        "SELECT attname AS name, format_type(atttypid, atttypmod) AS kind FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' ORDER BY attnum",
        table,
    )
    values = []
    for column in columns:
        name = column["name"]
        if name in _OWN[table]:
            values.append(f"md5(t.{name}::text || k)::uuid")
        elif name in _UNIQUE_WORDS:
            values.append(f"t.{name} || '#' || k")
        elif column["kind"] == "timestamp with time zone":
            values.append(f"t.{name} - make_interval(hours => {_HOURS} * k)")
        else:
            values.append(f"t.{name}")
    owner = _OWNERS.get(table, "order_id")
    names = ", ".join(column["name"] for column in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"
        f" FROM {table} t JOIN original o ON o.id = t.{owner} CROSS JOIN generate_series($1::int, $2::int) AS k"
        " ORDER BY k"  # by time, as rows come in
    )


def _say(words: str) -> None:
    print(words, file=sys.stderr)
