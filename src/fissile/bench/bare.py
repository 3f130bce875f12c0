"""
The limit of a run: a bare ASGI application under the same server, on the same machine, in the same minute.

No framework, no database, no thought: what the machine, the server and the load generator allow at all.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fissile.api.endpoint import Receive, Scope, Send
from fissile.bench.load import LoadResult, run_load

_BODY = b'{"id":"ord_0000000000000000000000000","total":"10.00","currency":"CNY"}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}
_END = {"type": "http.response.body", "body": _BODY}
_START_SECONDS = 30.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the same to everybody."""
    if scope["type"] == "http":
        await send(_START)
        await send(_END)
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server in a process of its own."""

    url: str
    pid: int


@contextmanager
def serving(target: str, *, factory: bool = False, environ: Mapping[str, str] | None = None) -> Iterator[Served]:
    """
    Serve ``module:name`` on a free loopback port as the house is served, and stop it at the end.

    :raises RuntimeError: if it ended, or did not listen within half a minute
    """
    port = _free_port()
    command = [sys.executable, "-m", "fissile.web.serve", target, "127.0.0.1", str(port)]
    command += ["--factory"] if factory else []
    process = subprocess.Popen(command, env={**os.environ, **(environ or {})}, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Served(url=f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bare_limit(*, connections: int, seconds: float) -> LoadResult:
    """Return what the bare application does on this machine right now."""
    with serving("fissile.bench.bare:app") as served:
        return run_load(
            url=served.url,
            connections=connections,
            seconds=seconds,
            make_traffic="fissile.bench.load:same_request",
            arguments={"method": "GET", "path": "/", "host": served.url.removeprefix("http://")},
        )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_START_SECONDS) as one:
                one.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if one.recv(12):
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing answered on port {port} within {_START_SECONDS:.0f} s")
