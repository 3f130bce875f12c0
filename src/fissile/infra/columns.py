"""Rows as parallel columns: what SQL functions take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def columns(rows: Sequence[Sequence[Any]], *, width: int) -> list[list[Any]]:
    """Return the columns of rows of ``width`` values; without rows, as many empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
