from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.gate.model import Code, Contact, CueWord, Disguise, Dropped, Facts, Inducement, Link, Post
from fissile.domain.gate.rulebooks.compile import compile_rulebook
from fissile.domain.gate.rulebooks.model import FORMS, SURFACES, Rulebook
from fissile.domain.gate.verdicts import PostWrong, judge, sentence, to_json
from tests.gate.rulebooks.hand_made import WORDS, read

A_CODE = Code("passphrase", "taobao", "zjHn0ofLJFg", 6, 17)
A_LINK = Link("https://shop.example/1", "shop.example", "shop", "jd", False, 0, 24)
KEYS = (
    "verdict rules origin codes links qr contacts inducements disguises cluster rulebook reader"  # the order, too
).split()


def a_rule(
    id: str, *, action: str = "block", when: str = "codes.size() > 0", more: str = "", spare: str = "价格"
) -> str:
    return f"""
[[rules]]
id = "{id}"
action = "{action}"
severity = 3
when = '{when}'
{more}
must_match = ["￥zjHn0ofLJFg￥ https://shop.example/1"]
must_not_match = ["{spare}"]
clause = {{ number = "1", summary_zh = "不发口令。", summary_en = "No passphrases." }}
"""


def a_rulebook(*rules: str, partners: str = "") -> Rulebook:
    head = """
name = "mine"
network = "Mine"
version = "2026-01-01"
announced = 2026-01-01
in_force = 2026-01-02
languages = ["zh", "en"]

[[sources]]
title = "Written here"
"""
    return compile_rulebook(text="\n".join([head, partners, *rules]), name="mine.toml", read=read, words=WORDS)


def verdict_of(rulebook: Rulebook, facts: Facts, **post: object) -> str:
    return judge(post=msgspec.convert(post, Post), facts=facts, rulebook=rulebook).verdict


