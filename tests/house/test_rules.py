"""Rules of the house that neither the type checker nor the import linter can hold, each with its reason."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fissile"

# They translate the outside: they read clock, chance and environment, and hand them down.
EDGES = ("cli", "worker", "web", "api", "bench", "demo")

# Where the house meets the machine it runs on; what they read never reaches a row.
MACHINERY = (
    "infra/settings.py",  # `from_environment` is how an edge reads the environment
    "infra/embedded/",  # processes, folders and signals of the embedded server
    "infra/pinyin.py",  # a library that takes a switch from the environment only
    "infra/chance.py",  # what edges hand down as rng; .importlinter lets nobody else import it
)

CLOCK_AND_CHANCE = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "random.SystemRandom",
    "SystemRandom",
    "random.random",
    "random.randint",
    "random.choice",
    "secrets.token_bytes",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid4",
    "os.urandom",
    "os.environ",
    "os.getenv",
    "environ",
}

# In pieces, so that this file does not break its own rule.
REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "/sim" + "ple/", "tuna." + "tsinghua")
DEVELOPERS_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|work|farm)/[\w.-]+")
LEFT_OUT = {".git", ".venv", "var", "build", "dist", "screenshots", "node_modules"}


def python_files(*, below: Path) -> list[Path]:
    return sorted(one for one in below.rglob("*.py") if "__pycache__" not in one.parts)


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a name or an attribute of one, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def reads(text: str) -> Iterator[tuple[int, str]]:
    """Return each place where a program reads clock, chance or environment."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node) in CLOCK_AND_CHANCE:
            yield node.lineno, dotted(node)


def text_files() -> list[Path]:
    """Return every file that people and programs of the repository read as text."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [one for one in folders if one not in LEFT_OUT and not one.endswith(("_cache", ".egg-info"))]
        folders[:] = [one for one in folders if one not in ("__pycache__", ".hypothesis")]
        found += [Path(folder) / one for one in files if not one.endswith((".jpg", ".png", ".mo", ".pyc"))]
    return sorted(found)


class TestClockAndChance:
    def test_are_read_by_edges_only(self) -> None:
        broken = [
            f"{file.relative_to(ROOT)}:{line} reads {what}"
            for file in python_files(below=SOURCE)
            for line, what in reads(file.read_text(encoding="utf-8"))
            if not (place := str(file.relative_to(SOURCE))).startswith(tuple(f"{edge}/" for edge in EDGES))
            and not place.startswith(MACHINERY)
        ]

        assert not broken, (
            "below the edges clock, chance and environment are arguments (at, rng, settings): the same facts give "
            "the same answer tomorrow, in a test and in a simulation. Read them in cli, worker, web or api and pass "
            "them in:\n" + "\n".join(broken)
        )

    @pytest.mark.parametrize(
        "line",
        [
            "at = datetime.now(UTC)",
            "at = datetime.datetime.now(tz=UTC)",
            "rng = random.SystemRandom()",
            "home = os.environ['HOME']",
            "reader = functools.partial(time.time)",
        ],
    )
    def test_are_found(self, line: str) -> None:
        assert list(reads(line))

    def test_a_duration_is_no_clock(self) -> None:
        assert not list(reads("began = time.monotonic()\nspent = time.perf_counter()"))


class TestDriverConnection:
    ALLOWED = ("migrations/", "infra/batcher.py")

    def test_is_left_alone(self) -> None:
        broken = [
            f"{file.relative_to(ROOT)}:{node.lineno}"
            for file in python_files(below=SOURCE)
            if not str(file.relative_to(SOURCE)).startswith(self.ALLOWED)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and node.attr in ("driver_connection", "get_raw_connection")
        ]

        assert not broken, (
            "SQLAlchemy does not know what is done on the driver's connection behind its back: a rollback is lost "
            "silently. Use the flow's connection, or Database.raw() for a connection of its own:\n" + "\n".join(broken)
        )


class TestEveryFile:
    def test_names_no_package_registry(self) -> None:
        broken = [
            f"{file.relative_to(ROOT)} names {host}"
            for file in text_files()
            for host in REGISTRIES
            if host in file.read_text(encoding="utf-8", errors="replace")
        ]

        assert not broken, (
            "where packages come from is a setting of the machine that installs them, and a lock with a host in it "
            "cannot be used behind another:\n" + "\n".join(broken)
        )

    def test_names_no_folder_of_a_developer(self) -> None:
        broken = [
            f"{file.relative_to(ROOT)} names {found[0]}"
            for file in text_files()
            if (found := DEVELOPERS_PATH.search(file.read_text(encoding="utf-8", errors="replace")))
        ]

        assert not broken, "nobody else has that folder; write a path below the repository:\n" + "\n".join(broken)
