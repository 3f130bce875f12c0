"""What an import does with good rows, bad rows and rows that come again."""

from __future__ import annotations

import asyncio
import io
import random
import time
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from fissile.domain.catalogue import queries
from fissile.domain.catalogue.model import Offer, ProductView
from fissile.domain.catalogue.operations import Spoken, apply_rows
from fissile.domain.catalogue.rules import parse_row
from fissile.flows.import_catalogue import CatalogueSource, import_catalogue
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor
from fissile.infra.mapping import MapUnreadable, MapWrong
from fissile.infra.tabular import ColumnsMissing, Row
from fissile.kernel.money import MINOR_MAX
from tests.catalogue.conftest import Load, cells

HEAD = "sku,product,title,options,description,category,price,currency,stock,pictures,merchant\n"


async def the_offer(db: Database, given: str) -> Offer:
    async with db.reading() as connection:
        sku_id = await queries.sku_by_code(connection, given=given)
        return (await queries.offers(connection, sku_ids=[sku_id]))[sku_id]


async def the_product(db: Database, given: str) -> ProductView:
    offer = await the_offer(db, given)
    async with db.reading() as connection:
        page = await queries.product_page(connection, product_id=offer.product_id)
    assert page is not None
    return page


async def happened(db: Database) -> list[str]:
    return [row["name"] for row in await db.all(text("SELECT name FROM events ORDER BY position"))]


class TestAFirstImport:
    async def test_needs_only_sku_title_and_price(self, db: Database, load: Load) -> None:
        report = await load("sku,title,price\nA-1,Cup,12.5\n")

        offer, page = await the_offer(db, "A-1"), await the_product(db, "A-1")
        assert report.as_json() == {
            "read": 1,
            "loaded": 1,
            "updated": 0,
            "unchanged": 0,
            "rejected": 0,
            "errors": [],
        }
        assert (offer.price_minor, offer.currency, offer.tracked) == (1250, "CNY", False)
        assert (page.merchant_code, page.merchant_name, page.code) == ("house", "The house", "A-1")

    async def test_groups_variants_and_opens_merchant_and_categories(self, db: Database, load: Load) -> None:
        await load(
            HEAD
            + "S-1,shirt,Shirt,Colour=red; Size=M,Soft,Clothes > Shirts,1999,JPY,5,,Tokyo Wear\n"
            + "S-2,shirt,Shirt,Colour=red; Size=L,Soft,Clothes > Shirts,1999,JPY,0,,Tokyo Wear\n"
        )

        page = await the_product(db, "tokyo-wear:S-2")
        assert (page.merchant_name, page.currency, page.category_path) == ("Tokyo Wear", "JPY", "Clothes > Shirts")
        assert [(sku.code, sku.price_minor, sku.available) for sku in page.skus] == [("S-1", 1999, 5), ("S-2", 1999, 0)]
        assert page.skus[1].title == "Shirt · red, L"
        assert sorted(await happened(db)) == sorted(
            [
                *["merchant.opened", "category.opened", "category.opened", "product.listed"],
                *["sku.listed", "sku.listed", "stock.received", "stock.received"],
            ]
        )

    async def test_tells_further_columns_once(self, load: Load) -> None:
        report = await load("sku,title,price,colour,weight\nA,Cup,1,red,2\nB,Pot,2,red,3\n")

        assert report.loaded == 2
        assert report.notices == ["These columns are not used: colour, weight."]

    async def test_reads_json_lines_with_exact_prices(self, db: Database, load: Load) -> None:
        lines = '{"sku":"J","title":"Cup","price":0.29,"stock":3,"options":{"Size":"M;L"}}\n{"sku":"K"\n[1]\n'

        report = await load(lines, name="goods.jsonl")

        assert (report.loaded, [(one.line, one.column) for one in report.errors]) == (1, [(2, ""), (3, "")])
        assert (await the_offer(db, "J")).price_minor == 29
        assert (await the_product(db, "J")).skus[0].options == (("Size", "M;L"),)

    async def test_reads_stdin(self, db: Database, load: Load) -> None:
        given = io.BytesIO(b"sku;title;price;pictures\nA;Cup;1;cup.jpg\n")

        report = await load(CatalogueSource(None, stdin=given))

        assert [(one.line, one.column) for one in report.errors] == [(2, "pictures")]
        assert (report.loaded, report.rejected) == (1, 0)

    async def test_refuses_a_table_without_the_needed_columns(self, load: Load) -> None:
        with pytest.raises(ColumnsMissing, match="no column price: its first line names sku, title"):
            await load("sku,title\nA,Cup\n")


