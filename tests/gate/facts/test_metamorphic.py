"""Disguising a share text keeps what is found in it; disguising an ordinary text makes nothing of it."""

from __future__ import annotations

import pytest

from fissile.domain.gate.facts import Reader, read
from fissile.domain.gate.facts.tables import table, without
from tests.gate.facts.making import TECHNIQUES, disguised, hard_negatives, positives
from tests.gate.facts.quality import has_code, is_found


class TestDisguisedShareTexts:
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_stay_found(self, technique: str) -> None:
        samples = positives(41, 80)
        changed = [
            (text, sample.code)
            for place, sample in enumerate(samples)
            if (text := disguised(technique, place, sample.text, sample)) != sample.text
        ]

        kept = sum(is_found(facts) and has_code(facts, code) for text, code in changed if (facts := read(text)))

        assert len(changed) >= 20
        assert kept >= 0.95 * len(changed)


class TestDisguisedOrdinaryTexts:
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_stay_ordinary(self, technique: str) -> None:
        samples = hard_negatives(43, 150)

        hit = [
            text
            for place, sample in enumerate(samples)
            if is_found(read(text := disguised(technique, place, sample.text, sample)))
        ]

        assert not hit


class TestAnatomy:
    """What is still found of a platform when no table knows it."""

    PLATFORMS = tuple(sorted({row["platform"] for row in table("platforms")["link"]} - {"netdisk"}))

    @pytest.mark.parametrize("platform", ["taobao", "jd", "alipay", "xiaohongshu", "pdd", "wechat_miniprogram"])
    def test_passphrases_need_no_row(self, platform: str) -> None:
        reader = Reader(without(platform=platform))
        samples = [s for s in positives(47, 900) if s.platform == platform and s.kind == "passphrase" and s.code]
        samples = [s for s in samples if not (s.code or "").isdigit()]
        assert samples, "the maker writes passphrases of this platform"

        found = sum(has_code(reader.read(sample.text), sample.code) for sample in samples)

        assert found >= 0.8 * len(samples)

    def test_promotion_parameters_need_no_row(self) -> None:
        reader = Reader(without(platform="taobao"))

        facts = reader.read("https://m.tb.cn/h.gYbDgMvJopopLyT?tk=4sGhWHL34TK MF6563 「麦克风」点击链接直接打开")

        assert [link.cls for link in facts.links] == ["short_link"]
        assert [code.code for code in facts.codes] == ["4sGhWHL34TK"]

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_share_texts_with_cue_words_need_no_row(self, platform: str) -> None:
        reader = Reader(without(platform=platform))

        facts = reader.read("【好物】https://x.newhost.top/h.Ab3dE6g 复制整段信息，打开APP领券 ￥Ab3dE6gH9jK￥")

        assert [code.code for code in facts.codes] == ["Ab3dE6gH9jK"]
        assert [link.cls for link in facts.links] == ["short_link"]
