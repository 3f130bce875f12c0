"""Before a share is published: what a network's rulebook says of each of its forms, surface by surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from fissile.domain.gate.model import Facts, Post
from fissile.domain.gate.rulebooks.model import ACTIONS, SURFACES
from fissile.domain.gate.verdicts import Verdict, judge, sentence
from fissile.domain.shares.model import Form, FormText

if TYPE_CHECKING:
    from fissile.domain.gate.rulebooks.model import Rulebook

COMMENTS_OF: Final[Mapping[str, str]] = {"moments": "moments-comment", "group": "group-reply"}
"""Where the comments of a surface stand; the others have none."""

_STRENGTH = {action: number for number, action in enumerate(ACTIONS)}


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that decided, with the summary of its clause in the language that was asked for."""

    rule: str
    clause: str
    summary: str


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the rulebook says of one form on one surface: the strongest of what it says of the texts published there.

    ``sentence`` tells it in the language that was asked for. ``reasons`` are the rules that decided.
    """

    form: Form
    surface: str
    verdict: str
    sentence: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """The answers by surface and form; a form that does not exist on a surface (no comments there) has none."""

    rulebook: str
    answers: Mapping[tuple[str, Form], Answer]


def preflight_share(*, texts: Sequence[FormText], rulebook: Rulebook, language: str) -> Preflight:
    """
    Judge exactly what would be published in each form on each surface; takes milliseconds, and no database.

    Of a poster the caption and what its QR code holds are judged; the picture itself is looked at by nobody yet.

    :param language: ``zh``, else English, for sentences and clauses
    """
    # The reader's tables are loaded when somebody first asks.
    from fissile.domain.gate.facts import read

    answers = {}
    for text in texts:
        post, comment = read(text.post), read(text.comment)
        if text.payload:
            post = _with_code(post, read(text.payload, where="qr"))
        for surface in SURFACES:
            told = [
                judge(post=asked, facts=facts, rulebook=rulebook)
                for asked, facts in _published(text, surface=surface, post=post, comment=comment)
            ]
            if told:
                strongest = max(told, key=lambda one: _STRENGTH[one.verdict])
                answers[surface, text.form] = Answer(
                    text.form,
                    surface,
                    strongest.verdict,
                    sentence(verdict=strongest, rulebook=rulebook, language=language),
                    _reasons(strongest, rulebook=rulebook, language=language),
                )
    return Preflight(rulebook.label, answers)


def _published(text: FormText, *, surface: str, post: Facts, comment: Facts) -> list[tuple[Post, Facts]]:
    """Return what stands where when a form is published on a surface; nothing if it has no such form."""
    if not text.comment:
        return [(Post(text=text.post, surface=surface, form=text.form), post)]
    beside = surface if surface in COMMENTS_OF.values() else COMMENTS_OF.get(surface)
    if beside is None:
        return []
    found = [(Post(text=text.comment, surface=beside, form=text.form), comment)]
    if surface in COMMENTS_OF:
        found.append((Post(text=text.post, surface=surface), post))
    return found


def _with_code(caption: Facts, payload: Facts) -> Facts:
    """Return the facts of a caption beside a picture whose QR code holds ``payload``."""
    return msgspec.structs.replace(
        caption,
        codes=caption.codes + payload.codes,
        links=caption.links + payload.links,
        origin=tuple(sorted({*caption.origin, *payload.origin})),
    )


def _reasons(verdict: Verdict, *, rulebook: Rulebook, language: str) -> tuple[Reason, ...]:
    if verdict.verdict == "allow":
        return ()
    deciding = [one for one in verdict.rules if one.action == verdict.verdict]
    return tuple(
        Reason(one.id, one.clause, rulebook.rule(one.id).clause.summary(language=language)) for one in deciding
    )
