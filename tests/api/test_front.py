"""Fast endpoints and the front, as an ASGI server would drive them."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar, get
from structlog.testing import capture_logs

from fissile.api.endpoint import (
    FastEndpoint,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    cookie_header,
    json_response,
    redirect,
)
from fissile.api.front import Front
from fissile.infra.batcher import Busy
from fissile.kernel.errors import Refusal


class Line(msgspec.Struct):
    sku: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1)]


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    lines: list[Line]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    note: str | None = None


class Granted(msgspec.Struct):
    quantity: int
    key: str


class SoldOutToday(Refusal):
    """Only {left} of {title} are left."""


async def _order(request: Request) -> Response:
    wish = await request.json(Wish)
    quantity = sum(line.quantity for line in wish.lines)
    if quantity > 9:
        raise SoldOutToday(left=9, title="tea", status="thin")
    return json_response(Granted(quantity=quantity, key=request.idempotency_key), 201)


async def _follow(request: Request) -> Response:
    visitor = cookie_header("visitor", "v1", max_age_seconds=60, secure=True)
    return redirect(f"/p/{request.parameter}?from=茶\r\n", headers=[visitor])


async def _tell(request: Request) -> Response:
    told = [request.client, request.cookie("a"), request.cookie("b"), request.query("q"), request.query("r")]
    return json_response(told)


async def _break(request: Request) -> Response:
    raise RuntimeError("a secret")


async def _crowded(request: Request) -> Response:
    raise Busy(retry_after=2)


ENDPOINTS = (
    FastEndpoint(
        method="POST",
        path="/api/wishes",
        summary="Make a wish",
        handler=_order,
        body=Wish,
        answer=Granted,
        problems=(SoldOutToday, Busy),
        status=201,
        idempotent=True,
    ),
    FastEndpoint(method="GET", path="/s/{token}", summary="Follow a share", handler=_follow, status=302),
    FastEndpoint(method="GET", path="/tell", summary="Tell what was asked", handler=_tell),
    FastEndpoint(method="GET", path="/break", summary="Break", handler=_break),
    FastEndpoint(method="GET", path="/crowded", summary="Be crowded", handler=_crowded, problems=(Busy,)),
)


async def _behind(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": [(b"x-behind", b"yes")]})
    await send({"type": "http.response.body", "body": scope["state"]["request_id"].encode()})


class Answered:
    """What came back."""

    def __init__(self, messages: list[MutableMapping[str, Any]]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.headers: dict[bytes, bytes] = dict(start["headers"])
        self.body: bytes = b"".join(one["body"] for one in bodies)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    method: str,
    path: str,
    *parts: bytes,
    headers: dict[str, str] | None = None,
    query: str = "",
    leaves: bool = False,
) -> Answered:
    """Ask a front with ``parts`` as the chunks of the body; ``leaves`` cuts it off after them."""
    waiting: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": leaves or number < len(parts)}
        for number, part in enumerate(parts or (b"",), start=1)
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "client": ("192.0.2.1", 4711),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
    }
    await Front(ENDPOINTS, _behind)(scope, receive, send)
    return Answered(sent)


def wish(**changes: Any) -> bytes:
    lines = [{"sku": "0199aaaa-0000-7000-8000-000000000001", "quantity": 2}]
    return json.dumps({"lines": lines, "currency": "CNY", **changes}).encode()


WRITE = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "k1"}


class TestDispatch:
    async def test_takes_an_exact_path(self) -> None:
        answered = await ask("POST", "/api/wishes", wish()[:10], wish()[10:], headers=WRITE)

        assert (answered.status, answered.json) == (201, {"quantity": 2, "key": "k1"})
        assert answered.headers[b"content-type"] == b"application/json"
        assert answered.headers[b"content-length"] == str(len(answered.body)).encode()

    async def test_takes_a_last_segment_as_the_parameter(self) -> None:
        answered = await ask("GET", "/s/abc")

        assert answered.status == 302
        assert answered.headers[b"location"] == b"/p/abc?from=%E8%8C%B6%0D%0A"
        assert answered.headers[b"set-cookie"] == b"visitor=v1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/s/"), ("GET", "/s/a/b"), ("GET", "/"), ("GET", "")],
    )
    async def test_leaves_everything_else_to_the_application_behind(self, method: str, path: str) -> None:
        answered = await ask(method, path)

        assert (answered.status, answered.headers[b"x-behind"]) == (299, b"yes")
        assert answered.headers[b"x-request-id"] == answered.body

    async def test_tells_programs_as_programs_are_told(self) -> None:
        missing = await ask("GET", "/api/nothing")

        assert (missing.status, missing.json["code"]) == (404, "endpoint_unknown")

    async def test_names_the_methods_that_an_address_takes(self) -> None:
        wrong = await ask("GET", "/api/wishes")

        assert (wrong.status, wrong.json["code"], wrong.headers[b"allow"]) == (405, "method_not_allowed", b"POST")

    async def test_answers_head_as_the_page_without_its_body(self) -> None:
        answered = await ask("HEAD", "/s/abc")

        assert (answered.status, answered.headers[b"x-behind"], answered.body) == (299, b"yes", b"")

    async def test_knows_cookies_queries_and_the_client(self) -> None:
        answered = await ask("GET", "/tell", headers={"Cookie": 'a=1; b="x y"; c'}, query="q=%E8%8C%B6&q=2")

        assert answered.json == ["192.0.2.1", "1", "x y", "茶", None]

    def test_refuses_one_address_declared_twice(self) -> None:
        with pytest.raises(AssertionError, match="GET /tell is declared twice"):
            Front((*ENDPOINTS, ENDPOINTS[2]), _behind)

    @pytest.mark.parametrize("path", ["/a/{b}/c", "/a/{b}/{c}", "a"])
    def test_refuses_a_path_that_two_lookups_cannot_find(self, path: str) -> None:
        with pytest.raises(AssertionError, match="one parameter"):
            FastEndpoint(method="GET", path=path, summary="", handler=_tell)


class TestProblems:
    async def test_tell_a_refusal_with_its_facts(self) -> None:
        body = wish(lines=[{"sku": "0199aaaa-0000-7000-8000-000000000001", "quantity": 10}])
        answered = await ask("POST", "/api/wishes", body, headers=WRITE)

        assert answered.status == 409
        assert answered.headers[b"content-type"] == b"application/problem+json"
        assert answered.json == {
            "type": "/docs/errors#sold_out_today",
            "title": "Sold out today",
            "status": 409,
            "detail": "Only 9 of tea are left.",
            "code": "sold_out_today",
            "left": 9,
            "given_title": "tea",
            "given_status": "thin",
            "instance": "/api/wishes",
        }

    async def test_say_when_to_come_again(self) -> None:
        answered = await ask("GET", "/crowded")

        assert (answered.status, answered.headers[b"retry-after"]) == (503, b"2")

    async def test_keep_the_insides_of_a_failure_in_the_log(self) -> None:
        with capture_logs() as logs:
            answered = await ask("GET", "/break", headers={"X-Request-Id": "mine-1"})

        assert (answered.status, answered.json["code"]) == (500, "internal_error")
        assert b"secret" not in answered.body
        assert (logs[0]["event"], logs[0]["request_id"]) == ("request_failed", "mine-1")
        assert str(logs[0]["exc_info"]) == "a secret"

    async def test_tell_every_wrong_field_at_once(self) -> None:
        lines = [{"sku": "no", "quantity": 1}, {"quantity": 0}, 7]
        body = wish(lines=lines, currency="yuan", note=5, **{"a/b": 1})
        answered = await ask("POST", "/api/wishes", body, headers=WRITE)

        assert (answered.status, answered.json["code"]) == (422, "invalid_body")
        assert sorted((one["pointer"], one["detail"]) for one in answered.json["errors"]) == [
            ("#/a~1b", "There is no such field"),
            ("#/currency", "Expected `str` matching regex '^[A-Z]{3}$'"),
            ("#/lines/0/sku", "Invalid UUID"),
            ("#/lines/1/quantity", "Expected `int` >= 1"),
            ("#/lines/1/sku", "This field is missing"),
            ("#/lines/2", "Expected `object`, got `int`"),
            ("#/note", "Expected `str | null`, got `int`"),
        ]
        assert "#/note: Expected" in answered.json["detail"]

    @pytest.mark.parametrize(
        ("body", "headers", "status", "code"),
        [
            (b"{", WRITE, 400, "malformed_body"),
            (b'{"currency": "\xff"}', WRITE, 400, "malformed_body"),
            (b"", WRITE, 400, "malformed_body"),
            (b'{"unknown": 1, rubbish', WRITE, 400, "malformed_body"),
            (b'{"unknown": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", WRITE, 400, "malformed_body"),
            (b"[]", WRITE, 422, "invalid_body"),
            (wish(), {"Content-Type": "application/json"}, 400, "idempotency_key_missing"),
            (wish(), {**WRITE, "Idempotency-Key": ""}, 400, "idempotency_key_missing"),
            (wish(), {**WRITE, "Idempotency-Key": "x" * 256}, 400, "idempotency_key_unusable"),
            (wish(), {**WRITE, "Idempotency-Key": "茶"}, 400, "idempotency_key_unusable"),
            (wish(), {**WRITE, "Content-Type": "text/plain"}, 415, "media_type_refused"),
            (wish(), {"Idempotency-Key": "k1"}, 415, "media_type_refused"),
            (b" " * 65_537, WRITE, 413, "request_too_large"),
            (b"{}", {**WRITE, "Content-Length": "65537"}, 413, "request_too_large"),
        ],
    )
    async def test_name_what_is_wrong_with_a_request(
        self, body: bytes, headers: dict[str, str], status: int, code: str
    ) -> None:
        answered = await ask("POST", "/api/wishes", body, headers=headers)

        assert (answered.status, answered.json["code"]) == (status, code)
        assert answered.headers[b"x-request-id"]

    async def test_take_a_key_and_a_body_at_their_limits(self) -> None:
        padded = wish() + b" " * (65_536 - len(wish()))
        answered = await ask("POST", "/api/wishes", padded, headers={**WRITE, "Idempotency-Key": "x" * 255})

        assert answered.status == 201

    async def test_notice_a_client_that_left_inside_its_body(self) -> None:
        answered = await ask("POST", "/api/wishes", wish(), headers=WRITE, leaves=True)

        assert (answered.status, answered.json["code"]) == (400, "body_cut_off")


class TestRequestId:
    async def test_is_the_callers_if_it_is_plain(self) -> None:
        assert (await ask("GET", "/tell", headers={"X-Request-Id": "a.b_c-1"})).headers[b"x-request-id"] == b"a.b_c-1"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<b>"])
    async def test_is_a_new_one_otherwise(self, given: str) -> None:
        first = await ask("GET", "/tell", headers={"X-Request-Id": given})
        second = await ask("GET", "/tell", headers={"X-Request-Id": given})

        assert len(first.headers[b"x-request-id"]) == 16
        assert first.headers[b"x-request-id"] != second.headers[b"x-request-id"]


class TestLifespan:
    """With the real application behind."""

    @staticmethod
    async def live(events: list[str], sent: list[MutableMapping[str, Any]], *, breaks_at: str = "") -> None:
        def hook(name: str) -> Any:
            async def run() -> None:
                events.append(name)
                if name == breaks_at:
                    raise RuntimeError(name)

            return run

        @get("/health")
        async def health() -> str:
            return "ok"

        behind = Litestar([health], on_startup=[hook("app up")], on_shutdown=[hook("app down")])
        front = Front(
            ENDPOINTS, behind, startup=[hook("up 1"), hook("up 2")], shutdown=[hook("down 1"), hook("down 2")]
        )
        waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> MutableMapping[str, Any]:
            return waiting.pop(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await front({"type": "lifespan", "app": behind, "state": {}, "asgi": {}}, receive, send)

    async def test_hooks_stand_around_the_application(self) -> None:
        events: list[str] = []
        sent: list[MutableMapping[str, Any]] = []

        await self.live(events, sent)

        assert events == ["up 1", "up 2", "app up", "app down", "down 2", "down 1"]
        assert [one["type"] for one in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    @pytest.mark.parametrize("place", ["up 2", "app up"])
    async def test_a_failed_start_is_told_and_cleaned_up(self, place: str) -> None:
        events: list[str] = []
        sent: list[MutableMapping[str, Any]] = []

        with pytest.raises((RuntimeError, ExceptionGroup)):
            await self.live(events, sent, breaks_at=place)

        assert [one["type"] for one in sent] == ["lifespan.startup.failed"]
        assert place in events
        assert events[-2:] == ["down 2", "down 1"]

    async def test_a_failed_shutdown_does_not_keep_the_others_from_running(self) -> None:
        events: list[str] = []
        sent: list[MutableMapping[str, Any]] = []

        await self.live(events, sent, breaks_at="down 2")

        assert events[-2:] == ["down 2", "down 1"]
        assert sent[-1] == {"type": "lifespan.shutdown.failed", "message": "RuntimeError('down 2')"}
