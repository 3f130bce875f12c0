"""What authors are told, word by word: ``bad/NAME.toml`` and what must be said of it, ``bad/NAME.txt``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fissile.domain.gate.rulebooks import compile
from fissile.domain.gate.rulebooks.compile import compile_rulebook
from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
from tests.gate.rulebooks.hand_made import WORDS, read

BAD = Path(__file__).parent / "bad"


def told(file: Path) -> str:
    with pytest.raises(RulebookMistakesError) as caught:
        compile_rulebook(text=file.read_text(encoding="utf-8"), name=file.name, read=read, words=WORDS)
    return caught.value.as_text() + "\n"


class TestMistakes:
    @pytest.mark.parametrize("name", sorted(one.stem for one in BAD.glob("*.toml")))
    def test_are_told_in_these_words(self, name: str) -> None:
        assert told(BAD / f"{name}.toml") == (BAD / f"{name}.txt").read_text(encoding="utf-8")

    def test_have_a_golden_file_each(self) -> None:
        assert {one.stem for one in BAD.glob("*.toml")} == {one.stem for one in BAD.glob("*.txt")}


SHIPPED = Path(compile.__file__).parent / "shipped"
TEXTS = [one.read_text(encoding="utf-8") for one in sorted(SHIPPED.glob("*.toml"))]


class TestDamage:
    @settings(max_examples=80)
    @given(
        st.sampled_from(TEXTS),
        st.integers(0, 10_000),
        st.integers(0, 40),
        st.text(alphabet="abc=\"[]{}\n'0-# \\é中", max_size=8),
    )
    def test_of_any_kind_is_told_and_breaks_nothing(self, text: str, at: int, cut: int, put: str) -> None:
        at %= len(text)
        damaged = text[:at] + put + text[at + cut :]
        lines = damaged.split("\n")

        try:
            compile_rulebook(text=damaged, name="damaged.toml", read=read, words={})
        except RulebookMistakesError as error:
            told = error.mistakes
        else:
            told = ()

        assert all(1 <= one.line <= len(lines) for one in told)
        assert all(1 <= one.column <= len(lines[one.line - 1]) + 1 for one in told)
        assert all(one.message.endswith((".", ")")) and one.hint for one in told)
