from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from fissile.cli import gate_command
from fissile.cli.gate_command import Judging, gate
from fissile.domain.gate.facts import read
from fissile.domain.gate.rulebooks.shelf import shipped

PASSPHRASE = "复制这条信息￥zjHn0ofLJFg￥后打开👉手淘👈"
KEYS = (
    "id verdict rules origin codes links qr contacts inducements disguises cluster rulebook reader"  # the order, too
).split()


def run(*words: str, lines: bytes = b"") -> Result:
    return CliRunner().invoke(gate, list(words), input=lines)


def a_line(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout_bytes.decode().splitlines()]


class TestCheck:
    def test_answers_line_for_line_with_the_keys_of_the_interface(self) -> None:
        lines = a_line(id="a", text=PASSPHRASE) + a_line(id=2, text="你好") + a_line(text="你好")

        result = run("check", "--rulebook", "wechat", "--as-of", "2018-05-20", lines=lines)

        first, second, third = answers(result)
        assert result.exit_code == 0
        assert [list(one) for one in (first, second, third)] == [KEYS] * 3
        assert (first["id"], first["verdict"]) == ("a", "block")
        assert first["rules"] == [{"id": "special-codes", "clause": "1", "action": "block"}]
        assert first["rulebook"] == "wechat@2018-05-18"
        assert first["codes"][0]["code"] == "zjHn0ofLJFg"
        assert (second["id"], second["verdict"]) == (2, "allow")
        assert third["id"] is None

    def test_prints_the_dates_to_stderr(self) -> None:
        result = run("check", "--rulebook", "wechat", "--in-force", "2018-05-29", lines=a_line(text="a"))

        assert result.stderr == ("wechat@2018-05-21: announced 2018-05-21, in force 2018-05-29, amends 2018-05-18\n")

    def test_takes_the_house_by_default(self) -> None:
        assert answers(run("check", lines=a_line(text=PASSPHRASE)))[0]["rulebook"] == "house@2026-01-01"

    def test_lets_the_lines_own_surface_win(self) -> None:
        lines = a_line(text=PASSPHRASE) + a_line(text=PASSPHRASE, surface="moments")

        result = run("check", "--rulebook", "wechat@2018-05-21", "--surface", "group", lines=lines)

        assert [one["verdict"] for one in answers(result)] == ["allow", "block"]

    def test_reads_a_file_and_takes_a_rulebook_of_ones_own(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.toml"
        mine.write_text(A_RULEBOOK, encoding="utf-8")
        given = tmp_path / "posts.jsonl"
        given.write_bytes(b"\xef\xbb\xbf" + a_line(id=1, text="看这里 ☃") + b"\n  \n" + a_line(id=2, text="好")[:-1])

        result = run("check", "--rulebook", str(mine), str(given))

        assert [(one["id"], one["verdict"], one["rulebook"]) for one in answers(result)] == [
            (1, "limit", "mine@2026-01-01"),
            (2, "allow", "mine@2026-01-01"),
        ]

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            (b"{", "not_json"),
            (b"nonsense", "not_json"),
            (b'{"text": "a"} {"text": "b"}', "not_json"),
            (b'{"text": NaN}', "not_json"),
            (b'{"text": "' + "中".encode()[:2] + b'"}', "not_utf8"),
            (b'{"text": "half \\ud83d of it"}', "not_json"),
            (b"\xff\xfe{\x00}\x00", "not_json"),
            (b'{"text": "a' + b"\x00" + b'"}', "not_json"),
            (b"[" * 100_000, "line_wrong"),
            (b'{"text": "a", "facts": ' + b'{"a":' * 100_000, "not_json"),
            (b'["text"]', "line_wrong"),
            (b"3", "line_wrong"),
            (b"null", "line_wrong"),
            (b"{}", "line_wrong"),
            (b'{"images": []}', "line_wrong"),
            (b'{"text": 3}', "line_wrong"),
            (b'{"text": ["a"]}', "line_wrong"),
            (b'{"id": {}, "text": "a"}', "line_wrong"),
            (b'{"text": "a", "surface": "wall"}', "line_wrong"),
            (b'{"text": "a", "form": "text"}', "line_wrong"),
            (b'{"text": "a", "facts": []}', "line_wrong"),
            (b'{"text": "a", "facts": {"posts_24h": "x"}}', "line_wrong"),
            (b'{"text": "a", "images": "x.jpg"}', "line_wrong"),
            (b'{"text": "a", "posted_at": "yesterday"}', "line_wrong"),
            (b'{"text": "a", "posted_at": "2018-02-30"}', "line_wrong"),
            (b'{"text": "a", "posted_at": 1526601600}', "line_wrong"),
        ],
    )
    def test_puts_an_error_in_the_place_of_a_bad_line(self, line: bytes, error: str) -> None:
        result = run("check", lines=a_line(id=1, text="a") + line + b"\n" + a_line(id=3, text="b"))

        first, bad, third = answers(result)
        assert result.exit_code == 1
        assert (first["id"], third["id"]) == (1, 3)
        assert (bad["line"], bad["error"]) == (2, error)
        assert bad["message"]
        assert "verdict" not in bad

    def test_names_the_id_of_a_bad_line_that_could_be_read(self) -> None:
        assert answers(run("check", lines=a_line(id="x", text="a", surface="wall")))[0]["id"] == "x"

    @pytest.mark.parametrize("moment", ["2018-05-20", "2018-05-20T08:00:00Z", "2018-05-20T08:00:00.5+08:00"])
    def test_takes_moments_of_iso_8601(self, moment: str) -> None:
        assert run("check", lines=a_line(text="a", posted_at=moment)).exit_code == 0

    def test_takes_null_for_left_out_and_ignores_further_fields(self) -> None:
        line = a_line(id=None, text="a", images=None, surface=None, facts=None, likes=3)

        assert run("check", lines=line).exit_code == 0

    @pytest.mark.parametrize(
        "text", ["a\0b", "", "\u202e" * 1000, "e" + "\u0301" * 10_000, "\U0010ffff\ufffe", " \u2028\u2029 \x85"]
    )
    def test_takes_any_text(self, text: str) -> None:
        result = run("check", lines=json.dumps({"id": 1, "text": text}).encode())

        assert result.exit_code == 0
        assert result.stdout_bytes.count(b"\n") == 1

    def test_takes_a_text_of_ten_megabytes(self) -> None:
        text = "今天天气不错，" * 470_000 + PASSPHRASE

        result = run("check", "--rulebook", "wechat@2018-05-18", lines=a_line(id=1, text=text))

        assert answers(result)[0]["verdict"] == "block"

    def test_refuses_a_line_that_is_too_long_and_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate_command, "LINE_MAX", 200_000)
        lines = a_line(id=1, text="a") + a_line(id=2, text="b" * 300_000) + a_line(id=3, text="c")
        lines += a_line(id=4, text="d" * 300_000)[:-1]

        result = run("check", lines=lines)

        assert [one.get("id", one.get("error")) for one in answers(result)] == [1, "line_too_long", 3, "line_too_long"]
        assert result.exit_code == 1

    def test_says_that_pictures_are_not_read(self) -> None:
        lines = a_line(id=1, images=["a.jpg"]) + a_line(id=2, text=PASSPHRASE, images=["b.jpg", "c.png"])

        result = run("check", "--rulebook", "wechat@2018-05-18", lines=lines)

        first, second = answers(result)
        assert result.exit_code == 0
        assert list(first) == [*KEYS, "notices"]
        assert (first["verdict"], second["verdict"]) == ("review", "block")
        assert first["qr"] == []
        assert [(one["code"], one["names"]) for one in second["notices"]] == [("pictures_not_read", ["b.jpg", "c.png"])]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--rulebook", "weibo"], "there is no rulebook weibo"),
            (["--rulebook", "wechat@2018-05-20"], "wechat has no version 2018-05-20"),
            (["--rulebook", "wechat", "--as-of", "2010-01-01"], "no version of wechat was announced by 2010-01-01"),
            (["--rulebook", "wechat", "--as-of", "2018-05-32"], "is no day"),
            (["--rulebook", "wechat", "--as-of", "2018-05-20", "--in-force", "2018-05-29"], "give one of them"),
            (["--rulebook", "wechat@2018-05-21", "--as-of", "2018-05-20"], "names its version already"),
            (["--rulebook", "mine.toml", "--as-of", "2018-05-20"], "is one file"),
            (["--rulebook", "nowhere/mine.toml"], "No such file"),
            (["nowhere.jsonl"], "No such file"),
            (["--surface", "wall"], "'wall' is not one of"),
        ],
    )
    def test_refuses_what_it_cannot_do(self, words: list[str], said: str) -> None:
        result = run("check", *words, lines=a_line(text="a"))

        assert result.exit_code != 0
        assert said in result.stderr
        assert result.stdout == ""

    def test_refuses_a_rulebook_with_mistakes(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.toml"
        mine.write_text(A_RULEBOOK.replace("text.contains", "txet.contains"), encoding="utf-8")

        result = run("check", "--rulebook", str(mine), lines=a_line(text="a"))

        assert result.exit_code == 1
        assert "There is no fact txet." in result.stderr

    @given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=8))
    def test_gives_each_line_one_answer(self, given_lines: list[bytes]) -> None:
        output = io.BytesIO()

        Judging(rulebook=HOUSE, surface="group", read=read).run(io.BytesIO(b"\n".join(given_lines)), output)

        wanted = [line for line in given_lines if line and not line.isspace()]
        assert len([json.loads(line) for line in output.getvalue().splitlines()]) == len(wanted)

    @given(st.lists(st.text(max_size=30), max_size=5), st.integers(1, 40))
    def test_answers_the_same_bytes_however_lines_arrive(self, texts: list[str], size: int) -> None:
        lines = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)
        whole, parts = io.BytesIO(), io.BytesIO()

        Judging(rulebook=HOUSE, surface="group", read=read).run(io.BytesIO(lines), whole)
        Judging(rulebook=HOUSE, surface="group", read=read).run(InParts(lines, size), parts)

        assert parts.getvalue() == whole.getvalue()


