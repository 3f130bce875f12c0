"""Every rule has examples that it must and must not match, and does as they say, through the real reader."""

from __future__ import annotations

from collections.abc import Iterator

from fissile.domain.gate.model import Post
from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.language import UndecidedError, bind
from fissile.domain.gate.rulebooks.matching import covers, forms_of
from fissile.domain.gate.rulebooks.mistakes import Mistake
from fissile.domain.gate.rulebooks.model import SURFACES, Covers, Example
from fissile.domain.gate.rulebooks.reading import covers_of, example_of
from fissile.domain.gate.rulebooks.source import Path

_SHOWN = 24
_UNDECIDED = {
    "budget_exceeded": ("it takes more than 10,000 steps", "put fewer exists into each other"),
    "condition_failed": ("it divides by zero, or asks for what is not there", "ask for the size before"),
}


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield rules without examples, and examples that come out otherwise."""
    for path, rule in draft.rules():
        for key, wanted in (("must_match", True), ("must_not_match", False)):
            given = draft.value((*path, key))
            if given == []:
                hint = (
                    "write a text that it must match" if wanted else "write a text that looks alike and must not match"
                )
                yield draft.source.mistake((*path, key), f"{key} is empty.", hint)
            if int(path[-1]) not in draft.conditions:
                continue
            covered = covers_of(rule.get("covers", {}))
            for item, example in draft.items((*path, key)):
                yield from _example(draft, item, example_of(example), covered=covered, wanted=wanted)


def _example(draft: Draft, path: Path, example: Example, *, covered: Covers, wanted: bool) -> Iterator[Mistake]:
    condition = draft.conditions[int(path[1])]
    surface = example.surface or next((one for one in SURFACES if one in covered.surfaces), SURFACES[0])
    post = Post(text=example.text, surface=surface, form=example.form)
    facts = draft.read(example.text)
    forms = forms_of(post=post, facts=facts)
    shown = f"“{example.text[:_SHOWN]}…”" if len(example.text) > _SHOWN else f"“{example.text}”"
    try:
        held = condition.holds(bind(post=post, facts=facts, forms=forms, reads=condition.reads))
    except UndecidedError as error:
        why, hint = _UNDECIDED[error.reason]
        yield draft.source.mistake(path, f"The rule cannot be answered for {shown}: {why}.", hint)
        return
    matched = held and covers(covered, surface=surface, forms=forms)
    if matched == wanted:
        return
    if wanted and held:
        message = (
            f"The rule must match {shown} and does not cover it: surface {surface}, forms {', '.join(forms) or 'none'}."
        )
        yield draft.source.mistake(path, message, "change covers, or name the example's surface and form")
    elif wanted:
        hint = f"the reader found {_found(facts)}; change the condition or the example"
        yield draft.source.mistake(path, f"The rule must match {shown} and does not.", hint)
    else:
        hint = f"the reader found {_found(facts)}; narrow the condition"
        yield draft.source.mistake(path, f"The rule must not match {shown} and does.", hint)


def _found(facts: object) -> str:
    kinds = ("codes", "links", "contacts", "inducements", "disguises", "cues")
    counts = [f"{kind}: {len(getattr(facts, kind))}" for kind in kinds if getattr(facts, kind)]
    return ", ".join(counts) or "nothing in it"
