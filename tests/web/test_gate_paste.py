"""Paste a text: what the page shows of what the Gate saw."""

from __future__ import annotations

import html
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.domain.gate.facts import aligned, read
from fissile.flows.grant_role import grant_role
from fissile.infra.events import HOUSE
from fissile.web.gate_paste import TEXT_MAX, pieces_of
from tests.web.conftest import HOSTILE, Shop, field_of, send

DISGUISED = "椱ァ製这段描述€zjHn0ofLJFg€后咑閞淘♂寳♀ u。jd。com/abcDEF1"
KINDS = ("code", "link", "contact", "inducement", "disguise", "cue")


async def shown(shop: Shop, text: str, *, lang: str = "en", who: str = "promoter", **fields: str) -> Any:
    browser = await shop.signed_in(who)
    return await send(browser, page="/gate", to=f"/gate?lang={lang}", text=text, **fields)


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", "", page)))


class TestPage:
    async def test_shows_the_verdict_the_clause_and_what_was_found(self, shop: Shop) -> None:
        answer = await shown(shop, DISGUISED, rulebook="wechat@2018-05-18", surface="moments", mode="latest")

        assert answer.status_code == 200
        text = plain(answer.text)
        assert "This may not be published here." in text
        assert "wechat@2018-05-18" in text
        assert "zjHn0ofLJFg" in text
        assert "u.jd.com/abcDEF1" in text
        assert "Link written out in words" in text
        assert re.search(r'<mark class="code disguise"[^>]*>zjHn0ofLJFg</mark>', answer.text)
        assert re.search(r'<mark class="disguise cue"[^>]*>复制</mark>', answer.text), "in the plain reading too"

    async def test_speaks_chinese(self, shop: Shop) -> None:
        answer = await shown(shop, DISGUISED, lang="zh_CN", rulebook="wechat@2018-05-18")

        assert "不能在此发布" in answer.text
        assert "规则" in answer.text
        assert "形近字" in answer.text

    @pytest.mark.parametrize(
        ("mode", "day", "sentence"),
        [
            ("as_of", "2018-05-20", "This may not be published here."),
            ("in_force", "2018-05-28", "This may be published here."),
            ("in_force", "2018-05-29", "This may not be published here."),
        ],
    )
    async def test_asks_the_version_of_a_day(self, shop: Shop, mode: str, day: str, sentence: str) -> None:
        post = "复制这条信息￥zjHn0ofLJFg￥后打开👉手淘👈"

        answer = await shown(shop, post, rulebook="wechat", mode=mode, day=day, surface="moments")

        assert sentence in plain(answer.text)

    async def test_an_ordinary_text_has_nothing(self, shop: Shop) -> None:
        answer = await shown(shop, "今天天气不错")

        assert "This may be published here." in plain(answer.text)
        assert "Nothing was found in this text." in answer.text

    async def test_what_cannot_be_seen_is_named(self, shop: Shop) -> None:
        answer = await shown(shop, "a\u202eb\u200bc\x00d")

        for name in ("U+202E", "U+200B", "U+0000"):
            assert f'<span class="unseen">{name}</span>' in answer.text

    async def test_hostile_text_is_escaped(self, shop: Shop) -> None:
        answer = await shown(
            shop, f"{HOSTILE} 复制这条信息￥zjHn0ofLJFg￥打开淘宝 </textarea><script>alert(3)</script>"
        )

        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert answer.text.count("</textarea>") == 1

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"rulebook": "nowhere"}, "there is no rulebook nowhere"),
            ({"surface": HOSTILE}, "surface cannot be"),
            ({"form": "letter"}, "form cannot be"),
            ({"mode": "as_of"}, "a day is written as"),
            ({"mode": "as_of", "day": "soon"}, "a day is written as"),
            ({"mode": "as_of", "day": "2018-05-18", "rulebook": "wechat@2018-05-18"}, "names its version already"),
            ({"rulebook": "wechat", "mode": "as_of", "day": "1999-01-01"}, "was announced by 1999-01-01"),
        ],
    )
    async def test_a_wrong_choice_is_told_and_the_text_kept(
        self, shop: Shop, fields: dict[str, str], said: str
    ) -> None:
        answer = await shown(shop, "my own words", **fields)

        assert answer.status_code == (404 if "wechat" in fields.values() or "nowhere" in fields.values() else 422)
        assert said in plain(answer.text)
        assert 'role="alert"' in answer.text
        assert "my own words</textarea>" in answer.text
        assert "<script>alert" not in answer.text

    async def test_no_text_and_too_much_of_it_are_told(self, shop: Shop) -> None:
        nothing = await shown(shop, "")
        too_long = await shown(shop, "a" * (TEXT_MAX + 1))

        assert "There is no text to look at yet." in nothing.text
        assert too_long.status_code == 422
        assert "longer than 20000 characters" in plain(too_long.text)

    async def test_bytes_that_are_no_text_break_nothing(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        token = field_of((await browser.get("/gate")).text, "_form")

        answer = await browser.post(
            "/gate",
            content=f"_form={token}&text=%FF%FE%ED%A0%80%00abc".encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

        assert answer.status_code == 200
        assert "abc" in answer.text

    async def test_is_for_reviewers_too_and_not_for_buyers(self, shop: Shop) -> None:
        buyer = shop.people["buyer"].member_id
        assert buyer is not None
        browser = await shop.signed_in("buyer")
        before = await browser.get("/gate")

        at, rng = datetime.now(UTC), random.Random(3)
        await grant_role(shop.house.db, member_id=buyer, role="reviewer", merchant_id=None, actor=HOUSE, at=at, rng=rng)
        after = await browser.get("/gate")

        assert (before.status_code, after.status_code) == (403, 200)
        assert 'href="/gate"' not in before.text
        assert 'href="/gate"' in after.text

    async def test_nobody_may_send_it(self, shop: Shop) -> None:
        answer = await shop.browser().post("/gate", data={"text": "a"})

        assert answer.status_code == 303


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from(KINDS)), max_size=12)


class TestPieces:
    @given(text=st.text(max_size=50), raw=SPANS)
    def test_are_the_whole_text_and_carry_each_kind_at_its_place(
        self, text: str, raw: list[tuple[int, int, str]]
    ) -> None:
        spans = [(start, start + long, kind) for start, long, kind in raw]

        pieces = pieces_of(text, range(len(text)), spans)

        signs = [(sign, one.kinds) for one in pieces for sign in ([one.text] if one.unseen else one.text)]
        assert len(signs) == len(text)
        for place, ((shown, kinds), sign) in enumerate(zip(signs, text, strict=True)):
            assert shown in (sign, f"U+{ord(sign):04X}")
            assert set(kinds) == {kind for start, end, kind in spans if start <= place < end}


class TestAligned:
    @settings(deadline=None, max_examples=40)
    @given(
        parts=st.lists(
            st.one_of(st.sampled_from([DISGUISED, "氵每", "％２Ｅ", "\u200b", "https://m.tb.cn/h.abc"]), st.text()),
            max_size=8,
        ),
        times=st.integers(1, 90),
    )
    def test_reads_as_the_reader_does_and_knows_where_from(self, parts: list[str], times: int) -> None:
        text = "".join(parts) * times

        reading, origins = aligned(text)

        assert reading == read(text).normalised
        assert len(origins) == len(reading)
        assert all(0 <= place < len(text) for place in origins)
