"""Paste a text and see everything that the Gate saw in it. Nothing is stored."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from litestar import Response, get, post

from fissile.api.problems import status_of
from fissile.api.verdicts import BadChoice, choice_of
from fissile.domain.gate.model import Post
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.model import FORMS, SURFACES
from fissile.domain.gate.verdicts import DEFAULT_SURFACE, judge, sentence
from fissile.kernel.errors import Refusal
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import FieldTooLong
from fissile.web.gate_words import gate_word
from fissile.web.page import page

if TYPE_CHECKING:
    from fissile.domain.gate.model import Facts
    from fissile.domain.gate.rulebooks.model import Rulebook
    from fissile.domain.gate.verdicts import Verdict

READERS = ("reviewer", "operator", "promoter")
TEXT_MAX = 20_000
"""Code points. A longer text is for the command line: the page shows the whole of it twice."""
_FORM_BYTES = 128 * 1024
_MODES: Final = ("latest", "as_of", "in_force")
_PICTURED_MAX = 2_000
_MARKED: Final = ("code", "link", "contact", "inducement", "disguise", "cue")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that is shown in one way; ``kinds`` are those of the facts that it belongs to."""

    text: str
    kinds: tuple[str, ...] = ()
    unseen: bool = False
    """``text`` is the name of a character that cannot be seen, or that turns the direction of others."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that the Gate saw in one text."""

    verdict: Verdict
    rulebook: Rulebook
    facts: Facts
    original: Sequence[Piece]
    normalised: Sequence[Piece]
    told: str


@get("/gate", opt={"roles": READERS})
async def gate_page(request: PageRequest) -> Response[str]:
    """The form."""
    return _shown(asker_of(request), given={})


@post("/gate", opt={"roles": READERS}, status_code=200, request_max_body_size=_FORM_BYTES)
async def see_text(request: PageRequest) -> Response[str]:
    """Read and judge the text; the answer is the form again with everything that was seen."""
    asker, form = asker_of(request), form_of(request)
    given = {name: form.get(name) for name in ("rulebook", "surface", "form", "mode", "day")}
    written = form.fields.get("text", "")
    # As it was written: blanks and zero characters belong to the text. Forms send line ends as CR LF.
    given["text"] = written.replace("\r\n", "\n") if isinstance(written, str) else ""
    try:
        sight = await _look(asker, given)
    except Refusal as refusal:
        return _shown(asker, given=given, refusal=refusal)
    return _shown(asker, given=given, sight=sight)


async def _look(asker: Asker, given: Mapping[str, str]) -> Sight | None:
    """
    Return what the Gate sees, or None without a text.

    :raises FieldTooLong: if the text is too long for the page
    :raises BadChoice, RulebookUnknown: if there is no such rulebook, surface, form or day
    """
    if not given["text"]:
        return None
    if len(given["text"]) > TEXT_MAX:
        raise FieldTooLong(most=TEXT_MAX)
    chosen = {"rulebook": given["rulebook"], "surface": given["surface"]}
    if given["mode"] in ("as_of", "in_force"):
        if not given["day"]:
            raise BadChoice(name="day", given="", hint="a day is written as 2018-05-18")
        chosen[given["mode"]] = given["day"]
    label, surface = choice_of(chosen)
    if given["form"] and given["form"] not in FORMS:
        raise BadChoice(name="form", given=given["form"][:40], hint=f"one of {', '.join(FORMS)}")
    asked = Post(text=given["text"], surface=surface, form=given["form"])
    # In a thread: the first text compiles a rulebook, and a long one takes longer than others should wait.
    return await asyncio.to_thread(_seen, asked, label, asker.words.locale[:2], asker.house.settings.home / "cache")


def _seen(asked: Post, label: str, language: str, cache: Path) -> Sight:
    from fissile.domain.gate.facts import aligned, keep_in, read  # here: who never asks does not carry the reader

    keep_in(cache)
    rulebook = shelf.shipped(label)
    facts = read(asked.text)
    verdict = judge(post=asked, facts=facts, rulebook=rulebook)
    reading, origins = aligned(asked.text)
    spans = list(_spans(facts))
    return Sight(
        verdict=verdict,
        rulebook=rulebook,
        facts=facts,
        original=pieces_of(asked.text, range(len(asked.text)), spans),
        normalised=pieces_of(reading, origins, spans),
        told=sentence(verdict=verdict, rulebook=rulebook, language=language),
    )


def _spans(facts: Facts) -> Iterator[tuple[int, int, str]]:
    kinds: Sequence[Sequence[Any]] = (
        facts.codes,
        facts.links,
        facts.contacts,
        facts.inducements,
        facts.disguises,
        facts.cues,
    )
    for kind, found in zip(_MARKED, kinds, strict=True):
        for fact in found:
            yield fact.start, fact.end, kind


def pieces_of(text: str, origins: Sequence[int], spans: Sequence[tuple[int, int, str]]) -> list[Piece]:
    """
    Return the text in pieces, each with the kinds of the facts that it belongs to; together they are the text.

    :param origins: for each sign of ``text``, where it comes from in the text that ``spans`` are places of
    :param spans: start, end (excluded) and kind of facts; they may overlap
    """
    starting: dict[int, list[str]] = {}
    ending: dict[int, list[str]] = {}
    for start, end, kind in spans:
        starting.setdefault(start, []).append(kind)
        ending.setdefault(end, []).append(kind)
    edges = sorted({*starting, *ending})
    open_at: list[tuple[str, ...]] = [()]
    counts = dict.fromkeys(_MARKED, 0)
    for edge in edges:
        for kind in ending.get(edge, ()):
            counts[kind] -= 1
        for kind in starting.get(edge, ()):
            counts[kind] += 1
        open_at.append(tuple(kind for kind in _MARKED if counts[kind]))
    pieces: list[Piece] = []
    passed = 0
    run: list[str] = []
    kinds: tuple[str, ...] = ()
    for sign, place in zip(text, origins, strict=True):
        while passed < len(edges) and edges[passed] <= place:
            passed += 1
        name = _name_of_unseen(sign) if len(pieces) < _PICTURED_MAX else ""
        if run and (name or open_at[passed] != kinds):
            pieces.append(Piece("".join(run), kinds))
            run = []
        kinds = open_at[passed]
        if name:
            pieces.append(Piece(name, kinds, unseen=True))
        else:
            run.append(sign)
    if run:
        pieces.append(Piece("".join(run), kinds))
    return pieces


def _name_of_unseen(sign: str) -> str:
    if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf"):
        return ""
    return f"U+{ord(sign):04X}"


def _shown(
    asker: Asker, *, given: Mapping[str, str], sight: Sight | None = None, refusal: Refusal | None = None
) -> Response[str]:
    def told(kind: str, value: str) -> str:
        return gate_word(asker.words, kind=kind, value=value)

    return page(
        asker,
        "gate/paste.html",
        status=status_of(refusal.code) if refusal else 200,
        problem=asker.words.refusal(refusal) if refusal else "",
        given={"rulebook": shelf.DEFAULT, "surface": DEFAULT_SURFACE, "form": "", "mode": "latest", "day": "", **given},
        is_asked=bool(given),
        editions=shelf.editions(),
        surfaces=SURFACES,
        forms=FORMS,
        modes=_MODES,
        marked=_MARKED,
        sight=sight,
        told=told,
        language=asker.words.locale[:2],
    )


HANDLERS = (gate_page, see_text)
