"""Every condition compiles; its mistakes are told at their place in the file."""

from __future__ import annotations

from collections.abc import Iterator

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.language import SEARCHES_MAX, ConditionProblemsError, Problem, compile_condition
from fissile.domain.gate.rulebooks.mistakes import Mistake
from fissile.domain.gate.rulebooks.source import Path


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong in conditions; those that are right are left in ``draft.conditions``."""
    searches = 0
    for path, _ in draft.rules():
        where = (*path, "when")
        source = draft.string(where)
        if source is None:
            continue
        try:
            condition = compile_condition(source, words=draft.words)
        except ConditionProblemsError as error:
            for problem in error.problems:
                yield _placed(draft, where, source, problem)
            continue
        draft.conditions[int(path[-1])] = condition
        searches += condition.searches
        if searches > SEARCHES_MAX >= searches - condition.searches:
            hint = "join searches into one: text.matches('a|b|c')"
            yield draft.source.mistake(where, f"The rulebook searches in texts more than {SEARCHES_MAX} times.", hint)


def _placed(draft: Draft, path: Path, source: str, problem: Problem) -> Mistake:
    """Return the problem at its line and column of the file; of a text with escapes, at the text's beginning."""
    place = draft.source.places.get(path)
    if place is None:
        return draft.source.mistake(path, problem.message, problem.hint)
    line, column = place.value
    raw = place.raw.replace("\r\n", "\n")
    quotes = 3 if raw.startswith(("'''", '"""')) else 1
    inner = raw[quotes:-quotes]
    first = inner.startswith("\n")  # TOML drops the line end after the opening quotes
    if inner.removeprefix("\n" if first else "") != source:
        message = f"{problem.message} (line {problem.line}, column {problem.column} of the condition)"
        return Mistake(line, column, message, problem.hint)
    if first:
        return Mistake(line + problem.line, problem.column, problem.message, problem.hint)
    if problem.line == 1:
        return Mistake(line, column + quotes + problem.column - 1, problem.message, problem.hint)
    return Mistake(line + problem.line - 1, problem.column, problem.message, problem.hint)
