"""What a rule covers and what the network scanned: surfaces and forms exist, scans have their source."""

from __future__ import annotations

from collections.abc import Iterator

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.mistakes import Mistake, nearest
from fissile.domain.gate.rulebooks.model import FORMS, SURFACES
from fissile.domain.gate.rulebooks.source import Path


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield surfaces and forms that do not exist, empty lists, scans without a source."""
    for path, _ in draft.rules():
        for key, word, known in (("surfaces", "surface", SURFACES), ("forms", "form", FORMS)):
            covered = (*path, "covers", key)
            if draft.value(covered) == []:
                hint = f"leave {key} out to cover all of them"
                yield draft.source.mistake(covered, f"The rule covers no {word}.", hint)
            for item, _value in draft.items(covered):
                yield from _known(draft, item, word, known)
        for scan, table in draft.tables((*path, "scans")):
            yield from _known(draft, (*scan, "surface"), "surface", SURFACES)
            yield from _known(draft, (*scan, "form"), "form", FORMS)
            if table.get("source") == "":
                yield draft.source.mistake((*scan, "source"), "The scan has no source.", 'name it, or write "assumed"')
        for key in ("must_match", "must_not_match"):
            for item, example in draft.items((*path, key)):
                if isinstance(example, dict):
                    yield from _known(draft, (*item, "surface"), "surface", SURFACES)
                    yield from _known(draft, (*item, "form"), "form", FORMS)


def _known(draft: Draft, path: Path, word: str, known: tuple[str, ...]) -> Iterator[Mistake]:
    given = draft.string(path)
    if given is not None and given not in known:
        yield draft.source.mistake(path, f"There is no {word} “{given}”.", nearest(given, among=known))
