"""What every command needs: settings, and a database that is there and migrated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from fissile.infra.database import Database
from fissile.infra.server import reach_database
from fissile.infra.settings import Settings, from_environment
from fissile.migrations.upgrade import upgrade


def say(sentence: str) -> None:
    """Tell progress on stderr: stdout holds only the answer."""
    click.echo(sentence, err=True)


async def ready_url(settings: Settings) -> str:
    """Return the URL of this installation's database, started and migrated."""
    url = await asyncio.to_thread(reach_database, settings, progress=say)
    await upgrade(url=url)
    return url


@asynccontextmanager
async def open_database(settings: Settings | None = None) -> AsyncIterator[Database]:
    """Open this installation's database for a command, creating and migrating it if need be."""
    settings = settings or from_environment()
    database = Database(url=await ready_url(settings), pool=settings.database_pool)
    try:
        yield database
    finally:
        await database.close()
