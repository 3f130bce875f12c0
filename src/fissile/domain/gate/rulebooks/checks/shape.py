"""Every key is known, every value is of its type, nothing that is needed is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.mistakes import Mistake, nearest
from fissile.domain.gate.rulebooks.source import Path, Source


@dataclass(frozen=True, slots=True)
class Key:
    """What a key takes: string, integer, boolean, date, strings, table, tables, examples; ``table`` is its shape."""

    type: str
    needed: bool = True
    table: Mapping[str, Key] | None = None


_SOURCE: Final = {"title": Key("string"), "url": Key("string", needed=False)}
_PARTNER: Final = {
    "name": Key("string"),
    "hosts": Key("strings", needed=False),
    "platforms": Key("strings", needed=False),
}
_RUNG: Final = {
    "count": Key("integer"),
    "effects": Key("strings"),
    "hours": Key("integer", needed=False),
    "adversarial": Key("boolean", needed=False),
}
_LADDER: Final = {
    "id": Key("string"),
    "window_days": Key("integer", needed=False),
    "rungs": Key("tables", table=_RUNG),
}
_CLAUSE: Final = {
    "number": Key("string"),
    "summary_zh": Key("string"),
    "summary_en": Key("string"),
    "quoted": Key("strings", needed=False),
}
_COVERS: Final = {"surfaces": Key("strings", needed=False), "forms": Key("strings", needed=False)}
_SCAN: Final = {"surface": Key("string"), "form": Key("string"), "since": Key("date"), "source": Key("string")}
_RULE: Final = {
    "id": Key("string"),
    "action": Key("string"),
    "severity": Key("integer"),
    "when": Key("string"),
    "clause": Key("table", table=_CLAUSE),
    "covers": Key("table", needed=False, table=_COVERS),
    "exempt": Key("strings", needed=False),
    "ladder": Key("string", needed=False),
    "unblock": Key("string", needed=False),
    "scans": Key("tables", needed=False, table=_SCAN),
    "must_match": Key("examples"),
    "must_not_match": Key("examples"),
}
RULEBOOK: Final = {
    "name": Key("string"),
    "network": Key("string"),
    "version": Key("string"),
    "announced": Key("date"),
    "in_force": Key("date"),
    "amends": Key("string", needed=False),
    "assumed": Key("strings", needed=False),
    "languages": Key("strings"),
    "sources": Key("tables", table=_SOURCE),
    "partners": Key("tables", needed=False, table=_PARTNER),
    "ladders": Key("tables", needed=False, table=_LADDER),
    "rules": Key("tables", table=_RULE),
}
_EXAMPLE: Final = {
    "text": Key("string"),
    "surface": Key("string", needed=False),
    "form": Key("string", needed=False),
}
_WRITTEN: Final = {
    "string": 'a text: key = "…"',
    "integer": "a whole number: key = 3",
    "boolean": "true or false",
    "date": "a date without quotes: key = 2018-05-18",
    "strings": 'texts in brackets: key = ["…", "…"]',
    "table": "a table: [key]",
    "tables": "tables: [[key]]",
    "examples": 'texts, or tables with text and surface, in brackets: key = ["…", { text = "…", surface = "group" }]',
}

_NAMED: Final = {
    "sources": "A source",
    "partners": "A partner",
    "ladders": "A ladder",
    "rungs": "A rung",
    "rules": "A rule",
    "clause": "A clause",
    "covers": "The table covers",
    "scans": "A scan",
}


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield what does not fit the shape of a rulebook."""
    yield from _table(draft.source, (), draft.source.values, RULEBOOK, named="A rulebook")


def _table(
    source: Source, path: Path, given: Mapping[str, Any], shape: Mapping[str, Key], *, named: str
) -> Iterator[Mistake]:
    for name, value in given.items():
        if name not in shape:
            line, column = source.places[(*path, name)].key if (*path, name) in source.places else source.at(path)
            yield Mistake(line, column, f"{named} has no key {name}.", nearest(name, among=shape))
        else:
            yield from _value(source, (*path, name), value, shape[name])
    for name, key in shape.items():
        if key.needed and name not in given and not source.may_stand_on_a_bad_line(name):
            written = _written(key, (*path, name))
            yield source.mistake(path, f"{named} needs the key {name}.", f"write {written}")


def _value(source: Source, path: Path, value: Any, key: Key) -> Iterator[Mistake]:
    name = str(path[-1])
    if not _fits(value, key.type):
        written = _written(key, path)
        yield source.mistake(path, f"{name} is {_kind(value)}.", f"write {written}")
    elif key.type == "table" and key.table:
        yield from _table(source, path, value, key.table, named=_NAMED[name])
    elif key.type == "tables" and key.table:
        if not value and key.needed:
            yield source.mistake(
                path, f"{name} is empty.", f"write at least one {_written(key, path)}".replace("tables: ", "")
            )
        for index, one in enumerate(value):
            yield from _table(source, (*path, index), one, key.table, named=_NAMED[name])
    elif key.type == "examples":
        for index, one in enumerate(value):
            if isinstance(one, Mapping):
                yield from _table(source, (*path, index), one, _EXAMPLE, named="An example")


def _written(key: Key, path: Path) -> str:
    """Return how the value is to be written; tables go by their whole name."""
    name = ".".join(one for one in path if isinstance(one, str)) if key.type.startswith("table") else str(path[-1])
    return _WRITTEN[key.type].replace("key", name)


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "strings":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "table":
            return isinstance(value, Mapping)
        case "tables":
            return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
        case _:
            return isinstance(value, list) and all(isinstance(one, str | Mapping) for one in value)


def _kind(value: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a whole number", float: "a number with a point"}
    names |= {datetime: "a moment", date: "a date", list: "a list", dict: "a table"}
    return names.get(type(value), "something else")
