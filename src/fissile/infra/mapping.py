"""
Maps: a TOML file that says how the columns of an import are made from another table and files beside it.

::

    rows = "variants.csv"                 # optional: which file holds the rows, beside the file that was named

    [join.product]                        # {product.name} … in templates below
    file = "products.csv"
    key = "product_id"                    # its column
    on = "{product_id}"                   # equals this, made of the row and of joins above

    [join.category]
    file = "categories.csv"
    key = "category_id"
    on = "{product.category_id}"
    parent = "parent_id"                  # each row points to its parent by this: adds {category.path},
    name = "name"                         # the names from the root down, "A > B"

    [join.attributes]
    file = "attributes.csv"
    key = "product_id"
    on = "{product_id}"
    each = "{name}: {value}"              # many rows match: adds {attributes.lines}, one line each

    [columns]                             # column of the import = template
    sku = ["{sku}", "variant-{variant_id}"]                       # the first that is not blank
    price = { text = "{price_fen}", unit = "minor" }              # written in minor units
    title = { text = "{product.name}", entities = true }          # &amp; and the like are undone
    options = { text = "Size={name}", when = "{sku}" }            # only where that is not blank
    options = { list = "specs_json", name = "Spec", skip = ["-"] }  # from a JSON list of texts
    merchant = "My shop"                                          # a constant
    pictures = { text = "{images}", folder = "images" }           # each name gets the folder in front

A line of a template with a blank placeholder is left out. What the map does not name stays blank.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fissile.infra.tabular import BadRow, Row, Table, escaped, open_table
from fissile.kernel.errors import Refusal

JOINED_ROWS_MAX = 200_000
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_TOP = ("rows", "join", "columns")
_JOIN = ("file", "key", "on", "parent", "name", "each")
_COLUMN = ("text", "when", "unit", "entities", "folder", "list", "name", "skip")
_DEPTH_MAX = 20


class MapUnreadable(Refusal):
    """The map {file} cannot be read: {reason}."""


class MapWrong(Refusal):
    """The map {file} cannot be used: {problems}."""


@dataclass(frozen=True, slots=True)
class Join:
    """A file beside the rows, found by a key."""

    name: str
    file: str
    key: str
    on: str
    parent: str
    label: str
    each: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one column is made: the first template that gives something, and what is done to it."""

    templates: tuple[str, ...]
    when: str = ""
    minor: bool = False
    entities: bool = False
    folder: str = ""
    list_column: str = ""
    list_name: str = ""
    skip: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Map:
    """A checked map; its files are not read yet."""

    file: str
    rows: str
    joins: tuple[Join, ...]
    columns: Mapping[str, Recipe]


