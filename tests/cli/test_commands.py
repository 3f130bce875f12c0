"""Commands as their user types them, each a process of its own over a database of this test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CSV = "sku,title,price,currency,stock\ntea,绿茶,12.50,CNY,3\n=cup,Cup,8.00,CNY,\n"
PASSWORD = "a long enough horse battery"


@pytest.fixture
def fissile(database_url: str, tmp_path: Path) -> Command:
    """``fissile`` over the database of this test."""
    return Command({**os.environ, "DATABASE_URL": database_url, "FISSILE_HOME": str(tmp_path)})


class Command:
    """Runs ``fissile`` and keeps what it said."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def __call__(self, *words: str, given: str = "", status: int = 0) -> str:
        """Return stdout; the exit status must be as expected."""
        ended = subprocess.run(
            [sys.executable, "-m", "fissile.cli.main", *words],
            input=given,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == status, ended.stderr
        return ended.stdout if status == 0 else ended.stderr


def test_an_export_comes_back_unchanged(fissile: Command) -> None:
    first = json.loads(fissile("import", "catalogue", "-", "--format", "json", given=CSV))
    exported = fissile("export", "catalogue")
    again = json.loads(fissile("import", "catalogue", "-", "--format", "json", given=exported))

    assert (first["loaded"], again["unchanged"], again["updated"]) == (2, 2, 0)
    assert "绿茶" in exported


def test_a_dry_run_changes_nothing(fissile: Command) -> None:
    fissile("import", "catalogue", "-", "--dry-run", given=CSV)

    assert len(fissile("export", "catalogue").splitlines()) == 1


def test_the_first_operator_is_made_on_the_command_line(fissile: Command) -> None:
    made = fissile("member", "add", "me@shop.example", "--name", "Me", "--role", "operator", given=PASSWORD + "\n")

    assert made.startswith("mem_")
    refused = fissile("member", "add", "me@shop.example", "--name", "Me", given=PASSWORD + "\n", status=1)
    assert refused.startswith("fissile: ")


def test_a_key_is_printed_alone(fissile: Command) -> None:
    for role in ("buyer", "promoter", "operator"):
        assert fissile("key", "new", "--role", role).strip().startswith("fsl_")


def test_the_audit_of_a_new_shop_is_clean(fissile: Command) -> None:
    fissile("import", "catalogue", "-", given=CSV)

    assert fissile("audit").splitlines()[-1] == "clean"


def test_the_doctor_finds_nothing(fissile: Command) -> None:
    found = json.loads(fissile("doctor", "--format", "json"))

    assert [one["check"] for one in found if not one["well"]] == []


def test_what_is_refused_is_said_in_a_sentence(fissile: Command) -> None:
    said = fissile("key", "revoke", "nonsense", status=1)

    assert said.startswith("fissile: “nonsense” is not an id")


def test_a_database_that_is_not_there_is_said_in_a_sentence(fissile: Command) -> None:
    fissile.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"

    assert fissile("audit", status=1).startswith("fissile: The database cannot be reached")
