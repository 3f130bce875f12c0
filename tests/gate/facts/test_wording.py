# ruff: noqa: E501 - lists of texts are easier to read when each stands on one line
from __future__ import annotations

import pytest

from fissile.domain.gate.facts import read


def techniques(text: str) -> set[str]:
    return {way.technique for way in read(text).disguises}


class TestDisguises:
    @pytest.mark.parametrize(
        ("text", "technique"),
        [
            ("復·制￥AXG4bZGYwFa￥到淘♂寳♀", "symbol-insert"),
            ("椱ァ製￥AXG4bZGYwFa￥到淘宝", "kana-insert"),
            ("复ㄅ制￥AXG4bZGYwFa￥到淘宝", "bopomofo-insert"),
            ("緮置€AXG4bZGYwFa€到淘宝", "currency-delimiter"),
            ("緮置￥AXG4bZGYwFa￥到淘宝", "lookalike-hanzi"),
            ("腹智￥AXG4bZGYwFa￥到淘宝", "homophone"),
            ("复制￥AXG4bZGYwFa￥到氵匋宝", "radical-split"),
            ("复制￥AXG4bZGYwFa￥到淘Bao", "latin-phonetic"),
            ("复制￥AXG4bZGYwFa￥到τаo宝", "greek-cyrillic-homoglyph"),
            ("復製￥AXG4bZGYwFa￥到淘宝", "traditional"),
            ("复\u200b制￥AXG4bZGYwFa￥到淘宝", "zero-width"),
            ("复制￥ＡXG4bZGYwFa￥到淘宝", "full-width"),
            ("复制￥A X G 4 b Z G Y w F a￥到淘宝", "code-split"),
            ("m点tb点cn/h.32ctbMU", "link-written-out"),
            ("加薇❤️信", "emoji-split"),
        ],
    )
    def test_are_named(self, text: str, technique: str) -> None:
        assert technique in techniques(text)

    @pytest.mark.parametrize(
        "text", ["復製貼上對不起", "大开眼界", "ＡＢＣ", "Привет", "复制￥AXG4bZGYwFa￥打开淘宝", "今天☀️真好❤️"]
    )
    def test_are_not_seen_in_plain_texts(self, text: str) -> None:
        assert not techniques(text)


class TestContacts:
    @pytest.mark.parametrize(
        "text", ["加薇❤️信详聊", "V我领资料", "需要的看我主页签名", "加我微信abc12345", "vx：kd8832ls", "+V：abc12345"]
    )
    def test_are_found(self, text: str) -> None:
        assert read(text).contacts

    @pytest.mark.parametrize(
        "text",
        [
            "用微信支付吧",
            "加为好友了",
            "威信扫地",
            "不要加陌生人微信",
            "他的头像很好看",
            "加V领更好看",
            "游戏 ID：48213077",
        ],
    )
    def test_are_not_seen_in_ordinary_talk(self, text: str) -> None:
        assert not read(text).contacts


class TestInducements:
    @pytest.mark.parametrize(
        ("text", "category"),
        [
            ("分享到3个群解锁完整版", "share_to_unlock"),
            ("集赞38个免费领保温杯", "share_reward"),
            ("帮我助力一下，马上免费拿", "assist"),
            ("帮我砍一刀", "bargain"),
            ("差一人成团！速来", "group_buy"),
            ("不转不是中国人", "coercion"),
            ("关注公众号回复“1024”领取资料", "follow_to_unlock"),
            ("测测你的前世是谁", "test"),
            ("点击下载App继续观看", "download_jump"),
            ("轉發領紅包", "share_reward"),
            ("转·发·领·红·包", "share_reward"),
            ("砖发领红包", "share_reward"),
        ],
    )
    def test_are_named(self, text: str, category: str) -> None:
        assert category in {wording.category for wording in read(text).inducements}

    @pytest.mark.parametrize(
        "text",
        [
            "不要转发这种红包链接", "警惕“转发领红包”骗局", "请勿转发未经证实的消息", "“不转不是中国人”这种话术早该治理了", "帮我转发给老师",
            "你关注的公众号停更了", "帮我点一下外卖", "主力球员受伤了", "她从不转发抽奖微博",
        ],
    )  # fmt: skip
    def test_are_not_seen_where_denied_quoted_or_meant_otherwise(self, text: str) -> None:
        assert not read(text).inducements

    def test_not_missing_something_is_no_denial(self) -> None:
        assert read("千万不要错过，转发抽奖送手机").inducements
