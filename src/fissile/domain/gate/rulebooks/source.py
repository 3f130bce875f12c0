"""A rulebook's text as TOML values together with the place of each of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tree_sitter
import tree_sitter_toml

from fissile.domain.gate.rulebooks.mistakes import Mistake

Path = tuple[str | int, ...]

TEXT_BYTES_MAX = 1_000_000
SYNTAX_MISTAKES_MAX = 50
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w-]+(?:\.[\w-]+)*)")
_SAID = {
    "Cannot overwrite a value": ("The key stands there already.", "keep one of the two"),
    "Illegal character": (
        "The text does not end on its line.",
        "close it with its quote; ''' begins one of several lines",
    ),
    "Invalid value": ("There is no value that TOML knows.", 'strings stand in "…", dates and numbers without quotes'),
    "Expected '='": ("There is no key with a value here.", 'write key = "…", or # before a remark'),
    "Expected ']": ("The table's name is not closed.", "write [rules.clause] or [[rules]]"),
    "Cannot declare": (
        "The table stands there already.",
        "write [[rules]] for one more; keep one of the two otherwise",
    ),
    "Expected newline": ("Something stands behind the value.", 'strings stand in "…"; a date has its day: 2018-05-18'),
}
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value begin; ``raw`` is the value as written, for strings alone."""

    key: tuple[int, int]
    value: tuple[int, int]
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What was read. ``mistakes`` are those of TOML itself; their lines are left out of ``values``."""

    values: Mapping[str, Any]
    places: Mapping[Path, Place]
    mistakes: tuple[Mistake, ...]
    left_out: tuple[str, ...] = field(default=())

    def at(self, path: Path) -> tuple[int, int]:
        """Return line and column of a value, else of the nearest table around it."""
        for end in range(len(path), 0, -1):
            if place := self.places.get(path[:end]):
                return place.value
        return 1, 1

    def mistake(self, path: Path, message: str, hint: str) -> Mistake:
        """Return a mistake that stands at a value."""
        return Mistake(*self.at(path), message, hint)

    def may_stand_on_a_bad_line(self, key: str) -> bool:
        """Return whether a line that is no TOML seems to have held this key, so that it is not told twice."""
        return any(re.match(rf"\s*\[*\s*{re.escape(key)}\b", line) for line in self.left_out)


def read_source(text: str) -> Source:
    """
    Read TOML and the places in it.

    A line that is no TOML is told and passed over, so that what is wrong further down is told as well.
    """
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        return _unread(Mistake(1, 1, f"The rulebook is longer than {TEXT_BYTES_MAX} bytes.", "split it in two"))
    if found := re.search("[\ud800-\udfff]", text):
        place = _line_column(text, found.start())
        return _unread(Mistake(*place, "This is half of a character.", "save the file as UTF-8"))
    lines = text.replace("\r\n", "\n").split("\n")
    mistakes: list[Mistake] = []
    left_out: list[str] = []
    for _ in range(SYNTAX_MISTAKES_MAX):
        try:
            values = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            mistake = _of_toml(str(error), lines=lines)
            mistakes.append(mistake)
            if not lines[mistake.line - 1].strip():
                break
            left_out.append(lines[mistake.line - 1])
            lines[mistake.line - 1] = _mended(lines[mistake.line - 1])
        except RecursionError:
            return _unread(
                Mistake(1, 1, "Tables or arrays stand too deep in each other.", "a rulebook needs four levels")
            )
        else:
            return Source(values, _places("\n".join(lines)), tuple(mistakes), tuple(left_out))
    return Source({}, {}, tuple(mistakes))


def _unread(mistake: Mistake) -> Source:
    return Source({}, {}, (mistake,))


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _mended(line: str) -> str:
    """Return a table's header with its brackets put right, so that its keys stay its own; anything else is left out."""
    header = _HEADER.match(line)
    if not header or line.strip() == (mended := f"{header[1]}{header[2]}{']' * len(header[1])}"):
        return ""
    return mended


def _of_toml(words: str, *, lines: list[str]) -> Mistake:
    found = _PLACE.search(words)
    said = _PLACE.sub("", words)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        line, column = len(lines), len(lines[-1]) + 1
    # The parser stops behind a line end where a value is missing; the author's mistake is on the line before.
    if line <= len(lines) and column == 1 and line > 1 and "Illegal" in said:
        line, column = line - 1, len(lines[line - 2]) + 1
    line = min(line, len(lines))
    for beginning, (message, hint) in _SAID.items():
        if said.startswith(beginning):
            return Mistake(line, column, message, hint)
    return Mistake(line, column, f"This is not TOML: {said}.", 'a line is key = "…", [table], [[tables]] or # a remark')


def _places(text: str) -> dict[Path, Place]:
    """Return the place of every table, key and array element; the text is known to be TOML."""
    data = text.encode()
    rows = data.split(b"\n")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    root = parser.parse(data).root_node
    places: dict[Path, Place] = {}
    counts: dict[Path, int] = {}

    def point(node: tree_sitter.Node) -> tuple[int, int]:
        row, column = node.start_point
        return row + 1, len(rows[row][:column].decode("utf-8", "replace")) + 1

    def content(node: tree_sitter.Node) -> str:
        return data[node.start_byte : node.end_byte].decode()

    def keys(node: tree_sitter.Node) -> list[str]:
        found: list[str] = []
        waiting = [node]
        while waiting:  # a.b.c is a tree as deep as it has dots
            one = waiting.pop()
            if one.type == "bare_key":
                found.append(content(one))
            elif one.type == "quoted_key":
                found.extend(tomllib.loads(f"{content(one)} = 0"))
            else:
                waiting.extend(reversed(one.named_children))
        return found

    def within(start: Path, names: list[str]) -> Path:
        path = start
        for name in names:
            path = (*path, name)
            if path in counts:
                path = (*path, counts[path] - 1)
        return path

    def value(path: Path, node: tree_sitter.Node, *, key: tuple[int, int]) -> None:
        raw = content(node) if node.type == "string" else ""
        places[path] = Place(key, point(node), raw)
        if node.type == "array":
            for index, child in enumerate(one for one in node.named_children if one.type != "comment"):
                value((*path, index), child, key=point(child))
        elif node.type == "inline_table":
            for child in node.named_children:
                pair(path, child)

    def pair(start: Path, node: tree_sitter.Node) -> None:
        name, given = [child for child in node.named_children if child.type != "comment"][:2]
        path = (*start, *keys(name))
        for depth in range(len(start) + 1, len(path)):
            places.setdefault(path[:depth], Place(point(name), point(name)))
        value(path, given, key=point(name))

    for node in root.named_children:
        if node.type == "pair":
            pair((), node)
        elif node.type in ("table", "table_array_element"):
            header, *rest = [child for child in node.named_children if child.type != "comment"]
            names = keys(header)
            if node.type == "table":
                path = within((), names)
            else:
                path = (*within((), names[:-1]), names[-1])
                counts[path] = counts.get(path, 0) + 1
                places.setdefault(path, Place(point(node), point(node)))
                path = (*path, counts[path] - 1)
            places[path] = Place(point(node), point(node))
            for child in rest:
                pair(path, child)
    return places
