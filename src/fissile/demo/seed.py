"""
Fill an empty shop with the demo community, by calling the flows with past times.

It can be broken off at any moment and goes on where it was: every step is keyed, and chance comes from seeds.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

import fissile
from fissile.demo.channels import MACHINES_IN_TEN, make_channels, opener
from fissile.demo.checkout import show_checkout
from fissile.demo.forms import form_by_chance, share_shops
from fissile.demo.money import SECOND_RATE_PPM, invite, refund_in_part
from fissile.demo.payouts import close_months, payout_settings, play_payout
from fissile.domain.catalogue.rules import COLUMNS
from fissile.domain.catalogue.tables import merchants, product_pictures, products, sku_stock, skus
from fissile.domain.commissions.queries import load_plans
from fissile.domain.members.model import member_actor
from fissile.domain.members.tables import member_logins
from fissile.domain.orders.errors import OrderStateDiffers, SoldOut
from fissile.domain.orders.model import Contact, GatewayPayment, PlacedOrder
from fissile.domain.payouts.errors import NothingDue, PayoutStateDiffers
from fissile.domain.shares.model import Share
from fissile.flows.approve_payout import approve_payout
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.complete_order import complete_order
from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.grant_role import grant_role
from fissile.flows.house import House, open_house
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.flows.make_payout import make_payout
from fissile.flows.place_order import place_order
from fissile.flows.publish_share import publish_share
from fissile.flows.record_visit import record_visit
from fissile.flows.refund_order import refund_order
from fissile.flows.release_commissions import release_commissions
from fissile.flows.reset_password import reset_password
from fissile.flows.settle_payment import settle_payment
from fissile.flows.ship_order import ship_order
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor
from fissile.infra.gateways.sandbox.messages import payment_id_of
from fissile.infra.mapping import load_map
from fissile.infra.settings import Settings
from fissile.infra.tables import kept_answers
from fissile.kernel.ids import named_id, new_id

DAYS = 30
VISITS_A_DAY = 40
ORDERS_A_DAY = 9
PAYOUT_DAY = DAYS - 6
HOLD_SECONDS = 120
_SCOPE = "demo"
_MAPS = ("catalogue_en/map.toml", "catalogue_en/map-pln.toml", "catalogue_zh/map.toml")
# Who is there: name of the sign-in, display name, language, roles besides buyer.
_PEOPLE = (
    ("operator", "Olivia Operator", "en", ("operator",)),
    ("promoter", "Piet Promoter", "en", ("promoter",)),
    ("promoter2", "林小满", "zh_CN", ("promoter",)),
    ("promoter3", "周子衿", "zh_CN", ("promoter",)),
    ("payout1", "Paula Payout", "en", ("payout_officer",)),
    ("payout2", "Peter Payout", "en", ("payout_officer",)),
    ("merchant", "陈掌柜", "zh_CN", ("merchant_staff",)),
    ("reviewer", "Rita Reviewer", "en", ("reviewer",)),
    ("auditor", "Anna Auditor", "en", ("auditor",)),
    ("buyer", "王一诺", "zh_CN", ()),
)
_CHANNELS = ("family group", "校友群", "Moments", "office chat", "")


@dataclass(frozen=True, slots=True)
class Person:
    """One of the demo's people; ``password`` is empty if it was printed before."""

    email: str
    name: str
    roles: tuple[str, ...]
    password: str = ""


@dataclass(slots=True)
class _Stage:
    """What a day of the demo is played on."""

    house: House
    began: datetime
    actors: dict[str, Actor] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    offers: dict[UUID, list[UUID]] = field(default_factory=dict)  # product → SKUs in stock
    channels: dict[str, list[UUID]] = field(default_factory=dict)  # promoter → what shares may name


async def seed_demo(db: Database, *, settings: Settings, at: datetime, say: Callable[[str], None]) -> list[Person]:
    """
    Fill an empty shop, or go on with a filling that was broken off; a shop with goods of its own is left alone.

    Return the people with their new passwords; without passwords if they were made before.
    """
    began, done = await _progress(db, at=at)
    if done:
        return []
    if began is None:
        say("This shop is not empty: the demo leaves it as it is.")
        return []
    for step, name in enumerate(_MAPS, 1):
        say(f"Demo: catalogue {step} of {len(_MAPS)}")
        await _import(db, name, settings=settings, at=began)
    say("Demo: people and plans")
    people, actors = await _people(db, at=began)
    await _plans(db, actors=actors, at=began)
    await invite(db, inviter=actors["promoter"], invited=actors["promoter2"], operator=actors["operator"], at=began)
    await payout_settings(db, actors=actors, at=began)
    async with open_house(db=Database(url=db.url, pool=8), settings=settings) as house:
        stage = _Stage(house, began, actors, [], await _goods(db))
        stage.channels = await make_channels(db, actors=actors, at=began)
        stage.shares = await _shares(stage)
        await share_shops(house, actors=stage.actors, began=began)
        for day in range(DAYS):
            if day % 10 == 0:
                say(f"Demo: day {day + 1} of {DAYS}")
            await _play_day(stage, day)
        await show_checkout(house, buyer=actors["buyer"], operator=actors["operator"], at=at)
    await refund_in_part(db, operator=actors["operator"], shop=settings.shop_name, locale=settings.locale, at=at)
    await close_months(db, at=at)
    await _keep(db, key="done", at=at)
    return people