class TestJudge:
    def test_lets_the_strongest_rule_decide_and_lists_all_in_their_order(self) -> None:
        rulebook = a_rulebook(
            a_rule("a", action="allow"),
            a_rule("b", action="block"),
            a_rule("c", action="limit"),
            a_rule("d", action="review"),
            a_rule("e", action="limit", when="links.size() > 0"),
        )

        verdict = judge(post=Post(), facts=Facts(codes=(A_CODE,)), rulebook=rulebook)

        assert verdict.verdict == "block"
        assert [(one.id, one.action) for one in verdict.rules] == [
            ("a", "allow"),
            ("b", "block"),
            ("c", "limit"),
            ("d", "review"),
        ]
        assert verdict.rulebook == "mine@2026-01-01"

    @pytest.mark.parametrize(
        ("actions", "expected"),
        [
            ((), "allow"),
            (("allow",), "allow"),
            (("limit", "allow"), "limit"),
            (("limit", "review"), "review"),
            (("review", "block", "limit"), "block"),
        ],
    )
    def test_knows_what_is_stronger(self, actions: tuple[str, ...], expected: str) -> None:
        rules = [a_rule(f"r{number}", action=action) for number, action in enumerate(actions)]
        rulebook = a_rulebook(*rules, a_rule("other", when="links.size() > 0"))

        assert verdict_of(rulebook, Facts(codes=(A_CODE,))) == expected

    def test_goes_by_what_a_rule_covers(self) -> None:
        rulebook = a_rulebook(a_rule("a", more='covers = { surfaces = ["moments"], forms = ["code", "comment"] }'))
        facts = Facts(codes=(A_CODE,))

        assert verdict_of(rulebook, facts, surface="moments") == "block"
        assert verdict_of(rulebook, facts, surface="group") == "allow"
        assert verdict_of(rulebook, facts) == "block"  # a post that names no surface stands in Moments

    def test_finds_the_form_whatever_the_sender_says(self) -> None:
        rulebook = a_rulebook(a_rule("a", more='covers = { forms = ["code"] }'))

        assert verdict_of(rulebook, Facts(codes=(A_CODE,)), form="link") == "block"

    def test_calls_a_text_that_is_to_be_copied_a_code(self) -> None:
        rule = a_rule("a", when="text_size > 0", spare="", more='covers = { forms = ["code"] }')
        to_copy = (CueWord("复制", 0, 2), CueWord("打开", 2, 4))

        assert verdict_of(a_rulebook(rule), Facts(cues=to_copy), text="复制打开") == "block"
        assert verdict_of(a_rulebook(rule), Facts(cues=to_copy[:1]), text="复制打开") == "allow"
        assert verdict_of(a_rulebook(rule), Facts(), text="复制打开") == "allow"

    def test_calls_a_comment_one_by_its_surface(self) -> None:
        rule = a_rule("a", when="text_size > 0", spare="", more='covers = { forms = ["comment"] }')
        rulebook = a_rulebook(
            rule.replace('must_match = ["', 'must_match = [{ surface = "group-reply", text = "').replace(
                '/1"]', '/1" }]'
            )
        )

        assert verdict_of(rulebook, Facts(), text="a", surface="group-reply") == "block"
        assert verdict_of(rulebook, Facts(), text="a", surface="group") == "allow"

    def test_lets_partners_pass_rules_that_exempt_them(self) -> None:
        partners = '[[partners]]\nname = "P"\nhosts = ["shop.example"]\nplatforms = ["taobao"]\n'
        stranger = msgspec.structs.replace(A_LINK, host="notshop.example")
        within = msgspec.structs.replace(A_LINK, host="m.shop.example")
        lenient = 'exempt = ["partners"]'
        text = '{ text = "￥zjHn0ofLJFg￥ https://other.example/1" }'
        rule = a_rule("a", when="links.size() > 0", more=lenient).replace(
            '"￥zjHn0ofLJFg￥ https://shop.example/1"', text
        )
        rulebook = a_rulebook(rule, a_rule("b", action="limit", when="links.size() > 0"), partners=partners)

        assert verdict_of(rulebook, Facts(links=(A_LINK, within))) == "limit"
        assert verdict_of(rulebook, Facts(links=(A_LINK, stranger))) == "block"
        verdict = judge(post=Post(), facts=Facts(links=(within, stranger)), rulebook=rulebook)
        assert [one.partner for one in verdict.links] == [True, False]

    @pytest.mark.parametrize(
        ("when", "reason"),
        [
            ("codes.all(c, codes.all(d, c.code == d.code))", "budget_exceeded"),
            ("1 / links.size() > 0 && codes.size() > 0", "condition_failed"),
        ],
    )
    def test_asks_a_person_where_a_rule_cannot_be_answered(self, when: str, reason: str) -> None:
        spare = "https://shop.example" if reason == "condition_failed" else "￥zjHn0ofLJFg￥￥AAHn0ofLJFg￥"
        rulebook = a_rulebook(a_rule("a", action="block", when=when, spare=spare), a_rule("b", action="limit"))

        verdict = judge(post=Post(), facts=Facts(codes=(A_CODE,) * 256), rulebook=rulebook)

        assert verdict.verdict == "review"
        assert [(one.id, one.action) for one in verdict.rules] == [("a", "review"), ("b", "limit")]
        assert [(one.code, one.names) for one in verdict.notices] == [(reason, ("a",))]

    @pytest.mark.parametrize(
        "post",
        [
            Post(surface="wall"),
            Post(form="text"),
            Post(facts={"posts_24h": "many"}),
            Post(facts={"posts_24h": True}),
            Post(facts={"posts_24h": 2**63}),
            Post(facts={"adversarial": 1}),
            Post(surface="\ud800"),
        ],
    )
    def test_refuses_what_does_not_exist(self, post: Post) -> None:
        with pytest.raises(PostWrong) as caught:
            judge(post=post, facts=Facts(), rulebook=a_rulebook(a_rule("a")))

        assert str(caught.value).encode()

    def test_tells_of_history_that_it_does_not_know(self) -> None:
        post = Post(facts={"karma": 3, "posts_24h": 1})
        verdict = judge(post=post, facts=Facts(), rulebook=a_rulebook(a_rule("a")))

        assert [(one.code, one.names) for one in verdict.notices] == [("facts_unknown", ("karma",))]

    def test_keeps_256_of_a_kind_and_tells_of_more(self) -> None:
        facts = Facts(links=(A_LINK,) * 300, dropped=Dropped(cues=5))
        verdict = judge(post=Post(), facts=facts, rulebook=a_rulebook(a_rule("a")))

        assert len(verdict.links) == 256
        assert [(one.code, one.names) for one in verdict.notices] == [("facts_dropped", ("links", "cues"))]

    def test_compares_quiet_posts_by_everything_that_conditions_read(self) -> None:
        quiet = a_rulebook(
            a_rule("a", action="limit", when='surface == "group" && codes.size() == 0 || codes.size() > 0'),
            a_rule("b", when='form == "poster" || codes.size() > 0'),
        )
        loud = a_rulebook(a_rule("a", when='text.contains("x") || codes.size() > 0'))

        for _ in range(2):
            assert verdict_of(quiet, Facts(), surface="group") == "limit"
            assert verdict_of(quiet, Facts(), surface="moments") == "allow"
            assert verdict_of(quiet, Facts(), surface="moments", form="poster") == "block"
            assert verdict_of(loud, Facts(), text="x") == "block"
            assert verdict_of(loud, Facts(), text="y") == "allow"


