"""The load generator, the served bare application, the report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

from fissile.bench.bare import serving
from fissile.bench.load import LoadResult, SameRequest, request_bytes, run_load
from fissile.bench.report import peak_mb, report

HERE = "tests.bench.test_load"


class Numbered(SameRequest):
    """Asks ``each`` times on each connection; gathers what came."""

    def __init__(self, *, each: int) -> None:
        super().__init__(request_bytes("POST", "/", host="localhost", body=b"{}"))
        self._left: Counter[int] = Counter(dict.fromkeys(range(100), each))
        self.gathered: list[tuple[int, int, bytes]] = []

    def request(self, connection: int) -> bytes | None:
        self._left[connection] -= 1
        return super().request(connection) if self._left[connection] >= 0 else None

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        self.gathered.append((connection, status, body[:5]))

    def result(self) -> Any:
        return self.gathered


def numbered(each: int) -> Numbered:
    """The factory."""
    return Numbered(each=each)


def broken() -> Numbered:
    """A factory that fails."""
    raise ValueError("no traffic today")


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """An application that thinks for a second, and says so when it ends."""
    if scope["type"] == "http":
        import asyncio

        await asyncio.sleep(1 if scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


ENVIRON = {"PYTHONPATH": os.getcwd()}


class TestRunLoad:
    def test_ends_when_the_traffic_has_nothing_more_to_ask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", os.getcwd())
        with serving("fissile.bench.bare:app") as served:
            result = run_load(
                url=served.url, connections=4, make_traffic=f"{HERE}:numbered", arguments={"each": 5}, count=100
            )

        assert (result.requests, result.statuses) == (20, Counter({200: 20}))
        assert sorted(result.gathered) == [(n, 200, b'{"id"') for n in range(4) for _ in range(5)]
        assert 0 < result.p50_ms <= result.p99_ms <= result.max_ms
        assert result.per_second == pytest.approx(20 / result.seconds)

    def test_ends_at_its_count_and_at_its_time(self) -> None:
        arguments = {"method": "GET", "path": "/", "host": "localhost"}
        same = "fissile.bench.load:same_request"
        with serving("fissile.bench.bare:app") as served:
            counted = run_load(url=served.url, connections=3, count=50, make_traffic=same, arguments=arguments)
            timed = run_load(url=served.url, connections=3, seconds=0.5, make_traffic=same, arguments=arguments)
            memory = peak_mb(served.pid)

        assert counted.requests == 50
        assert 0.3 < timed.seconds < 1.5
        assert timed.requests > 50
        assert 20 < memory < 500

    def test_tells_what_was_wrong_with_the_traffic(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", os.getcwd())

        with pytest.raises(RuntimeError, match="no traffic today"):
            run_load(url="http://127.0.0.1:9", connections=1, count=1, make_traffic=f"{HERE}:broken")


class TestServe:
    def test_finishes_a_request_that_has_begun(self) -> None:
        results: list[LoadResult] = []

        def ask(url: str) -> None:
            results.append(
                run_load(
                    url=url,
                    connections=1,
                    count=1,
                    make_traffic="fissile.bench.load:same_request",
                    arguments={"method": "GET", "path": "/slow", "host": "localhost"},
                )
            )

        with serving(f"{HERE}:slow", environ=ENVIRON) as served:
            asking = threading.Thread(target=ask, args=(served.url,))
            asking.start()
            time.sleep(0.9)  # the generator starts in about a third of it
            os.kill(served.pid, signal.SIGTERM)
            asking.join()

        assert results[0].statuses == Counter({200: 1})

    def test_ends_soon_when_it_is_told_while_it_starts(self) -> None:
        command = [sys.executable, "-m", "fissile.web.serve", "fissile.bench.bare:app", "127.0.0.1", "0"]
        for delay in (0.1, 0.3, 0.5):
            process = subprocess.Popen(command)
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)

            process.wait(timeout=10)

    def test_ends_when_its_parent_is_killed(self) -> None:
        starter = """import os, subprocess, sys, time
child = subprocess.Popen([*sys.argv[1:], "--parent", str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)"""
        serving_it = [sys.executable, "-m", "fissile.web.serve", "fissile.bench.bare:app", "127.0.0.1", "0"]
        parent = subprocess.Popen([sys.executable, "-c", starter, *serving_it], stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(1.5)  # it has to have asked the kernel
        parent.kill()
        parent.wait()

        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{child}/exe") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not os.path.exists(f"/proc/{child}/exe")


class TestReport:
    def test_holds_what_the_line_of_a_benchmark_holds(self) -> None:
        made = report(
            name="orders", figure=5000.4, unit="orders/s", p50_ms=1.234, p99_ms=5.678, limit=20_000,
            limit_name="bare", peak_mb=123.45, seconds=3.001, audit="clean", sold=7,
        )  # fmt: skip

        assert list(made)[:9] == [
            "name", "figure", "unit", "p50_ms", "p99_ms", "limit", "limit_name", "ratio", "peak_mb",
        ]  # fmt: skip
        assert (made["figure"], made["ratio"], made["sold"], made["audit"]) == (5000, 0.25, 7, "clean")
        assert made["machine"]
        assert made["commit"]
