"""docs/reference/tables.md, from the metadata and the comments that stand beside columns and indexes."""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import tokenize
from importlib import resources
from pathlib import Path
from types import ModuleType

from sqlalchemy import CheckConstraint, Column, Constraint, Index, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

import fissile
import fissile.infra.tables
from fissile.migrations.schema import APPEND_ONLY, FUNCTIONS, fresh_sql
from tools.reference import markdown

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def page() -> str:
    """Return every table by module: columns, checks, indexes, each with its reason where the code gives one."""
    fresh_sql()  # imports the tables of every module
    lines = [
        "# Tables",
        "",
        "Money ends in `_minor` (whole minor units), rates in `_ppm` (parts per million); ids are UUIDv7 and moments "
        'UTC, both made by the caller, never by the database. Text is `COLLATE "C"`.',
        "",
    ]
    for module in _modules():
        path = "src/" + module.__name__.replace(".", "/") + ".py"
        lines += [
            f"## {module.__name__.removeprefix('fissile.').removesuffix('.tables')}",
            "",
            markdown.linked(path),
            "",
        ]
        notes = comments_beside(inspect.getsource(module))
        for table in _tables_of(module):
            lines += _table(table, notes)
    lines += ["## Functions", "", *_functions(), "", markdown.GENERATED]
    return markdown.text(lines)


def comments_beside(source: str) -> dict[tuple[str, str], str]:
    """
    Return the comments at the end of lines, by (table, column) or (table, name of the index).

    The comment is on the last line of the column's own call; one that explains an index may stand above it.
    """
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[tuple[str, str], str] = {}
    for call in (one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call)):
        match call:
            case ast.Call(func=ast.Name(id="Table"), args=[ast.Constant(value=str(table)), _, *columns]):
                for column in columns:
                    match column:
                        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if column.end_lineno in comments:
                            found[table, name] = comments[column.end_lineno]
            case ast.Call(func=ast.Name(id="Index"), args=[ast.Constant(value=str(name)), *_]):
                beside = comments.get(call.end_lineno or 0) or _above(comments, call.lineno)
                if beside:
                    found["", name] = beside
    return found


def _above(comments: dict[int, str], line: int) -> str:
    lines = []
    while (line := line - 1) in comments:
        lines.append(comments[line])
    return " ".join(reversed(lines))


def _modules() -> list[ModuleType]:
    names = sorted(one for one in sys.modules if one.startswith("fissile.domain.") and one.endswith(".tables"))
    return [fissile.infra.tables, *(sys.modules[one] for one in names)]


def _tables_of(module: ModuleType) -> list[Table]:
    return [one for one in vars(module).values() if isinstance(one, Table)]


def _table(table: Table, notes: dict[tuple[str, str], str]) -> list[str]:
    lines = [f"### {table.name}", ""]
    if table.comment:
        lines += [table.comment, ""]
    if table.name in APPEND_ONLY:
        lines += ["A trigger refuses every change and deletion, the owner's too.", ""]
    lines += markdown.table(
        ["Column", "Type", "Default", "Refers to", "Note"],
        [_column(one, notes.get((table.name, one.name), "")) for one in table.columns],
    )
    rules = [
        *(f"check `{one.sqltext}`" for one in _named(table) if isinstance(one, CheckConstraint)),
        *(f"unique `({', '.join(one.columns.keys())})`" for one in _named(table) if isinstance(one, UniqueConstraint)),
        *(_index(one, notes) for one in sorted(table.indexes, key=lambda one: str(one.name))),
    ]
    return [*lines, "", *(f"- {one}" for one in rules), *([""] if rules else [])]


def _column(one: Column[object], note: str) -> list[str]:
    kind = one.type.compile(dialect=_DIALECT).removesuffix(' COLLATE "C"').lower()
    null = " null" if one.nullable else ""
    key = " key" if one.primary_key else ""
    default = getattr(one.server_default, "arg", "")
    refers = ", ".join(sorted(foreign.target_fullname for foreign in one.foreign_keys))
    return [f"`{one.name}`", f"{kind}{null}{key}", markdown.code(str(default)), markdown.code(refers), note]


def _named(table: Table) -> list[Constraint]:
    return sorted(table.constraints, key=lambda one: str(one.name))


def _index(one: Index, notes: dict[tuple[str, str], str]) -> str:
    made = str(CreateIndex(one).compile(dialect=_DIALECT)).strip()
    what = re.sub(r"^CREATE (UNIQUE )?INDEX \S+ ON \S+ (?:USING )?", lambda found: (found[1] or "").lower(), made)
    note = notes.get(("", str(one.name)), "")
    return f"index `{one.name}`: `{what}`{f': {note}' if note else ''}"


def _functions() -> list[str]:
    rows = []
    for path in FUNCTIONS:
        source = (resources.files(fissile) / path).read_text(encoding="utf-8")
        said = " ".join(line.lstrip("- ") for line in source.split("CREATE ")[0].splitlines())
        rows.append([f"`{Path(path).stem}`", markdown.linked(f"src/fissile/{path}"), said])
    return markdown.table(["Function", "File", "What it does"], rows)
