"""What is asked of a rulebook's text before it is compiled: one check, one file. Each yields every mistake it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fissile.domain.gate.rulebooks.checks import conditions, coverage, examples, identity, ladders, rules, shape
from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.mistakes import Mistake

CHECKS: Final[tuple[Callable[[Draft], Iterator[Mistake]], ...]] = (
    shape.check,
    identity.check,
    rules.check,
    coverage.check,
    ladders.check,
    conditions.check,  # leaves the compiled conditions in the draft
    examples.check,  # asks them
)