class TestABadRow:
    @pytest.mark.parametrize(
        ("row", "column", "reason"),
        [
            (",,Cup,,,,1,,,,", "sku", "empty"),
            ("B,,,,,,1,,,,", "title", "empty"),
            ("B,,Cup,,,,,,,,", "price", "empty"),
            ("B,,Cup,,,,-1,,,,", "price", "below 0"),
            ("B,,Cup,,,,1.234,,,,", "price", "at most 2 digits"),
            ("B,,Cup,,,,1.5,JPY,,,Tokyo", "price", "at most 0 digits"),
            ("B,,Cup,,,,cheap,,,,", "price", "not a number"),
            ('B,,Cup,,,,"1,299.00",,,,', "price", "not a number"),
            ("B,,Cup,,,,1e3,,,,", "price", "not a number"),
            ("B,,Cup,,,,NaN,,,,", "price", "not a number"),
            ("B,,Cup,,,,１２,,,,", "price", "not a number"),
            (f"B,,Cup,,,,{MINOR_MAX // 100}.01,,,,", "price", "larger"),
            ("B,,Cup,,,,99999999999999999999,,,,", "price", "larger"),
            ("B,,Cup,,,,1,XYZ,,,", "currency", "not a currency"),
            ("B,,Cup,,,,1,USD,,,", "currency", "sells in CNY"),
            ("B,,Cup,,,,1,,1.5,,", "stock", "whole number"),
            ("B,,Cup,,,,1,,-3,,", "stock", "whole number"),
            ("B,,Cup,,,,1,,99999999999,,", "stock", "above"),
            ("B,,Cup,red,,,1,,,,", "options", "Name=value"),
            ("B,,Cup,a=1;a=2,,,1,,,,", "options", "twice"),
            ("B,,Cup,,,A > > B,1,,,,", "category", "A > B"),
            ("B,,Cup,,,,1,,,,!!", "merchant", "letter"),
            (f"{'x' * 65},,Cup,,,,1,,,,", "sku", "65 characters"),
            (f"B,,{'x' * 201},,,,1,,,,", "title", "201 characters"),
            ("B,,C\x07up,,,,1,,,,", "title", "control"),
            ("A,,Cup,,,,1,,,,", "sku", "stands in line 2"),
            ("B,,Cup,,,,1,,,", "", "10 cells"),
        ],
    )
    async def test_is_told_and_the_good_ones_load(
        self, db: Database, load: Load, row: str, column: str, reason: str
    ) -> None:
        report = await load(f"{HEAD}A,,Cup,,,,5,CNY,,,\n{row}\nZ,,Pot,,,,7,,,,\n")

        assert (report.read, report.loaded, report.rejected) == (3, 2, 1)
        assert [(one.line, one.column) for one in report.errors] == [(3, column)]
        assert reason in report.errors[0].reason
        assert (await the_offer(db, "Z")).price_minor == 700

    async def test_leaves_no_merchant_or_category_behind(self, db: Database, load: Load) -> None:
        report = await load(f"{HEAD}B,,Cup,,,Toys,1.5,JPY,,,Tokyo\n")

        assert report.rejected == 1
        assert await happened(db) == []

    async def test_takes_the_largest_price_and_free_goods(self, db: Database, load: Load) -> None:
        await load(f"sku,title,price\nA,Cup,{MINOR_MAX // 100}\nB,Cup,0\n")

        assert (await the_offer(db, "A")).price_minor == MINOR_MAX
        assert (await the_offer(db, "B")).price_minor == 0

    async def test_has_its_physical_line_behind_quoted_line_breaks(self, load: Load) -> None:
        report = await load('sku,title,price,description\nA,Cup,1,"one\ntwo\nthree"\n\nB,Cup,x,\n')

        assert [(one.line, one.column) for one in report.errors] == [(6, "price")]

    async def test_of_a_strangers_merchant_is_told_to_staff(self, db: Database, load: Load, rng: random.Random) -> None:
        await load(f"{HEAD}A,,Cup,,,,1,,,,Mine\nB,,Cup,,,,1,,,,Theirs\n")
        mine = (await the_offer(db, "A")).merchant_id
        staff = Actor(member_id=mine, name="Ann", roles=frozenset({"merchant_staff"}), merchant_ids=frozenset({mine}))

        report = await load(f"{HEAD}A,,Cup,,,,2,,,,Mine\nB,,Cup,,,,2,,,,Theirs\nC,,Cup,,,,2,,,,New\n", actor=staff)

        assert report.updated == 1
        assert [(one.line, one.column) for one in report.errors] == [(3, "merchant"), (4, "merchant")]