async def new_passwords(db: Database, *, at: datetime) -> list[Person]:
    """Give every demo person who is there a new password."""
    made = []
    for name, display_name, _, roles in _PEOPLE:
        found = select(member_logins.c.member_id).where(member_logins.c.email == _email(name))
        async with db.reading() as connection:
            member_id = (await connection.execute(found)).scalar()
        if member_id is not None:
            password = _password()
            await reset_password(
                db, member_id=member_id, password=password, actor=HOUSE, at=at, rng=random.SystemRandom()
            )
            made.append(Person(_email(name), display_name, roles or ("buyer",), password))
    return made


def print_people(people: list[Person], *, say: Callable[[str], None]) -> None:
    """Print who can sign in; passwords are shown this once."""
    if not people:
        return
    say("\nSign in as (passwords are shown once; `fissile doctor --demo-passwords` makes new ones):")
    for person in people:
        say(f"  {person.email:28} {person.password:22} {', '.join(person.roles)}")
    say("")


async def _progress(db: Database, *, at: datetime) -> tuple[datetime | None, bool]:
    """Return when the demo's thirty days began (None: the shop has goods of its own) and whether it is filled."""
    answers = select(kept_answers.c.key, kept_answers.c.kept_at).where(kept_answers.c.scope == _SCOPE)
    async with db.reading() as connection:
        known = {row.key: row.kept_at for row in await connection.execute(answers)}
        taken = (await connection.execute(select(func.count()).select_from(merchants))).scalar_one()
    if "began" in known:
        return known["began"], "done" in known
    if taken:
        return None, False
    began = at.replace(microsecond=0) - timedelta(days=DAYS)
    await _keep(db, key="began", at=began)
    return began, False


async def _keep(db: Database, *, key: str, at: datetime) -> None:
    row = {"scope": _SCOPE, "key": key, "request_hash": b"", "answer": {}, "kind": "done", "kept_at": at}
    async with db.transaction() as connection:
        await connection.execute(insert(kept_answers).values(row).on_conflict_do_nothing())


async def _import(db: Database, name: str, *, settings: Settings, at: datetime) -> None:
    with resources.as_file(resources.files(fissile) / "demo" / name) as path:
        plan = load_map(path, allowed=COLUMNS)
        assert plan.rows is not None, "the shipped maps name their rows"
        source = CatalogueSource(Path(path).parent / plan.rows, plan=plan, house_name=settings.shop_name)
        report = await import_catalogue(
            db,
            source=source,
            dry_run=False,
            actor=HOUSE,
            at=at,
            rng=random.SystemRandom(),
            progress=lambda _: None,
        )
    assert not report.errors, f"the shipped catalogue {name} is whole: {report.errors[:3]}"


async def _people(db: Database, *, at: datetime) -> tuple[list[Person], dict[str, Actor]]:
    rng = random.SystemRandom()
    people, actors = [], {}
    async with db.reading() as connection:
        merchant_id = (await connection.execute(select(merchants.c.id).order_by(merchants.c.id.desc()))).scalar()
        logins = select(member_logins.c.email, member_logins.c.member_id)
        known = {row.email: row.member_id for row in await connection.execute(logins)}
    for name, display_name, locale, roles in _PEOPLE:
        email, password = _email(name), _password()
        member_id = known.get(email)
        if member_id is None:
            signed = await sign_up(
                db,
                email=email,
                password=password,
                display_name=display_name,
                locale=locale,
                visitor_id=named_id("demo visitor", name),
                at=at,
                rng=rng,
            )
            member_id = signed.member_id
        else:
            await reset_password(db, member_id=member_id, password=password, actor=HOUSE, at=at, rng=rng)
        for role in roles:
            staff_of = merchant_id if role == "merchant_staff" else None
            await grant_role(db, member_id=member_id, role=role, merchant_id=staff_of, actor=HOUSE, at=at, rng=rng)
        people.append(Person(email, display_name, roles or ("buyer",), password))
        actors[name] = member_actor(member_id=member_id, roles=frozenset({"buyer", *roles}))
    return people, actors


