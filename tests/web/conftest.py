"""A small shop with one person of each role and one order of each kind, made by the flows, behind its real pages."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx2
import pytest
from litestar import Litestar
from sqlalchemy import text

from fissile.domain.members.model import member_actor
from fissile.domain.orders.model import Contact, GatewayPayment
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.grant_role import grant_role
from fissile.flows.house import House, open_house
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.flows.issue_invoice import issue_invoice
from fissile.flows.make_payout import make_payout
from fissile.flows.place_order import place_order
from fissile.flows.publish_share import publish_share
from fissile.flows.record_visit import record_visit
from fissile.flows.release_commissions import release_commissions
from fissile.flows.seal_statements import seal_statements
from fissile.flows.settle_payment import settle_payment
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database, asyncpg_args, with_database
from fissile.infra.events import HOUSE, Actor
from fissile.infra.settings import Settings
from fissile.kernel.ids import new_id, parse_public_id, public_id
from fissile.web.app import create_app

PASSWORD = "violet harbour crane"
HOST = "http://shop.example"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
ROLES = {
    "buyer": (),
    "promoter": ("promoter",),
    "rival": ("promoter",),
    "operator": ("operator",),
    "officer": ("payout_officer",),
    "second": ("payout_officer",),
    "auditor": ("auditor",),
    "staff": ("merchant_staff",),
    "stranger_staff": ("merchant_staff",),
}
_CSV = f"""sku,product,title,options,description,category,price,stock,merchant
TEA-1,tea,Green tea,Size=S,Picked in spring,Tea > Green,38.00,10,North
TEA-2,tea,Green tea,Size=L,Picked in spring,Tea > Green,68.00,0,North
龙井,lj,西湖龙井,,明前,茶 > 绿茶,128.00,5,North
BAD,bad,"{HOSTILE.replace('"', '""')}",,"{HOSTILE.replace('"', '""')}",Odd,5.00,5,North
CUP,cup,Cup,,,Cups,20.00,5,South
"""


@dataclass
class Facts:
    """What the tests know of the shop; ``ids`` are as people see them."""

    people: dict[str, Actor] = field(default_factory=dict)
    products: dict[str, UUID] = field(default_factory=dict)
    skus: dict[str, UUID] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


class Shop:
    """The open shop of one test, with its facts."""

    def __init__(self, *, house: House, app: Litestar, facts: Facts) -> None:
        self.house = house
        self.app = app
        self.people, self.products, self.skus = facts.people, facts.products, facts.skus
        self.ids, self.tokens = facts.ids, facts.tokens

    def browser(self, **headers: str) -> httpx2.AsyncClient:
        """Return a browser without JavaScript and without cookies."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=cast(Any, self.app)),
            base_url=HOST,
            headers={"accept-language": "en"} | headers,
        )

    async def signed_in(self, name: str) -> httpx2.AsyncClient:
        """Return the browser of a person who has signed in by the page."""
        browser = self.browser()
        answer = await send(
            browser, page="/sign-in", to="/sign-in", email=f"{name}@shop.example", password=PASSWORD, next="/"
        )
        assert answer.status_code == 303, answer.text
        return browser


