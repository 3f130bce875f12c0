"""A shop in real processes: a web process over a database of the test, or the whole house in a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fissile.bench.bare import Served
from fissile.bench.ground import Ground, make_ground
from fissile.bench.load import LoadResult, run_load
from fissile.infra.embedded.paths import STORE_LINK, is_held, locate

STARTS_SECONDS = 60.0
UNITS = 50


@pytest.fixture
async def ground(database_url: str) -> Ground:
    """A shop with a hot product and three scarce ones of 50 units."""
    return await make_ground(url=database_url, scarce_stock=UNITS, scarce_count=3)


@pytest.fixture
def served(ground: Ground) -> Iterator[Served]:
    """The shop, served."""
    with ground.serving() as one:
        yield one


@dataclass
class Running:
    """``fissile run`` as somebody started it."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return locate(home=self.home).url

    def web_pids(self) -> list[int]:
        """The web process; a list, for it is nobody's while it is being started again."""
        return [pid for pid in _children(self.process.pid) if b"fissile.web.serve" in _command(pid)]

    def wait_until_open(self) -> None:
        """Wait until the shop says that it is well."""
        deadline = time.monotonic() + STARTS_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"fissile run ended with {self.process.returncode}"
            try:
                if httpx2.get(f"{self.url}/health", timeout=6, trust_env=False).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass  # not yet, or not again
            time.sleep(0.05)
        raise AssertionError("the shop did not open")

    def stop(self) -> int:
        """Ask it to end, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that the server's user can reach (pytest's own folders bar it)."""
    folder = Path(tempfile.mkdtemp(prefix="fissile-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    _wait_for_locks(folder)
    store = folder / STORE_LINK
    if store.is_symlink():
        shutil.rmtree(store.resolve())
    shutil.rmtree(folder)


@pytest.fixture
def running(home: Path) -> Iterator[Running]:
    """The whole house, open."""
    port = free_port()
    process = fissile("run", "--port", str(port), home=home)
    house = Running(home, port, process)
    try:
        house.wait_until_open()
        yield house
    finally:
        if process.poll() is None:
            house.stop()


def fissile(*words: str, home: Path, **more: Any) -> subprocess.Popen[bytes]:
    """Start ``fissile`` with a home of its own, whatever database the tests use."""
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "fissile.cli.main", *words]
    return subprocess.Popen(command, env={**environ, "FISSILE_HOME": str(home)}, **more)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def under_load(
    url: str, *, ground: Ground, folder: Path, connections: int = 24, seconds: float = 900
) -> Iterator[Callable[[], LoadResult]]:
    """Let journeys run; the function that is handed out ends them and returns what was gathered."""
    until = folder / "enough"
    results: list[LoadResult] = []

    def load() -> None:
        results.append(
            run_load(
                url=url,
                connections=connections,
                seconds=seconds,
                make_traffic="tests.crowd.traffic:journeys",
                arguments={"host": url.removeprefix("http://"), "tokens": ground.tokens, "until": str(until)},
            )
        )

    thread = threading.Thread(target=load)
    thread.start()

    def end() -> LoadResult:
        until.touch()
        thread.join(timeout=90)
        assert results, "the clients came to an end"
        return results[0]

    try:
        yield end
    finally:
        until.touch()


def _children(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in children.read_text().split()]
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def _wait_for_locks(folder: Path) -> None:
    """The embedded server ends a few seconds after its last user."""
    deadline = time.monotonic() + 30
    while (folder / "server.lock").exists() and is_held(path=folder / "server.lock"):
        assert time.monotonic() < deadline, "the server outlived its users"
        time.sleep(0.1)
