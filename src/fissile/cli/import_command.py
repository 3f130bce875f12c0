"""``fissile import``: files become facts."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import click

import fissile
from fissile.domain.catalogue.rules import COLUMNS
from fissile.flows.import_catalogue import CatalogueSource, ImportReport, import_catalogue
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.mapping import load_map, rows_path
from fissile.infra.settings import from_environment
from fissile.kernel.errors import Refusal

SHIPPED_MAPS = {
    "catalogue-en": "demo/catalogue_en/map.toml",
    "catalogue-en-pln": "demo/catalogue_en/map-pln.toml",
    "catalogue-zh": "demo/catalogue_zh/map.toml",
}
ERRORS_SHOWN = 50  # in text; the JSON has them all


@click.group(name="import")
def import_() -> None:
    """Load files: CSV, TSV or JSON Lines, packed with gzip or not; '-' is stdin."""


@import_.command(name="catalogue")
@click.argument("file", metavar="FILE")
@click.option(
    "--map",
    "map_name",
    metavar="MAP.toml",
    help=f"How columns are made from other files: a TOML file, or one of {', '.join(SHIPPED_MAPS)}.",
)
@click.option("--dry-run", is_flag=True, help="Report what would happen and change nothing.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def catalogue(file: str, map_name: str | None, dry_run: bool, form: str) -> None:
    """
    Load products and SKUs: columns sku, title, price, and at will product, options, description, category,
    currency, stock, pictures, merchant. A bad row is told with its line, the good ones load. The exit status
    is 1 if anything was refused.
    """
    try:
        report = asyncio.run(_run(file, map_name=map_name, dry_run=dry_run))
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    for notice in report.notices:
        click.echo(notice, err=True)
    click.echo(as_text(report, dry_run=dry_run) if form == "text" else json.dumps(report.as_json(), ensure_ascii=False))
    if report.errors:
        sys.exit(1)


async def _run(file: str, *, map_name: str | None, dry_run: bool) -> ImportReport:
    from fissile.cli.context import open_database

    # What is wrong with the file's name or the map is told before a database is started.
    source = catalogue_source(file, map_name=map_name, house_name=from_environment().shop_name, stdin=sys.stdin.buffer)
    async with open_database() as db:
        return await import_file(db, source=source, dry_run=dry_run)


async def import_file(db: Database, *, source: CatalogueSource, dry_run: bool) -> ImportReport:
    """Import a catalogue as the house, now; progress goes to stderr."""
    return await import_catalogue(
        db,
        source=source,
        dry_run=dry_run,
        actor=HOUSE,
        at=datetime.now(UTC),
        rng=random.SystemRandom(),
        progress=lambda read: click.echo(f"{read} rows read", err=True),
    )


def catalogue_source(file: str, *, map_name: str | None, house_name: str, stdin: BinaryIO | None) -> CatalogueSource:
    """
    Return what the words of the command mean: ``-`` is stdin, a map is a file or the name of a shipped one.

    :raises MapUnreadable, MapWrong: if the map cannot be used
    """
    plan = load_map(map_path(map_name), allowed=COLUMNS) if map_name else None
    if file == "-":
        return CatalogueSource(None, stdin=stdin, plan=plan, house_name=house_name)
    given = Path(file)
    path = rows_path(plan, given=given) if plan else given
    if path != given:
        click.echo(f"The map takes its rows, and their line numbers, from {path.name}.", err=True)
    return CatalogueSource(path, plan=plan, house_name=house_name)


def map_path(name: str) -> Path:
    """Return the file of a map: the one of this name, else the shipped one."""
    if name in SHIPPED_MAPS and not Path(name).exists():
        return Path(str(resources.files(fissile) / SHIPPED_MAPS[name]))
    return Path(name)


def as_text(report: ImportReport, *, dry_run: bool) -> str:
    """Return the report for people: the counts, then the first errors."""
    lines = [
        f"{report.read} rows read: {report.loaded} loaded, {report.updated} updated, "
        f"{report.unchanged} unchanged, {report.rejected} rejected."
    ]
    if dry_run:
        lines.append("This was a dry run: nothing was changed.")
    for fault in report.errors[:ERRORS_SHOWN]:
        where = f"line {fault.line}, {fault.column}" if fault.column else f"line {fault.line}"
        lines.append(f"  {where}: {fault.reason}")
    if len(report.errors) > ERRORS_SHOWN:
        lines.append(f"  … and {len(report.errors) - ERRORS_SHOWN} more; --format json lists them all.")
    return "\n".join(lines)
