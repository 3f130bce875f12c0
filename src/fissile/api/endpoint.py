"""A fast endpoint: one object from which come a plain ASGI callable, its OpenAPI operation and its problems."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec
import structlog

from fissile.api.bodies import MalformedBody, decode
from fissile.api.problems import MEDIA_TYPE, InvalidBody, problem_for, problem_of_failure, retry_after
from fissile.infra.chance import SystemChance
from fissile.kernel.errors import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]
Wanted = TypeVar("Wanted", bound=msgspec.Struct)

BODY_MAX_BYTES = 64 * 1024
KEY_MAX_CHARACTERS = 255

encode = msgspec.json.Encoder(enc_hook=str).encode
_CHANCE = SystemChance()
_log = structlog.get_logger()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")  # RFC 6265, section 4.1.1
JSON_TYPE = (b"content-type", b"application/json")


class RequestTooLarge(Refusal):
    """The body has more than {limit_bytes} bytes."""


class BodyCutOff(Refusal):
    """The connection ended before the body did."""


class MediaTypeRefused(Refusal):
    """Send the body as application/json, with this Content-Type; it came as “{media_type}”."""


class IdempotencyKeyMissing(Refusal):
    """Send an Idempotency-Key header: a new random word for each thing you want done, the same one to try again."""


class IdempotencyKeyUnusable(Refusal):
    """An Idempotency-Key has 1 to {limit_characters} visible ASCII characters."""


class Request:
    """What a handler may ask about a request; everything is read only when it is asked for."""

    __slots__ = ("_cookies", "_headers", "_receive", "_request_id", "parameter", "scope")

    def __init__(self, scope: Scope, receive: Receive, parameter: str = "") -> None:
        self.scope = scope
        self.parameter = parameter
        self._receive = receive
        self._headers: dict[bytes, bytes] | None = None
        self._cookies: dict[str, str] | None = None
        self._request_id: bytes | None = None

    @property
    def path(self) -> str:
        """The path, unquoted."""
        path: str = self.scope["path"]
        return path

    @property
    def client(self) -> str:
        """The address that the connection came from, or "" on a Unix socket."""
        client: tuple[str, int] | None = self.scope.get("client")
        return client[0] if client else ""

    @property
    def request_id(self) -> bytes:
        """The id under which this request is logged: the caller's, if it is a usable one."""
        if self._request_id is None:
            self._request_id = request_id_of(self._all_headers().get(b"x-request-id"))
        return self._request_id

    def header(self, name: bytes) -> str | None:
        """Return a header by its lower-case name; of a repeated one the last."""
        value = self._all_headers().get(name)
        return None if value is None else str(value, "latin-1")

    def any_header_has(self, names: tuple[bytes, ...], word: bytes) -> bool:
        """Say whether one of these headers holds the word."""
        headers = self._all_headers()
        return any(name in headers and word in headers[name] for name in names)

    def query(self, name: str) -> str | None:
        """Return a query parameter; of a repeated one the first."""
        text: str = self.scope["query_string"].decode("latin-1")
        for key, value in parse_qsl(text, keep_blank_values=True):
            if key == name:
                return value
        return None

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        if self._cookies is None:
            given = self.header(b"cookie")
            parts = [part.partition("=") for part in given.split(";")] if given else ()
            self._cookies = {key.strip(): value.strip().strip('"') for key, _, value in parts}
        return self._cookies.get(name)

    @property
    def idempotency_key(self) -> str:
        """
        The key by which a write is done once.

        :raises IdempotencyKeyMissing: if there is none
        :raises IdempotencyKeyUnusable: if it is too long or holds something unseen
        """
        key = self.header(b"idempotency-key")
        if not key:
            raise IdempotencyKeyMissing()
        if len(key) > KEY_MAX_CHARACTERS or not key.isascii() or not key.isprintable():
            raise IdempotencyKeyUnusable(limit_characters=KEY_MAX_CHARACTERS)
        return key

    async def body(self, *, limit_bytes: int = BODY_MAX_BYTES) -> bytes:
        """
        Read the body, once.

        :raises RequestTooLarge: as soon as it is longer than the limit
        :raises BodyCutOff: if the client left
        """
        announced = self._all_headers().get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit_bytes:
            raise RequestTooLarge(limit_bytes=limit_bytes)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BodyCutOff()
            part = message.get("body", b"")
            size += len(part)
            if size > limit_bytes:
                raise RequestTooLarge(limit_bytes=limit_bytes)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def json(self, wanted: type[Wanted], *, limit_bytes: int = BODY_MAX_BYTES) -> Wanted:
        """
        Read the body as JSON into a struct.

        The media type must say JSON: that alone keeps a form of another site from posting here with our cookies.

        :raises MediaTypeRefused: if it does not
        :raises MalformedBody: if it is not JSON
        :raises InvalidBody: with every field that does not fit
        """
        return decode(await self.json_bytes(limit_bytes=limit_bytes), wanted)

    async def json_bytes(self, *, limit_bytes: int = BODY_MAX_BYTES) -> bytes:
        """
        Read a body that says it is JSON; whoever asks decodes it.

        :raises MediaTypeRefused: if it does not say so
        """
        given = self.header(b"content-type") or ""
        if given != "application/json":
            media_type = given.partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise MediaTypeRefused(media_type=media_type)
        return await self.body(limit_bytes=limit_bytes)

    def _all_headers(self) -> dict[bytes, bytes]:
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        return self._headers


