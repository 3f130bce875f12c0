"""Serving an ASGI application with Uvicorn: one way for the house, its tests and the limit of a benchmark."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from typing import Any

import uvicorn

BACKLOG = 2048
STOP_SECONDS = 40
"""How long requests that have begun may take at the end: longer than the batcher's patience with a lost database."""

_IDLE_SECONDS = 75
_PR_SET_PDEATHSIG = 1


def serve(target: str, host: str, port: int, *, log_level: str = "warning", factory: bool = False) -> None:
    """
    Serve ``module:name`` until SIGTERM or SIGINT; requests that have begun are finished.

    One process with one event loop: more of them are more calls, each with its own port. With ``factory`` the name
    is a function that returns the application. Must be called in the main thread of a process without a running loop.

    :raises SystemExit: if it cannot start; the reason is in the log
    """
    uvicorn.run(
        target,
        host=host,
        port=port,
        factory=factory,
        interface="asgi3",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        access_log=False,
        server_header=False,
        # Whoever stands before us says who asks only if the operator lets it; nobody does so far.
        proxy_headers=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        log_config=_logging(log_level),
    )


def _logging(level: str) -> dict[str, Any]:
    """Return logging to stderr: stdout holds only answers."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
        "loggers": {"uvicorn": {"handlers": ["stderr"], "level": level.upper(), "propagate": False}},
    }


def _end_with_parent(parent: int) -> None:
    """Let the kernel tell us when ``fissile run`` dies: nobody else would start us again, or free the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("whoever started this server has ended")


def main(arguments: list[str] | None = None) -> None:
    """``python -m fissile.web.serve MODULE:NAME HOST PORT``: for `fissile run`, benchmarks and tests."""
    parser = argparse.ArgumentParser(prog="python -m fissile.web.serve")
    parser.add_argument("target")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--factory", action="store_true", help="the name is a function that makes the application")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this parent process ends")
    given = parser.parse_args(arguments)
    if given.parent is not None:
        _end_with_parent(given.parent)
    serve(given.target, given.host, given.port, factory=given.factory)


if __name__ == "__main__":
    main()
