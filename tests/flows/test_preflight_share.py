"""Pre-flight: each form on each surface, judged by exactly what is copied."""

from __future__ import annotations

import random

import pytest

from fissile.domain.gate.facts import read
from fissile.domain.gate.model import Post
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.model import SURFACES, Rulebook
from fissile.domain.gate.verdicts import judge
from fissile.domain.shares.model import FORMS, Form, FormText
from fissile.domain.shares.rules import new_token, texts_of
from fissile.flows.preflight_share import preflight_share
from fissile.kernel.money import Money

LATEST = "wechat@2025-10-23"


def texts(*, locale: str = "zh_CN", by_code: bool = True) -> tuple[FormText, ...]:
    return texts_of(
        token=new_token(rng=random.Random(3)),
        title="明前龙井",
        price=Money(12800, "CNY"),
        shop="Fissile",
        base_url="https://shop.example",
        locale=locale,
        by_code=by_code,
    )


def verdicts(label: str, **changes: bool) -> dict[tuple[str, Form], str]:
    answers = preflight_share(texts=texts(**changes), rulebook=shelf.shipped(label), language="en").answers  # type: ignore[arg-type]
    return {key: one.verdict for key, one in answers.items()}


class TestPreflightShare:
    def test_a_code_is_refused_in_moments_and_allowed_in_a_group(self) -> None:
        told = verdicts(LATEST)

        assert told["moments", "code"] == "block"
        assert told["group", "code"] == "allow"
        assert told["moments", "link"] == "allow"

    def test_a_code_in_the_comment_is_refused_by_its_comment(self) -> None:
        told, by_link = verdicts(LATEST), verdicts(LATEST, by_code=False)

        assert told["moments", "comment"] == "block"
        assert by_link["moments", "comment"] == "allow"

    def test_before_the_rule_was_announced_it_is_allowed(self) -> None:
        assert verdicts("wechat@2016-04-12")["moments", "code"] == "allow"
        assert verdicts("wechat@2018-05-18")["group", "code"] == "block"

    def test_there_is_an_answer_for_each_form_where_it_exists(self) -> None:
        told = verdicts(LATEST)
        missing = {(surface, form) for surface in SURFACES for form in FORMS} - set(told)

        assert missing == {(surface, "comment") for surface in ("direct", "profile", "picture-caption", "shop")}

    def test_says_what_the_gate_says_of_the_copied_text(self) -> None:
        code = next(one for one in texts() if one.form == "code")
        rulebook = shelf.shipped(LATEST)

        answer = preflight_share(texts=[code], rulebook=rulebook, language="zh").answers["moments", "code"]

        judged = judge(
            post=Post(text=code.post, surface="moments", form="code"), facts=read(code.post), rulebook=rulebook
        )
        assert answer.verdict == judged.verdict
        assert [one.clause for one in answer.reasons] == ["1"]
        assert "特殊识别码" in answer.sentence

    def test_what_a_posters_code_holds_is_judged(self) -> None:
        poster = FormText("poster", "【广告】茶", payload="https://m.tb.cn/h.8Zy2pTr")
        rulebook = _without_posters()

        answer = preflight_share(texts=[poster], rulebook=rulebook, language="en").answers["moments", "poster"]

        assert answer.verdict == "block"

    @pytest.mark.parametrize("edition", [one.label for one in shelf.editions()])
    def test_every_shipped_version_can_be_asked(self, edition: str) -> None:
        assert verdicts(edition)


def _without_posters() -> Rulebook:
    draft = """
name = "draft"
network = "Draft"
version = "2027-01-01"
announced = 2027-01-01
in_force = 2027-01-01
languages = ["zh", "en"]

[[sources]]
title = "A test"

[[rules]]
id = "no-posters"
action = "block"
severity = 2
when = 'links.exists(l, l.class == "short_link")'
must_match = ['https://m.tb.cn/h.8Zy2pTr']
must_not_match = ['hello']

[rules.clause]
number = "1"
summary_zh = "不发海报。"
summary_en = "No posters."

[rules.covers]
forms = ["poster", "link"]
"""
    return shelf.compiled(data=draft.encode(), name="draft")
