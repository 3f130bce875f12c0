"""Corrections of stock, changes of offers and products, and how SKUs are named."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from fissile.domain.catalogue import queries
from fissile.domain.catalogue.errors import (
    BadCell,
    NothingToChange,
    NotYourMerchant,
    ProductUnknown,
    ReasonMissing,
    SkuAmbiguous,
    SkuUnknown,
    StockBelowReserved,
    StockNotTracked,
    StockUnchanged,
)
from fissile.domain.catalogue.model import Offer
from fissile.flows.change_offer import change_offer
from fissile.flows.change_product import change_product
from fissile.flows.correct_stock import correct_stock
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor
from fissile.kernel.ids import public_id
from tests.catalogue.conftest import Load, cells

GOODS = (
    "sku,product,title,options,price,stock,category,merchant\n"
    "A,p,Cup,Size=M,5,10,Home > Cups,Cups\nB,p,Cup,Size=L,6,,,Cups\nA,,Pot,,7,,,Pots\n"
)


@pytest.fixture
async def goods(db: Database, load: Load) -> dict[str, UUID]:
    """Two merchants with a SKU “A” each: ids by ``merchant:code``."""
    await load(GOODS)
    rows = await db.all(
        text("SELECT k.id, m.code || ':' || k.code AS name FROM skus k JOIN merchants m ON m.id = merchant_id")
    )
    return {row["name"]: row["id"] for row in rows}


@pytest.fixture
def told(at: datetime, rng: random.Random) -> dict[str, Any]:
    """Who does it, when, and with which chance."""
    return {"actor": HOUSE, "at": at, "rng": rng}


async def offer_of(db: Database, sku_id: UUID) -> Offer:
    async with db.reading() as connection:
        return (await queries.offers(connection, sku_ids=[sku_id]))[sku_id]


async def on_hand(db: Database, sku_id: UUID) -> int:
    return int((await db.all(text("SELECT on_hand FROM sku_stock WHERE sku_id = :id"), {"id": sku_id}))[0]["on_hand"])


async def acts(db: Database) -> list[str]:
    return [row["act"] for row in await db.all(text("SELECT act FROM audit_log ORDER BY occurred_at, act"))]


class TestCorrectStock:
    async def test_moves_with_a_reason_event_and_act(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        left = await correct_stock(db, sku_id=goods["cups:A"], change=-3, reason=" broken \n cups ", **told)

        assert left == await on_hand(db, goods["cups:A"]) == 7
        moved = await db.all(text("SELECT quantity, reason FROM stock_movements WHERE kind = 'corrected'"))
        assert cells(moved) == [(-3, "broken cups")]
        event = await db.all(text("SELECT data FROM events WHERE name = 'stock.corrected'"))
        assert [row["data"] for row in event] == [{"sku": str(goods["cups:A"]), "quantity": -3}]
        assert "stock.correct" in await acts(db)

    async def test_stops_at_what_is_reserved(self, db: Database, goods: dict[str, UUID], told: dict[str, Any]) -> None:
        async with db.transaction() as connection:
            await connection.execute(text("UPDATE sku_stock SET reserved = 4 WHERE tracked"))

        with pytest.raises(StockBelowReserved, match="4 of A are reserved"):
            await correct_stock(db, sku_id=goods["cups:A"], change=-7, reason="lost", **told)

        assert await correct_stock(db, sku_id=goods["cups:A"], change=-6, reason="lost", **told) == 4

    @pytest.mark.parametrize(
        ("sku", "change", "reason", "refusal"),
        [
            ("cups:A", 0, "x", StockUnchanged),
            ("cups:A", 1, "  ", ReasonMissing),
            ("cups:A", 1, "x" * 201, ReasonMissing),
            ("cups:A", 10**18, "x", BadCell),
            ("cups:B", 1, "x", StockNotTracked),
            ("none", 1, "x", SkuUnknown),
        ],
    )
    async def test_refuses(
        self,
        db: Database,
        goods: dict[str, UUID],
        told: dict[str, Any],
        sku: str,
        change: int,
        reason: str,
        refusal: type[Exception],
    ) -> None:
        with pytest.raises(refusal):
            await correct_stock(db, sku_id=goods.get(sku, UUID(int=1)), change=change, reason=reason, **told)

        assert await acts(db) == ["catalogue.import"]

    async def test_loses_none_of_many_at_once(self, db: Database, goods: dict[str, UUID], at: datetime) -> None:
        await asyncio.gather(
            *(
                correct_stock(
                    db, sku_id=goods["cups:A"], change=1, reason="found", actor=HOUSE, at=at, rng=random.Random(n)
                )
                for n in range(20)
            )
        )

        assert await on_hand(db, goods["cups:A"]) == 30


class TestChangeOffer:
    async def test_sets_price_and_version_once(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        version = await change_offer(db, sku_id=goods["cups:A"], price_minor=999, **told)
        again = await change_offer(db, sku_id=goods["cups:A"], price_minor=999, **told)

        offer = await offer_of(db, goods["cups:A"])
        assert (version, again, offer.version, offer.price_minor) == (2, 2, 2, 999)
        event = await db.all(text("SELECT data FROM events WHERE name = 'sku.offer_changed'"))
        assert [(row["data"]["old_price_minor"], row["data"]["new_price_minor"]) for row in event] == [(500, 999)]

    async def test_waits_for_whoever_has_the_stock(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        async with db.transaction() as connection:
            await connection.execute(
                text("SELECT 1 FROM sku_stock WHERE sku_id = :id FOR UPDATE"), {"id": goods["cups:A"]}
            )
            change = asyncio.create_task(change_offer(db, sku_id=goods["cups:A"], price_minor=1, **told))
            done, _ = await asyncio.wait([change], timeout=0.3)
            assert not done

        assert await change == 2

    @pytest.mark.parametrize(
        ("values", "refusal"),
        [
            ({}, NothingToChange),
            ({"price_minor": -1}, BadCell),
            ({"price_minor": 10**15 + 1}, BadCell),
            ({"state": "gone"}, BadCell),
        ],
    )
    async def test_refuses(
        self,
        db: Database,
        goods: dict[str, UUID],
        told: dict[str, Any],
        values: dict[str, Any],
        refusal: type[Exception],
    ) -> None:
        with pytest.raises(refusal):
            await change_offer(db, sku_id=goods["cups:A"], **values, **told)

    async def test_is_for_the_owner_and_not_for_a_stranger(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        cups = (await offer_of(db, goods["cups:A"])).merchant_id
        staff = Actor(None, "Ann", frozenset({"merchant_staff"}), frozenset({cups}))

        await change_offer(db, sku_id=goods["cups:A"], price_minor=1, **{**told, "actor": staff})
        for attempt in (
            change_offer(db, sku_id=goods["pots:A"], price_minor=1, **{**told, "actor": staff}),
            correct_stock(db, sku_id=goods["pots:A"], change=1, reason="x", **{**told, "actor": staff}),
            change_product(
                db,
                product_id=(await offer_of(db, goods["pots:A"])).product_id,
                title="Mine",
                **{**told, "actor": staff},
            ),
        ):
            with pytest.raises(NotYourMerchant):
                await attempt


class TestChangeProduct:
    async def test_off_the_shelf_makes_every_offer_a_new_version(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        product_id = (await offer_of(db, goods["cups:A"])).product_id
        heard: list[str] = []
        listener = await db.raw()
        await listener.add_listener("fissile_catalogue", lambda *said: heard.append(said[2]))

        await change_product(db, product_id=product_id, state="unlisted", **told)

        await listener.execute("SELECT 1")
        await asyncio.sleep(0.05)
        await listener.close()
        offers = [await offer_of(db, goods[name]) for name in ("cups:A", "cups:B", "pots:A")]
        assert [(offer.state, offer.version) for offer in offers] == [("unlisted", 2), ("unlisted", 2), ("listed", 1)]
        assert heard == ["fissile_catalogue"]
        async with db.reading() as connection:
            assert [one.title for one in (await queries.search_products(connection)).items] == ["Pot"]

    async def test_renames_it_with_its_skus_and_finds_it_anew(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        product_id = (await offer_of(db, goods["cups:A"])).product_id

        await change_product(db, product_id=product_id, title=" 白瓷  杯 ", description="Thin", **told)

        async with db.reading() as connection:
            found = await queries.search_products(connection, text="瓷 thin")
        assert [one.title for one in found.items] == ["白瓷 杯"]
        assert (await offer_of(db, goods["cups:B"])).title == "白瓷 杯 · L"

    async def test_refuses_what_is_not_there_or_empty(
        self, db: Database, goods: dict[str, UUID], told: dict[str, Any]
    ) -> None:
        product_id = (await offer_of(db, goods["cups:A"])).product_id

        with pytest.raises(ProductUnknown):
            await change_product(db, product_id=UUID(int=1), title="x", **told)
        with pytest.raises(BadCell):
            await change_product(db, product_id=product_id, title="  ", **told)
        with pytest.raises(NothingToChange):
            await change_product(db, product_id=product_id, **told)


class TestSkuByCode:
    async def test_takes_ids_qualified_codes_and_unique_ones(self, db: Database, goods: dict[str, UUID]) -> None:
        async with db.reading() as connection:
            for given, name in (
                (public_id("sku", goods["pots:A"]), "pots:A"),
                ("cups:A", "cups:A"),
                ("pots:A", "pots:A"),
                (" B ", "cups:B"),
            ):
                assert await queries.sku_by_code(connection, given=given) == goods[name]

    async def test_lists_the_candidates_of_an_ambiguous_one(self, db: Database, goods: dict[str, UUID]) -> None:
        async with db.reading() as connection:
            with pytest.raises(SkuAmbiguous, match="cups:A, pots:A"):
                await queries.sku_by_code(connection, given="A")

    @pytest.mark.parametrize("given", ["", "C", "cups:C", "none:A", "sku_", public_id("sku", UUID(int=5)), "\0"])
    async def test_tells_what_there_is_not(self, db: Database, goods: dict[str, UUID], given: str) -> None:
        async with db.reading() as connection:
            with pytest.raises(SkuUnknown):
                await queries.sku_by_code(connection, given=given)


class TestOffers:
    async def test_name_categories_from_the_nearest_up(self, db: Database, goods: dict[str, UUID]) -> None:
        async with db.reading() as connection:
            tree = {one.path: one.category_id for one in await queries.categories(connection)}
            found = await queries.offers(connection, sku_ids=[*goods.values(), UUID(int=1)])

        assert found.keys() == set(goods.values())
        assert found[goods["cups:B"]].category_ids == (tree["Home > Cups"], tree["Home"])
        assert found[goods["pots:A"]].category_ids == ()