class Response:
    """A whole answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, *, status: int = 200, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body


def json_response(content: Any, status: int = 200, headers: Iterable[Header] = ()) -> Response:
    """Answer a struct (or anything msgspec can write) as JSON."""
    return Response(status=status, headers=[JSON_TYPE, *headers], body=encode(content))


def redirect(url: str, status: int = 302, headers: Iterable[Header] = ()) -> Response:
    """Send the client to another address; characters that a header may not hold are quoted."""
    return Response(status=status, headers=[location(url), *headers])


def location(url: str) -> Header:
    """Return the header that names another address."""
    return b"location", quote(url, safe="/:?#[]@!$&'()*+,;=%~-._").encode("ascii")


def cookie_header(
    name: str, value: str, *, max_age_seconds: int, secure: bool, path: str = "/", same_site: str = "Lax"
) -> Header:
    """Return a Set-Cookie header that scripts cannot read."""
    assert _COOKIE_VALUE.fullmatch(value), "a cookie's value needs no quoting here: ids and tokens only"
    text = f"{name}={value}; Path={path}; Max-Age={max_age_seconds}; HttpOnly; SameSite={same_site}"
    return b"set-cookie", (text + "; Secure" if secure else text).encode("ascii")


def problem_response(refusal: Refusal, *, path: str) -> Response:
    """Answer a refusal as a problem (RFC 9457)."""
    status, members = problem_for(refusal)
    return _problem(status, members, path)


def failure_response(error: Exception, *, path: str, request_id: bytes) -> Response:
    """Answer an error that nobody expected; its insides go to the log only."""
    _log.error("request_failed", path=path, request_id=request_id.decode(), exc_info=error)
    status, members = problem_of_failure()
    return _problem(status, members, path)


def request_id_of(given: bytes | None) -> bytes:
    """Return the caller's request id if it is short and plain, else a new random one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return b"%016x" % _CHANCE.getrandbits(64)


def _problem(status: int, members: dict[str, Any], path: str) -> Response:
    headers: list[Header] = [
        (b"content-type", MEDIA_TYPE.encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    if (seconds := retry_after(members)) is not None:
        headers.append((b"retry-after", seconds.encode("ascii")))
    return Response(status=status, headers=headers, body=encode({**members, "instance": path}))


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter behind the question mark that may be left out."""

    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class FastEndpoint:
    """
    One address that must be fast.

    ``path`` is exact, or ends in one parameter that fills its last segment: ``/s/{token}``. ``problems`` are the
    refusals of its flow; those of reading the request are added by themselves. With ``idempotent`` a request
    without a usable Idempotency-Key never reaches the handler.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    body: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    problems: tuple[type[Refusal], ...] = ()
    status: int = 200
    idempotent: bool = False
    query: tuple[QueryParameter, ...] = ()
    batch: type[msgspec.Struct] | None = None
    """If set, an array of bodies is taken as well, and answered by an array; this stands on a bad one's place."""

    def __post_init__(self) -> None:
        assert re.fullmatch(r"(/[^/{}]+)*/(\{\w+\}|[^/{}]*)", self.path), (
            "one parameter at most, and it is the last segment"
        )
        assert self.body is None or self.method in {"POST", "PUT", "PATCH"}, "a body comes with a writing method"

    @property
    def prefix(self) -> str:
        """What stands before the parameter; the whole path if there is none."""
        return self.path.partition("{")[0]

    @property
    def parameter(self) -> str | None:
        """The parameter's name."""
        return self.path.partition("{")[2].rstrip("}") or None

    def all_problems(self) -> tuple[type[Refusal], ...]:
        """Return every refusal that may be answered, those of reading the request included."""
        reading: list[type[Refusal]] = []
        if self.idempotent:
            reading += [IdempotencyKeyMissing, IdempotencyKeyUnusable]
        if self.body is not None:
            reading += [BodyCutOff, MalformedBody, RequestTooLarge, MediaTypeRefused, InvalidBody]
        return (*reading, *(one for one in self.problems if one not in reading))

    async def __call__(self, scope: Scope, receive: Receive, send: Send, parameter: str = "") -> None:
        """Answer one request; nothing is raised but what ends the process."""
        request = Request(scope, receive, parameter)
        try:
            if self.idempotent:
                request.idempotency_key  # noqa: B018 - refuses before the handler does anything
            response = await self.handler(request)
        except Refusal as refusal:
            response = problem_response(refusal, path=request.path)
        except Exception as error:  # noqa: BLE001 - the last place: it is logged, and the client is told
            response = failure_response(error, path=request.path, request_id=request.request_id)
        body = response.body
        headers = response.headers
        headers.append((b"x-request-id", request.request_id))
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
