"""Invariants of statements: chains as their lines say, lines as the ledger says, events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.statements.queries import statement_from
from fissile.domain.statements.rules import broken_at
from fissile.views.audit_rule import Rule

CHAINS = "statements are unchanged: each line, seal and beginning follows from the one before"
_CHUNK = 500
_STATEMENTS = text("SELECT * FROM statements ORDER BY account_id, period_start")
_LINES = text("""
SELECT * FROM statement_lines WHERE statement_id = ANY (CAST(:ids AS uuid[])) ORDER BY statement_id, line_no
""")

STATEMENTS = (
    Rule(
        name="lines of statements are the ledger's transfers, each on one",
        invariant=4,
        tables=("statement_lines",),
        sql="""
SELECT 'statement_lines', l.statement_id || '/' || l.line_no,
       format('it says %s of %s at %s; its transfer says %s of %s at %s', l.kind, l.amount_minor, l.occurred_at,
              t.reason, t.amount_minor, t.occurred_at)
  FROM statement_lines l
  LEFT JOIN statements s ON s.id = l.statement_id
  LEFT JOIN ledger_transfers t ON t.id = l.transfer_id
 WHERE t.id IS NULL OR l.account_id IS DISTINCT FROM s.account_id
    OR l.account_id NOT IN (t.debit_account_id, t.credit_account_id)
    OR (l.amount_minor, l.occurred_at) IS DISTINCT FROM (t.amount_minor, t.occurred_at)
    OR l.change_minor <> CASE WHEN t.phase NOT IN ('single', 'post') THEN 0
                              WHEN t.credit_account_id = l.account_id THEN t.amount_minor ELSE -t.amount_minor END
UNION ALL
SELECT 'ledger_transfers', t.id::text, format('it stands in no statement of the account %s', a.account_id)
  FROM (SELECT account_id, max(period_start) AS since FROM statements GROUP BY account_id) a
  JOIN ledger_transfers t ON a.account_id IN (t.debit_account_id, t.credit_account_id) AND t.occurred_at < a.since
 WHERE NOT EXISTS (SELECT FROM statement_lines l WHERE l.account_id = a.account_id AND l.transfer_id = t.id)
UNION ALL
SELECT 'statement_lines', max(statement_id::text), format('%s lines have the transfer %s', count(*), transfer_id)
  FROM statement_lines GROUP BY account_id, transfer_id HAVING count(*) > 1
""",
    ),
    Rule(
        name="each statement was sealed once, as its event tells",
        invariant=8,
        tables=("statements", "events"),
        sql="""
SELECT 'statements', coalesce(s.id, e.subject_id)::text,
       format('it ends with %s and the seal %s; events tell %s and %s, %s times', s.closing_minor, s.seal, e.closing,
              e.seal, coalesce(e.told, 0))
  FROM statements s
  FULL JOIN (SELECT subject_id, count(*) AS told, min(data->>'closing') AS closing, min(data->>'seal') AS seal,
                    min(data->>'account') AS account, min(data->>'lines') AS lines
               FROM events WHERE name = 'statement.sealed' GROUP BY subject_id) e ON e.subject_id = s.id
 WHERE (s.closing_minor::text, s.seal, s.account_id::text, s.line_count::text, 1::bigint)
       IS DISTINCT FROM (e.closing, e.seal, e.account, e.lines, e.told)
""",
    ),
)


async def broken_chains(connection: AsyncConnection) -> tuple[int, list[tuple[str, str, str]]]:
    """Hash every statement again; return how many there are, and (table, row, sentence) for what was changed."""
    rows = list(await connection.execute(_STATEMENTS))
    found: list[tuple[str, str, str]] = []
    before: Any = None
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        lines: dict[Any, list[Any]] = {}
        for line in await connection.execute(_LINES, {"ids": [row.id for row in chunk]}):
            lines.setdefault(line.statement_id, []).append(line)
        for row in chunk:
            follows = before is not None and before.account_id == row.account_id
            wanted = (
                (before.seal, before.closing_minor, before.period_end) if follows else ("0" * 64, 0, row.period_start)
            )
            if (row.previous_seal, row.opening_minor, row.period_start) != wanted:
                found.append(("statements", str(row.id), "it does not go on from the one before it"))
            statement = statement_from(row, lines.get(row.id, []))
            if (place := broken_at(statement)) is not None:
                no = place.removeprefix("line ")
                row_id = f"{row.id}/{no}" if no.isdecimal() else str(row.id)
                table = "statement_lines" if no.isdecimal() else "statements"
                found.append((table, row_id, f"{place} of the statement is not as its hash says: it was changed"))
            elif len(statement.lines) != row.line_count:
                found.append(("statements", str(row.id), f"it has {len(statement.lines)} of {row.line_count} lines"))
            before = row
    return len(rows), found
