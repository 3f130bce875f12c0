"""What authors are told, word by word: ``bad/NAME.toml`` and what must be said of it, ``bad/NAME.txt``."""

from __future__ import annotations

from pathlib import Path

import pytest

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
