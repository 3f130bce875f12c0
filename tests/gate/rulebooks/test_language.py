from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fissile.domain.gate.model import Code, CueWord, Facts, Link, Post
from fissile.domain.gate.rulebooks.language import (
    Condition,
    ConditionProblemsError,
    Problem,
    UndecidedError,
    bind,
    compile_condition,
)
from fissile.domain.gate.rulebooks.vocabulary import FACTS, FIELD_MAX, TEXT_MAX

A_CODE = Code("passphrase", "taobao", "zjHn0ofLJFg", 6, 17)
A_LINK = Link("https://u.jd.com/YIoOWrW", "u.jd.com", "short_link", "jd", False, 0, 24)


def compiled(source: str) -> Condition:
    return compile_condition(source, words={})


def problems(source: str) -> tuple[Problem, ...]:
    try:
        compiled(source)
    except ConditionProblemsError as refused:
        return refused.problems or (Problem(0, 0, "", ""),)  # a refusal without a reason fails below
    return ()


def holds(source: str, *, post: Post | None = None, facts: Facts | None = None) -> bool:
    condition = compiled(source)
    bound = bind(post=post or Post(), facts=facts or Facts(), forms=("code",), reads=condition.reads)
    return condition.holds(bound)


class TestHolds:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("codes.exists(c, c.kind == 'passphrase' && c.platform == 'taobao')", True),
            ("codes.exists_one(c, c.code.matches('^[0-9A-Za-z]{11}$'))", True),
            ("codes.filter(c, c.platform == 'jd').size() == 0", True),
            ("codes.all(c, c.where == 'text')", True),
            ("links.exists(l, l.class == 'short_link' && l.host.endsWith('jd.com') && !l.partner)", True),
            ("links.exists(l, l.platform == '')", False),
            ("'jd' in origin && 'code' in forms", True),
            ("cues.exists(c, c.word == '复制')", True),
            ("text.contains('打开') && reading.size() == 0 && text_size == 4", True),
            ("has(history.posts_24h)", True),
            ("has(history.posts_30d)", False),
            ("history.posts_24h > 9 && !history.adversarial && history.posts_30d == 0", True),
            ("dropped.codes == 3 && dropped.links == 0", False),
            ("surface == 'group' && form == 'code' && sender == 'a' && community == 'b' && thread == 'c'", True),
        ],
    )
    def test_asks_every_fact(self, source: str, expected: bool) -> None:
        post = Post(
            text="复制打开",
            surface="group",
            form="code",
            sender="a",
            community="b",
            thread="c",
            facts={"posts_24h": 10},
        )
        facts = Facts(codes=(A_CODE,), links=(A_LINK,), cues=(CueWord("复制", 0, 2),), origin=("jd", "taobao"))

        assert holds(source, post=post, facts=facts) is expected

    def test_knows_each_name_of_the_vocabulary(self) -> None:
        for fact in FACTS:
            whole = fact.name if fact.many or not fact.fields else f"{fact.name}.{fact.fields[0].name}"
            assert compiled(f"{whole} == {whole}").reads == {fact.name}
            for field in fact.fields if fact.many else ():
                assert compiled(f"{fact.name}.exists(one, one.{field.name} == one.{field.name})").reads == {fact.name}

    def test_sees_a_bounded_part_of_long_texts(self) -> None:
        long = "a" * 10_000_000

        assert holds(f"text.size() == {TEXT_MAX} && text_size == 10000000", post=Post(text=long))
        facts = Facts(codes=(Code("passphrase", "taobao", long, 0, 1),))
        assert holds(f"codes.exists(c, c.code.size() == {FIELD_MAX})", facts=facts)

    @pytest.mark.parametrize("text", ["a\0b", "half \ud83d of a character", "\udfff"])
    def test_takes_any_characters(self, text: str) -> None:
        assert holds("text.size() > 0 && sender.size() > 0", post=Post(text=text, sender=text))

    def test_counts_what_goes_beyond_256(self) -> None:
        facts = Facts(codes=(A_CODE,) * 300)

        assert holds("codes.size() == 256 && dropped.codes == 44", facts=facts)


