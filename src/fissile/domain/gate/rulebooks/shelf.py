"""The rulebooks that come with Fissile, and which of them held on a day."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from fissile.domain.gate.rulebooks.mistakes import Mistake, RulebookMistakesError
from fissile.domain.gate.rulebooks.model import Rulebook

DEFAULT = "house"


@dataclass(frozen=True, slots=True, order=True)
class Edition:
    """A shipped version: enough to choose one by, before any is compiled."""

    name: str
    version: str
    announced: date
    in_force: date
    amends: str
    file: str

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


class NoSuchRulebookError(LookupError):
    """There is no rulebook of this name, version or day; the message says which there are."""


@cache
def editions() -> tuple[Edition, ...]:
    """Return the shipped versions, by name and announcement."""
    found = []
    for one in _folder().iterdir():
        if one.name.endswith(".toml"):
            head = tomllib.loads(one.read_text(encoding="utf-8"))
            found.append(
                Edition(
                    head["name"], head["version"], head["announced"], head["in_force"], head.get("amends", ""), one.name
                )
            )
    return tuple(sorted(found))


def choose(*, name: str, as_of: date | None = None, in_force: date | None = None) -> Edition:
    """
    Return the shipped version that ``name`` or ``name@version`` means, by announcement or by effect on a day.

    Without a day it is the one announced last. Of two that take effect on one day the later announcement holds.

    :raises NoSuchRulebookError: if there is none, or none by that day
    """
    wanted, _, version = name.partition("@")
    known = [one for one in editions() if one.name == wanted]
    if not known:
        names = ", ".join(sorted({one.name for one in editions()}))
        raise NoSuchRulebookError(f"there is no rulebook {wanted}; shipped are: {names}")
    if version:
        for one in known:
            if one.version == version:
                return one
        raise NoSuchRulebookError(f"{wanted} has no version {version}; there are: {_versions(known)}")
    if as_of is not None:
        held = [one for one in known if one.announced <= as_of]
        said = f"was announced by {as_of}"
    elif in_force is not None:
        held = [one for one in known if one.in_force <= in_force]
        said = f"was in force on {in_force}"
    else:
        held, said = known, ""
    if not held:
        raise NoSuchRulebookError(f"no version of {wanted} {said}; there are: {_versions(known)}")
    if in_force is not None:
        return max(held, key=lambda one: (one.in_force, one.announced))
    return held[-1]


@cache
def shipped(label: str) -> Rulebook:
    """
    Return a shipped rulebook, ``name@version``, compiled once.

    :raises NoSuchRulebookError: if there is none
    """
    edition = choose(name=label)
    return compiled(data=(_folder() / edition.file).read_bytes(), name=edition.file)


def compiled(*, data: bytes, name: str) -> Rulebook:
    """
    Compile a rulebook's text in UTF-8, its examples read by the Gate's own reader.

    :raises RulebookMistakesError: with every mistake at once
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        mistake = Mistake(line, column, "This is not UTF-8.", "save the file as UTF-8")
        raise RulebookMistakesError(name=name, mistakes=[mistake]) from None
    # Loaded here: a process that never asks the Gate does not carry CEL and the reader's tables.
    from fissile.domain.gate import facts
    from fissile.domain.gate.rulebooks.compile import compile_rulebook
    from fissile.domain.gate.rulebooks.words import known_words

    return compile_rulebook(text=text, name=name, read=facts.read, words=known_words())


def _folder() -> Traversable:
    return resources.files("fissile.domain.gate.rulebooks") / "shipped"


def _versions(known: Sequence[Edition]) -> str:
    return ", ".join(one.version for one in known)
