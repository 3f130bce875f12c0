"""
A load generator: closed loop, HTTP/1.1, N connections kept alive, in a process of its own on uvloop.

What is sent is made by a :class:`Traffic` of the benchmark, so that each request has its own body, cookie and key,
and may depend on the answer before it on the same connection.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import uvloop

_DRAIN_SECONDS = 35.0
"""How long unanswered requests are waited for at the end: longer than the server's patience with its database."""
_RECONNECT_SECONDS = 0.05
_FIRST_SECONDS = 15.0


class Traffic(Protocol):
    """What a benchmark sends; made in the generator's process by an importable factory."""

    def request(self, connection: int) -> bytes | None:
        """Return the next request of this connection, whole; None when this connection has nothing more to ask."""

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        """Take the answer to this connection's last request; status 0: the connection was lost before it came."""

    def result(self) -> Any:
        """Return what was gathered, for :attr:`LoadResult.gathered`; it must be picklable."""


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What a run came to; latencies are from the first byte sent to the last byte received, in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    statuses: Counter[int] = field(default_factory=Counter)
    """By HTTP status; 0 counts connections that were lost before their answer, which are in no other figure."""
    gathered: Any = None

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds if self.seconds else 0.0


def run_load(
    *,
    url: str,
    connections: int,
    make_traffic: str,
    arguments: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    count: int | None = None,
) -> LoadResult:
    """
    Run until ``seconds`` have passed, ``count`` requests were sent, or the traffic has nothing more to ask.

    ``make_traffic`` names a factory as ``module:function``; it is called with ``arguments`` in the other process.
    Every request that was sent is waited for. Blocks: call it in a thread if there is a loop.

    :raises RuntimeError: if the generator failed, with its error
    """
    assert seconds is not None or count is not None, "a run has an end"
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    settings = _Settings(
        url=url,
        connections=connections,
        make_traffic=make_traffic,
        arguments=dict(arguments or {}),
        seconds=seconds,
        count=count,
    )
    process = multiprocessing.get_context("spawn").Process(target=_main, args=(settings, there), daemon=True)
    process.start()
    there.close()
    try:
        outcome = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"the load generator ended with status {process.exitcode}") from None
    process.join()
    if isinstance(outcome, str):
        raise RuntimeError(f"the load generator failed: {outcome}")
    result: LoadResult = outcome
    return result


