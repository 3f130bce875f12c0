"""A rulebook while it is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fissile.domain.gate.model import Facts
from fissile.domain.gate.rulebooks.source import Path, Source

if TYPE_CHECKING:
    from fissile.domain.gate.rulebooks.language import Condition

Reader = Callable[[str], Facts]


@dataclass(slots=True)
class Draft:
    """The text as read, the reader of examples, and the conditions that have been compiled so far, by rule."""

    source: Source
    read: Reader
    words: Mapping[str, frozenset[str]]
    conditions: dict[int, Condition] = field(default_factory=dict)

    def string(self, path: Path) -> str | None:
        """Return a string that stands there, None if there is none (another check tells that)."""
        value = self.value(path)
        return value if isinstance(value, str) else None

    def value(self, path: Path) -> Any:
        """Return what stands there, None if nothing does."""
        here: Any = self.source.values
        for key in path:
            if isinstance(here, Mapping) and isinstance(key, str):
                here = here.get(key)
            elif isinstance(here, list) and isinstance(key, int) and key < len(here):
                here = here[key]
            else:
                return None
        return here

    def tables(self, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Return the tables of an array of tables with their paths; what is none of them is passed over."""
        given = self.value(path)
        for index, one in enumerate(given if isinstance(given, list) else ()):
            if isinstance(one, Mapping):
                yield (*path, index), one

    def rules(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Return the rules with their paths."""
        return self.tables(("rules",))

    def items(self, path: Path) -> Iterator[tuple[Path, Any]]:
        """Return what an array holds, with paths."""
        given = self.value(path)
        for index, one in enumerate(given if isinstance(given, list) else ()):
            yield (*path, index), one
