"""One post as JSON in, its verdict as JSON out: the same bytes on the command line and over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from fissile.domain.gate.model import Facts, Post
from fissile.domain.gate.rulebooks.model import Rulebook
from fissile.domain.gate.verdicts import Notice, PostWrong, Verdict, judge, to_json

_BODIES_MAX = 1_000
_BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct):
    """A post that asks for a verdict: text or images are needed; null is as good as left out."""

    id: str | int | None = None
    text: str | None = None
    images: list[str] | None = None
    surface: str | None = None
    form: str | None = None
    sender: str | None = None
    community: str | None = None
    thread: str | None = None
    posted_at: str | None = None
    facts: dict[str, Any] | None = None


class Judged(Verdict, frozen=True, kw_only=True):
    """A verdict with the id of its line."""

    id: str | int | None


class BadLine(msgspec.Struct, omit_defaults=True):
    """What stands on the place of a line that cannot be judged; ``line`` counts from 1."""

    line: int
    error: str
    message: str
    id: str | int | None = None


class Judge:
    """Judges lines by one rulebook; ``surface`` is where texts are to stand that do not say it themselves."""

    def __init__(self, *, rulebook: Rulebook, surface: str, read: Callable[[str], Facts]) -> None:
        self.rulebook = rulebook
        self._surface = surface
        self._read = read
        self._decode = msgspec.json.Decoder(Line).decode
        self._bodies: dict[int, tuple[Verdict, bytes]] = {}

    def answer(self, *, number: int, raw: bytes | msgspec.Raw) -> bytes | BadLine:
        """
        Return the verdict's bytes with the line's id, or what is wrong with the line.

        :param number: of the line, from 1; the first may begin with a byte order mark
        """
        given = Line()
        if number == 1 and isinstance(raw, bytes):
            raw = raw.removeprefix(_BOM)
        try:
            given = self._decode(raw)
            return encode(given.id).join((b'{"id":', b"," + self._judged(given)[1:]))
        except msgspec.ValidationError as error:
            return BadLine(number, "line_wrong", str(error))
        except msgspec.DecodeError as error:
            return BadLine(number, "not_json", str(error))
        except RecursionError:
            return BadLine(number, "not_json", "Arrays or objects stand too deep in each other.")
        except UnicodeError:
            return BadLine(number, "not_utf8", "The line is not UTF-8.")
        except (_LineWrong, PostWrong) as error:
            return BadLine(number, "line_wrong", str(error), given.id)

    def _judged(self, given: Line) -> bytes:
        if given.text is None and not given.images:
            raise _LineWrong("the line needs text or images")
        if given.posted_at:
            _check_moment(given.posted_at)
        text = given.text or ""
        post = Post(
            text=text,
            id="" if given.id is None else str(given.id),
            surface=given.surface or self._surface,
            form=given.form or "",
            sender=given.sender or "",
            community=given.community or "",
            thread=given.thread or "",
            posted_at=given.posted_at or "",
            facts=given.facts or {},
        )
        verdict = judge(post=post, facts=self._read(text), rulebook=self.rulebook)
        return to_json(with_unread(verdict, pictures=given.images)) if given.images else self._body(verdict)

    def _body(self, verdict: Verdict) -> bytes:
        """Return a verdict's bytes; those of texts in which nothing was found are the same object again and again."""
        if verdict.codes or verdict.links or verdict.contacts or verdict.inducements or verdict.disguises:
            return to_json(verdict)
        kept = self._bodies.get(id(verdict))
        if kept is None:
            kept = (verdict, to_json(verdict))
            if len(self._bodies) < _BODIES_MAX:
                self._bodies[id(verdict)] = kept
        return kept[1]


encode = msgspec.json.Encoder().encode


class _LineWrong(ValueError):
    """The line is JSON and cannot be judged."""


def with_unread(verdict: Verdict, *, pictures: list[str]) -> Verdict:
    """Return the verdict of a post whose pictures nobody looked at: at least review, with a notice that names them."""
    message = "Pictures are not read yet: the text alone was judged, and the post needs a person to look at them."
    return msgspec.structs.replace(
        verdict,
        verdict=verdict.verdict if verdict.verdict == "block" else "review",
        notices=(*verdict.notices, Notice("pictures_not_read", message, tuple(pictures))),
    )


def _check_moment(written: str) -> None:
    try:
        datetime.fromisoformat(written)
    except ValueError:
        shown = re.sub("[\ud800-\udfff]", "\ufffd", written[:40])
        raise _LineWrong(f"posted_at is no moment of ISO 8601: {shown}") from None
