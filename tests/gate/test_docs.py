"""docs/gate.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fissile.domain.gate.rulebooks import checks
from fissile.domain.gate.rulebooks.checks import shape
from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
from fissile.domain.gate.rulebooks.model import ACTIONS, EFFECTS, FORMS, SURFACES, UNBLOCKS
from fissile.domain.gate.rulebooks.shelf import compiled
from fissile.domain.gate.rulebooks.vocabulary import FACTS, FUNCTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def rows() -> list[str]:
    found = []
    for fact in FACTS:
        words = ", ".join(f"`{one}`" for one in sorted(fact.words) if one)
        found.append(f"| `{fact.name}` | {fact.type} | {fact.says}{f' – one of {words}' if words else ''} |")
        for field in fact.fields:
            words = ", ".join(f"`{one}`" for one in sorted(field.words))
            name = f"{fact.name}[].{field.name}" if fact.many else f"{fact.name}.{field.name}"
            found.append(f"| `{name}` | {field.type} | {field.says}{f' – one of {words}' if words else ''} |")
    return found


class TestPage:
    def test_lists_every_fact_in_its_words(self) -> None:
        table = PAGE.partition("| Fact | Type | Says |\n|---|---|---|\n")[2].partition("\n\n")[0]

        assert table.split("\n") == rows()

    def test_lists_every_function(self) -> None:
        assert all(f"- `{one}`\n" in PAGE for one in FUNCTIONS.values())

    @pytest.mark.parametrize("words", [SURFACES, FORMS, EFFECTS, ACTIONS, UNBLOCKS], ids=lambda words: words[0])
    def test_lists_every_word(self, words: tuple[str, ...]) -> None:
        assert all(f"`{one}`" in PAGE for one in words)

    def test_names_every_key(self) -> None:
        keys = [*shape.RULEBOOK, *(shape.RULEBOOK["rules"].table or {})]

        assert all(re.search(rf"`(\[\[)?(rules\.)?{key}(\]\])?`", PAGE) for key in keys)


class TestExample:
    def test_loads(self) -> None:
        assert EXAMPLE
        rulebook = compiled(data=EXAMPLE[1].encode(), name="flea-market.toml")

        assert [one.id for one in rulebook.rules] == ["no-passphrases", "newcomers-contact"]

    def test_fails_as_it_says(self) -> None:
        assert EXAMPLE
        with pytest.raises(RulebookMistakesError) as caught:
            compiled(data=EXAMPLE[1].replace('"passphrase"', '"pasphrase"').encode(), name="flea-market.toml")

        assert caught.value.as_text().splitlines()[:2] == [
            line for line in PAGE.splitlines() if "pasphrase" in line or "did you mean passphrase" in line
        ]


class TestChecks:
    def test_are_all_called(self) -> None:
        files = {one.stem for one in Path(checks.__file__).parent.glob("*.py")} - {"__init__", "draft"}

        assert {one.__module__.rpartition(".")[2] for one in checks.CHECKS} == files
