"""The worker: sweeps by the second, one worker at a time, under an advisory lock."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from fissile.flows.change_cart import forget_carts
from fissile.flows.complete_orders import complete_orders
from fissile.flows.expire_orders import expire_orders
from fissile.flows.issue_invoice import credit_refunds
from fissile.flows.owe_notices import owe_notices
from fissile.flows.release_commissions import release_commissions
from fissile.flows.return_refunds import return_refunds
from fissile.flows.seal_statements import seal_statements
from fissile.flows.send_payouts import send_payouts
from fissile.flows.sweep_sessions import sweep_sessions
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.gateways.sandbox.gateway import open_sandbox
from fissile.infra.logs import set_up_logs
from fissile.infra.rate_limits import RateLimits
from fissile.infra.server import keep_running, reach_database
from fissile.infra.settings import Settings, from_environment
from fissile.infra.tables import kept_answers
from fissile.kernel.errors import Refusal
from fissile.worker.mails import Mails
from fissile.worker.payouts import open_payout_gateway, propose_payouts

_log = structlog.get_logger()

_LOCK = 0x46575753  # "FWWS": one worker sweeps
CHUNK = 500
REFUSALS_KEPT = timedelta(days=30)
_CHANCE = random.SystemRandom()

Sweep = Callable[[datetime], Awaitable[int]]


def sweeps(db: Database, settings: Settings) -> dict[str, Sweep]:
    """Return every sweep by name: each does at most a chunk at a moment and says how much it did."""

    async def refunds(at: datetime) -> int:
        gateway = await open_sandbox(db, base_url=settings.local_url, at=at, rng=_CHANCE)
        return await return_refunds(db, gateway=gateway, at=at)

    async def payouts(at: datetime) -> int:
        gateway = await open_payout_gateway(db, settings, at=at, rng=_CHANCE)
        return await send_payouts(db, gateway=gateway, at=at, rng=_CHANCE)

    sealed_at: datetime | None = None

    async def statements(at: datetime) -> int:
        # All accounts are looked through for it: once a minute is enough for what is due once a month.
        nonlocal sealed_at
        if sealed_at is not None and at - sealed_at < timedelta(minutes=1):
            return 0
        sealed = await seal_statements(db, actor=HOUSE, at=at, rng=_CHANCE, limit=CHUNK)
        sealed_at = None if sealed else at
        return sealed

    async def refusals(at: datetime) -> int:
        old = delete(kept_answers).where(kept_answers.c.kind == "refused", kept_answers.c.kept_at < at - REFUSALS_KEPT)
        async with db.transaction() as connection:
            return (await connection.execute(old)).rowcount

    return {
        "expire_orders": lambda at: expire_orders(db, at=at, rng=_CHANCE, limit=CHUNK),
        "release_commissions": lambda at: release_commissions(db, at=at, rng=_CHANCE, limit=CHUNK),
        "complete_orders": lambda at: complete_orders(
            db, after=timedelta(days=settings.auto_complete_days), at=at, limit=CHUNK
        ),
        "forget_carts": lambda at: forget_carts(db, at=at, limit=CHUNK),
        "return_refunds": refunds,
        "owe_notices": lambda at: owe_notices(db, locale=settings.locale, at=at, rng=_CHANCE, limit=CHUNK),
        "send_mails": Mails(db, settings, rng=_CHANCE).sweep,
        "propose_payouts": lambda at: propose_payouts(db, by_hand=settings.pays_by_hand, at=at, rng=_CHANCE),
        "send_payouts": payouts,
        "credit_refunds": lambda at: credit_refunds(db, at=at, rng=_CHANCE, limit=CHUNK),
        "seal_statements": statements,
        "sweep_sessions": lambda at: sweep_sessions(db, at=at, limit=CHUNK),
        "forget_refusals": refusals,
        "forget_limits": RateLimits(db).forget,
    }


async def work(settings: Settings, *, url: str, stop: asyncio.Event) -> None:
    """Sweep every second until told to stop; a lost database is waited for."""
    db = Database(url=url, pool=2)
    try:
        while not stop.is_set():
            try:
                lock = await db.raw()
            except (OSError, asyncpg.PostgresError) as error:
                _log.warning("database_away", reason=str(error))
                await _pause(stop, 1.0)
                continue
            try:
                await _sweep_while_locked(db, settings, lock=lock, stop=stop)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("worker_lost_its_lock", reason=str(error))
            finally:
                lock.terminate()
    finally:
        await db.close()


async def _sweep_while_locked(
    db: Database, settings: Settings, *, lock: asyncpg.Connection, stop: asyncio.Event
) -> None:
    all_sweeps = sweeps(db, settings)
    while not stop.is_set():
        # Asked for again each second: the same session has it already, another one waits its turn.
        if await lock.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            more = False
            for name, sweep in all_sweeps.items():
                try:
                    more |= await sweep(datetime.now(UTC)) >= CHUNK
                except (Refusal, OSError, SQLAlchemyError) as error:
                    _log.error("sweep_failed", sweep=name, reason=str(error))  # the next second tries again
            if more:
                continue
        await _pause(stop, 1.0)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _main(settings: Settings, url: str) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    keeper = asyncio.create_task(_keep_server(stop))
    await work(settings, url=url, stop=stop)
    await keeper


async def _keep_server(stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.to_thread(keep_running)
        await _pause(stop, 1.0)


def main() -> None:
    """``python -m fissile.worker.main``: started by ``fissile run``, or by hand beside any number of web processes."""
    settings = from_environment()
    set_up_logs(settings.log_level)
    asyncio.run(_main(settings, reach_database(settings)))


if __name__ == "__main__":
    main()