class TestUndecided:
    def test_when_the_budget_is_exceeded(self) -> None:
        facts = Facts(codes=(A_CODE,) * 256, links=(A_LINK,) * 256)

        with pytest.raises(UndecidedError, match="budget_exceeded"):
            holds("codes.all(c, links.all(l, l.host != c.code))", facts=facts)

    @pytest.mark.parametrize(
        "source", ["1 / codes.size() > 0", "codes[0].kind == 'passphrase'", "5 % codes.size() == 0"]
    )
    def test_when_it_fails(self, source: str) -> None:
        with pytest.raises(UndecidedError, match="condition_failed"):
            holds(source)


class TestHanging:
    """Conditions that are made to hang or to fill the memory are refused at load, or end at the budget."""

    @pytest.mark.parametrize(
        "source",
        [
            # Every step doubles what the one before made.
            "['a']" + ".map(x, x + x)" * 60 + ".size() > 0",
            "[text]" + ".map(x, [x, x])" * 60 + " == [text]",
            "codes.map(a, codes)" + ".map(x, codes.map(y, x))" * 20 + " == codes.map(a, codes)",
            "text + text + text == text",
            "codes.exists(a, codes.exists(b, text.matches('(a*)*b')))",
            "codes.exists(a, links.exists(b, (reading).contains(a.code)))",
            "text.matches('" + "(a|b)*" * 200 + "')",
            "text.matches('(a{1,40}){1,20}z')",
            "text.matches('a{1000}')",
            "codes.exists(c, c.code.matches('a{65}'))",
            "codes.all(a, links.all(b, a.code.matches('(x+x+)+y') || true))",
            "(" * 5_000 + "true" + ")" * 5_000,
            "true" + " && true" * 5_000,
        ],
    )
    def test_is_refused_quickly(self, source: str) -> None:
        began = time.perf_counter()

        with pytest.raises(ConditionProblemsError):
            compiled(source)

        assert time.perf_counter() - began < 2

    @pytest.mark.parametrize(
        "source",
        [
            "codes.all(a, codes.all(b, codes.all(c, codes.all(d, a.code == d.code))))",
            "text.matches('^(([a-z])+.)+[A-Z]([a-z])+$') && text.matches('(.*)*(.*)*(.*)*b')",
            " && ".join(["text.matches('(a{1,24}){1,20}z') == false"] * 32),
            " && ".join(["codes.all(a, !a.code.matches('(x{1,5}){1,6}z'))"] * 32),
        ],
    )
    def test_ends_soon(self, source: str) -> None:
        facts = Facts(codes=(Code("passphrase", "taobao", "x" * 5_000, 0, 1),) * 256, links=(A_LINK,) * 256)
        condition = compiled(source)
        bound = bind(post=Post(text="a" * 1_000_000), facts=facts, forms=(), reads=condition.reads)
        began = time.perf_counter()

        outcome = ""
        try:
            condition.holds(bound)
        except UndecidedError as error:
            outcome = error.reason

        assert outcome in ("", "budget_exceeded")
        assert time.perf_counter() - began < 10


class TestAnything:
    @given(st.text(max_size=60))
    @example("text == '\ud800'")
    @example("text == '\0'")
    def test_is_compiled_or_refused(self, source: str) -> None:
        assert all(one.line >= 1 and one.column >= 1 and one.hint for one in problems(source))

    @given(
        st.lists(
            st.sampled_from(
                "codes links text surface history . ( ) , c exists map filter == && || ! 'a' 1 [ ] in size + ? :"
                " matches c.kind origin has".split()
            ),
            max_size=14,
        )
    )
    def test_of_its_words_is_compiled_or_refused(self, words: list[str]) -> None:
        source = " ".join(words)

        found = problems(source)
        assert all(one.line >= 1 and one.column >= 1 and one.hint for one in found)
        if not found:
            assert compiled(source).reads <= {fact.name for fact in FACTS}