def field_of(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return found[1]


async def send(browser: httpx2.AsyncClient, *, page: str, to: str, **fields: str) -> httpx2.Response:
    """Fill in a form of a page and send it, with the hidden fields that the page has."""
    text = (await browser.get(page)).text
    hidden = {"_form": field_of(text, "_form")}
    if 'name="_key"' in text:
        hidden["_key"] = field_of(text, "_key")
    return await browser.post(to, data=hidden | fields)


@pytest.fixture(scope="session")
def filled(server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Facts]]:
    """The name of a database that holds the shop, made once for a run, and its facts."""
    name, facts = f"fissile_shop_{uuid.uuid4().hex[:12]}", Facts()
    url = with_database(server_url, name)
    template = asyncpg_args(template_url)["database"]
    asyncio.run(_run(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    asyncio.run(_make(url, facts, folder=tmp_path_factory.mktemp("shop")))
    yield name, facts
    asyncio.run(_run(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def shop(server_url: str, filled: tuple[str, Facts], tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop of this test alone behind its pages; its people have the one password."""
    template, facts = filled
    name = f"fissile_test_{uuid.uuid4().hex[:12]}"
    await _run(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    db = Database(url=with_database(server_url, name), pool=5)
    async with open_house(db=db, settings=_settings(tmp_path)) as house:
        app = create_app(house)
        async with _alive(app):
            yield Shop(house=house, app=app, facts=facts)
    await _run(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """Start the application and stop it in one task, as a server does; a fixture's halves run in two."""
    said: asyncio.Queue[Any] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, said.get, heard.put))  # type: ignore[arg-type]
    said.put_nowait({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield
    said.put_nowait({"type": "lifespan.shutdown"})
    await task


def _settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", public_url=HOST, locale="en")


async def _run(server_url: str, statement: str) -> None:
    admin = await asyncpg.connect(**asyncpg_args(with_database(server_url, "postgres")))
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


async def _make(url: str, facts: Facts, *, folder: Path) -> None:
    async with open_house(db=Database(url=url, pool=5), settings=_settings(folder)) as house:
        await _fill(house, facts, folder=folder)


async def _fill(house: House, shop: Facts, *, folder: Path) -> None:
    # Times are before now: pages read the clock, and what is held shall be over by then.
    at, rng, db = datetime.now(UTC) - timedelta(days=2), random.Random(7), house.db
    file = folder / "catalogue.csv"
    file.write_text(_CSV, encoding="utf-8")
    report = await import_catalogue(
        db,
        source=CatalogueSource(path=file),
        dry_run=False,
        actor=HOUSE,
        at=at,
        rng=rng,
        progress=lambda _: None,
    )
    assert report.loaded == 5, report.errors
    merchants = await _ids(db, "SELECT code, id FROM merchants")
    shop.ids |= {code: public_id("mch", one) for code, one in merchants.items()}
    shop.products = await _ids(db, "SELECT code, id FROM products")
    shop.skus = await _ids(db, "SELECT code, id FROM skus")
    await _people(db, shop, merchants=merchants, at=at, rng=rng)
    operator = shop.people["operator"]
    await change_fee(db, merchant_id=None, rate_ppm=50_000, actor=operator, at=at, rng=rng)
    await change_plan(
        db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=100_000,
        flat_minor=None,
        cap_minor=None,
        hold_seconds=60,
        state="open",
        actor=operator,
        at=at,
        rng=rng,
    )
    for name in ("rival", "promoter"):
        share = await publish_share(
            db,
            actor=shop.people[name],
            product_id=shop.products["tea"],
            channel="chat",
            expires_at=None,
            idempotency_key=name,
            at=at,
            rng=rng,
        )
        shop.tokens[name] = share.token
        shop.ids[f"share of {name}"] = public_id("shr", share.id)
    shop_share = await publish_share(
        db,
        actor=shop.people["promoter"],
        merchant_id=merchants["north"],
        channel="moments",
        expires_at=None,
        idempotency_key="shop",
        at=at,
        rng=rng,
    )
    shop.tokens["shop"] = shop_share.token
    shop.ids |= {"shop share": public_id("shr", shop_share.id), "shop": public_id("mch", merchants["north"])}
    visitor = new_id(at=at, rng=rng)
    for minute, name in enumerate(("rival", "promoter"), 1):
        await record_visit(
            house,
            token=shop.tokens[name],
            form="link",
            visitor_id=visitor,
            at=at + timedelta(minutes=minute),
            rng=rng,
        )
    for name, key in (("paid order", "one"), ("placed order", "two")):
        moment = at + timedelta(minutes=5) if key == "one" else datetime.now(UTC)
        order = await place_order(
            house,
            lines=[(shop.skus["TEA-1"], 2)],
            share_token=None,
            member_id=shop.people["buyer"].member_id,
            visitor_id=visitor,
            contact=Contact(name="Mei & Co", phone="123"),
            expected_total=None,
            idempotency_scope="tests",
            idempotency_key=key,
            at=moment,
            rng=rng,
        )
        shop.ids[name] = public_id("ord", order.id)
        if key == "one":
            await settle_payment(
                house,
                payment=GatewayPayment(
                    gateway="sandbox",
                    gateway_payment_id="p-1",
                    order_id=order.id,
                    amount_minor=order.total.minor,
                    currency="CNY",
                    paid_at=moment,
                ),
                message_id="m-1",
                body_hash=hashlib.sha256(b"m").digest(),
                at=moment,
                rng=rng,
            )
    invoice_id = await issue_invoice(
        db,
        order_id=parse_public_id("ord", shop.ids["paid order"]),
        actor=operator,
        visitor_id=None,
        shop="Fissile",
        locale="en",
        at=at + timedelta(minutes=6),
        rng=rng,
    )
    shop.ids["invoice"] = public_id("inv", invoice_id)
    await release_commissions(db, at=at + timedelta(hours=1), rng=rng)
    batch = await make_payout(
        db,
        currency="CNY",
        actor=shop.people["officer"],
        idempotency_key="batch",
        at=at + timedelta(hours=2),
        rng=rng,
    )
    shop.ids["batch"] = public_id("pob", batch.id)
    await seal_statements(db, actor=HOUSE, at=at + timedelta(days=32), rng=rng)
    sealed = "SELECT s.id, a.kind FROM statements s JOIN ledger_accounts a ON a.id = s.account_id"
    for row in await db.all(text(sealed)):
        payee = "promoter" if row["kind"] == "commission_payable" else "merchant"
        shop.ids[f"statement of {payee}"] = public_id("stm", row["id"])
    accounts = await db.all(text("SELECT id FROM ledger_accounts ORDER BY kind LIMIT 1"))
    shop.ids["account"] = str(accounts[0]["id"])


async def _people(db: Database, shop: Facts, *, merchants: dict[str, UUID], at: datetime, rng: random.Random) -> None:
    """Sign up the first, copy the others from it: making nine password hashes would take a second."""
    first = await sign_up(
        db,
        email="model@shop.example",
        password=PASSWORD,
        display_name="Model",
        locale="en",
        visitor_id=None,
        at=at,
        rng=rng,
    )
    for name, roles in ROLES.items():
        member_id = new_id(at=at, rng=rng)
        merchant_id = merchants["south" if name == "stranger_staff" else "north"]
        async with db.transaction() as connection:
            for statement in _COPY:
                values = {"id": member_id, "name": f"{name.title()} & Co", "email": f"{name}@shop.example", "at": at}
                await connection.execute(
                    text(statement),
                    {
                        key: value
                        for key, value in (values | {"model": first.member_id}).items()
                        if f":{key}" in statement
                    },
                )
        for role in roles:
            staff_of = merchant_id if role == "merchant_staff" else None
            await grant_role(db, member_id=member_id, role=role, merchant_id=staff_of, actor=HOUSE, at=at, rng=rng)
        shop.people[name] = member_actor(member_id=member_id, roles=frozenset({"buyer", *roles}))


_COPY = (
    "INSERT INTO members (id, state, created_at) SELECT CAST(:id AS uuid), state, :at FROM members WHERE id = :model",
    "INSERT INTO member_profiles (member_id, display_name, locale)"
    " SELECT CAST(:id AS uuid), CAST(:name AS text), locale FROM member_profiles WHERE member_id = :model",
    "INSERT INTO member_logins (member_id, email, password_hash, changed_at)"
    " SELECT CAST(:id AS uuid), CAST(:email AS text), password_hash, :at FROM member_logins WHERE member_id = :model",
    "INSERT INTO member_roles (member_id, role, granted_at)"
    " SELECT CAST(:id AS uuid), role, :at FROM member_roles WHERE member_id = :model",
)


async def _ids(db: Database, statement: str) -> dict[str, Any]:
    return {row["code"]: row["id"] for row in await db.all(text(statement))}
