"""docs/reference/events.md, from every place that writes an event: ``Event(…)`` in Python, INSERT in SQL."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fissile
from tools.reference import markdown

SOURCE = Path(fissile.__file__).parent
_NAME = re.compile(r"'([a-z_]+\.[a-z_]+)'")
_INSERT = re.compile(r"INSERT INTO events\b(.*?)(?:;|RETURNING|\n  \)\n)", re.DOTALL)


class EventWithoutAName(Exception):
    """The name or the data of an event cannot be read off the code: write them as literals."""


@dataclass(frozen=True, slots=True)
class Written:
    """One place that writes an event."""

    name: str
    keys: tuple[str, ...]
    path: str  # below src/fissile


def page() -> str:
    """Return every event's name, what its data hold, and where it is written."""
    by_name: dict[str, list[Written]] = defaultdict(list)
    for one in written():
        by_name[one.name].append(one)
    rows = []
    for name in sorted(by_name):
        places = by_name[name]
        keys = sorted({key for one in places for key in one.keys})
        paths = sorted({one.path for one in places})
        rows.append(
            [
                f"`{name}`",
                ", ".join(f"`{key}`" for key in keys),
                ", ".join(markdown.linked(f"src/fissile/{path}") for path in paths),
            ]
        )
    return markdown.text(
        [
            "# Events",
            "",
            "Every change of state writes one row into `events`, in its own transaction: name, moment, who did it, "
            "what it is about, and data: ids, counts and amounts, nothing about a person. Amounts are minor units.",
            "",
            *markdown.table(["Event", "Data", "Written in"], rows),
            "",
            markdown.GENERATED,
        ]
    )


def written() -> list[Written]:
    """Return every place that writes an event."""
    found: list[Written] = []
    for file in sorted(SOURCE.rglob("*")):
        path = str(file.relative_to(SOURCE))
        if file.suffix == ".py":
            found += in_python(file.read_text(encoding="utf-8"), path=path)
        elif file.suffix == ".sql" and not path.startswith("migrations/"):
            found += in_sql(file.read_text(encoding="utf-8"), path=path)
    return found


def in_python(source: str, *, path: str) -> Iterator[Written]:
    """
    Return the events that a module makes.

    :raises EventWithoutAName: if a name or the data are no literals, nor a variable that a literal is given to
    """
    tree = ast.parse(source)
    if not any(isinstance(one, ast.ImportFrom) and one.module == "fissile.infra.events" for one in ast.walk(tree)):
        return
    for function in (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)):
        for call in (one for one in ast.walk(function) if isinstance(one, ast.Call)):
            match call:
                case ast.Call(func=ast.Name(id="Event"), args=[name, _, data]):
                    for word in _words(name, function):
                        yield Written(word, _keys(data, function, path), path)
                case ast.Call(func=ast.Name(id="Event")):
                    raise EventWithoutAName(f"{path}:{call.lineno}: Event(name, subject, data)")


def in_sql(source: str, *, path: str) -> Iterator[Written]:
    """Return the events that a file of SQL inserts."""
    for statement in _INSERT.findall(source):
        keys = _object_keys(statement)
        for name in _NAME.findall(statement):
            yield Written(name, keys, path)


def _words(node: ast.expr, function: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(word)):
            return [word]
        case ast.IfExp(body=one, orelse=other):
            return _words(one, function) + _words(other, function)
        case ast.Name(id=variable) if given := _given(variable, function):
            return [word for one in given for word in _words(one, function)]
    raise EventWithoutAName(f"{ast.unparse(node)} in {getattr(function, 'name', '')}")


def _keys(node: ast.expr, function: ast.AST, path: str) -> tuple[str, ...]:
    match node:
        case ast.Dict(keys=keys, values=values):
            found: list[str] = []
            for key, value in zip(keys, values, strict=True):
                if key is None:
                    found += _keys(value, function, path)  # {**other}
                else:
                    found += _words(key, function)
            return tuple(found)
        case ast.BinOp(left=one, op=ast.BitOr(), right=other):
            return _keys(one, function, path) + _keys(other, function, path)
        case ast.IfExp(body=one, orelse=other):
            return _keys(one, function, path) + _keys(other, function, path)
        case ast.DictComp(key=key, generators=[ast.comprehension(iter=ast.Tuple() | ast.List())]):
            return tuple(_words(key, function))
        case ast.Name(id=variable) if given := _given(variable, function):
            return tuple(key for one in given for key in _keys(one, function, path))
    raise EventWithoutAName(f"{path}:{node.lineno}: the data {ast.unparse(node)}")


def _given(variable: str, function: ast.AST) -> list[ast.expr]:
    found = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == variable:
                found.append(value)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == variable:
                found.append(value)
    return found


def _object_keys(statement: str) -> tuple[str, ...]:
    start = statement.find("jsonb_build_object(")
    if start < 0:
        return ()
    depth, arguments, now = 0, [""], start + len("jsonb_build_object")
    for letter in statement[now:]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            break
        if letter == "," and depth == 1:
            arguments.append("")
        else:
            arguments[-1] += letter
    return tuple(one.strip(" (\n'") for one in arguments[::2])
