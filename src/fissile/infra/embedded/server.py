"""Start or join the one embedded server of a home."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from fissile.infra.embedded import binaries, cluster, supervisor
from fissile.infra.embedded.errors import (
    EmbeddedServerError,
    NewerDataDirectory,
    from_os_error,
    from_output,
)
from fissile.infra.embedded.paths import (
    PORT,
    Layout,
    exclusively,
    is_held,
    locate,
    lock,
    make_home,
    open_lock,
    secure_socket_dir,
)
from fissile.infra.embedded.upgrade import finish_interrupted, upgrade

Progress = Callable[[str], None]

TEMPORARY = "tmp-"
"""What begins so inside a store was left by a killed start."""


@dataclass(kw_only=True)
class _Hold:
    """This process's share of ``users.lock``. Closed, not unlocked, so that a forked child keeps its own."""

    descriptor: int | None

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A running server that stays up at least as long as this process lives and has not released it."""

    home: Path
    url: str
    socket_dir: Path
    bin_dir: Path
    _hold: _Hold = field(repr=False)

    def ensure_running(self, *, progress: Progress | None = None) -> bool:
        """
        Start a new supervisor if ours is gone, and return whether that was needed.

        Cheap (one file is opened) while all is well. A dead postmaster is the
        supervisor's business. Blocks while starting: keep it off an event loop.

        :raises EmbeddedServerError: if the server cannot be started
        """
        assert self._hold.descriptor is not None, "a released server is not ours to start"
        try:
            if is_held(path=self.home / "server.lock"):
                return False
        except OSError as error:
            raise from_os_error(error=error, home=_existing(self.home)) from error
        _start_or_join(home=self.home, progress=progress or _silently)
        return True

    def release(self) -> None:
        """Let go; the server stops a few seconds after its last user did. May be called twice."""
        self._hold.close()


def ensure_server(*, home: Path, progress: Progress | None = None) -> EmbeddedServer:
    """
    Start the embedded server of ``home``, or join it, and return once it accepts connections.

    A missing home is made, data of an older PostgreSQL are upgraded;
    ``progress`` gets a sentence for each step that takes long. Any number of
    processes may call this at once. Blocks: keep it off an event loop.

    :raises EmbeddedServerError: with the reason and how to mend it
    """
    say = progress or _silently
    try:
        home = make_home(home=home)
        hold = _Hold(descriptor=open_lock(path=home / "users.lock"))
    except OSError as error:
        raise from_os_error(error=error, home=_existing(home)) from error
    try:
        assert hold.descriptor is not None, "just opened"
        lock(
            descriptor=hold.descriptor,
            mode=fcntl.LOCK_SH,
            path=home / "users.lock",
            say=lambda: say("Waiting for the database to finish stopping."),
        )
        layout = _start_or_join(home=home, progress=say)
        programs = _programs(layout=layout)
    except BaseException:
        hold.close()
        raise
    return EmbeddedServer(home=home, url=layout.url, socket_dir=layout.socket_dir, bin_dir=programs, _hold=hold)


def _silently(_sentence: str) -> None:
    """The progress of a caller who does not want to know."""


def _existing(path: Path) -> Path:
    path = path.expanduser().absolute()
    return next(step for step in (path, *path.parents) if step.exists())


def _start_or_join(*, home: Path, progress: Progress) -> Layout:
    def waiting() -> None:
        progress("Waiting for another process that is preparing the database.")

    try:
        with exclusively(path=home / "start.lock", say=waiting):
            layout = locate(home=home)
            _until_ready(layout=layout, progress=progress)
            cluster.create_database(layout=layout, programs=_programs(layout=layout), port=PORT)
            return layout
    except OSError as error:
        raise from_os_error(error=error, home=home) from error


def _programs(*, layout: Layout) -> Path:
    """The programs that the running server came from."""
    found = binaries.bin_dir(copied=layout.binaries(major=cluster.major_of(data=layout.data)))
    assert found is not None, "the server runs from there"
    return found


def _until_ready(*, layout: Layout, progress: Progress) -> None:
    """Return when the supervisor's own postmaster accepts connections; an orphan may still answer before."""
    started = False
    deadline = time.monotonic() + cluster.READY_SECONDS_MAX
    while time.monotonic() < deadline:
        if not is_held(path=layout.server_lock):
            if started:
                raise _failure(layout=layout)
            _prepare(layout=layout, progress=progress)
            _spawn(layout=layout)
            started = True
        secure_socket_dir(layout=layout)
        if _status(layout=layout).get("state") == "running" and cluster.is_accepting(
            layout=layout, programs=_programs(layout=layout), port=PORT
        ):
            return
        time.sleep(0.01)
    raise cluster.not_ready(layout=layout)


