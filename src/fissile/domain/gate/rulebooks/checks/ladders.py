"""Ladders: rules name ladders that exist, rungs rise, effects are known."""

from __future__ import annotations

from collections.abc import Iterator

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.mistakes import Mistake, nearest
from fissile.domain.gate.rulebooks.model import EFFECTS
from fissile.domain.gate.rulebooks.source import Path


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield ladders that are named and missing, or that do not rise."""
    source = draft.source
    ids = [one["id"] for _, one in draft.tables(("ladders",)) if isinstance(one.get("id"), str)]
    for path, rule in draft.rules():
        ladder = rule.get("ladder")
        if isinstance(ladder, str) and ladder not in ids:
            hint = nearest(ladder, among=ids) if ids else "write it as [[ladders]]"
            yield source.mistake((*path, "ladder"), f"There is no ladder {ladder}.", hint)
    for index, (path, one) in enumerate(draft.tables(("ladders",))):
        if one.get("id") in ids[:index]:
            yield source.mistake((*path, "id"), f"There are two ladders {one['id']}.", "name one of them otherwise")
        days = one.get("window_days")
        if isinstance(days, int) and days < 1:
            yield source.mistake(
                (*path, "window_days"), f"The window is {days} days.", "at least 1; leave it out for ever"
            )
        yield from _rungs(draft, path)


def _rungs(draft: Draft, ladder: Path) -> Iterator[Mistake]:
    source = draft.source
    before = 0
    for path, rung in draft.tables((*ladder, "rungs")):
        count = rung.get("count")
        if isinstance(count, int) and not rung.get("adversarial"):
            if count <= before:
                hint = f"the rung before has {before}; the first has at least 1"
                yield source.mistake((*path, "count"), f"The rung begins at violation {count}.", hint)
            before = max(before, count)
        hours = rung.get("hours")
        if isinstance(hours, int) and hours < 1:
            yield source.mistake(
                (*path, "hours"), f"It lasts {hours} hours.", "at least 1; leave it out for until lifted"
            )
        for item, effect in draft.items((*path, "effects")):
            if isinstance(effect, str) and effect not in EFFECTS:
                yield source.mistake(item, f"There is no effect “{effect}”.", nearest(effect, among=EFFECTS))
