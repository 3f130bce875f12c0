"""``fissile audit``: does everything that must hold, hold?"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fissile.views.audit import AuditReport


@click.command("audit")
@click.option(
    "--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to answer."
)
def audit(shape: str) -> None:
    """Recompute every invariant from the rows while the house runs; exit with 1 if one is broken."""
    report = asyncio.run(_audit())
    click.echo(as_json(report) if shape == "json" else as_text(report))
    if not report.clean:
        sys.exit(1)


async def _audit() -> AuditReport:
    # Imported here, so that other commands do not load the database's modules.
    from fissile.cli.context import open_database
    from fissile.views.audit import run_audit

    async with open_database() as db:
        return await run_audit(db)


def as_text(report: AuditReport) -> str:
    """Return a line for each check, and one for each finding below it."""
    lines = []
    for check in report.checks:
        word = "FAILED" if check.findings else "ok"
        lines.append(f"{word:6}  {check.invariant_number:2}  {check.name} ({check.rows_checked} rows)")
        lines.extend(f"            {one.table} {one.row_id}: {one.sentence}" for one in check.findings)
    count = len(report.findings)
    lines.append("clean" if report.clean else f"{count} finding{'s' if count > 1 else ''}")
    return "\n".join(lines)


def as_json(report: AuditReport) -> str:
    """Return the report as one JSON object."""
    return json.dumps(
        {
            "audit": "clean" if report.clean else "broken",
            "checks": [
                {
                    "name": check.name,
                    "invariant": check.invariant_number,
                    "rows": check.rows_checked,
                    "findings": [
                        {"table": one.table, "row": one.row_id, "sentence": one.sentence} for one in check.findings
                    ],
                }
                for check in report.checks
            ],
        },
        ensure_ascii=False,
    )
