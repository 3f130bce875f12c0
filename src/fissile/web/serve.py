"""Serving an ASGI application with Granian: one way for the house, its tests and the limit of a benchmark."""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

BACKLOG = 2048
STOP_SECONDS = 40
"""How long a worker may finish its requests: longer than the batcher's patience with a lost database."""

_PR_SET_PDEATHSIG = 1


def serve_args(*, workers: int = 1) -> dict[str, Any]:
    """
    Return Granian's options as the house is served: HTTP/1.1 on uvloop, no access log.

    One process for each worker; a worker that ends on its own ends the server, so that whoever started it sees it.
    """
    return {
        "interface": Interfaces.ASGI,
        "workers": workers,
        "runtime_threads": 1,
        "loop": Loops.uvloop,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=15_000),
        "websockets": False,
        "backlog": BACKLOG,
        # Granian holds further requests back in its own threads; our batcher is the bound that answers 503.
        "backpressure": 8192,
        "log_access": False,
        "workers_kill_timeout": STOP_SECONDS,
    }


def serve(
    target: str, host: str, port: int, workers: int = 1, *, log_level: str = "warning", factory: bool = False
) -> None:
    """
    Serve ``module:name`` until SIGTERM or SIGINT; requests that have begun are finished.

    With ``factory`` the name is a function that returns the application; it is called in each worker. Must be
    called in the main thread of a process that has no running loop.

    :raises SystemExit: with status 1, if a worker ended on its own
    """
    # Warnings and worse go to stderr: stdout holds only answers.
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["stderr"], "level": log_level.upper(), "propagate": False}},
    }
    server = Granian(
        target,
        host,
        port,
        factory=factory,
        log_level=LogLevels(log_level),
        log_dictconfig=logging,
        **serve_args(workers=workers),
    )
    loader = partial(_load, target=target, factory=factory, parent=os.getpid())
    server.serve(target_loader=loader, wrap_loader=False)


def _load(*, target: str, factory: bool, parent: int) -> Callable[..., Any]:
    """Load the application in its worker; a worker without its server would hold database and port for ever."""
    # A forked worker has the server's handlers, which would swallow a SIGTERM that comes while it starts.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the server ended while its worker started")
    module, _, name = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return loaded() if factory else loaded


def main(arguments: list[str] | None = None) -> None:
    """``python -m fissile.web.serve MODULE:NAME HOST PORT``: for benchmarks and tests."""
    parser = argparse.ArgumentParser(prog="python -m fissile.web.serve")
    parser.add_argument("target")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--factory", action="store_true")
    given = parser.parse_args(arguments)
    serve(given.target, given.host, given.port, given.workers, factory=given.factory)


if __name__ == "__main__":
    main()
