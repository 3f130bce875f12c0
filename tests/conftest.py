"""One PostgreSQL for a run, one database cloned from the migrated template for a test."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from fissile.infra.database import Database, asyncpg_args, with_database
from fissile.migrations.upgrade import upgrade


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The server of this run: FISSILE_TEST_DATABASE_URL, or an embedded one of its own."""
    if url := os.environ.get("FISSILE_TEST_DATABASE_URL"):
        yield url
        return
    from fissile.infra.embedded import ensure_server

    # Shared by the workers of one run (pytest-xdist names it), so that eight of them make one server.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)
    home = _folder() / f"fissile-tests-{run[:12]}"
    home.mkdir(exist_ok=True)
    server = ensure_server(home=home)
    yield server.url
    server.release()
    # Whoever of the run's workers sees the server stopped clears up.
    until = time.monotonic() + 15
    while (home / "pgdata/postmaster.pid").exists() and time.monotonic() < until:
        time.sleep(0.2)
    if not (home / "pgdata/postmaster.pid").exists():
        time.sleep(1)  # its supervisor writes its last words
        shutil.rmtree(home, ignore_errors=True)


def _folder() -> Path:
    """Memory instead of a disk, where there is enough of it: hundreds of databases are made, and fsync costs."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        about = os.statvfs(memory)
        if about.f_bavail * about.f_frsize > 4 * 2**30 and not about.f_flag & os.ST_NOEXEC:
            return memory
    return Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def template_url(server_url: str) -> str:
    """A migrated database that tests clone; made once for this state of the migrations."""
    versions = Path(__file__).parents[1] / "src/fissile/migrations/versions"
    digest = hashlib.sha256()
    for file in sorted(versions.glob("0*")):
        digest.update(file.read_bytes())
    name = f"fissile_template_{digest.hexdigest()[:12]}"
    url = with_database(server_url, name)
    lock = Path(tempfile.gettempdir()) / f"{name}.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        asyncio.run(_make_template(server_url, name, url))
    return url


async def _make_template(server_url: str, name: str, url: str) -> None:
    admin = await asyncpg.connect(**asyncpg_args(with_database(server_url, "postgres")))
    try:
        if await admin.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", name):
            return
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await admin.execute(f'CREATE DATABASE "{name}"')
        await upgrade(url=url)
        await admin.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true')
    finally:
        await admin.close()


@pytest.fixture
async def database_url(server_url: str, template_url: str) -> AsyncIterator[str]:
    """The URL of a database of this test alone, as its owner."""
    name = f"fissile_test_{uuid.uuid4().hex[:12]}"
    template = asyncpg_args(template_url)["database"]
    admin = await asyncpg.connect(**asyncpg_args(with_database(server_url, "postgres")))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield with_database(server_url, name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The database of this test as the application sees it."""
    database = Database(url=database_url, pool=5)
    yield database
    await database.close()


@pytest.fixture
def at() -> datetime:
    """The moment at which a test's story begins."""
    return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def rng() -> random.Random:
    """The same chance in every run."""
    return random.Random(7)
