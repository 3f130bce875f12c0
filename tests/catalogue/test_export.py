"""What is exported is read again without changing anything."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fissile.domain.catalogue.rules import LIMITS, options_text, parse_options
from fissile.flows.export_catalogue import export_catalogue
from fissile.flows.import_catalogue import CatalogueSource, ImportReport, import_catalogue
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.tabular import csv_line
from tests.catalogue.conftest import DEMO, Load

HEAD = ("sku", "product", "title", "options", "description", "category", "price", "currency", "stock", "merchant")
_TEXT = st.text(alphabet="aB 红茶'\"=+-@;,>\\\n\té", min_size=1, max_size=12)
_ROW = st.fixed_dictionaries(
    {
        "sku": _TEXT,
        "title": _TEXT,
        "price": st.integers(0, 10**9).map(lambda fen: f"{fen // 100}.{fen % 100:02}"),
        "description": _TEXT | st.just(""),
        "product": _TEXT | st.just(""),
        "category": st.sampled_from(["", "A", "A > B", "居家 > 被枕 > 毯"]),
        "options": st.sampled_from(["", "Size=M", r"a\;b=\=c\\; =d", "规格 1=x; 规格 2='=y"]),
        "stock": st.sampled_from(["", "0", "7"]),
        "merchant": st.sampled_from(["", "House", "Tea & Cups", "茶行"]),
    }
)


async def exported(db: Database) -> str:
    return "".join([line async for line in export_catalogue(db)])


class TestExportCatalogue:
    async def test_of_the_real_catalogues_changes_nothing(self, db: Database, load: Load) -> None:
        for name, path in (
            ("catalogue-en", "catalogue_en"),
            ("catalogue-en-pln", "catalogue_en"),
            ("catalogue-zh", "catalogue_zh"),
        ):
            await load(DEMO / path, map_name=name)
        first = await exported(db)

        report = await load(first)

        assert (report.read, report.unchanged, report.errors) == (390, 390, [])
        assert await exported(db) == first
        assert first.count("pic_") == 2 * sum(len(cell.split()) for cell in _pictures_of_each_variant())

    async def test_starts_no_formula(self, db: Database, load: Load) -> None:
        await load("sku,title,price\n=1+1,@SUM(A1),1\n'-x,'x,1\n")

        lines = (await exported(db)).splitlines()

        assert lines[1].startswith(("'=1+1,'=1+1,'@SUM(A1)", "'-x,'-x,''x"))
        assert sorted(row["code"] for row in await db.all(text("SELECT code FROM skus"))) == ["-x", "=1+1"]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows=st.lists(_ROW, min_size=1, max_size=8))
    def test_of_anything_changes_nothing(self, database_url: str, tmp_path: Path, rows: list[dict[str, str]]) -> None:
        first = "".join([csv_line(HEAD), *(csv_line([row.get(name, "") for name in HEAD]) for row in rows)])

        async def again() -> tuple[str, ImportReport, str]:
            db = Database(url=database_url, pool=2)
            try:
                await _load(db, tmp_path, first)
                before = await exported(db)
                return before, await _load(db, tmp_path, before), await exported(db)
            finally:
                await db.close()

        before, report, after = asyncio.run(again())

        assert report.errors == []
        assert report.unchanged == report.read
        assert after == before


class TestOptions:
    @given(
        st.dictionaries(
            st.text(min_size=1).map(str.strip).filter(bool), st.text(min_size=1).map(str.strip).filter(bool), max_size=4
        )
    )
    def test_are_read_as_they_were_written(self, given_options: dict[str, str]) -> None:
        options = tuple(given_options.items())

        assert parse_options(options_text(options)) == options


def test_every_column_has_a_limit() -> None:
    assert set(HEAD) <= set(LIMITS)


async def _load(db: Database, folder: Path, content: str) -> ImportReport:
    path = folder / "goods.csv"
    await asyncio.to_thread(path.write_text, content, encoding="utf-8", newline="")
    return await import_catalogue(
        db,
        source=CatalogueSource(path),
        dry_run=False,
        actor=HOUSE,
        at=datetime(2026, 3, 1, tzinfo=UTC),
        rng=random.Random(),
        progress=lambda read: None,
    )


def _pictures_of_each_variant() -> list[str]:
    """The pictures' cell of each row of the English catalogue, straight from its files."""
    import csv

    with (DEMO / "catalogue_en/products.csv").open(encoding="utf-8", newline="") as file:
        cells = {row["product_id"]: row["images"] for row in csv.DictReader(file)}
    with (DEMO / "catalogue_en/variants.csv").open(encoding="utf-8", newline="") as file:
        return [cells[row["product_id"]] for row in csv.DictReader(file)]
