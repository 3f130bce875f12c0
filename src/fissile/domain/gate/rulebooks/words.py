"""The words that the reader may find, for telling authors of a word that a fact never holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from fissile.domain.gate.facts.tables import table

_BY_ANATOMY = frozenset({"wechat_miniprogram", "unknown", ""})
"""Platforms that the reader names without a row: by the shape of the code, or for want of one."""


@cache
def known_words() -> Mapping[str, frozenset[str]]:
    """Return the platforms and the categories of inducement that stand in the reader's tables."""
    rows = (row for rows in table("platforms").values() if isinstance(rows, list) for row in rows)
    platforms = {row["platform"] for row in rows if "platform" in row}
    return {
        "platform": _BY_ANATOMY | platforms,
        "category": frozenset(table("inducements")["category"]),
    }
