from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.gate.facts import read
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
from fissile.domain.gate.rulebooks.shelf import NoSuchRulebookError, choose, compiled, editions, shipped
from fissile.domain.gate.rulebooks.words import known_words

WECHAT = ["2014-12-30", "2016-04-12", "2018-05-18", "2018-05-21", "2019-10-18", "2025-10-23"]


class TestEditions:
    def test_are_those_of_the_interface(self) -> None:
        assert [one.label for one in editions()] == [
            "house@2026-01-01",
            *(f"wechat@{version}" for version in WECHAT),
            "xiaohongshu@2025-03-12",
        ]


class TestChoose:
    @pytest.mark.parametrize(
        ("day", "version"),
        [
            ("2014-12-30", "2014-12-30"),
            ("2016-04-11", "2014-12-30"),
            ("2016-04-12", "2016-04-12"),
            ("2018-05-17", "2016-04-12"),
            ("2018-05-18", "2018-05-18"),
            ("2018-05-20", "2018-05-18"),
            ("2018-05-21", "2018-05-21"),
            ("2019-10-17", "2018-05-21"),
            ("2026-11-22", "2025-10-23"),
        ],
    )
    def test_goes_by_announcement(self, day: str, version: str) -> None:
        assert choose(name="wechat", as_of=date.fromisoformat(day)).version == version

    @pytest.mark.parametrize(
        ("day", "version"),
        [
            ("2018-05-28", "2016-04-12"),
            ("2018-05-29", "2018-05-21"),
            ("2019-10-27", "2018-05-21"),
            ("2019-10-28", "2019-10-18"),
        ],
    )
    def test_goes_by_effect(self, day: str, version: str) -> None:
        assert choose(name="wechat", in_force=date.fromisoformat(day)).version == version

    def test_takes_the_latest_without_a_day(self) -> None:
        assert choose(name="wechat").version == "2025-10-23"

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"name": "weibo"}, "there is no rulebook weibo; shipped are: house, wechat, xiaohongshu"),
            ({"name": "wechat@2018-05-20"}, "wechat has no version 2018-05-20; there are: 2014-12-30, "),
            ({"name": "wechat", "as_of": date(2014, 12, 29)}, "no version of wechat was announced by 2014-12-29; "),
            ({"name": "house", "in_force": date(2018, 5, 29)}, "no version of house was in force on 2018-05-29; "),
        ],
    )
    def test_says_what_there_is(self, asked: dict[str, object], said: str) -> None:
        with pytest.raises(NoSuchRulebookError) as caught:
            choose(**asked)  # type: ignore[arg-type]

        assert str(caught.value).startswith(said)

    @given(st.dates(date(2014, 12, 30), date(2030, 1, 1)))
    def test_never_goes_back_as_days_go_on(self, day: date) -> None:
        before, after = (choose(name="wechat", as_of=one) for one in (day, day + timedelta(days=1)))

        assert before.announced <= day
        assert before.version <= after.version


class TestKnownWords:
    def test_hold_whatever_the_examples_are_read_as(self) -> None:
        words = known_words()
        rules = [rule for one in editions() for rule in shipped(one.label).rules]

        for example in (one for rule in rules for one in (*rule.must_match, *rule.must_not_match)):
            facts = read(example.text)
            assert words["platform"].issuperset(one.platform for one in facts.codes)
            assert words["platform"].issuperset(one.platform or "" for one in facts.links)
            assert words["category"].issuperset(one.category for one in facts.inducements)


class TestShipped:
    @pytest.mark.parametrize("label", [one.label for one in editions()])
    def test_has_no_mistakes_and_a_source_for_each_scan(self, label: str) -> None:
        rulebook = shipped(label)

        assert rulebook.label == label
        assert rulebook.sources
        assert all(rule.clause.summary_zh and rule.clause.summary_en for rule in rulebook.rules)
        assert all(rule.must_match and rule.must_not_match for rule in rulebook.rules)

    def test_begins_with_clause_1_from_may_2018_on(self) -> None:
        for version in WECHAT[2:]:
            first = shipped(f"wechat@{version}").rules[0]
            assert (first.id, first.clause.number, first.action) == ("special-codes", "1", "block")

    @pytest.mark.parametrize("version", WECHAT)
    def test_says_in_every_version_that_marketplace_links_do_not_open(self, version: str) -> None:
        assert shipped(f"wechat@{version}").rule("marketplace-links").action == "block"

    def test_has_no_rule_on_disguise_alone(self) -> None:
        for one in editions():
            assert not any(rule.condition.reads == {"disguises"} for rule in shipped(one.label).rules)

    def test_knows_what_each_version_amends(self) -> None:
        amended = {version: shipped(f"wechat@{version}").amends for version in WECHAT}

        assert amended["2018-05-21"] == "2018-05-18"
        assert amended["2019-10-18"] == "2018-05-21"
        assert all(not before or before in WECHAT for before in amended.values())


class TestCompiled:
    def test_knows_the_words_of_the_reader(self) -> None:
        house = (Path(shelf.__file__).parent / "shipped" / "house-2026-01-01.toml").read_text(encoding="utf-8")
        slips = house.replace('c.platform != "fissile"', 'c.platform != "fisile"').replace('"coercion"', '"coerction"')

        with pytest.raises(RulebookMistakesError) as caught:
            compiled(data=slips.encode(), name="mine.toml")

        assert [(one.message, one.hint) for one in caught.value.mistakes][:2] == [
            ("platform is never “fisile”.", "did you mean fissile?"),
            ("category is never “coerction”.", "did you mean coercion?"),
        ]

    def test_tells_where_a_file_is_not_utf8(self) -> None:
        with pytest.raises(RulebookMistakesError) as caught:
            compiled(data='name = "规则"\nnetwork = "é'.encode() + b'\xe9"\n', name="mine.toml")

        assert [(one.line, one.column, one.message) for one in caught.value.mistakes] == [(2, 13, "This is not UTF-8.")]
