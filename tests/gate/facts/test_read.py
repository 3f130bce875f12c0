"""Bad input, length, spans, versions."""

from __future__ import annotations

import random
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.domain.gate.facts import READER, Reader, read
from fissile.domain.gate.facts.tables import table
from fissile.domain.gate.model import FACTS_OF_A_KIND
from tests.gate.facts.making import positives

_SIGNS = "复制打开淘宝￥€$AbZ09 .点。/:\\%2E#@\u200b\u202e\u0301\ud800\0氵匋ァ🔑❤️【】「」转发红包加薇v我m.tb.cn/h"


class TestRead:
    @given(st.text(alphabet=st.one_of(st.sampled_from(_SIGNS), st.characters()), max_size=120))
    @settings(max_examples=300, deadline=None)
    def test_never_fails_and_spans_lie_in_the_text(self, text: str) -> None:
        facts = read(text)

        spans = [
            *((code.start, code.end) for code in facts.codes),
            *((link.start, link.end) for link in facts.links),
            *((hint.start, hint.end) for hint in facts.contacts),
            *((wording.start, wording.end) for wording in facts.inducements),
            *((way.start, way.end) for way in facts.disguises),
            *((cue.start, cue.end) for cue in facts.cues),
        ]
        assert all(0 <= start < end <= len(text) for start, end in spans)

    @pytest.mark.parametrize("text", ["", "\0", "\ud800\udfff", "\u202e" * 9, "复" + "\u0301" * 9_000, "．" * 5_000])
    def test_odd_texts(self, text: str) -> None:
        assert read(text).reader == READER

    def test_same_text_same_bytes(self) -> None:
        text = positives(3, 1)[0].text

        assert msgspec.json.encode(read(text)) == msgspec.json.encode(Reader(table("platforms")).read(text))

    def test_class_is_named_so_in_json(self) -> None:
        (link,) = msgspec.to_builtins(read("https://u.jd.com/AbCdEf1").links)

        assert link["class"] == "short_link"

    def test_where_is_kept(self) -> None:
        (code,) = read("复制￥AXG4bZGYwFa￥到淘宝", where="picture-1").codes

        assert code.where == "picture-1"


class TestLongTexts:
    def test_facts_beyond_the_cap_are_counted(self) -> None:
        facts = read(" ".join(f"https://m.tb.cn/h.Ab{place:05d}x" for place in range(10_000)))

        assert len(facts.links) == FACTS_OF_A_KIND
        assert facts.dropped.links == 10_000 - FACTS_OF_A_KIND

    def test_places_are_those_of_the_whole_text(self) -> None:
        text = "很长的故事，" * 700 + "复制￥AXG4bZGYwFa￥打开淘宝" + "还没有完。" * 900

        (code,) = read(text).codes

        assert text[code.start : code.end] == "AXG4bZGYwFa"

    def test_a_share_text_across_two_windows_is_found_once(self) -> None:
        share = "复制￥AXG4bZGYwFa￥打开淘宝"
        for before in range(1_650, 2_050, 7):
            facts = read("好" * before + share + "吧" * 900)

            assert [code.code for code in facts.codes] == ["AXG4bZGYwFa"]

    @pytest.mark.parametrize(
        "piece", ["复制打开淘宝", "￥a", "h t t p ", "a.", "%2E", "#小程序:/", "转发", "🔑", "a ", "【", "m点tb点"]
    )
    def test_time_grows_with_length_only(self, piece: str) -> None:
        def seconds(length: int) -> float:
            text = (piece * (length // len(piece) + 1))[:length]
            start = time.process_time()
            read(text)
            return time.process_time() - start

        seconds(2_000)
        short, long = seconds(20_000), seconds(160_000)

        assert long <= 8 * short * 3 + 0.2  # eight times as long; three for the noise of a shared machine

    @pytest.mark.slow
    def test_ten_million_signs(self) -> None:
        rng = random.Random(5)
        text = "".join(rng.choice(["今天天气不错，", "hello ", "出门买菜。", "12.50 元 "]) for _ in range(1_600_000))

        start = time.process_time()
        facts = read(text)

        assert not facts.codes
        assert time.process_time() - start < 60