class InParts(io.BytesIO):
    """A pipe that brings a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self._size)


class TestLint:
    def test_is_content_with_a_good_rulebook(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.toml"
        mine.write_text(A_RULEBOOK, encoding="utf-8")

        result = run("lint", str(mine))

        assert result.exit_code == 0
        assert result.stdout == f"{mine}: mine@2026-01-01, 1 rule, no mistakes\n"

    def test_tells_every_mistake_with_its_place_and_a_hint(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.toml"
        mine.write_text(
            A_RULEBOOK.replace("text.contains", "txet.contains").replace("severity = 1", "severity = 9"),
            encoding="utf-8",
        )

        result = run("lint", str(mine))

        assert result.exit_code == 1
        assert result.stdout == (
            f"{mine}:14:12: The severity is 9.\n    hint: from 1, mild, to 5, grave\n"
            f"{mine}:15:9: There is no fact txet.\n    hint: did you mean text?\n"
            "2 mistakes\n"
        )


class TestRulebooks:
    def test_lists_versions_dates_and_rules(self) -> None:
        result = run("rulebooks")

        assert result.exit_code == 0
        assert (
            "wechat@2018-05-21  WeChat  announced 2018-05-21, in force 2018-05-29, amends 2018-05-18" in result.stdout
        )
        assert "block   special-codes  clause “1”  moments, moments-comment, picture-caption" in result.stdout

    def test_gives_them_as_json(self) -> None:
        books = json.loads(run("rulebooks", "--format", "json").stdout)

        found = next(one for one in books if (one["name"], one["version"]) == ("wechat", "2018-05-21"))
        assert (found["announced"], found["in_force"], found["amends"]) == ("2018-05-21", "2018-05-29", "2018-05-18")
        assert found["rules"][0]["clause"]["quoted"] == ["特殊识别码、口令类信息"]
        assert found["rules"][0]["scans"][0]["source"] == "assumed"


A_RULEBOOK = """\
name = "mine"
network = "Mine"
version = "2026-01-01"
announced = 2026-01-01
in_force = 2026-01-01
languages = ["zh", "en"]

[[sources]]
title = "Written here"

[[rules]]
id = "snowmen"
action = "limit"
severity = 1
when = "text.contains('☃')"
must_match = ["☃"]
must_not_match = ["雪人"]
clause = { number = "1", summary_zh = "不发雪人。", summary_en = "No snowmen." }
"""
HOUSE = shipped("house@2026-01-01")
