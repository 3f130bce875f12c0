"""From text to a rulebook, or to every mistake in it."""

from __future__ import annotations

from collections.abc import Mapping

from fissile.domain.gate.rulebooks.checks import CHECKS
from fissile.domain.gate.rulebooks.checks.draft import Draft, Reader
from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
from fissile.domain.gate.rulebooks.model import Rulebook
from fissile.domain.gate.rulebooks.reading import rulebook_of
from fissile.domain.gate.rulebooks.source import read_source


def compile_rulebook(*, text: str, name: str, read: Reader, words: Mapping[str, frozenset[str]]) -> Rulebook:
    """
    Check a rulebook's text and compile it; its examples are read with ``read``.

    ``name`` is what mistakes call the text, as a file's name. ``words`` are those that the reader may find.

    :raises RulebookMistakesError: with every mistake at once
    """
    source = read_source(text)
    mistakes = set(source.mistakes)
    if source.values or not mistakes:
        draft = Draft(source, read=read, words=words)
        for check in CHECKS:
            mistakes.update(check(draft))
    if mistakes:
        raise RulebookMistakesError(name=name, mistakes=sorted(mistakes))
    return rulebook_of(source.values, conditions=draft.conditions)