async def _plans(db: Database, *, actors: dict[str, Actor], at: datetime) -> None:
    rng = random.SystemRandom()
    async with db.reading() as connection:
        plans, _ = await load_plans(connection)
    if plans.by_scope:
        return
    operator = actors["operator"]
    await change_fee(db, merchant_id=None, rate_ppm=50_000, actor=operator, at=at, rng=rng)
    await change_plan(
        db,
        scope="platform",
        scope_id=None,
        kind="percent",
        rate_ppm=100_000,
        further_rates_ppm=(SECOND_RATE_PPM,),
        flat_minor=None,
        cap_minor=None,
        hold_seconds=HOLD_SECONDS,
        state="open",
        actor=operator,
        at=at,
        rng=rng,
    )


async def _goods(db: Database) -> dict[UUID, list[UUID]]:
    """Return the SKUs of each product that have stock enough to be sold in the demo."""
    enough = (sku_stock.c.tracked.is_(False)) | (sku_stock.c.on_hand - sku_stock.c.reserved >= 20)
    statement = (
        select(skus.c.product_id, skus.c.id)
        .join(sku_stock, sku_stock.c.sku_id == skus.c.id)
        .join(products, products.c.id == skus.c.product_id)
        .where(enough, skus.c.price_minor > 0)
        .order_by(products.c.merchant_id, products.c.code, skus.c.position)
    )
    goods: dict[UUID, list[UUID]] = {}
    async with db.reading() as connection:
        for product_id, sku_id in await connection.execute(statement):
            goods.setdefault(product_id, []).append(sku_id)
    return goods


async def _shares(stage: _Stage) -> list[Share]:
    rng = random.Random("demo shares")
    with_picture = select(product_pictures.c.product_id).distinct().order_by(product_pictures.c.product_id)
    async with stage.house.db.reading() as connection:
        seen = [one for one in (await connection.execute(with_picture)).scalars() if one in stage.offers]
    unseen = [one for one in stage.offers if one not in set(seen)]
    shares = []
    for product_id in rng.sample(seen, min(20, len(seen))) + rng.sample(unseen, min(25, len(unseen))):
        for name in rng.sample(("promoter", "promoter2", "promoter3"), rng.choice((1, 1, 2))):
            shares.append(
                await publish_share(
                    stage.house.db,
                    actor=stage.actors[name],
                    product_id=product_id,
                    channel=rng.choice(_CHANNELS),
                    channel_id=rng.choice([*stage.channels[name], None]),
                    expires_at=None,
                    idempotency_key=f"demo:{product_id}",
                    at=stage.began,
                    rng=random.SystemRandom(),
                )
            )
    return sorted(shares, key=lambda share: (share.target_id, share.promoter_id))


async def _play_day(stage: _Stage, day: int) -> None:
    rng = random.Random(f"demo day {day}")
    # More happens towards the end, and at weekends.
    weight = (0.6 + 0.8 * day / DAYS) * (1.3 if day % 7 in (5, 6) else 1.0)
    start = stage.began + timedelta(days=day)
    await asyncio.gather(*(_visit(stage, seed=f"{day}:{n}", start=start) for n in range(round(VISITS_A_DAY * weight))))
    placed = await asyncio.gather(
        *(_order(stage, seed=f"{day}:{n}", start=start) for n in range(round(ORDERS_A_DAY * weight)))
    )
    await asyncio.gather(
        *(
            _follow(stage, order, fate=rng.random(), seed=f"{day}:{n}", start=start)
            for n, order in enumerate(placed)
            if order is not None
        )
    )
    evening = start + timedelta(hours=23)
    while await release_commissions(stage.house.db, at=evening, rng=rng_of(f"release {day}")) >= 500:
        pass
    if day == PAYOUT_DAY:
        await _payout(stage, at=evening)


async def _visit(stage: _Stage, *, seed: str, start: datetime) -> None:
    rng = random.Random(f"visit {seed}")
    share = rng.choice(stage.shares)
    await record_visit(
        stage.house,
        token=share.token,
        form=form_by_chance(rng),
        visitor_id=named_id("demo visitor", seed),
        at=start + timedelta(seconds=rng.randrange(1, 18 * 3600)),
        rng=rng_of(f"visit id {seed}"),
        opener=opener(rng, machine=rng.randrange(10) < MACHINES_IN_TEN),
    )


