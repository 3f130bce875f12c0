"""What WeChat's rules said of one post from day to day, by announcement and by effect."""

from __future__ import annotations

from datetime import date

import pytest

from fissile.domain.gate.facts import read
from fissile.domain.gate.model import Post
from fissile.domain.gate.rulebooks.model import SURFACES
from fissile.domain.gate.rulebooks.shelf import choose, editions, shipped
from fissile.domain.gate.verdicts import Verdict, judge, sentence

PASSPHRASES = [
    "复制这条信息￥zjHn0ofLJFg￥后打开👉手淘👈",
    "【夏季新款长裙】http://m.tb.cn/h.32ctbMU 点击链接，再选择浏览器咑閞；或復·制这段描述€AXG4bZGYwFa€后到淘♂寳♀",
    "复制整段信息，打开👉手机天猫👈，即可查看:【T恤】(未安装点这里：http://yukhj.com/s/HKvLP?tm=2d6aaf )🔑喵口令🔑",
]
PRICES = ["衬衫一件￥99，两件￥188，要的话我帮你带", "￥99", "今天特价 ¥19.90 一斤，两斤 ¥35"]

# day, by announcement or by effect, in Moments, in a group
TABLE = [
    ("as_of", "2018-05-17", "allow", "allow"),
    ("as_of", "2018-05-18", "block", "block"),
    ("as_of", "2018-05-20", "block", "block"),
    ("as_of", "2018-05-21", "block", "allow"),
    ("as_of", "2018-05-30", "block", "allow"),
    ("as_of", "2019-10-18", "block", "allow"),
    ("as_of", "2025-10-23", "block", "allow"),
    ("in_force", "2018-05-28", "allow", "allow"),
    ("in_force", "2018-05-29", "block", "allow"),
]


def verdict(text: str, *, by: str, day: str, surface: str) -> Verdict:
    edition = choose(name="wechat", **{by: date.fromisoformat(day)})
    return judge(post=Post(text=text, surface=surface), facts=read(text), rulebook=shipped(edition.label))


class TestPassphrase:
    @pytest.mark.parametrize("text", PASSPHRASES)
    @pytest.mark.parametrize(("by", "day", "moments", "group"), TABLE)
    def test_is_judged_by_the_day(self, by: str, day: str, moments: str, group: str, text: str) -> None:
        assert verdict(text, by=by, day=day, surface="moments").verdict == moments
        assert verdict(text, by=by, day=day, surface="group").verdict == group

    def test_is_blocked_by_clause_1(self) -> None:
        found = verdict(PASSPHRASES[0], by="as_of", day="2018-05-20", surface="group")

        assert [(one.id, one.clause, one.action) for one in found.rules] == [("special-codes", "1", "block")]
        assert found.rulebook == "wechat@2018-05-18"
        assert found.origin == ("taobao",)
        rulebook = shipped(found.rulebook)
        assert "clause “1”" in sentence(verdict=found, rulebook=rulebook, language="en")
        assert "规则“1”" in sentence(verdict=found, rulebook=rulebook, language="zh")

    def test_in_the_comment_is_covered_too(self) -> None:
        assert verdict(PASSPHRASES[0], by="as_of", day="2018-06-01", surface="moments-comment").verdict == "block"

    def test_hides_behind_no_other_form(self) -> None:
        text = PASSPHRASES[0]
        post = Post(text=text, surface="moments", form="link")
        assert judge(post=post, facts=read(text), rulebook=shipped("wechat@2018-05-21")).verdict == "block"


class TestPrice:
    @pytest.mark.parametrize("text", PRICES)
    @pytest.mark.parametrize("surface", SURFACES)
    def test_is_allowed_by_every_rulebook(self, text: str, surface: str) -> None:
        for one in editions():
            found = judge(post=Post(text=text, surface=surface), facts=read(text), rulebook=shipped(one.label))
            assert (found.verdict, found.rules) == ("allow", ())


class TestMarketplaceLink:
    @pytest.mark.parametrize("day", ["2014-12-30", "2018-05-17", "2018-05-18", "2018-05-21", "2026-01-01"])
    def test_does_not_open_in_any_version(self, day: str) -> None:
        found = verdict("https://m.tb.cn/h.8Zy2pTr", by="as_of", day=day, surface="group")

        assert (found.verdict, [one.id for one in found.rules]) == ("block", ["marketplace-links"])

    def test_of_a_platform_with_a_gate_opens(self) -> None:
        assert (
            verdict("https://p.pinduoduo.com/doXbmz4V", by="as_of", day="2018-06-01", surface="group").verdict
            == "allow"
        )
