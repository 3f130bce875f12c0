"""A few seconds of fuzzing; FISSILE_FUZZ_SECONDS takes more of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("FISSILE_FUZZ_SECONDS", "4"))


@pytest.mark.timeout(SECONDS + 120)
def test_nothing_that_is_written_breaks_or_holds_up_the_gate(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.gate.fuzz", str(SECONDS), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert told.returncode == 0, told.stderr[-4_000:]
    done = re.search(r"Done (\d+) runs", told.stderr)
    assert done is not None, told.stderr[-4_000:]
    assert int(done[1]) >= len(list((tmp_path / "seeds").iterdir()))


def test_a_crash_is_told(tmp_path: Path) -> None:
    """The twin: a target that fails makes the fuzzer fail."""
    code = "from tests.gate import fuzz; fuzz.TARGETS = (lambda data: 1 // 0,) * 4; fuzz.main('3', r'{}')"

    told = subprocess.run(
        [sys.executable, "-c", code.format(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert told.returncode != 0
    assert "ZeroDivisionError" in told.stdout + told.stderr
    assert list(tmp_path.glob("crash-*"))
