"""Which database a process uses: the external one, or the embedded server that it holds open while it lives."""

from __future__ import annotations

from collections.abc import Callable

from fissile.infra.embedded import EmbeddedServer, ensure_server
from fissile.infra.settings import Settings

# Their locks say that somebody uses the database: kept until the process ends.
_held: list[EmbeddedServer] = []


def reach_database(settings: Settings, *, progress: Callable[[str], None] | None = None) -> str:
    """
    Return the database's URL; without an external one, start or join the embedded server of the home.

    Blocks: call it before there is an event loop, or in a thread.

    :raises EmbeddedServerError: with the reason and how to mend it
    """
    if settings.database_url:
        return settings.database_url
    server = ensure_server(home=settings.home, progress=progress)
    _held.append(server)
    return server.url


def keep_running() -> bool:
    """Bring the embedded server back if it is gone with its supervisor; return whether that was needed."""
    return any(server.ensure_running() for server in _held)
