"""One data directory: made whole or not at all, and served for a moment to ourselves alone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fissile.infra.embedded.errors import (
    BrokenDataDirectory,
    EmbeddedServerError,
    NotReadyInTime,
    from_output,
)
from fissile.infra.embedded.paths import DATABASE, Layout
from fissile.infra.embedded.supervisor import die_with_parent

ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
"""Nothing of the caller's: PGHOST, PGOPTIONS or LD_LIBRARY_PATH must not lead us to another server."""

INITIAL_SETTINGS: Final = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "commit_delay": "0",
    "jit": "off",
    "log_checkpoints": "off",
    "io_method": "sync",
    "autovacuum_max_workers": "2",
    "max_logical_replication_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Written into a new postgresql.conf, where an operator may change them; ``sync`` saves three processes."""

PRIVATE_PORT: Final = 5433
STEP_SECONDS_MAX: Final = 3600.0
READY_SECONDS_MAX: Final = 600.0


def command(*, programs: Path, data: Path, socket_dir: Path, port: int) -> list[str]:
    """The postmaster's command line, with what must hold whatever postgresql.conf says."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{socket_dir}"',
        "port": port,
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "logging_collector": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(data), *options]


def run(*, layout: Layout, program: list[str], what: str, as_server: bool) -> str:
    """
    Run a program of PostgreSQL to its end and return what it printed.

    ``as_server`` runs it as the server's user, and lets it die with us; clients run as ourselves.

    :raises EmbeddedServerError: of the fitting class, if it fails
    """
    other = layout.account if as_server and layout.account.is_other else None
    done = subprocess.run(
        program,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        env=ENVIRONMENT,
        timeout=STEP_SECONDS_MAX,
        check=False,
        user=None if other is None else other.uid,
        group=None if other is None else other.gid,
        extra_groups=None if other is None else [],
        preexec_fn=die_with_parent(signal.SIGKILL) if as_server else None,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")[-4096:]
        raise from_output(what=what, output=said, status=done.returncode, home=layout.store)
    return done.stdout.decode(errors="replace")


def sql(*, layout: Layout, programs: Path, port: int, database: str, statement: str) -> str:
    """Run one statement as the owner and return its bare rows."""
    psql = [str(programs / "psql"), "-XAtq", "-h", str(layout.socket_dir), "-p", str(port), "-U", "postgres"]
    program = [*psql, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement]
    return run(layout=layout, program=program, what="psql", as_server=False)


def create_database(*, layout: Layout, programs: Path, port: int) -> None:
    """Create the database of the house if it is missing. The caller holds the start lock."""
    known = sql(
        layout=layout,
        programs=programs,
        port=port,
        database="template1",
        statement=f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'",
    )
    if not known:
        statement = f"CREATE DATABASE {DATABASE}"
        sql(layout=layout, programs=programs, port=port, database="template1", statement=statement)


def is_accepting(*, layout: Layout, programs: Path, port: int) -> bool:
    """Whether ``pg_isready`` holds."""
    asked = subprocess.run(
        [
            str(programs / "pg_isready"),
            "-q",
            "-t",
            "3",
            "-h",
            str(layout.socket_dir),
            "-p",
            str(port),
            "-U",
            "postgres",
        ],
        env=ENVIRONMENT,
        cwd="/",
        check=False,
    )
    return asked.returncode == 0


def initialise(*, layout: Layout, programs: Path, data: Path) -> None:
    """
    Make a new data directory at ``data``, for nobody but the server's user.

    Connections are trusted because only that user, and root, can reach the
    socket's folder.
    """
    data.mkdir(mode=0o700)
    layout.account.take(data)
    settings = [word for name, value in INITIAL_SETTINGS.items() for word in ("--set", f"{name}={value}")]
    program = [
        str(programs / "initdb"),
        *("-D", str(data), "-U", "postgres", "--locale=C.UTF-8", "--encoding=UTF8"),
        *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
        *settings,
    ]
    run(layout=layout, program=program, what="initdb", as_server=True)


def major_of(*, data: Path) -> int:
    """
    Return which major of PostgreSQL wrote this directory.

    :raises BrokenDataDirectory: if it does not tell
    """
    version = data / "PG_VERSION"
    words = version.read_text().strip() if version.exists() else ""
    if not words.isdecimal():
        raise BrokenDataDirectory(
            reason=f"{data} is not a data directory: its PG_VERSION says {words!r}.",
            remedy=f"restore {data} from a backup, or move it away to begin with an empty database.",
        )
    return int(words)


@contextmanager
def privately(*, layout: Layout, programs: Path, data: Path) -> Iterator[None]:
    """
    Serve ``data`` on a port that only we know, to its clean end.

    :raises EmbeddedServerError: if it does not start
    """
    other = layout.account if layout.account.is_other else None
    log_start = layout.log.stat().st_size
    with layout.log.open("ab") as log:
        postmaster = subprocess.Popen(
            command(programs=programs, data=data, socket_dir=layout.socket_dir, port=PRIVATE_PORT),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=ENVIRONMENT,
            user=None if other is None else other.uid,
            group=None if other is None else other.gid,
            extra_groups=None if other is None else [],
            preexec_fn=die_with_parent(signal.SIGINT),
        )
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not is_accepting(layout=layout, programs=programs, port=PRIVATE_PORT):
            if postmaster.poll() is not None:
                said = log_since(layout=layout, start=log_start)
                raise from_output(what="postgres", output=said, status=postmaster.returncode, home=layout.store)
            if time.monotonic() > deadline:
                raise not_ready(layout=layout)
            time.sleep(0.02)
        yield
    finally:
        postmaster.send_signal(signal.SIGINT)
        postmaster.wait()


def log_since(*, layout: Layout, start: int) -> str:
    """The end of what was logged since ``start``, at most 4 KiB."""
    with layout.log.open("rb") as log:
        log.seek(start)
        return log.read()[-4096:].decode(errors="replace")


def not_ready(*, layout: Layout) -> EmbeddedServerError:
    return NotReadyInTime(
        reason=f"PostgreSQL did not become ready within {READY_SECONDS_MAX:.0f} seconds.",
        remedy=f"read {layout.log}; recovery after a crash on a slow disk may need another start.",
    )


def settle(*, folder: Path) -> None:
    """Bring renames inside ``folder`` down to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
