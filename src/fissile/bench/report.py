"""What ``fissile bench NAME`` prints: one JSON object, with the limit that was measured in the same run."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import fissile


def report(
    *,
    name: str,
    figure: float,
    unit: str,
    p50_ms: float,
    p99_ms: float,
    limit: float,
    limit_name: str,
    peak_mb: float,
    seconds: float,
    audit: str,
    **more: Any,
) -> dict[str, Any]:
    """
    Return the object of one benchmark; ``ratio`` is figure / limit.

    ``peak_mb`` is memory of the house's processes in 10⁶ bytes, ``audit`` is "clean" or the number of findings.
    """
    assert limit > 0, "a figure without its limit says nothing"
    return {
        "name": name,
        "figure": _rounded(figure),
        "unit": unit,
        "p50_ms": round(p50_ms, 2),
        "p99_ms": round(p99_ms, 2),
        "limit": _rounded(limit),
        "limit_name": limit_name,
        "ratio": round(figure / limit, 3),
        "peak_mb": round(peak_mb, 1),
        "seconds": round(seconds, 2),
        "machine": machine(),
        "commit": commit(),
        "audit": audit,
        **more,
    }


def peak_mb(*pids: int) -> float:
    """
    Return the highest memory of these living processes and everything below them, added up, in 10⁶ bytes.

    Resident memory that processes share (the code, a database's shared buffers) counts once for each: it is a
    bound from above. The peaks need not have been at one moment.
    """
    return sum(_peak_bytes(pid) for pid in _with_children(pids)) / 1e6


def machine() -> str:
    """Return the machine in a line: processor, cores, memory, system."""
    cores = len(os.sched_getaffinity(0))
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {cores} cores, {gib:.0f} GiB, {platform.system()} {platform.machine()}"


def commit() -> str:
    """Return the commit that is checked out, with + if files differ from it; the version where there is none."""
    here = Path(fissile.__file__).parents[2]
    if not (here / ".git").exists():
        return f"version {_version()}"
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or f"version {_version()}"


def _version() -> str:
    from importlib.metadata import version

    return version("fissile")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _with_children(pids: tuple[int, ...]) -> set[int]:
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
    return found


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0  # it ended between being listed and being read
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0  # a process that has ended and waits for its parent holds no memory


def _rounded(value: float) -> float:
    return round(value) if value >= 100 else round(value, 2)