class TestASecondImport:
    FIRST = HEAD + "A,p,Cup,Size=M,Blue,Home > Cups,5,CNY,10,,\nB,p,Cup,Size=L,Blue,Home > Cups,6,CNY,,,\n"

    async def test_of_the_same_changes_nothing(self, db: Database, load: Load) -> None:
        await load(self.FIRST)
        before = await happened(db)

        report = await load(self.FIRST)

        assert (report.read, report.unchanged) == (2, 2)
        assert await happened(db) == before

    async def test_takes_blank_for_unchanged(self, db: Database, load: Load) -> None:
        await load(self.FIRST)

        report = await load(HEAD + "A,,,,,,,,,,\nB,,,,,,,,4,,\n")

        assert (report.unchanged, report.updated) == (1, 1)
        page = await the_product(db, "B")
        assert [sku.on_hand for sku in page.skus] == [10, 4]
        assert (page.title, page.description) == ("Cup", "Blue")

    async def test_updates_by_sku_with_an_event_for_each_change(self, db: Database, load: Load) -> None:
        await load(self.FIRST)
        before = len(await happened(db))

        report = await load(HEAD + "A,p,Mug,Size=S,Red,Home,7,,12,,\n")

        offer, page = await the_offer(db, "A"), await the_product(db, "B")
        assert (report.updated, report.loaded) == (1, 0)
        assert (offer.price_minor, offer.version, offer.title) == (700, 2, "Mug · S")
        assert (page.title, page.description, page.category_path) == ("Mug", "Red", "Home")
        assert [sku.title for sku in page.skus] == ["Mug · S", "Mug · L"]
        assert sorted((await happened(db))[before:]) == [
            "product.changed",
            "sku.changed",
            "sku.offer_changed",
            "stock.corrected",
        ]
        moved = await db.all(text("SELECT kind, quantity, reason FROM stock_movements ORDER BY quantity"))
        assert cells(moved) == [("corrected", 2, "import"), ("received", 10, "import")]

    async def test_does_not_go_below_what_is_reserved(self, db: Database, load: Load, database_url: str) -> None:
        await load(self.FIRST)
        async with db.transaction() as connection:
            await connection.execute(text("UPDATE sku_stock SET reserved = 4 WHERE tracked"))

        report = await load(HEAD + "A,p,Cup,,,,9,,3,,\nB,p,Cup,,,,9,,,,\n")

        assert [(one.line, one.column) for one in report.errors] == [(2, "stock")]
        assert (await the_offer(db, "A")).price_minor == 500
        assert (await the_offer(db, "B")).price_minor == 900

    async def test_does_not_move_a_sku_to_another_product(self, load: Load) -> None:
        await load(self.FIRST)

        report = await load(HEAD + "A,q,Cup,,,,5,,,,\n")

        assert [(one.line, one.column) for one in report.errors] == [(2, "product")]

    async def test_lets_the_first_row_speak_for_the_product(self, db: Database, load: Load) -> None:
        given = HEAD + "A,p,Cup,,,,5,,,,\nB,p,Beaker,,,,5,,,,\n"
        first = await load(given)

        again = await load(given)

        assert (await the_product(db, "B")).title == "Cup"
        assert again.unchanged == 2
        assert first.notices == again.notices
        assert "1 rows have another title" in first.notices[0]

    async def test_at_the_same_time_makes_nothing_twice(
        self, db: Database, load: Load, tmp_path: Path, at: datetime
    ) -> None:
        path = tmp_path / "many.csv"
        rows = "".join(f"S{n},p{n // 3},Cup {n // 3},Size={n},,Home > Cups,5,,{n},,Cups\n" for n in range(1500))
        path.write_text(HEAD + rows, encoding="utf-8")
        imports = [
            import_catalogue(
                db,
                source=CatalogueSource(path),
                dry_run=False,
                actor=HOUSE,
                at=at,
                rng=random.Random(seed),
                progress=lambda read: None,
            )
            for seed in range(2)
        ]

        reports = await asyncio.gather(*imports)

        assert sum(one.loaded for one in reports) == 1500
        assert sum(one.unchanged for one in reports) == 1500
        counts = await db.all(
            text(
                "SELECT (SELECT count(*) FROM skus) AS s, (SELECT count(*) FROM products) AS p,"
                " (SELECT sum(quantity) FROM stock_movements) AS q"
            )
        )
        assert cells(counts) == [(1500, 500, sum(range(1500)))]

    async def test_tells_caches_once_it_is_committed(self, db: Database, load: Load) -> None:
        heard: list[str] = []
        listener = await db.raw()
        await listener.add_listener("fissile_catalogue", lambda *told: heard.append(told[2]))

        await load(self.FIRST, dry_run=True)
        await load(self.FIRST)
        await load(self.FIRST)
        await listener.execute("SELECT 1")
        await asyncio.sleep(0.05)
        await listener.close()

        assert heard == ["fissile_catalogue"]


