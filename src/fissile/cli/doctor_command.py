"""``fissile doctor``: what is well, what is not, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import click
from sqlalchemy import text

from fissile import __version__
from fissile.cli.context import open_database
from fissile.demo.seed import new_passwords, print_people
from fissile.infra.database import APP_ROLE, Database
from fissile.infra.settings import Settings, from_environment

_ROOM_BYTES = 500 * 1024 * 1024
_CLOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty if it is well."""

    check: str
    well: bool
    found: str
    remedy: str = ""


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--demo-passwords", is_flag=True, help="Give the demo's people new passwords and print them.")
def doctor(form: str, demo_passwords: bool) -> None:
    """Look at this installation; the exit status is 1 if something is not well."""
    settings = from_environment()
    if demo_passwords:
        asyncio.run(_passwords(settings))
        return
    findings = asyncio.run(examine(settings))
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in findings], ensure_ascii=False))
    else:
        for one in findings:
            click.echo(f"{'ok ' if one.well else 'BAD'}  {one.check}: {one.found}")
            if one.remedy:
                click.echo(f"     {one.remedy}")
    if not all(one.well for one in findings):
        sys.exit(1)


async def _passwords(settings: Settings) -> None:
    async with open_database(settings) as db:
        people = await new_passwords(db, at=datetime.now(UTC))
    if not people:
        raise click.ClickException("there are no demo people here: start with `fissile run --demo`")
    print_people(people, say=click.echo)


async def examine(settings: Settings) -> list[Finding]:
    """Return what was found, the database's part only if it can be reached."""
    findings = [
        Finding("fissile", True, f"{__version__} on Python {sys.version.split()[0]}"),
        _room(settings),
    ]
    async with open_database(settings) as db:
        for check in (_server, _role, _clock, _waiting):
            findings.append(await check(db))
    return findings


def _room(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home if settings.home.exists() else os.getcwd()).free
    found = f"{settings.home.absolute()}, {free // 2**20:,} MiB free"
    return Finding("home", free > _ROOM_BYTES, found, "" if free > _ROOM_BYTES else "Make room on this disk.")


async def _server(db: Database) -> Finding:
    found = (await db.all(text("SELECT version() AS version, (SELECT version_num FROM alembic_version) AS at")))[0]
    return Finding("database", True, f"{found['version'].split(' on ')[0]}, schema {found['at']}")


async def _role(db: Database) -> Finding:
    found = (await db.all(text("SELECT current_user AS role, has_table_privilege('events', 'DELETE') AS may")))[0]
    well = found["role"] == APP_ROLE and not found["may"]
    remedy = "" if well else f"The role {APP_ROLE} must not delete events: run the migrations as the owner."
    return Finding("rights", well, f"connected as {found['role']}", remedy)


async def _clock(db: Database) -> Finding:
    found = (await db.all(text("SELECT clock_timestamp() AS now")))[0]
    apart = abs((datetime.now(UTC) - found["now"]).total_seconds())
    remedy = "" if apart < _CLOCK_SECONDS else "Set the clocks of this machine and of the database's (NTP)."
    return Finding("clock", apart < _CLOCK_SECONDS, f"{apart:.1f} s apart from the database's", remedy)


async def _waiting(db: Database) -> Finding:
    """Sweeps that are behind mean that no worker runs."""
    statement = text(
        "SELECT (SELECT count(*) FROM orders WHERE state = 'placed' AND reserved_until < :then)"
        " + (SELECT count(*) FROM commissions WHERE state = 'held' AND hold_until < :then) AS overdue"
    )
    then = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 300, tz=UTC)
    overdue = (await db.all(statement, {"then": then}))[0]["overdue"]
    remedy = "" if not overdue else "Start the worker: `fissile run`, or `python -m fissile.worker.main`."
    return Finding("sweeps", not overdue, f"{overdue} rows overdue by five minutes", remedy)
