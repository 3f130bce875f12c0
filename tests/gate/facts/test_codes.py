from __future__ import annotations

import pytest

from fissile.domain.gate.facts import read


def codes_of(text: str) -> list[tuple[str, str]]:
    return [(code.platform, code.code) for code in read(text).codes]


class TestDelimiters:
    @pytest.mark.parametrize("mark", list("￥¥€₤₳₴¢$"))
    def test_pairs_of_currency(self, mark: str) -> None:
        assert codes_of(f"复制这段描述{mark}AXG4bZGYwFa{mark}后到淘宝") == [("taobao", "AXG4bZGYwFa")]

    @pytest.mark.parametrize(
        "pair", ["({})", "（{}）", "《{}《", "/{}/", "啊{}啊", "🔑{}🔑", "{}:// HU1234", "( CZ1234 {})"]
    )
    def test_other_pairs_with_cue_words(self, pair: str) -> None:
        assert codes_of(f"复制 {pair.format('AXG4bZGYwFa')} 打开手机淘宝") == [("taobao", "AXG4bZGYwFa")]

    def test_the_span_is_the_code_without_them(self) -> None:
        text = "👉复制￥zjHn0ofLJFg￥打开手淘"

        (code,) = read(text).codes

        assert text[code.start : code.end] == "zjHn0ofLJFg"

    @pytest.mark.parametrize(
        "text",
        [
            "一件￥99，两件￥188",
            "把 $HOME/bin 加到 $PATH",
            "设 $a1b2c3d4e5f$ 为变量",
            "店里 WiFi 密码 Hy7mQ2xP9aKd",
            "(build20260118)",
        ],
    )
    def test_what_only_looks_like_it(self, text: str) -> None:
        assert not codes_of(text)


class TestOtherForms:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("#小程序://喜家德/TAVIzJOYLyPhinj", ("wechat_miniprogram", "TAVIzJOYLyPhinj")),
            ("#小程序://拼多多/TAVIzJOYLyPhinj", ("pdd", "TAVIzJOYLyPhinj")),
            ("打开支付宝首页搜“681424595”领红包", ("alipay", "681424595")),
            ("福袋互助码 68012345 帮我点点", ("pdd", "68012345")),
            ("春风十里不如你，复制此消息打开京东", ("jd", "春风十里不如你")),
            ("￥JEhvG8yJX9tmSO￥", ("jd", "JEhvG8yJX9tmSO")),
            ("【房间号#482013#，来玩】复制这条信息后打开XX即可加入房间", ("unknown", "482013")),
        ],
    )
    def test_are_named(self, text: str, code: tuple[str, str]) -> None:
        assert codes_of(text) == [code]

    @pytest.mark.parametrize(
        "text",
        ["什么是淘口令？复制后打开淘宝就能看到商品", "记者获悉，复制口令打开淘宝将被限制", "电话 68012345，帮我问问"],
    )
    def test_telling_about_them_is_none(self, text: str) -> None:
        assert not codes_of(text)


class TestReadings:
    @pytest.mark.parametrize(
        "written",
        [
            "Ａｂ３ｄＥ６ｇＨ９ｊＫ",
            "Аb3dЕ6gН9jК",
            "A b 3 d E 6 g H 9 j K",
            "A\u200bb3dE6gH9jK",
            "Ab3d🌹E6gH9jK",
            "𝐀𝐛𝟑𝐝𝐄𝟔𝐠𝐇𝟗𝐣𝐊",
            "A\u0336b3dE6gH9jK",
        ],
    )
    def test_code_is_what_the_app_reads(self, written: str) -> None:
        text = f"复制￥{written}￥打开淘宝"

        (code,) = read(text).codes

        assert code.code == "Ab3dE6gH9jK"
        assert text[code.start : code.end] == written

    def test_case_and_zero_are_kept(self) -> None:
        assert codes_of("复制￥O0lI1oQ0aBc￥打开淘宝") == [("taobao", "O0lI1oQ0aBc")]
