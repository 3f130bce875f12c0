from __future__ import annotations

import pytest

from fissile.domain.gate.facts import read
from fissile.domain.gate.model import Link


def the_link(text: str) -> Link:
    (link,) = read(text).links
    return link


class TestHosts:
    @pytest.mark.parametrize(
        "text",
        ["https://www.163.cn/35RO", "mail.163.cn/abc", "https://mytb.cn/h.abc", "https://m.tb.cn.example.org/h.a"],
    )
    def test_are_cut_at_dots_only(self, text: str) -> None:
        assert the_link(text).cls == "unknown"
        assert the_link(text).platform is None

    def test_known_host_of_four_letters(self) -> None:
        assert the_link("看3.cn/35RO-7uG").platform == "jd"

    @pytest.mark.parametrize("text", ["https://open.taobao.com/doc.htm", "https://developer.jd.com/x"])
    def test_pages_that_sell_nothing_are_no_shop(self, text: str) -> None:
        assert the_link(text).cls == "unknown"

    @pytest.mark.parametrize("text", ["someone@163.com", "README.md 和 node.js", "3.5元", "e.g. this. com", "2.com3"])
    def test_what_is_no_address(self, text: str) -> None:
        assert not read(text).links


class TestClasses:
    @pytest.mark.parametrize(
        ("text", "cls", "platform"),
        [
            ("https://item.taobao.com/item.htm?id=1", "shop", "taobao"),
            ("https://u.jd.com/AbCdEf1", "short_link", "jd"),
            ("wxp://f2f0abc", "app_jump", "wechat"),
            ("http://weixin.qq.com/r/ty9ieuPEIb5eracZ93ql", "app_jump", "wechat"),
            ("https://pan.baidu.com/s/1abc", "netdisk", "baidu"),
            ("https://docs.python.org/3/", "unknown", None),
            ("https://newhost.top/h.Ab3dE6g?tk=Ab3dE6gH9jK", "short_link", None),
        ],
    )
    def test_of_host_or_shape(self, text: str, cls: str, platform: str | None) -> None:
        link = the_link(text)

        assert (link.cls, link.platform) == (cls, platform)


class TestWrittenOut:
    @pytest.mark.parametrize(
        "text",
        [
            "m.tb.cn/h.32ctbMU",
            "m点tb点cn/h.32ctbMU",
            "m。tb。cn/h.32ctbMU",
            "m(.)tb(.)cn/h.32ctbMU",
            "m dot tb dot cn/h.32ctbMU",
            "m . t b . c n / h . 3 2 c t b M U",
            "ｍ．ｔｂ．ｃｎ／ｈ．３２ｃｔｂＭＵ",
            "m%2Etb%2Ecn%2Fh.32ctbMU",
            "m.t\u200bb.cn/h.32ctbMU",
            "m.тb.cn/h.32ctbMU",
            "m.t🔥b.cn/h.32ctbMU",
        ],
    )
    def test_is_read_plainly(self, text: str) -> None:
        link = the_link(f"看 {text} 好")

        assert link.url == "m.tb.cn/h.32ctbMU"
        assert (link.cls, link.platform) == ("short_link", "taobao")
        assert f"看 {text} 好"[link.start : link.end] == text

    def test_scheme_apart_and_turned_strokes(self) -> None:
        assert the_link("h t t p s : / / m . t b . c n / h . a b c 1").url == "https://m.tb.cn/h.abc1"
        assert the_link("https:\\\\m.tb.cn\\h.32ctbMU").url.endswith("m.tb.cn/h.32ctbMU")

    def test_idn_host_is_shown_in_its_script(self) -> None:
        link = the_link("https://xn--fsqu00a.xn--0zwm56d/x")

        assert link.host == "例子.测试"


class TestCodesInLinks:
    def test_sp_tk_is_unwrapped(self) -> None:
        facts = read("https://a.m.taobao.com/i573.htm?sp_tk=77+lQWIzZEU2Z0g5akvvv6U=")

        assert [code.code for code in facts.codes] == ["Ab3dE6gH9jK"]
