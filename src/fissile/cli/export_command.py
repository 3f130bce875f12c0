"""``fissile export``: facts become files."""

from __future__ import annotations

import asyncio
from typing import TextIO

import click

from fissile.cli.context import open_database
from fissile.flows.export_catalogue import export_catalogue


@click.group()
def export() -> None:
    """Write files that ``fissile import`` reads again."""


@export.command(name="catalogue")
@click.argument("file", metavar="[FILE]", type=click.File("w", encoding="utf-8", lazy=True), default="-")
def catalogue(file: TextIO) -> None:
    """Write every SKU as CSV to FILE or to stdout; importing it again changes nothing."""
    asyncio.run(_write(file))


async def _write(file: TextIO) -> None:
    async with open_database() as db:
        async for line in export_catalogue(db):
            file.write(line)
