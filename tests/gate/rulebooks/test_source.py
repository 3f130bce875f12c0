from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fissile.domain.gate.rulebooks.source import TEXT_BYTES_MAX, read_source

SHIPPED = sorted((Path(__file__).parents[3] / "src/fissile/domain/gate/rulebooks/shipped").glob("*.toml"))


class TestReadSource:
    def test_knows_the_place_of_everything(self) -> None:
        source = read_source(
            'a = 1\nb.c = "中"\n[[t]]\nx = [1, "二", { k = 2 }] # 三\n[t.u]\n"q r" = 3\n[[t]]\nx = []\n'
        )

        assert source.places[("a",)].value == (1, 5)
        assert source.places[("b", "c")].value == (2, 7)
        assert source.places[("t", 0)].value == (3, 1)
        assert source.places[("t", 0, "x", 1)].value == (4, 9)
        assert source.places[("t", 0, "x", 2, "k")].key == (4, 16)
        assert source.places[("t", 0, "u", "q r")].value == (6, 9)
        assert source.places[("t", 1, "x")].key == (8, 1)

    @pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
    def test_finds_every_value_of_what_is_shipped(self, file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        lines = text.split("\n")
        source = read_source(text)

        def walk(path: tuple[str | int, ...], value: object) -> None:
            assert path in source.places
            line, column = source.places[path].value
            if isinstance(value, dict):
                for key, one in value.items():
                    walk((*path, key), one)
            elif isinstance(value, list):
                for index, one in enumerate(value):
                    walk((*path, index), one)
            elif isinstance(value, str):
                assert lines[line - 1][column - 1] in "\"'"

        for key, one in tomllib.loads(text).items():
            walk((key,), one)

    def test_tells_of_every_bad_line(self) -> None:
        source = read_source("a = \nb = 1\nc = nothing\n[d\ne = 2\n")

        assert [one.line for one in source.mistakes] == [1, 3, 4]
        assert source.values == {"b": 1, "d": {"e": 2}}

    def test_refuses_what_is_too_long(self) -> None:
        assert [one.line for one in read_source("#" * (TEXT_BYTES_MAX + 1)).mistakes] == [1]

    @pytest.mark.parametrize(
        "text",
        ["a = " + "[" * 50_000, "a = " + "{b=" * 5_000, '"""' * 9, "\0", "a=\ud800"],
    )
    def test_outlives_what_is_made_to_break_it(self, text: str) -> None:
        assert read_source(text).mistakes

    def test_outlives_names_of_thousands_of_parts(self) -> None:
        assert not read_source("a" + ".a" * 5_000 + " = 1").mistakes

    @given(st.text(alphabet=st.sampled_from("ab=.[]{}\"'#\n\t ,12-:é中\\"), max_size=40))
    @example("[[a]]\n[a.b]\n[[a]]\nb.c=1")
    def test_takes_any_text(self, text: str) -> None:
        source = read_source(text)

        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            assert source.mistakes
        else:
            assert source.values == values
            assert not source.mistakes