async def _order(stage: _Stage, *, seed: str, start: datetime) -> PlacedOrder | None:
    rng = random.Random(f"order {seed}")
    at = start + timedelta(hours=18, seconds=rng.randrange(3600 * 3))
    visited = rng.random() < 0.7
    share = rng.choice(stage.shares)
    product_id = share.target_id if visited else rng.choice(list(stage.offers))
    buyer = stage.actors["buyer"].member_id if rng.random() < 0.15 else None
    visitor_id = named_id("demo visitor", f"order {seed}")
    if visited:
        opened = at - timedelta(minutes=rng.randrange(5, 300))
        for one in [share, *rng.sample(stage.shares, rng.choice((0, 0, 1)))][::-1]:
            opened += timedelta(minutes=1)
            await record_visit(
                stage.house,
                token=one.token,
                form=form_by_chance(rng),
                visitor_id=visitor_id,
                at=opened,
                rng=rng_of(f"order visit {seed} {one.token}"),
                opener=opener(rng, machine=False),
            )
    try:
        return await place_order(
            stage.house,
            lines=[(rng.choice(stage.offers[product_id]), rng.choice((1, 1, 1, 2, 3)))],
            share_token=None,
            member_id=buyer,
            visitor_id=visitor_id,
            contact=Contact(name=rng.choice(("王芳", "Jan Kowalski", "李娜", "Emma Smith"))),
            expected_total=None,
            idempotency_scope=_SCOPE,
            idempotency_key=seed,
            at=at,
            rng=rng_of(f"order id {seed}"),
        )
    except SoldOut:
        return None  # as in any shop; the refusal is kept


async def _follow(stage: _Stage, order: PlacedOrder, *, fate: float, seed: str, start: datetime) -> None:
    """Let an order go its way: a few are never paid, most are paid, shipped and completed, a few refunded."""
    if fate < 0.06 and start < stage.began + timedelta(days=DAYS - 1):
        return  # its reservation runs out; the worker's sweep notes it
    house, operator = stage.house, stage.actors["operator"]
    paid_at = start + timedelta(hours=21, minutes=30)
    rng = rng_of(f"follow {seed}")
    await settle_payment(
        house,
        payment=GatewayPayment(
            gateway="sandbox",
            gateway_payment_id=payment_id_of(order_id=order.id),
            order_id=order.id,
            amount_minor=order.total.minor,
            currency=order.total.currency,
            paid_at=paid_at,
        ),
        message_id=f"demo:{seed}",
        body_hash=hashlib.sha256(seed.encode()).digest(),
        at=paid_at,
        rng=rng,
    )
    try:
        if fate < 0.12:
            refund = await refund_order(
                house.db,
                order_id=order.id,
                amount_minor=order.total.minor,
                reason="changed mind",
                actor=operator,
                idempotency_key=f"demo:{seed}",
                at=paid_at + timedelta(minutes=30),
                rng=rng,
            )
            await confirm_refund(
                house.db,
                gateway="sandbox",
                message_id=f"demo:refund:{seed}",
                body_hash=hashlib.sha256(f"refund {seed}".encode()).digest(),
                refund_id=refund.id,
                amount=refund.amount,
                at=paid_at + timedelta(minutes=45),
                rng=rng,
            )
        elif fate < 0.9:
            await ship_order(
                house.db,
                order_id=order.id,
                carrier="sf",
                tracking=f"SF{new_id(at=paid_at, rng=rng).int % 10**12:012d}",
                actor=operator,
                at=paid_at + timedelta(minutes=40),
            )
            if fate < 0.8:
                await complete_order(house.db, order_id=order.id, actor=operator, at=paid_at + timedelta(minutes=80))
    except OrderStateDiffers:
        return  # this step was done before the demo was broken off


async def _payout(stage: _Stage, *, at: datetime) -> None:
    db = stage.house.db
    for currency in ("CNY", "USD", "PLN"):
        try:
            batch = await make_payout(
                db,
                currency=currency,
                actor=stage.actors["payout1"],
                idempotency_key=f"demo:{currency}",
                at=at,
                rng=random.SystemRandom(),
            )
            await approve_payout(
                db,
                batch_id=batch.id,
                actor=stage.actors["payout2"],
                at=at + timedelta(minutes=20),
                rng=random.SystemRandom(),
            )
            await play_payout(db, batch=batch, officer=stage.actors["payout1"], at=at + timedelta(minutes=40))
        except (NothingDue, PayoutStateDiffers):
            continue  # nobody earned in it, or it was paid before the demo was broken off


def rng_of(words: str) -> random.Random:
    """Return the chance of one step: the same when the step is done again."""
    return random.Random(f"fissile demo {words}")


def _email(name: str) -> str:
    return f"{name}@demo.fissile.example"


def _password() -> str:
    return secrets.token_urlsafe(12)
