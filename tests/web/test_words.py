"""The two languages: complete, with the same facts in both."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from babel.messages.pofile import read_po

from fissile.api.asking import LOCALES, locale_of, safe_path, same_origin
from fissile.domain.members.errors import PasswordTooWeak
from fissile.domain.orders.errors import OrderStateDiffers
from fissile.web.catalogues import Msgid, catalogue_path, msgids, updated
from fissile.web.words import words_of

_FACT = re.compile(r"\{\w+\}|%\(\w+\)s")


def _facts(text: str) -> list[str]:
    return sorted(_FACT.findall(text))


class TestCatalogues:
    @pytest.mark.parametrize("locale", LOCALES)
    def test_have_every_text_and_no_other(self, locale: str) -> None:
        with catalogue_path(locale).open("rb") as file:
            catalogue = read_po(file, locale=locale)

        translated: set[Msgid] = {
            message.id if isinstance(message.id, str) else tuple(message.id)
            for message in catalogue
            if message.id and all([message.string] if isinstance(message.string, str) else message.string)
        }

        # To mend: python -m fissile.web.catalogues, then translate what it lists.
        assert translated == set(msgids())

    @pytest.mark.parametrize("locale", LOCALES)
    def test_keep_the_facts_of_each_text(self, locale: str) -> None:
        with catalogue_path(locale).open("rb") as file:
            catalogue = read_po(file, locale=locale)
        wrong = []

        for message in catalogue:
            if message.id:
                wanted = _facts(message.id if isinstance(message.id, str) else message.id[-1])
                said = [message.string] if isinstance(message.string, str) else list(message.string)
                wrong += [(message.id, one) for one in said if _facts(one) != wanted]

        assert wrong == []

    @pytest.mark.parametrize("locale", LOCALES)
    def test_have_no_per_cent_sign_that_templates_would_fill_in(self, locale: str) -> None:
        wrong = [
            text
            for message in updated(locale)
            if any(file.startswith(("templates/", "web/")) for file, _ in message.locations)
            for text in (message.string if isinstance(message.string, (tuple, list)) else (message.string,))
            if re.search(r"%(?!\(\w+\)[sd]|%)", text)
        ]

        assert wrong == []

    def test_chinese_is_not_left_in_english(self) -> None:
        with catalogue_path("zh_CN").open("rb") as file:
            catalogue = read_po(file, locale="zh_CN")
        same = {message.id for message in catalogue if message.id and message.id == message.string}

        assert same <= {"SKU"}


class TestWords:
    def test_money_is_written_in_the_reader_s_way(self) -> None:
        assert words_of("zh_CN").money(123_456, "CNY") == "¥1,234.56"
        assert words_of("en").money(123_456, "CNY") == "CN¥1,234.56"
        assert words_of("en").money(500, "JPY") == "¥500"

    def test_rates_and_spans(self) -> None:
        assert words_of("en").rate(125_000) == "12.5%"
        assert words_of("en").span(86_400) == "1 day"
        assert words_of("zh_CN").span(7 * 86_400) == "7 天"
        assert words_of("en").span(0) == "0 seconds"

    def test_moments_name_their_zone(self) -> None:
        at = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)

        assert words_of("en").moment(at) == "1 Mar 2026, 12:05 UTC"
        assert words_of("zh_CN").moment(at) == "2026年3月1日 12:05 UTC"


class TestRefusals:
    def test_say_the_hint_about_a_password_in_the_language(self) -> None:
        refused = PasswordTooWeak(
            hint="This is a very common password. Add another word or two. Uncommon words are better."
        )

        assert (
            words_of("zh_CN").refusal(refused) == "这个密码很容易被猜到。这是很常见的密码。 再加一两个词，越少见越好。"
        )

    def test_say_states_in_the_language(self) -> None:
        refused = OrderStateDiffers(state="paid", wanted="placed")

        assert "已付款" in words_of("zh_CN").refusal(refused)


class TestAsking:
    def test_the_first_language_that_we_have_wins(self) -> None:
        assert locale_of(wanted=("", "zh_CN"), accept_language="en", default="en") == "zh_CN"
        assert locale_of(wanted=("xx",), accept_language="fr, zh-HK;q=0.5", default="en") == "zh_CN"
        assert locale_of(wanted=(), accept_language="fr", default="zh_CN") == "zh_CN"

    @pytest.mark.parametrize(
        "path",
        ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\t/evil.example", "/\x00", ""],
    )
    def test_only_paths_of_this_site_are_followed(self, path: str) -> None:
        assert safe_path(path, otherwise="/") == "/"

    def test_a_form_of_another_site_is_seen(self) -> None:
        assert same_origin(origin="http://shop.example", base_url="http://shop.example", host="shop.example")
        assert not same_origin(origin="http://evil.example", base_url="http://shop.example", host="shop.example")
        assert not same_origin(origin="null", base_url="http://shop.example", host="shop.example")
