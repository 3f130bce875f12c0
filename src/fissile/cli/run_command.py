"""``fissile run``: the database, the web process and the worker, each started again when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

import click

from fissile.cli.context import ready_url, say
from fissile.infra.database import Database
from fissile.infra.server import keep_running
from fissile.infra.settings import Settings, from_environment
from fissile.kernel.errors import Refusal

_BACKOFF_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 5.0  # a worker that lived this long has begun to work
_STOP_SECONDS = 45.0


class PortTaken(Refusal):
    """Port {port} of {host} cannot be used ({reason}): stop what uses it, or choose another with --port."""


class KeepsDying(Refusal):
    """The {name} process ended {times} times in a row (status {status}); its last words stand above."""


@dataclass
class Child:
    """A process that is started again when it ends."""

    name: str
    command: list[str]
    environ: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = field(default=0.0)
    well: bool = False  # it has done its work since it was started

    def tend(self) -> None:
        """
        Start it, or start it again once its pause is over.

        What was well when it died is started at once, however often that happens.

        :raises KeepsDying: if it ended several times in a row without ever being well
        """
        now = time.monotonic()
        if self.process is not None and (status := self.process.poll()) is not None:
            self.process = None
            self.failures = 1 if self.well else self.failures + 1
            self.well = False
            if self.failures > len(_BACKOFF_SECONDS):
                raise KeepsDying(name=self.name, times=self.failures, status=status)
            say(f"The {self.name} process ended (status {status}); starting it again.")
            self.next_start = now + _BACKOFF_SECONDS[self.failures - 1]
        if self.process is None and now >= self.next_start:
            self.process = subprocess.Popen(self.command, env=self.environ, stdin=subprocess.DEVNULL)
            self.started = now

    def lived(self, seconds: float) -> bool:
        """Return whether it has run for so long."""
        return self.process is not None and time.monotonic() - self.started > seconds

    def stop(self) -> None:
        """Ask it to finish what it has begun."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end; after that moment it is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@click.command()
@click.option("--demo", is_flag=True, help="Fill an empty shop with the demo community.")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: 8000]")
def run(demo: bool, host: str | None, port: int | None) -> None:
    """Run the shop until Ctrl-C."""
    settings = from_environment(host=host, port=port)
    check_port(settings.host, settings.port)
    asyncio.run(_prepare(settings, demo=demo))
    children = _children(settings)
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, stop)
    try:
        told = False
        while not stopping:
            keep_running()
            # The worker's refunds go through the web process: it starts when that answers.
            for child in children if told else children[:1]:
                child.tend()
            children[1].well = children[1].lived(_STEADY_SECONDS)
            web = children[0]
            web.well = web.well or (web.process is not None and _answers(settings))
            if not told and web.well:
                told = True
                say(f"Fissile is open at {settings.base_url}   (Ctrl-C ends it)")
            time.sleep(0.1 if not told else 0.25)
    finally:
        for child in children:
            child.stop()
        until = time.monotonic() + _STOP_SECONDS
        for child in children:
            child.wait(until)


def check_port(host: str, port: int) -> None:
    """
    Say at once if the port cannot be listened on.

    :raises PortTaken: with the reason
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host=host, port=port, reason=error.strerror or str(error)) from None


async def _prepare(settings: Settings, *, demo: bool) -> None:
    from fissile.demo.seed import print_people, seed_demo

    url = await ready_url(settings)
    if not demo:
        return
    db = Database(url=url, pool=settings.database_pool)
    try:
        people = await seed_demo(db, settings=settings, at=datetime.now(UTC), say=say)
    finally:
        await db.close()
    print_people(people, say=say)


def _children(settings: Settings) -> list[Child]:
    environ = {
        **os.environ,
        "FISSILE_HOME": str(settings.home.absolute()),
        "FISSILE_HOST": settings.host,
        "FISSILE_PORT": str(settings.port),
    }
    return [
        Child("web", [sys.executable, "-m", "fissile.web.serve", *_serving(settings)], environ),
        Child("worker", [sys.executable, "-m", "fissile.worker.main"], environ),
    ]


def _serving(settings: Settings) -> list[str]:
    return ["--factory", "--parent", str(os.getpid()), "fissile.web.main:create", settings.host, str(settings.port)]


def _answers(settings: Settings) -> bool:
    address = settings.local_url.removeprefix("http://").rpartition(":")
    try:
        with socket.create_connection((address[0], int(address[2])), timeout=0.2):
            return True
    except OSError:
        return False
