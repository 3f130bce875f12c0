"""
The way to PostgreSQL: one SQLAlchemy engine for flows and views, raw asyncpg connections for the batcher,
LISTEN and COPY. The two never share a transaction (mixing loses rollbacks silently).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.engine import URL, RowMapping, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as TimeoutOfPool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from fissile.infra.batcher import Busy, DatabaseAway, is_away

APP_ROLE = "fissile_app"


class Database:
    """One database as the application role sees it: it can add to ledger, events and audit, never change them."""

    def __init__(self, *, url: str, pool: int = 10, role: str | None = APP_ROLE, synchronous_commit: bool = True):
        self.url = url
        self.pool = pool
        self._server_settings = {"application_name": "fissile", "timezone": "UTC", "jit": "off"}
        if role:
            self._server_settings["role"] = role
        if not synchronous_commit:
            self._server_settings["synchronous_commit"] = "off"
        self.engine: AsyncEngine = create_async_engine(
            _sqlalchemy_url(url),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=True,
            hide_parameters=True,  # errors go to the log: names, addresses and hashes do not
            connect_args={"server_settings": self._server_settings, **_socket_args(url)},
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """
        Open the one transaction of a flow: committed at the end, rolled back by any exception.

        :raises Busy: if no connection came free in time
        :raises DatabaseAway: if the database is lost; whether a commit on its way arrived, the same key tells
        """
        async with self.connected() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a read-only snapshot (repeatable read) for a view.

        :raises Busy, DatabaseAway: as :meth:`transaction`
        """
        async with self.connected() as connection:
            await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True, postgresql_deferrable=False
            )
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnection]:
        """
        Take a connection out of the pool; what is done on it is not committed by itself.

        :raises Busy, DatabaseAway: as :meth:`transaction`
        """
        try:
            connection = await self.engine.connect()
        except TimeoutOfPool as error:
            raise Busy(retry_after=1) from error
        except (OSError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseAway(retry_after=1) from error
        try:
            yield connection
        except DBAPIError as error:
            if error.connection_invalidated or is_away(error.orig):
                raise DatabaseAway(retry_after=1) from error
            raise
        finally:
            await connection.close()

    async def all(self, statement: Executable, parameters: dict[str, Any] | None = None) -> list[RowMapping]:
        """Return the rows of one reading statement, each by column name."""
        async with self.reading() as connection:
            return list((await connection.execute(statement, parameters or {})).mappings().all())

    async def raw(self) -> asyncpg.Connection:
        """Open a raw asyncpg connection of its own, for the batcher, LISTEN or COPY; the caller closes it."""
        return await asyncpg.connect(**asyncpg_args(self.url), server_settings=self._server_settings)

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def with_database(url: str, name: str) -> str:
    """Return the same URL for another database of the server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def asyncpg_args(url: str) -> dict[str, Any]:
    """Return the arguments with which ``asyncpg.connect`` reaches a libpq-style URL, sockets included."""
    parsed = make_url(url)
    args: dict[str, Any] = {"user": parsed.username, "database": parsed.database}
    if parsed.password:
        args["password"] = str(parsed.password)
    host = parsed.query.get("host") or parsed.host
    if host:
        args["host"] = host
    if parsed.port or "port" in parsed.query:
        args["port"] = parsed.port or int(str(parsed.query["port"]))
    if "sslmode" in parsed.query:
        args["ssl"] = str(parsed.query["sslmode"])
    return args


def _sqlalchemy_url(url: str) -> URL:
    parsed = make_url(url)
    return URL.create(
        "postgresql+asyncpg",
        username=parsed.username,
        password=parsed.password,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
    )


def _socket_args(url: str) -> dict[str, Any]:
    wanted = asyncpg_args(url)
    return {name: wanted[name] for name in ("host", "port", "ssl") if name in wanted}