def request_bytes(
    method: str, path: str, *, host: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return one HTTP/1.1 request, for traffic to send."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class SameRequest:
    """Traffic that sends one request again and again."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def request(self, connection: int) -> bytes | None:
        return self._request

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        pass

    def result(self) -> None:
        return None


def same_request(method: str, path: str, host: str) -> SameRequest:
    """Make :class:`SameRequest`; name it as ``fissile.bench.load:same_request``."""
    return SameRequest(request_bytes(method, path, host=host))


@dataclass(frozen=True, kw_only=True)
class _Settings:
    url: str
    connections: int
    make_traffic: str
    arguments: dict[str, Any]
    seconds: float | None
    count: int | None


def _main(settings: _Settings, answer: Connection) -> None:
    try:
        module, _, name = settings.make_traffic.partition(":")
        traffic: Traffic = getattr(importlib.import_module(module), name)(**settings.arguments)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_Run(settings, traffic).run())
    except Exception as error:  # noqa: BLE001 - told to the process that asked, which raises it
        answer.send(repr(error))
    else:
        answer.send(result)


class _Run:
    """One run: what its connections share."""

    def __init__(self, settings: _Settings, traffic: Traffic) -> None:
        self.traffic = traffic
        self.latencies = array("d")
        self.statuses: Counter[int] = Counter()
        self.failed: Exception | None = None
        self.last = 0.0
        self._settings = settings
        self._left = settings.count if settings.count is not None else -1
        self._stopped = False

    async def run(self) -> LoadResult:
        loop = asyncio.get_running_loop()
        self.finished = loop.create_future()
        self._open = self._settings.connections
        started = time.perf_counter()
        if self._settings.seconds is not None:
            loop.call_later(self._settings.seconds, self._stop)
            loop.call_later(self._settings.seconds + _DRAIN_SECONDS, self.fail, TimeoutError("no answer"))
        clients = [_Client(self, number) for number in range(self._settings.connections)]
        for client in clients:
            await self._connect_first(client)
        await self.finished
        for client in clients:
            client.close()
        if self.failed is not None:
            raise self.failed
        return self._result(seconds=max(self.last - started, 1e-9))

    async def _connect_first(self, client: _Client) -> None:
        """Wait a little for a server that is only just starting, or was killed this moment."""
        until = time.perf_counter() + _FIRST_SECONDS
        while True:
            try:
                return await self.connect(client)
            except OSError:
                if time.perf_counter() > until:
                    raise
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def connect(self, client: _Client) -> None:
        parts = urlsplit(self._settings.url)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: client, parts.hostname or "", parts.port or 80)

    def is_over(self) -> bool:
        """Whether no connection may send anything more."""
        return self._stopped or self._left == 0

    def next_request(self, connection: int) -> bytes | None:
        """Return what this connection sends next; None ends it."""
        if self.is_over():
            return None
        request = self.traffic.request(connection)
        if request is not None and self._left > 0:
            self._left -= 1
        return request

    def ended(self) -> None:
        """One connection has nothing more to ask."""
        self._open -= 1
        if self._open == 0 and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        """End the run with an error."""
        self.failed = self.failed or error
        if not self.finished.done():
            self.finished.set_result(None)

    def _stop(self) -> None:
        self._stopped = True

    def _result(self, *, seconds: float) -> LoadResult:
        ordered = sorted(self.latencies)
        return LoadResult(
            requests=len(ordered),
            seconds=seconds,
            p50_ms=_percentile(ordered, 50),
            p99_ms=_percentile(ordered, 99),
            max_ms=ordered[-1] * 1000 if ordered else 0.0,
            statuses=self.statuses,
            gathered=self.traffic.result(),
        )


class _Client(asyncio.Protocol):
    """One connection: at most one request under way."""

    def __init__(self, run: _Run, number: int) -> None:
        self._run = run
        self._number = number
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._sent: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._buffer = b""
        self._next()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return
        status = int(buffer[9:12])
        length = _content_length(buffer, end, status)
        if length is None:
            self._run.fail(ValueError(f"an answer without Content-Length: {buffer[:end]!r}"))
            return
        whole = end + 4 + length
        if len(buffer) < whole:
            self._buffer = buffer
            return
        self._buffer = b""
        now = time.perf_counter()
        assert self._sent is not None, "an answer comes after a request"
        run = self._run
        run.latencies.append(now - self._sent)
        run.last = now
        run.statuses[status] += 1
        self._sent = None
        self._take(status, buffer[:end], buffer[end + 4 : whole])
        if self._transport is not None:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._run.finished.done():
            return
        if self._sent is not None:
            self._sent = None
            self._run.statuses[0] += 1
            self._take(0, b"", b"")
        self._again = asyncio.get_running_loop().create_task(self._reconnect())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self, status: int, head: bytes, body: bytes) -> None:
        try:
            self._run.traffic.response(self._number, status, head, body)
        except Exception as error:  # noqa: BLE001 - it ends the run, which raises it
            self._run.fail(error)

    def _next(self) -> None:
        assert self._transport is not None, "only a living connection asks"
        try:
            request = self._run.next_request(self._number)
        except Exception as error:  # noqa: BLE001 - it ends the run, which raises it
            return self._run.fail(error)
        if request is None:
            self._run.ended()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    async def _reconnect(self) -> None:
        while not self._run.finished.done():
            try:
                return await self._run.connect(self)
            except OSError:
                if self._run.is_over():
                    return self._run.ended()
                await asyncio.sleep(_RECONNECT_SECONDS)


def _content_length(buffer: bytes, end: int, status: int) -> int | None:
    place = buffer.find(b"\r\ncontent-length: ", 0, end)
    if place < 0:
        place = buffer.lower().find(b"\r\ncontent-length: ", 0, end)
    if place < 0:
        return 0 if status in (204, 304) else None
    stop = buffer.find(b"\r\n", place + 18)
    return int(buffer[place + 18 : stop])


def _percentile(ordered: list[float], percent: int) -> float:
    """Return a percentile by the nearest rank, in milliseconds; 0 if there is nothing."""
    if not ordered:
        return 0.0
    return ordered[-(-len(ordered) * percent // 100) - 1] * 1000