def load_map(path: Path, *, allowed: Iterable[str]) -> Map:
    """
    Read and check a map; ``allowed`` are the columns of the import.

    :raises MapUnreadable: if there is no such file or it is not TOML
    :raises MapWrong: naming everything that is wrong at once
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MapUnreadable(file=str(path), reason=str(error)[:200]) from None
    wrong: list[str] = []
    _only(given, _TOP, "at the top", wrong)
    rows = _text(given, "rows", "rows", wrong)
    joins = []
    for name, table in _tables(given, "join", wrong):
        _only(table, _JOIN, f"in join.{name}", wrong)
        wrong.extend(f"join.{name} needs {key}" for key in ("file", "key", "on") if not table.get(key))
        if table.get("parent") and not table.get("name"):
            wrong.append(f"join.{name} has parent and needs name: the column whose values make the path")
        values = {key: _text(table, key, f"join.{name}.{key}", wrong) for key in _JOIN}
        for key in ("file",):
            if "/" in values[key] or "\\" in values[key] or values[key] == "..":
                wrong.append(f"join.{name}.{key} is a file beside the rows: write its name alone")
        joins.append(
            Join(
                name,
                values["file"],
                values["key"],
                values["on"],
                values["parent"],
                values["name"],
                values["each"],
            )
        )
    columns = {}
    known = tuple(allowed)
    given_columns = given.get("columns", {})
    if not isinstance(given_columns, dict) or not given_columns:
        wrong.append("it needs a table [columns]")
        given_columns = {}
    _only(given_columns, known, "in columns", wrong)
    for name, value in given_columns.items():
        columns[name] = _recipe(name, value, wrong)
    if wrong:
        raise MapWrong(file=path.name, problems="; ".join(wrong))
    return Map(path.name, rows, tuple(joins), columns)


def _only(table: Mapping[str, Any], allowed: tuple[str, ...], where: str, wrong: list[str]) -> None:
    wrong.extend(
        f"unknown “{name}” {where} (there may be: {', '.join(allowed)})" for name in table if name not in allowed
    )


def _text(table: Mapping[str, Any], key: str, where: str, wrong: list[str]) -> str:
    value = table.get(key, "")
    if isinstance(value, str):
        return value
    wrong.append(f"{where} must be a text")
    return ""


def _tables(given: Mapping[str, Any], key: str, wrong: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tables = given.get(key, {})
    if not isinstance(tables, dict):
        wrong.append(f"{key} must be tables [{key}.NAME]")
        return
    for name, table in tables.items():
        if isinstance(table, dict):
            yield name, table
        else:
            wrong.append(f"{key}.{name} must be a table")


def _recipe(name: str, value: Any, wrong: list[str]) -> Recipe:
    where = f"columns.{name}"
    table = value if isinstance(value, dict) else {"text": value}
    _only(table, _COLUMN, f"in {where}", wrong)
    text = table.get("text", [])
    templates = [text] if isinstance(text, str) else text
    if not isinstance(templates, list) or not all(isinstance(one, str) for one in templates):
        wrong.append(f"{where} must be a text, a list of texts, or a table with text")
        templates = []
    list_column = _text(table, "list", f"{where}.list", wrong)
    if bool(templates) == bool(list_column):
        wrong.append(f"{where} needs either text or list")
    if list_column and not table.get("name"):
        wrong.append(f"{where} has list and needs name: what the values are called")
    if table.get("unit", "major") not in ("major", "minor"):
        wrong.append(f"{where}.unit must be major or minor")
    skip = table.get("skip", [])
    if not isinstance(skip, list) or not all(isinstance(one, str) for one in skip):
        wrong.append(f"{where}.skip must be a list of texts")
        skip = []
    return Recipe(
        tuple(templates),
        when=_text(table, "when", f"{where}.when", wrong),
        minor=table.get("unit") == "minor",
        entities=table.get("entities") is True,
        folder=_text(table, "folder", f"{where}.folder", wrong),
        list_column=list_column,
        list_name=_text(table, "name", f"{where}.name", wrong),
        skip=frozenset(skip),
    )


def rows_path(plan: Map, *, given: Path) -> Path:
    """Return the file that holds the rows: the one named, or the map's if a folder or a joined file was named."""
    if plan.rows and (given.is_dir() or given.name in {join.file for join in plan.joins}):
        return (given if given.is_dir() else given.parent) / plan.rows
    return given


@contextmanager
def open_mapped(path: Path | None, *, plan: Map | None, stdin: BinaryIO | None = None) -> Iterator[Table]:
    """
    Open a table as the import wants it: through the map if there is one. Blocks, as :func:`open_table`.

    :raises MapWrong: if the map names columns or files that are not there, or joins from stdin
    """
    with open_table(path, stdin=stdin) as table:
        if plan is None:
            yield table
            return
        if plan.joins and path is None:
            raise MapWrong(file=plan.file, problems="it joins files, which needs a file and not stdin")
        joined = [_Joined.read(join, folder=path.parent, plan=plan) for join in plan.joins if path]
        _check_names(plan, table, joined)
        yield Table(table.name, tuple(plan.columns), _mapped(table.rows, plan, joined))


