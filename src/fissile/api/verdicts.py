"""What a rulebook says of texts, over HTTP: the lines of ``fissile gate check``, one or up to a thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from fissile.api.asked import KeyRefused
from fissile.api.bodies import MalformedBody
from fissile.api.endpoint import JSON_TYPE, FastEndpoint, QueryParameter, Request, Response
from fissile.domain.gate.lines import BadLine, Judge, Judged, Line, encode
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.model import SURFACES
from fissile.domain.gate.verdicts import DEFAULT_SURFACE
from fissile.domain.members.errors import ScopeMissing
from fissile.domain.members.model import KeyActor
from fissile.domain.members.queries import key_actor
from fissile.domain.members.rules import require_scope
from fissile.flows.house import Cache
from fissile.kernel.errors import Refusal

if TYPE_CHECKING:
    from fissile.flows.house import House

BATCH_MAX = 1_000
BATCH_MAX_BYTES = 16 * 2**20
"""A batch of a program with a key; without one it is ``STRANGERS_MAX_BYTES``."""
STRANGERS_MAX_BYTES = 2**20
SCOPE = "gate:read"
_INLINE_BYTES = 8 * 1024
"""A post so small is judged at once; a larger one, or many, would hold everybody up."""
_CHUNK_BYTES = 64 * 1024
_CHUNK_ITEMS = 32
_CHOICES_MAX = 256


class TooManyPosts(Refusal):
    """A batch holds {limit} posts at most; this one has {given}."""


class PostUnusable(Refusal):
    """This post cannot be judged: {message}."""


class RulebookUnknown(Refusal):
    """That rulebook cannot be asked: {reason}."""


class BadChoice(Refusal):
    """{name} cannot be “{given}”: {hint}."""


def endpoints(house: House) -> Sequence[FastEndpoint]:
    """Return the endpoint that judges posts."""
    judging = _Judging(house)
    return (
        FastEndpoint(
            method="POST",
            path="/api/gate/verdicts",
            summary="Judge a post, or up to 1,000 in an array; nothing is stored, the same asked gives the same bytes.",
            handler=judging.handle,
            body=Line,
            answer=Judged,
            batch=BadLine,
            problems=(
                TooManyPosts,
                PostUnusable,
                RulebookUnknown,
                BadChoice,
                KeyRefused,
                ScopeMissing,
            ),
            query=(
                QueryParameter("rulebook", f"NAME or NAME@VERSION of a shipped rulebook; {shelf.DEFAULT} if left out"),
                QueryParameter("as_of", "A day: the version that had been announced by then"),
                QueryParameter("in_force", "A day: the version that was in force then"),
                QueryParameter("surface", "Where posts are to stand that do not say it; moments if left out"),
            ),
        ),
    )


class _Judging:
    """The state of the endpoint: a judge for each choice, callers by key, one thread for what takes longer."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._judges: dict[bytes, Judge] = {}
        self._callers: Cache[str, KeyActor] = Cache(self._caller)
        # One thread: a second one would only take turns with it, and with the loop, for the interpreter.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gate")
        self._split = msgspec.json.Decoder(list[msgspec.Raw]).decode

    async def handle(self, request: Request) -> Response:
        limit = STRANGERS_MAX_BYTES
        if (given := request.header(b"authorization")) is not None:
            kind, _, text = given.partition(" ")
            caller = await self._callers.get(text.strip()) if kind.lower() == "bearer" else None
            if caller is None:
                raise KeyRefused()
            require_scope(caller.scopes, SCOPE)
            limit = BATCH_MAX_BYTES
        body = await request.json_bytes(limit_bytes=limit)
        chosen = request.scope["query_string"]
        judge = self._judges.get(chosen) or await self._judge_of(chosen)
        if body[:1] != b"[" and body.lstrip()[:1] != b"[":
            return await self._one(judge, body)
        return Response(headers=[JSON_TYPE], body=await self._many(judge, body))

    async def _one(self, judge: Judge, body: bytes) -> Response:
        if len(body) <= _INLINE_BYTES:
            answer = judge.answer(number=1, raw=body)
        else:
            (answer,) = await self._off_the_loop(judge, 1, [body])
        if isinstance(answer, BadLine):
            raise PostUnusable(message=answer.message.rstrip("."), line=1, error=answer.error, id=answer.id)
        return Response(headers=[JSON_TYPE], body=answer)

    async def _many(self, judge: Judge, body: bytes) -> bytes:
        try:
            posts = self._split(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedBody(reason=str(error)) from error
        except RecursionError as error:
            raise MalformedBody(reason="it is nested too deeply") from error
        if len(posts) > BATCH_MAX:
            raise TooManyPosts(limit=BATCH_MAX, given=len(posts))
        answers: list[bytes] = []
        chunk: list[bytes | msgspec.Raw] = []
        size = 0
        for place, post in enumerate(posts, start=1):
            chunk.append(post)
            size += len(bytes(post))
            if size >= _CHUNK_BYTES or len(chunk) == _CHUNK_ITEMS or place == len(posts):
                found = await self._off_the_loop(judge, place - len(chunk) + 1, chunk)
                answers += [encode(one) if isinstance(one, BadLine) else one for one in found]
                chunk, size = [], 0
        return b"[" + b",".join(answers) + b"]"

    async def _off_the_loop(
        self, judge: Judge, first: int, posts: Sequence[bytes | msgspec.Raw]
    ) -> list[bytes | BadLine]:
        def run() -> list[bytes | BadLine]:
            return [judge.answer(number=number, raw=raw) for number, raw in enumerate(posts, start=first)]

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def _judge_of(self, chosen: bytes) -> Judge:
        """Return the judge that the query names; compiling a rulebook takes a moment, and is done once."""
        label, surface = _choice(chosen)
        judge = await asyncio.get_running_loop().run_in_executor(
            self._thread, _made, label, surface, self._house.settings.home / "cache"
        )
        if len(self._judges) >= _CHOICES_MAX:
            self._judges.clear()
        self._judges[chosen] = judge
        return judge

    async def _caller(self, key_text: str) -> KeyActor | None:
        async with self._house.db.reading() as connection:
            return await key_actor(connection, key_text=key_text, at=datetime.now(UTC))


def _made(label: str, surface: str, cache: Path) -> Judge:
    from fissile.domain.gate.facts import keep_in, read  # here: a server that is never asked does not carry the reader

    keep_in(cache)
    return Judge(rulebook=shelf.shipped(label), surface=surface, read=read)


def _choice(query: bytes) -> tuple[str, str]:
    """Return the rulebook's label and the surface that a query string names."""
    return choice_of(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {})


def choice_of(given: Mapping[str, str]) -> tuple[str, str]:
    """
    Return the rulebook's label and the surface that ``rulebook``, ``as_of``, ``in_force`` and ``surface`` name.

    :raises BadChoice: if a day or a surface is none, or if they contradict each other
    :raises RulebookUnknown: if there is no such rulebook, or no version of it by that day
    """
    surface = given.get("surface") or DEFAULT_SURFACE
    if surface not in SURFACES:
        raise BadChoice(name="surface", given=surface[:40], hint=f"one of {', '.join(SURFACES)}")
    as_of, in_force = _day(given, "as_of"), _day(given, "in_force")
    name = given.get("rulebook") or shelf.DEFAULT
    if as_of and in_force:
        raise BadChoice(name="in_force", given=in_force, hint="as_of is by announcement, in_force by effect; give one")
    if "@" in name and (as_of or in_force):
        raise BadChoice(name="rulebook", given=name[:60], hint="it names its version already; leave the day out")
    try:
        return shelf.choose(name=name[:60], as_of=as_of, in_force=in_force).label, surface
    except shelf.NoSuchRulebookError as error:
        raise RulebookUnknown(reason=str(error)) from error


def _day(given: Mapping[str, str], name: str) -> date | None:
    written = given.get(name)
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise BadChoice(name=name, given=written[:40], hint="a day is written as 2018-05-18") from None