class TestToJson:
    def test_has_the_keys_of_the_interface(self) -> None:
        facts = Facts(
            codes=(A_CODE,),
            links=(A_LINK,),
            contacts=(Contact("homophone", 0, 2),),
            inducements=(Inducement("assist", 0, 2),),
            disguises=(Disguise("zero-width", 0, 2),),
            origin=("jd", "taobao"),
            reader="r1",
        )
        line = json.loads(to_json(judge(post=Post(), facts=facts, rulebook=a_rulebook(a_rule("a")))))

        assert list(line) == KEYS
        assert list(line["rules"][0]) == ["id", "clause", "action"]
        assert list(line["codes"][0]) == ["kind", "platform", "code", "start", "end", "where"]
        assert list(line["links"][0]) == ["url", "host", "class", "platform", "partner", "start", "end", "where"]
        assert list(line["contacts"][0]) == list(line["disguises"][0]) == ["technique", "start", "end"]
        assert list(line["inducements"][0]) == ["category", "start", "end"]
        assert (line["qr"], line["cluster"], line["reader"]) == ([], None, "r1")

    def test_shows_half_characters_as_replaced(self) -> None:
        facts = Facts(codes=(msgspec.structs.replace(A_CODE, code="a\ud800"),))
        line = json.loads(to_json(judge(post=Post(), facts=facts, rulebook=a_rulebook(a_rule("a")))))

        assert list(line) == KEYS
        assert line["codes"][0]["code"] == "a\ufffd"


class TestSentence:
    def test_names_the_clause_in_both_languages(self) -> None:
        rulebook = a_rulebook(a_rule("a"))
        verdict = judge(post=Post(), facts=Facts(codes=(A_CODE,)), rulebook=rulebook)

        english = sentence(verdict=verdict, rulebook=rulebook, language="en")
        chinese = sentence(verdict=verdict, rulebook=rulebook, language="zh")

        assert english == (
            "This may not be published here. By Mine, rules of 2026-01-01, clause “1” (summary): No passphrases."
        )
        assert chinese == "不能在此发布。依据：Mine 2026-01-01 规则“1”（概述）：不发口令。"

    def test_needs_none_to_allow(self) -> None:
        rulebook = a_rulebook(a_rule("a", action="allow"))
        verdict = judge(post=Post(), facts=Facts(codes=(A_CODE,)), rulebook=rulebook)

        assert sentence(verdict=verdict, rulebook=rulebook, language="en") == "This may be published here."


RULEBOOK = a_rulebook(
    a_rule("a", action="limit", when='codes.exists(c, c.kind == "passphrase") && surface != "shop"'),
    a_rule("b", when='links.exists(l, l.class == "shop") || codes.size() > 1 || text.contains("￥")', spare="x"),
    a_rule("c", action="review", when="codes.size() * links.size() > 100 || size(codes) == 1"),
)
SPAN = st.integers(0, 50)
POSTS = st.builds(
    Post,
    text=st.text(max_size=20),
    surface=st.sampled_from(["", *SURFACES]),
    form=st.sampled_from(["", *FORMS]),
    sender=st.text(max_size=3),
    facts=st.dictionaries(st.sampled_from(["posts_24h", "account_age_days", "other"]), st.integers(0, 9), max_size=2),
)
TEXTS = st.text(max_size=12)
FACTS = st.builds(
    Facts,
    codes=st.lists(
        st.builds(Code, st.sampled_from(["passphrase", "short_link"]), TEXTS, TEXTS, SPAN, SPAN, st.just("text")),
        max_size=4,
    ).map(tuple),
    links=st.lists(
        st.builds(
            Link, TEXTS, TEXTS, st.sampled_from(["shop", "unknown"]), st.none() | TEXTS, st.booleans(), SPAN, SPAN
        ),
        max_size=4,
    ).map(tuple),
    normalised=TEXTS,
)


class TestSameFacts:
    @given(POSTS, FACTS)
    def test_give_the_same_bytes(self, post: Post, facts: Facts) -> None:
        first = to_json(judge(post=post, facts=facts, rulebook=RULEBOOK))
        again = msgspec.json.decode(msgspec.json.encode(facts), type=Facts) if first.isascii() else facts

        assert to_json(judge(post=post, facts=again, rulebook=RULEBOOK)) == first

    @given(POSTS, FACTS)
    def test_give_the_verdict_of_the_strongest_rule(self, post: Post, facts: Facts) -> None:
        verdict = judge(post=post, facts=facts, rulebook=RULEBOOK)

        order = ["allow", "limit", "review", "block"]
        assert verdict.verdict == max((one.action for one in verdict.rules), key=order.index, default="allow")
        assert [one.id for one in verdict.rules] == sorted(one.id for one in verdict.rules)


class TestImport:
    def test_loads_neither_cel_nor_parser_nor_scanner(self) -> None:
        # The web process imports verdicts; it grows only once somebody asks the Gate.
        program = (
            "import sys, fissile.domain.gate.verdicts, fissile.domain.gate.rulebooks.shelf, fissile.cli.gate_command\n"
            "print({'cel_expr_python', 'google.protobuf', 'tree_sitter', 'hyperscan', 'pypinyin'} & set(sys.modules))"
        )

        assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"


class TestRulebook:
    def test_has_its_dates(self) -> None:
        assert (RULEBOOK.announced, RULEBOOK.in_force) == (date(2026, 1, 1), date(2026, 1, 2))
        assert RULEBOOK.rule("b").action == "block"
