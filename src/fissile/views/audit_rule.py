"""What a check of the audit is made of."""

from __future__ import annotations

from dataclasses import dataclass

FINDINGS_MAX = 1_000  # of one check: a whole broken table is one problem, not a million


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    One invariant as SQL that returns (table, row, sentence) for each row that breaks it.

    ``invariant`` is its number in docs/architecture.md, "What always holds"; ``tables`` are counted as checked.
    """

    name: str
    invariant: int
    tables: tuple[str, ...]
    sql: str
