"""Each rule's own words: id, action, severity, exemption, unblock condition, clause."""

from __future__ import annotations

from collections.abc import Iterator

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.checks.identity import NAME
from fissile.domain.gate.rulebooks.mistakes import Mistake, nearest
from fissile.domain.gate.rulebooks.model import ACTIONS, EXEMPTIONS, UNBLOCKS
from fissile.domain.gate.rulebooks.source import Path


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield ids that repeat and words that are none of the known ones."""
    source = draft.source
    seen: dict[str, int] = {}
    for path, rule in draft.rules():
        id = rule.get("id")
        if isinstance(id, str):
            if not NAME.fullmatch(id):
                yield source.mistake(
                    (*path, "id"), f"“{id}” is no id.", "small letters, digits and -, as in special-codes"
                )
            if id in seen:
                hint = f"the first stands on line {seen[id]}; name this one otherwise"
                yield source.mistake((*path, "id"), f"There are two rules {id}.", hint)
            seen.setdefault(id, source.at((*path, "id"))[0])
        severity = rule.get("severity")
        if isinstance(severity, int) and not 1 <= severity <= 5:
            yield source.mistake((*path, "severity"), f"The severity is {severity}.", "from 1, mild, to 5, grave")
        yield from _known(draft, (*path, "action"), ACTIONS)
        yield from _known(draft, (*path, "unblock"), UNBLOCKS)
        for item, _ in draft.items((*path, "exempt")):
            yield from _known(draft, item, EXEMPTIONS)
        for key in ("number", "summary_zh", "summary_en"):
            if draft.string((*path, "clause", key)) == "":
                hint = "say in a sentence of your own what the clause says"
                yield source.mistake((*path, "clause", key), f"{key} is empty.", hint)


def _known(draft: Draft, path: Path, known: tuple[str, ...]) -> Iterator[Mistake]:
    word = draft.string(path)
    if word is not None and word not in known:
        name = next(str(one) for one in reversed(path) if isinstance(one, str))
        yield draft.source.mistake(path, f"{name} cannot be “{word}”.", nearest(word, among=known))
