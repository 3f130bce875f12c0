"""A data directory of an older major, carried over by its own programs."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fissile.infra.embedded import binaries, cluster
from fissile.infra.embedded.errors import OldBinariesMissing, UpgradeFailed
from fissile.infra.embedded.paths import Layout
from fissile.infra.embedded.supervisor import clear_leftovers

OWNER_LINE: Final = b"CREATE ROLE postgres;\n"
"""The one line of the dump that cannot be restored: initdb has made that role."""


def upgrade(*, layout: Layout, programs: Path, old_major: int, scratch: Path, progress: Callable[[str], None]) -> None:
    """
    Replace ``pgdata`` by a new one that holds the same databases; the old one stays beside it.

    ``scratch`` is an empty folder of the same disk. Until the very end the old
    directory is only read; a kill at any moment leaves the old or the new one
    in force, see :func:`finish_interrupted`. The caller holds the start lock.

    :raises OldBinariesMissing: if the programs of the old major are not there
    :raises EmbeddedServerError: if dumping or restoring fails; the old directory stays in force
    """
    copied = layout.binaries(major=old_major)
    old_programs = binaries.bin_dir(copied=copied)
    if old_programs is None:
        raise OldBinariesMissing(
            reason=f"{layout.data} was written by PostgreSQL {old_major}, and its programs are not at {copied}.",
            remedy=f"put {copied} back from a backup of this home, or start the Fissile that wrote the data "
            f"once (it copies its programs there), then start this one again.",
        )
    progress(f"The database was written by PostgreSQL {old_major}; dumping it with its own programs.")
    clear_leftovers(str(layout.data))
    dump = scratch / "dump" / "all.sql"
    dump.parent.mkdir(mode=0o700)  # it holds everything, for nobody else to read
    with cluster.privately(layout=layout, programs=old_programs, data=layout.data):
        _dump(layout=layout, programs=old_programs, dump=dump)
    progress(f"Restoring {dump.stat().st_size / 1e6:.1f} MB into a new database.")
    fresh = scratch / "pgdata"
    cluster.initialise(layout=layout, programs=programs, data=fresh)
    with cluster.privately(layout=layout, programs=programs, data=fresh):
        _restore(layout=layout, programs=programs, dump=dump)
        _analyse(layout=layout, programs=programs)
    complete = _complete(layout)
    if complete.exists():
        shutil.rmtree(complete)
    fresh.rename(complete)
    kept = layout.store / f"pgdata-{old_major}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    layout.data.rename(kept)
    finish_interrupted(layout=layout)
    progress(f"The database is upgraded. The old one is kept at {kept}; delete it when you no longer want it.")
    progress("Changes made by hand in its postgresql.conf were not carried over.")


def finish_interrupted(*, layout: Layout) -> None:
    """Put a wholly restored directory in its place if that is empty, as a kill between renames leaves it."""
    if _complete(layout).exists() and not layout.data.exists():
        _complete(layout).rename(layout.data)
        cluster.settle(folder=layout.store)


def _complete(layout: Layout) -> Path:
    return layout.store / "pgdata-restored"


def _connection(layout: Layout) -> list[str]:
    return ["-h", str(layout.socket_dir), "-p", str(cluster.PRIVATE_PORT), "-U", "postgres"]


def _dump(*, layout: Layout, programs: Path, dump: Path) -> None:
    program = [str(programs / "pg_dumpall"), *_connection(layout), "-f", str(dump)]
    cluster.run(layout=layout, program=program, what="pg_dumpall", as_server=False)


def _restore(*, layout: Layout, programs: Path, dump: Path) -> None:
    psql = [
        str(programs / "psql"),
        "-X",
        "-q",
        "-d",
        "postgres",
        "-v",
        "ON_ERROR_STOP=1",
        *_connection(layout),
    ]
    with dump.open("rb") as lines, (dump.with_suffix(".err")).open("w+b") as errors:
        restoring = subprocess.Popen(
            psql,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd="/",
            env=cluster.ENVIRONMENT,
        )
        assert restoring.stdin is not None, "asked for with PIPE"
        try:
            with restoring.stdin as sink:
                for line in lines:
                    if line == OWNER_LINE:
                        break
                    sink.write(line)
                shutil.copyfileobj(lines, sink)
        except BrokenPipeError:
            pass  # psql stopped at an error, told below by its status
        if restoring.wait() != 0:
            errors.seek(0)
            said = errors.read()[-4096:].decode(errors="replace").strip()
            raise UpgradeFailed(
                reason=f"The new database refused a part of the old one: {said}",
                remedy=f"{layout.data} is unchanged: the Fissile that wrote it still runs with it. "
                "Remove there what the message names (an extension no longer carried, say), and try again.",
            )


def _analyse(*, layout: Layout, programs: Path) -> None:
    program = [str(programs / "vacuumdb"), *_connection(layout), "--all", "--analyze-only", "--quiet"]
    cluster.run(layout=layout, program=program, what="vacuumdb", as_server=False)
