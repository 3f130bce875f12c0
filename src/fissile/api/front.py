"""The front: fast endpoints by one or two look-ups, everything else to the application behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import structlog

from fissile.api.endpoint import (
    FastEndpoint,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    problem_response,
    request_id_of,
)
from fissile.kernel.errors import Refusal

Hook = Callable[[], Awaitable[None]]

_log = structlog.get_logger()


class EndpointUnknown(Refusal):
    """There is nothing at {path}: /api/openapi.json describes what there is."""


class MethodNotAllowed(Refusal):
    """{path} takes {allowed} only."""


class Front:
    """
    An ASGI application in front of another one.

    Methods that no fast endpoint declares go to the application behind, HEAD as a GET whose body is not sent.
    Start-up hooks run before its start-up, shutdown hooks after its shutdown, in reverse order: what it uses is
    there while it lives.
    """

    def __init__(
        self,
        endpoints: Iterable[FastEndpoint],
        fallback: Callable[..., Awaitable[None]],
        startup: Iterable[Hook] = (),
        shutdown: Iterable[Hook] = (),
    ) -> None:
        self.endpoints = tuple(endpoints)
        self._fallback = fallback
        self._startup = tuple(startup)
        self._shutdown = tuple(shutdown)
        self._exact: dict[tuple[str, str], FastEndpoint] = {}
        self._prefixes: dict[tuple[str, str], FastEndpoint] = {}
        for one in self.endpoints:
            table = self._prefixes if one.parameter else self._exact
            assert (one.method, one.prefix) not in table, f"{one.method} {one.path} is declared twice"
            table[one.method, one.prefix] = one
        # The application behind answers people; programs are told as programs are.
        self._nothing = FastEndpoint(method="GET", path="/api/", summary="Nothing is here.", handler=self._refuse)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch one connection."""
        if scope["type"] == "http":
            method, path = scope["method"], scope["path"]
            endpoint = self._exact.get((method, path))
            if endpoint is not None:
                return await endpoint(scope, receive, send)
            cut = path.rfind("/") + 1
            endpoint = self._prefixes.get((method, path[:cut]))
            if endpoint is not None and cut < len(path):
                return await endpoint(scope, receive, send, path[cut:])
            if path.startswith("/api/"):
                return await self._nothing(scope, receive, send)
            if method == "HEAD":
                return await self._behind({**scope, "method": "GET"}, receive, _headers_only(send))
            return await self._behind(scope, receive, send)
        if scope["type"] == "lifespan":
            return await self._lifespan(scope, receive, send)
        return await self._fallback(scope, receive, send)

    async def _refuse(self, request: Request) -> Response:
        path = request.path
        tables = ((self._exact, path), (self._prefixes, path[: path.rfind("/") + 1]))
        methods = sorted({method for table, key in tables for method, prefix in table if prefix == key})
        if not methods:
            raise EndpointUnknown(path=path)
        refused = problem_response(MethodNotAllowed(path=path, allowed=", ".join(methods)), path=path)
        refused.headers.append((b"allow", ", ".join(methods).encode()))
        return refused

    async def _behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request its id, in ``scope["state"]["request_id"]`` and in the answer."""
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        request_id = request_id_of(given)
        scope.setdefault("state", {})["request_id"] = request_id.decode("ascii")

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        await self._fallback(scope, receive, send_with_id)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        first: list[MutableMapping[str, Any]] = [await receive()]
        try:
            for hook in self._startup:
                await hook()
        except Exception as error:
            _log.error("startup_failed", exc_info=error)
            await self._shut_down()
            await send({"type": "lifespan.startup.failed", "message": repr(error)})
            raise

        async def receive_again() -> MutableMapping[str, Any]:
            return first.pop() if first else await receive()

        async def send_after_hooks(message: MutableMapping[str, Any]) -> None:
            if message["type"] != "lifespan.startup.complete":
                failed = await self._shut_down()
                if failed and message["type"] == "lifespan.shutdown.complete":
                    message = {"type": "lifespan.shutdown.failed", "message": "; ".join(failed)}
            await send(message)

        await self._fallback(scope, receive_again, send_after_hooks)

    async def _shut_down(self) -> list[str]:
        """Run every shutdown hook, also after one has failed; return what failed."""
        failed = []
        for hook in reversed(self._shutdown):
            try:
                await hook()
            except Exception as error:  # noqa: BLE001 - the others must still run; it is logged and told
                _log.error("shutdown_failed", exc_info=error)
                failed.append(repr(error))
        return failed


def _headers_only(send: Send) -> Send:
    async def without_body(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without_body