class TestADryRun:
    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_holds_no_stock_that_orders_wait_for(
        self, db: Database, load: Load, at: datetime, rng: random.Random, dry_run: bool
    ) -> None:
        await load(HEAD + "A,p,Cup,,,,5,,3,,\n")
        again = parse_row(Row(2, {"sku": "A", "title": "Beaker", "price": "6", "stock": "9"}))

        async def an_order_waits() -> bool:
            async with db.reading() as other:
                waited = await other.execute(
                    text(
                        "SELECT count(*) FROM pg_locks WHERE relation = 'sku_stock'::regclass AND mode LIKE 'Row%'"
                        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
                return bool(waited.scalar_one())

        async with db.engine.connect() as connection, connection.begin() as transaction:
            applied = await apply_rows(
                connection,
                drafts=[again],
                found_pictures={},
                house_name="The house",
                spoken=Spoken(),
                dry_run=dry_run,
                actor=HOUSE,
                at=at,
                rng=rng,
            )
            waits = await an_order_waits()
            await transaction.rollback()

        assert applied.updated == 1
        assert waits is not dry_run


class TestManyRows:
    async def test_take_less_than_twenty_seconds_for_ten_thousand(self, load: Load) -> None:
        rows = (
            f"S{n},p{n // 4},一号羊毛被 {n // 4},规格={n},柔软保暖 Nr. {n},居家 > 被枕,5.{n % 100:02},,{n},,\n"
            for n in range(10_000)
        )
        started, used = time.perf_counter(), time.process_time()

        report = await load(HEAD + "".join(rows))

        seconds, used = time.perf_counter() - started, time.process_time() - used
        print(f"{10_000 / seconds:.0f} rows/s, {used:.1f} s of our own")
        assert report.loaded == 10_000
        assert used < 20  # our own time: the machine may have others to serve


class TestAMap:
    async def test_makes_columns_from_constants_and_minor_units(self, db: Database, load: Load, tmp_path: Path) -> None:
        plan = tmp_path / "map.toml"
        plan.write_text(
            '[columns]\nsku = "X-{nr}"\ntitle = ["{name}", "Thing {nr}"]\nprice = { text = "{fen}", unit = "minor" }\n'
            'merchant = "Maps"\ncurrency = "USD"\n',
            encoding="utf-8",
        )

        report = await load("nr,name,fen\n1,,1299\n2,Cup,12.5\n", map_name=str(plan))

        assert [(one.line, one.column) for one in report.errors] == [(3, "price")]
        offer = await the_offer(db, "maps:X-1")
        assert (offer.title, offer.price_minor, offer.currency) == ("Thing 1", 1299, "USD")

    async def test_is_told_everything_that_is_wrong_with_it(self, load: Load, tmp_path: Path) -> None:
        plan = tmp_path / "map.toml"
        plan.write_text(
            'colums = 1\n[join.p]\nfile = "../p.csv"\nkey = "id"\n[columns]\nsku = { txt = "a" }\ncolour = "x"\n',
            encoding="utf-8",
        )

        with pytest.raises(MapWrong) as refused:
            await load("sku,title,price\n", map_name=str(plan))

        for part in (
            "“colums”",
            "rows, join, columns",
            "join.p needs on",
            "join.p.file",
            "“txt”",
            "“colour”",
            "merchant",
        ):
            assert part in refused.value.message

    async def test_is_told_placeholders_that_are_no_columns(self, load: Load, tmp_path: Path) -> None:
        plan = tmp_path / "map.toml"
        plan.write_text('[columns]\nsku = "{nr}"\ntitle = "{nam}"\nprice = "{price}"\n', encoding="utf-8")

        with pytest.raises(MapWrong, match=r"columns\.title names \{nam\}.*name, nr, price"):
            await load("nr,name,price\n1,Cup,2\n", map_name=str(plan))

    async def test_that_is_missing_is_told(self, load: Load) -> None:
        with pytest.raises(MapUnreadable, match="nowhere"):
            await load("sku,title,price\n", map_name="nowhere.toml")
