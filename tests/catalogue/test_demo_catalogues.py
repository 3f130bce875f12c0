"""Both real catalogues, whole, through the shipped maps."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import text

from fissile.domain.catalogue import queries
from fissile.infra.database import Database
from tests.catalogue.conftest import DEMO, Load, cells


async def _count(db: Database, what: str) -> int:
    return int((await db.all(text(f"SELECT count(*) AS n FROM {what}")))[0]["n"])


class TestTheEnglishCatalogue:
    async def test_loads_whole_in_usd_and_in_pln_as_a_second_merchant(self, db: Database, load: Load) -> None:
        dollars = await load(DEMO / "catalogue_en/variants.csv", map_name="catalogue-en")
        zloty = await load(DEMO / "catalogue_en/variants.csv", map_name="catalogue-en-pln")

        assert (dollars.read, dollars.loaded, dollars.errors) == (73, 73, [])
        assert (zloty.read, zloty.loaded, zloty.errors) == (73, 73, [])
        merchants = await db.all(
            text(
                "SELECT m.name, m.currency, count(DISTINCT p.id) AS products, count(DISTINCT k.id) AS skus,"
                " count(DISTINCT pp.picture_id) AS pictures FROM merchants m JOIN products p ON p.merchant_id = m.id"
                " JOIN skus k ON k.product_id = p.id LEFT JOIN product_pictures pp ON pp.product_id = p.id"
                " GROUP BY m.id ORDER BY m.code"
            )
        )
        assert cells(merchants) == [
            ("Saleor demonstration shop", "USD", 32, 73, 47),
            ("Saleor demonstration shop PLN", "PLN", 32, 73, 47),
        ]
        assert await _count(db, "pictures") == 47
        assert await _count(db, "picture_files") == 4 * 47

    async def test_has_its_prices_options_stock_and_categories(self, db: Database, load: Load) -> None:
        await load(DEMO / "catalogue_en/variants.csv", map_name="catalogue-en")

        async with db.reading() as connection:
            album = await queries.sku_by_code(connection, given="113223582")
            offer = (await queries.offers(connection, sku_ids=[album]))[album]
            page = await queries.product_page(connection, product_id=offer.product_id)

        assert page is not None
        assert (offer.price_minor, offer.currency, offer.tracked) == (899, "USD", True)
        assert offer.title == "Enterprise Cloud + On-premises · Vinyl"
        assert len(offer.category_ids) == 2
        assert page.category_path == "Accessories > Audiobooks"
        assert [sku.options for sku in page.skus] == [(("Variant", name),) for name in ("Vinyl", "DVD", "iTunes", "CD")]
        assert [sku.available for sku in page.skus] == [1000] * 4
        assert await _count(db, "sku_stock WHERE NOT tracked") == 17

    async def test_again_changes_nothing(self, db: Database, load: Load) -> None:
        await load(DEMO / "catalogue_en", map_name="catalogue-en")
        events, acts = await _count(db, "events"), await _count(db, "audit_log")

        again = await load(DEMO / "catalogue_en", map_name="catalogue-en")

        assert (again.read, again.unchanged, again.errors) == (73, 73, [])
        assert (await _count(db, "events"), await _count(db, "audit_log")) == (events, acts)

    async def test_changes_nothing_in_a_dry_run(self, db: Database, load: Load) -> None:
        dry = await load(DEMO / "catalogue_en", map_name="catalogue-en", dry_run=True)
        empty = [await _count(db, table) for table in ("merchants", "skus", "pictures", "events", "audit_log")]
        wet = await load(DEMO / "catalogue_en", map_name="catalogue-en")

        assert empty == [0] * 5
        assert dry == wet


class TestTheChineseCatalogue:
    async def test_loads_whole(self, db: Database, load: Load) -> None:
        report = await load(DEMO / "catalogue_zh/skus.csv", map_name="catalogue-zh")

        assert (report.read, report.loaded, report.errors) == (244, 244, [])
        assert await _count(db, "products") == 239
        assert await _count(db, "skus WHERE currency = 'CNY'") == 244
        assert await _count(db, "sku_stock WHERE tracked") == 244
        assert await _count(db, "products p JOIN categories c ON c.id = p.category_id WHERE c.parent_id IS NULL") == 0

    async def test_has_brand_attributes_options_and_category(self, db: Database, load: Load) -> None:
        await load(DEMO / "catalogue_zh/skus.csv", map_name="catalogue-zh")

        async with db.reading() as connection:
            found = await queries.search_products(connection, text="双宫茧桑蚕丝被 空调被")
            quilt = await queries.product_page(connection, product_id=found.items[0].product_id)
            sku = await queries.sku_by_code(connection, given="1181000-1")
            bed = (await queries.offers(connection, sku_ids=[sku]))[sku]

        assert quilt is not None
        assert quilt.category_path == "居家 > 夏凉"
        assert "品牌：" in quilt.description
        assert "填充物：100%双宫茧桑蚕丝" in quilt.description.split("\n")
        assert quilt.skus[0].options == ()  # 标准 is nothing to choose
        assert bed.title.endswith(" · 1.5m床垫*1+枕头*2, 浅杏粉")
        assert bed.price_minor == 99_900

    async def test_loads_the_same_from_gb18030(self, db: Database, load: Load, tmp_path: Path) -> None:
        shutil.copytree(DEMO / "catalogue_zh", tmp_path / "zh")
        for file in (tmp_path / "zh").glob("*.csv"):
            file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))
        await load(DEMO / "catalogue_zh", map_name="catalogue-zh")

        again = await load(tmp_path / "zh", map_name="catalogue-zh")

        assert (again.unchanged, again.errors) == (244, [])
