"""What the machine may refuse: a port that is taken, files that may not grow."""

from __future__ import annotations

import resource
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.crowd.conftest import fissile, free_port


class TestRun:
    def test_says_that_its_port_is_taken(self, home: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]

            status, said = _run("run", "--port", str(port), home=home)

        assert status == 1
        assert f"Port {port} of 127.0.0.1 cannot be used" in said
        assert "--port" in said

    def test_says_that_files_may_not_grow(self, home: Path) -> None:
        status, said = _run("run", "--port", str(free_port()), home=home, preexec_fn=_limit(1))

        assert status == 1
        assert "file size limit" in said
        assert "raise the limit" in said


class TestImport:
    def test_says_that_the_disk_is_full_and_goes_on_when_there_is_room(self, home: Path, tmp_path: Path) -> None:
        goods = tmp_path / "goods.csv"
        goods.write_text("sku,title,price\na,A,1.00\nb,B,2.00\n", encoding="utf-8")

        status, said = _run("import", "catalogue", str(goods), home=home, preexec_fn=_limit(1))
        assert status == 1
        assert "file size limit" in said

        status, said = _run("import", "catalogue", str(goods), home=home)
        assert (status, "2 loaded" in said) == (0, True)


def _limit(megabytes: int) -> Callable[[], None]:
    """No file of the process, nor of the server that it starts, may become larger."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes * 2**20, megabytes * 2**20))


def _run(*words: str, home: Path, preexec_fn: Callable[[], None] | None = None) -> tuple[int, str]:
    process = fissile(*words, home=home, preexec_fn=preexec_fn, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=100)
    return process.returncode, said.decode()