def _prepare(*, layout: Layout, progress: Progress) -> None:
    """Bring programs and data into a state to start from. The caller holds the start lock."""
    finish_interrupted(layout=layout)
    major = binaries.wheel_major()
    data_major = cluster.major_of(data=layout.data) if layout.data.exists() else None
    if data_major is not None and data_major > major:
        raise NewerDataDirectory(
            reason=f"{layout.data} was written by PostgreSQL {data_major}; this Fissile carries {major}.",
            remedy="start the newer Fissile that wrote it, or set another FISSILE_HOME. Nothing was changed.",
        )
    secure_socket_dir(layout=layout)
    _open_log(layout=layout)
    _remove_temporary(layout=layout)
    programs = binaries.copy_binaries(
        package=binaries.wheel_package(),
        target=layout.binaries(major=major),
        version=binaries.wheel_version(),
        scratch=layout.store / f"{TEMPORARY}pg-{major}",
    )
    if data_major is None:
        progress("Making a new database.")
        fresh = layout.store / f"{TEMPORARY}pgdata"
        cluster.initialise(layout=layout, programs=programs, data=fresh)
        fresh.rename(layout.data)
    elif data_major < major:
        scratch = Path(mkdtemp(prefix=TEMPORARY, dir=layout.store))
        scratch.chmod(0o711)
        upgrade(layout=layout, programs=programs, old_major=data_major, scratch=scratch, progress=progress)
    _remove_temporary(layout=layout)
    cluster.settle(folder=layout.store)


def _open_log(*, layout: Layout) -> None:
    layout.log.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(open_lock(path=layout.log))


def _remove_temporary(*, layout: Layout) -> None:
    for left in layout.store.glob(f"{TEMPORARY}*"):
        supervisor.clear_leftovers(str(left))  # an initdb's child may outlive its parent for a moment
        supervisor.clear_leftovers(str(left / "pgdata"))
        shutil.rmtree(left)


def _spawn(*, layout: Layout) -> None:
    """Start a supervisor, detached; on return it holds ``server.lock`` or has failed."""
    plan = supervisor.Plan(
        home=str(layout.home),
        data=str(layout.data),
        socket_dir=str(layout.socket_dir),
        command=cluster.command(
            programs=_programs(layout=layout), data=layout.data, socket_dir=layout.socket_dir, port=PORT
        ),
        uid=layout.account.uid if layout.account.is_other else None,
        gid=layout.account.gid if layout.account.is_other else None,
    )
    os.close(open_lock(path=layout.server_lock))
    log_start = layout.log.stat().st_size
    with layout.log.open("ab") as log:
        status = subprocess.run(
            [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), plan.encoded()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=cluster.ENVIRONMENT,
            start_new_session=True,
            timeout=60,
            check=False,
        ).returncode
    if status != 0:
        said = cluster.log_since(layout=layout, start=log_start)
        raise from_output(what="The supervisor", output=said, status=status, home=layout.home)


def _status(*, layout: Layout) -> dict[str, Any]:
    return dict(json.loads(layout.status.read_text())) if layout.status.exists() else {}


def _failure(*, layout: Layout) -> EmbeddedServerError:
    """Why the supervisor that we started has ended: in its own words, or else the end of the log."""
    told = _status(layout=layout)
    said = told.get("reason") or cluster.log_since(layout=layout, start=0)
    return from_output(what="postgres", output=said, status=told.get("status"), home=layout.store)
