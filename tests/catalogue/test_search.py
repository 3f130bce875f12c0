"""Search misses nothing that a plain look through every text would find."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from fissile.domain.catalogue import queries
from fissile.domain.catalogue.errors import BadCursor
from fissile.domain.catalogue.rules import fold, search_query, search_terms, search_vector, sort_key
from fissile.infra.database import Database
from tests.catalogue.conftest import DEMO, Load

_CJK = "红茶杯被空调羊毛ア한"
_ANY = st.text(alphabet=_CJK + "abAB12é _-%'\\&|!:*()", max_size=20)


def lexemes_hold(text: str, query: str) -> bool:
    """What PostgreSQL decides with the tsquery, in plain Python."""
    words = search_vector(text)
    if not search_query(query):
        return True
    return all(_piece_holds(words, piece) for piece in search_query(query).split(" & "))


def _piece_holds(words: list[str], piece: str) -> bool:
    lexeme, prefix = piece.removesuffix(":*").strip("'"), piece.endswith(":*")
    return any(word.startswith(lexeme) if prefix else word == lexeme for word in words)


class TestTheNarrowing:
    @settings(max_examples=500, deadline=None)
    @given(text=_ANY, start=st.integers(0, 20), length=st.integers(1, 8))
    def test_lets_through_every_text_that_holds_the_terms(self, text: str, start: int, length: int) -> None:
        part = fold(text)[start : start + length]

        assert all(term in fold(text) for term in search_terms(part))
        assert lexemes_hold(text, part)

    @settings(max_examples=300, deadline=None)
    @given(before=_ANY, word=st.from_regex(r"[a-z0-9é]{1,80}", fullmatch=True), cut=st.data(), after=_ANY)
    def test_lets_through_every_part_of_a_long_word(
        self, before: str, word: str, cut: st.DataObject, after: str
    ) -> None:
        start = cut.draw(st.integers(0, len(word) - 1))
        end = cut.draw(st.integers(start + 1, len(word)))

        assert lexemes_hold(f"{before}{word}{after}", word[start:end])

    def test_keeps_pairs_apart_that_do_not_touch(self) -> None:
        assert not lexemes_hold("红 茶", "红茶")

    @pytest.mark.parametrize(
        ("text", "lexemes"),
        [
            ("空调被", ["空", "空调", "被", "调", "调被"]),
            ("iPhone壳 15", ["15", "5", "e", "hone", "iphone", "ne", "one", "phone", "壳"]),
            ("Ｔ恤", ["t", "恤"]),
            ("T-shirt", ["hirt", "irt", "rt", "shirt", "t"]),
        ],
    )
    def test_reads_words_and_characters(self, text: str, lexemes: list[str]) -> None:
        assert search_vector(text) == lexemes

    def test_cuts_endless_queries(self) -> None:
        assert len(search_query("红" * 10_000)) < 1000


class TestSearchProducts:
    @pytest.fixture
    async def titles(self, db: Database, load: Load) -> list[str]:
        await load(DEMO / "catalogue_zh", map_name="catalogue-zh")
        await load(DEMO / "catalogue_en", map_name="catalogue-en")
        return [row["title"] for row in await db.all(sql("SELECT title FROM products"))]

    async def _all(self, db: Database, text: str, limit: int = 100) -> AsyncIterator[tuple[str, str]]:
        after = None
        async with db.reading() as connection:
            while True:
                page = await queries.search_products(connection, text=text, after=after, limit=limit)
                for item in page.items:
                    yield str(item.product_id), item.title
                if (after := page.after) is None:
                    return

    async def test_finds_each_chinese_title_by_any_two_of_its_characters(
        self, db: Database, titles: list[str], rng: random.Random
    ) -> None:
        rows = await db.all(sql("SELECT id, search_text FROM products"))
        texts = {str(row["id"]): row["search_text"] for row in rows}
        chinese = [title for title in titles if any(letter >= "\u4e00" for letter in title)]
        assert len(chinese) == 239

        for title in chinese:
            start = rng.randrange(len(title) - 1)
            part = title[start : start + 2]
            found = {id: name async for id, name in self._all(db, part)}
            wanted = {id for id, text in texts.items() if all(term in text for term in search_terms(part))}
            assert title in found.values(), part
            assert found.keys() == wanted, part

    async def test_finds_english_by_parts_of_words_in_any_order(self, db: Database, titles: list[str]) -> None:
        assert [title async for _, title in self._all(db, "hirt POLYG")] == ["Blue Polygon Shirt"]
        assert [title async for _, title in self._all(db, "113223582")] == ["Enterprise Cloud + On-premises"]

    @pytest.mark.parametrize("query", ["'", "\\", "&|!:*", "%_", "\x00", "\ud800", "a' | 'b", "()", "  "])
    async def test_is_not_broken_by_signs(self, db: Database, titles: list[str], query: str) -> None:
        texts = [row["search_text"] for row in await db.all(sql("SELECT search_text FROM products"))]

        found = [id async for id, _ in self._all(db, query)]

        assert len(found) == sum(all(term in text for term in search_terms(query)) for text in texts)

    async def test_pages_through_everything_once_in_order(self, db: Database, titles: list[str]) -> None:
        found = [item async for item in self._all(db, "", limit=7)]

        assert len(found) == len({id for id, _ in found}) == 239 + 32
        keys = [sort_key(title) for _, title in found]
        assert keys == sorted(keys)

    async def test_narrows_to_a_category_and_what_is_below(self, db: Database, titles: list[str]) -> None:
        async with db.reading() as connection:
            tree = {one.path: one for one in await queries.categories(connection)}
            groceries = await queries.search_products(connection, category_id=tree["Groceries"].category_id)
            juices = await queries.search_products(
                connection, text="juice", category_id=tree["Groceries > Juices"].category_id
            )

        assert [item.title for item in groceries.items] == ["Apple Juice", "Banana Juice", "Bean Juice", "Carrot Juice"]
        assert len(juices.items) == tree["Groceries"].products == 4
        assert tree["Groceries > Juices"].parent_id == tree["Groceries"].category_id
        assert (groceries.items[0].price_minor_min, groceries.items[0].currency) == (199, "USD")
        assert groceries.items[0].picture_id is not None

    @pytest.mark.parametrize("cursor", ["x", "!!!", "WzFd", "W10", "é", "W1siYSIsImIiXV0"])
    async def test_refuses_a_cursor_that_is_none(self, db: Database, at: datetime, cursor: str) -> None:
        async with db.reading() as connection:
            with pytest.raises(BadCursor):
                await queries.search_products(connection, after=cursor)


class TestTheLargestText:
    async def test_fits_into_the_column(self, db: Database, load: Load) -> None:
        letters = "".join(chr(0x10400 + 40 + n % 40) for n in range(10_000))  # four bytes each
        mixed = "".join(chr(0x10428 + (n * n + n // 7) % 40) for n in range(10_000))
        codes = "".join(f"{n:04}{chr(0x4E00 + n) * 60},p,Cup,1,\n" for n in range(999))

        report = await load(f"sku,product,title,price,description\nA,q,Cup,1,{letters}\nB,r,Cup,1,{mixed}\n{codes}")

        assert (report.loaded, report.errors) == (1001, [])


class TestSortKey:
    def test_puts_chinese_in_the_order_of_pinyin(self) -> None:
        assert sorted(["中", "阿", "b", "白"], key=sort_key) == ["阿", "b", "白", "中"]

    def test_folds_latin(self) -> None:
        assert sort_key("Ｅté") == "eté"