@dataclass(frozen=True, slots=True)
class _Joined:
    join: Join
    columns: frozenset[str]
    found: dict[str, list[dict[str, str]]]

    @classmethod
    def read(cls, join: Join, *, folder: Path, plan: Map) -> _Joined:
        found: dict[str, list[dict[str, str]]] = {}
        with open_table(folder / join.file) as table:
            if table.columns and (
                missing := {join.key, join.parent or join.key, join.label or join.key} - set(table.columns)
            ):
                raise MapWrong(
                    file=plan.file,
                    problems=f"join.{join.name}: {join.file} has no column {', '.join(sorted(missing))}",
                )
            for count, row in enumerate(table.rows, start=1):
                if isinstance(row, BadRow):
                    raise MapWrong(file=plan.file, problems=f"{join.file}, line {row.line}: {row.reason}")
                if count > JOINED_ROWS_MAX:
                    raise MapWrong(file=plan.file, problems=f"{join.file} has more than {JOINED_ROWS_MAX} rows")
                found.setdefault(row.cells.get(join.key, ""), []).append(row.cells)
        found.pop("", None)
        columns = set(table.columns) | ({"path"} if join.parent else set()) | ({"lines"} if join.each else set())
        return cls(join, frozenset(columns), found)

    def cells(self, context: Mapping[str, str]) -> dict[str, str]:
        """Return what the join adds to a row, by ``name.column``."""
        join = self.join
        matches = self.found.get(_filled(join.on, context), [])
        added = {f"{join.name}.{column}": value for column, value in (matches[0] if matches else {}).items()}
        if join.parent:
            added[f"{join.name}.path"] = self._path(matches)
        if join.each:
            lines = [_filled(join.each, {**context, **match}) for match in matches]
            added[f"{join.name}.lines"] = "\n".join(line for line in lines if line)
        return added

    def _path(self, matches: list[dict[str, str]]) -> str:
        names: list[str] = []
        while matches and len(names) < _DEPTH_MAX:
            names.insert(0, matches[0].get(self.join.label, ""))
            matches = self.found.get(matches[0].get(self.join.parent, ""), [])
        return " > ".join(name for name in names if name)


def _check_names(plan: Map, table: Table, joined: list[_Joined]) -> None:
    """Hold every placeholder to a column that is there; JSON Lines name theirs row by row, so nothing is known."""
    if not table.columns:
        return
    wrong: list[str] = []
    known = set(table.columns)
    for one in joined:
        _check(one.join.on, known, f"join.{one.join.name}.on", wrong)
        _check(one.join.each, known | one.columns, f"join.{one.join.name}.each", wrong)
        known |= {f"{one.join.name}.{column}" for column in one.columns}
    for name, recipe in plan.columns.items():
        for template in (*recipe.templates, recipe.when, f"{{{recipe.list_column}}}" if recipe.list_column else ""):
            _check(template, known, f"columns.{name}", wrong)
    if wrong:
        raise MapWrong(file=plan.file, problems="; ".join(wrong))


def _check(template: str, known: set[str], where: str, wrong: list[str]) -> None:
    wrong.extend(
        f"{where} names {{{name}}}, which is no column (there are: {', '.join(sorted(known))[:300]})"
        for name in _PLACEHOLDER.findall(template)
        if name not in known
    )


def _mapped(rows: Iterator[Row | BadRow], plan: Map, joined: list[_Joined]) -> Iterator[Row | BadRow]:
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        context = dict(row.cells)
        for one in joined:
            context |= one.cells(context)
        yield Row(row.line, {name: _made(recipe, context) for name, recipe in plan.columns.items()})


def _made(recipe: Recipe, context: Mapping[str, str]) -> str:
    if recipe.when and not _filled(recipe.when, context):
        return ""
    if recipe.list_column:
        return _options(context.get(recipe.list_column, ""), recipe)
    made = next(filter(None, (_filled(template, context) for template in recipe.templates)), "")
    if recipe.entities:
        made = html.unescape(made)
    if recipe.folder:
        made = " ".join(f"{recipe.folder}/{name}" for name in made.split())
    # Which currency, and so how many digits, only the import knows: it is told by the word.
    return f"{made} minor" if recipe.minor and made else made


def _filled(template: str, context: Mapping[str, str]) -> str:
    lines = []
    for line in template.split("\n"):
        names = _PLACEHOLDER.findall(line)
        if all(context.get(name) for name in names):
            lines.append(_PLACEHOLDER.sub(lambda match: context[match.group(1)], line))
    return "\n".join(lines).strip()


def _options(cell: str, recipe: Recipe) -> str:
    """Return ``Name=a``, or ``Name 1=a; Name 2=b``; what is no list of texts stays for the import to refuse."""
    try:
        values = json.loads(cell) if cell else []
    except ValueError:
        return cell
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return cell
    kept = [value.strip() for value in values if value.strip() and value.strip() not in recipe.skip]
    names = [recipe.list_name] if len(kept) == 1 else [f"{recipe.list_name} {n + 1}" for n in range(len(kept))]
    return "; ".join(f"{escaped(name)}={escaped(value)}" for name, value in zip(names, kept, strict=True))
