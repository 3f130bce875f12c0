"""A data directory of PostgreSQL 16, made by a wheel that carries it, is carried over with its rows."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fissile.infra.embedded import EmbeddedServer, binaries, cluster, ensure_server
from fissile.infra.embedded.errors import UpgradeFailed
from fissile.infra.embedded.paths import Layout, locate, open_lock, secure_socket_dir

pytestmark = pytest.mark.timeout(90)

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "test-upgrade.txt"


@pytest.fixture(scope="module")
def old_package() -> Iterator[Path]:
    """The installed package of PostgreSQL 16."""
    target = Path(tempfile.mkdtemp(prefix="fissile-test-16-", dir="/tmp"))
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(target)]
    pip = [sys.executable, "-m", "pip", "install", *options, "-r", str(REQUIREMENTS)]
    subprocess.run(pip, check=True)
    yield target / "pgserver"
    shutil.rmtree(target)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fissile-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    status = folder / "server.json"
    if status.exists():
        _end_supervisor(folder)
    shutil.rmtree(folder)


def _end_supervisor(folder: Path) -> None:
    """Wait for its end through the lock it holds."""
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes()
        except OSError:
            continue  # it has just ended
        if b"supervisor.py" in words and os.fsencode(folder) in words:
            os.kill(int(cmdline.parent.name), signal.SIGTERM)
    lock = open_lock(path=folder / "server.lock")
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)


def _sixteen(home: Path, package: Path, *, statement: str) -> Layout:
    """Make a home as a Fissile with PostgreSQL 16 left it."""
    layout = locate(home=home)
    secure_socket_dir(layout=layout)
    layout.log.parent.mkdir(mode=0o700)
    os.close(open_lock(path=layout.log))
    programs = binaries.copy_binaries(
        package=package, target=layout.binaries(major=16), version="0.1.4", scratch=home / "tmp-pg-16"
    )
    layout.data.mkdir(mode=0o700)
    layout.account.take(layout.data)
    options = ["-U", "postgres", "--locale=C.UTF-8", "--encoding=UTF8", "--auth-local=trust"]
    initdb = [str(programs / "initdb"), "-D", str(layout.data), *options]
    cluster.run(layout=layout, program=initdb, what="initdb", as_server=True)
    with cluster.privately(layout=layout, programs=programs, data=layout.data):
        cluster.create_database(layout=layout, programs=programs, port=cluster.PRIVATE_PORT)
        cluster.sql(
            layout=layout,
            programs=programs,
            port=cluster.PRIVATE_PORT,
            database="fissile",
            statement=statement,
        )
    return layout


def _ask(server: EmbeddedServer, statement: str) -> str:
    psql = [str(server.bin_dir / "psql"), "-XAtq", "-d", server.url, "-c", statement]
    return subprocess.run(psql, capture_output=True, text=True, check=True, env=cluster.ENVIRONMENT).stdout.strip()


class TestUpgrade:
    def test_carries_rows_and_roles_over_and_keeps_the_old_directory(self, home: Path, old_package: Path) -> None:
        tricky = "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('一'), ('CREATE ROLE postgres;')"
        _sixteen(home, old_package, statement=f"CREATE ROLE fissile_app; {tricky}")
        said: list[str] = []

        server = ensure_server(home=home, progress=said.append)

        assert _ask(server, "SHOW server_version_num").startswith("18")
        assert _ask(server, "SELECT string_agg(word, ',' ORDER BY word) FROM kept") == "CREATE ROLE postgres;,一"
        assert _ask(server, "SELECT count(*) FROM pg_roles WHERE rolname = 'fissile_app'") == "1"
        [kept] = home.glob("pgdata-16-*")
        assert (kept / "PG_VERSION").read_text() == "16\n"
        assert any(str(kept) in sentence for sentence in said)
        assert list(home.glob("tmp-*")) == []
        server.release()
        _end_supervisor(home)

        shutil.move(home / "pgdata", home / "pgdata-restored")  # as a kill between the two renames leaves it
        again = ensure_server(home=home)
        assert _ask(again, "SELECT count(*) FROM kept") == "2"
        again.release()

    def test_that_fails_leaves_the_old_directory_in_force(self, home: Path, old_package: Path) -> None:
        gone_since_17 = "CREATE VIEW gone AS SELECT buffers_backend FROM pg_stat_bgwriter"
        layout = _sixteen(home, old_package, statement=gone_since_17)

        with pytest.raises(UpgradeFailed, match=r"(?s)buffers_backend.*unchanged"):
            ensure_server(home=home)

        assert (layout.data / "PG_VERSION").read_text() == "16\n"
        assert list(home.glob("pgdata-*")) == []
