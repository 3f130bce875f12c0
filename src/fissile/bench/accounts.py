"""
``fissile bench accounts``: one promoter with 50,000 accounts: a page of the list, a search, a change of all, an import.

Pages are asked over HTTP on one connection, signed in, so that the time is the server's; their limit is the page's own
statement, bare, in the same run. A change of all 50,000 and the import of their file go through their flows.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from fissile.api.asking import SESSION_COOKIE
from fissile.bench.ground import Ground, audit_of, bench_ground
from fissile.bench.report import peak_mb, report
from fissile.domain.channels.model import BulkChange, Filter
from fissile.domain.channels.queries import page_of, stamp_of
from fissile.domain.members.model import SignedIn, member_actor
from fissile.flows.become_promoter import become_promoter
from fissile.flows.change_channels import change_channels
from fissile.flows.import_channels import import_channels
from fissile.flows.sign_up import sign_up
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.infra.settings import Settings

ACCOUNTS = 50_000
_CHANCE = random.SystemRandom()
_NETWORKS = ("wechat", "xiaohongshu", "douyin", "weibo", "qq")
_WORDS = ("小满", "girls 49", "douyin_4999")


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the report of this benchmark."""
    with bench_ground(settings=settings) as ground:
        promoter, import_seconds, again_seconds, bulk_seconds, bare_update = asyncio.run(_prepare(ground))
        bare = asyncio.run(_bare(ground, promoter, seconds=seconds))
        with ground.serving() as served:
            listed = _pages(served.url, promoter, paths=("/promoter/channels",), seconds=seconds)
            found = _pages(served.url, promoter, paths=_searches(), seconds=seconds)
            peak = peak_mb(served.pid)
        return report(
            name="accounts",
            figure=1000 / listed[0],
            unit=f"list pages/s of {ACCOUNTS} accounts on one connection",
            p50_ms=listed[0],
            p99_ms=listed[1],
            limit=1000 / bare["list"][0],
            limit_name="the list's own statement, bare",
            peak_mb=peak,
            seconds=seconds,
            audit=audit_of(ground),
            search_p50_ms=round(found[0], 2),
            search_p99_ms=round(found[1], 2),
            limit_list_ms=round(bare["list"][0], 2),
            limit_search_ms=round(bare["search"][0], 2),
            bulk_seconds=round(bulk_seconds, 2),
            limit_bulk_seconds=round(bare_update, 2),
            import_seconds=round(import_seconds, 2),
            import_rows_per_second=round(ACCOUNTS / import_seconds),
            import_again_seconds=round(again_seconds, 2),
        )


async def _prepare(ground: Ground) -> tuple[SignedIn, float, float, float, float]:
    """Register the accounts by an import, twice, change them all, and once more by a bare statement."""
    db = ground.database()
    try:
        at = datetime.now(UTC)
        promoter = await sign_up(
            db,
            email="fleet@bench.example",
            password=uuid.UUID(int=_CHANCE.getrandbits(128)).hex,
            display_name="Fleet",
            locale="en",
            visitor_id=None,
            at=at,
            rng=_CHANCE,
        )
        await become_promoter(db, member_id=promoter.member_id, at=at, rng=_CHANCE)
        actor = member_actor(member_id=promoter.member_id, roles=frozenset({"promoter"}))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "accounts.csv"
            file.write_text("\n".join(["network,handle,name,tags,size", *_rows()]), encoding="utf-8")
            loaded = await _timed(lambda: _load(db, file, actor=actor))
            again = await _timed(lambda: _load(db, file, actor=actor))
        changed = await _timed(lambda: _change_all(db, actor=actor))
        bare = await _timed(lambda: _bare_update(db))
        return promoter, loaded, again, changed, bare
    finally:
        await db.close()


def _rows() -> list[str]:
    return [
        f"{_NETWORKS[n % 5]},{_NETWORKS[n % 5]}_{n},{'林小满的店' if n % 100 == 0 else 'girls'} {n},t{n % 9},{n}"
        for n in range(ACCOUNTS)
    ]


async def _load(db: Database, file: Path, *, actor: Actor) -> None:
    assert actor.member_id is not None, "a promoter is a member"
    done = await import_channels(
        db, path=file, promoter_id=actor.member_id, dry_run=False, actor=actor, at=datetime.now(UTC), rng=_CHANCE
    )
    assert done.loaded + done.unchanged == ACCOUNTS, f"the bench's own rows are whole: {done.errors[:3]}"


async def _change_all(db: Database, *, actor: Actor) -> None:
    async with db.reading() as connection:
        seen = await stamp_of(connection, promoter_id=actor.member_id, chosen=Filter())
    change = BulkChange(state="resting", add_tag="2026")
    changed = await change_channels(db, chosen=Filter(), change=change, seen=seen, actor=actor, at=datetime.now(UTC))
    assert changed == ACCOUNTS, changed


async def _bare_update(db: Database) -> None:
    """Change as many columns of all rows by one statement, rolled back: no preview, no event, no lock in order."""
    connection = await db.raw()
    try:
        begun = connection.transaction()
        await begun.start()
        await connection.execute(
            "UPDATE channels SET state = 'active', tags = array_append(tags, 'x'), version = version + 1"
        )
        await begun.rollback()
    finally:
        await connection.close()


async def _bare(ground: Ground, promoter: SignedIn, *, seconds: float) -> dict[str, tuple[float, float]]:
    """Return the times of the list's and the search's own statements."""
    db = ground.database()
    found = {}
    try:
        for name, words in (("list", ("",)), ("search", _WORDS)):
            times: list[float] = []
            until = time.perf_counter() + seconds / 2
            async with db.reading() as connection:
                while time.perf_counter() < until or len(times) < 10:
                    began = time.perf_counter()
                    await page_of(
                        connection,
                        promoter_id=promoter.member_id,
                        chosen=Filter(words=words[len(times) % len(words)]),
                        before=None,
                        limit=41,
                    )
                    times.append((time.perf_counter() - began) * 1000)
            found[name] = _middle_and_end(times)
    finally:
        await db.close()
    return found


def _pages(url: str, promoter: SignedIn, *, paths: tuple[str, ...], seconds: float) -> tuple[float, float]:
    """Return p50 and p99 (ms) of these pages, one after the other on one connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    headers = {"Cookie": f"{SESSION_COOKIE}={promoter.session_token}", "Accept-Language": "en"}
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 20:
        began = time.perf_counter()
        connection.request("GET", paths[len(times) % len(paths)], headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]
        times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return _middle_and_end(times[5:])  # without the first ones, which fill caches


def _searches() -> tuple[str, ...]:
    return tuple(f"/promoter/channels?{urlencode({'words': one})}" for one in _WORDS)


def _middle_and_end(times: list[float]) -> tuple[float, float]:
    cuts = quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


async def _timed(act: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began
