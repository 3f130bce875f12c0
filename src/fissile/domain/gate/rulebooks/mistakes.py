"""What an author got wrong: the place, what is wrong there, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WORD_MAX = 100  # comparing words takes time that grows with their length


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake; line and column are counted from 1, columns in code points."""

    line: int
    column: int
    message: str
    hint: str

    def as_text(self, *, name: str) -> str:
        """Return ``name:line:column: message`` with the hint below it."""
        return f"{name}:{self.line}:{self.column}: {self.message}\n    hint: {self.hint}"


class RulebookMistakesError(Exception):
    """A rulebook cannot be used; ``mistakes`` has all of them, in the order of their places."""

    def __init__(self, *, name: str, mistakes: Sequence[Mistake]) -> None:
        self.name = name
        self.mistakes = tuple(mistakes)
        super().__init__(self.as_text())

    def as_text(self) -> str:
        """Return every mistake for people, and the count below them."""
        count = len(self.mistakes)
        lines = [one.as_text(name=self.name) for one in self.mistakes]
        return "\n".join([*lines, f"{count} mistake{'s' if count != 1 else ''}"])


def nearest(word: str, *, among: Iterable[str]) -> str:
    """Return a hint that names the likeliest word meant, else all of them."""
    known = sorted(among)
    close = difflib.get_close_matches(word[:_WORD_MAX], known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"one of: {', '.join(known)}"
