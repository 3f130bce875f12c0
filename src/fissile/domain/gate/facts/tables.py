"""The reader's tables, as they stand in the TOML files of this folder, and their version."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

CODE_VERSION = 2
"""Raised whenever the code of the reader may find something else in the same text with the same tables."""

_NAMES = ("platforms", "anatomy", "lookalikes", "inducements", "contacts")

Table = dict[str, Any]


def _bytes_of(name: str) -> bytes:
    return (files("fissile.domain.gate.facts") / "tables" / f"{name}.toml").read_bytes()


@cache
def table(name: str) -> Table:
    """Return a table as its file says; callers do not change it."""
    return tomllib.loads(_bytes_of(name).decode("utf-8"))


@cache
def version() -> str:
    """Return the number of the code and the start of the hash of all tables."""
    digest = hashlib.sha256()
    for name in _NAMES:
        content = _bytes_of(name)
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return f"{CODE_VERSION}-{digest.hexdigest()[:12]}"


def without(*, platform: str) -> Table:
    """Return the platforms' table without every row of one platform, to show what the anatomy alone still finds."""
    whole = table("platforms")
    return {
        name: [row for row in rows if row["platform"] != platform] if isinstance(rows, list) else rows
        for name, rows in whole.items()
    }
