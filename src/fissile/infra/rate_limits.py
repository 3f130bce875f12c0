"""Limits of attempts, exact over every process: sliding windows of the ``limits`` library, kept in PostgreSQL."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MovingWindowSupport, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from sqlalchemy import text

from fissile.infra.database import Database
from fissile.kernel.errors import Refusal

# Name → attempts, in a window that slides. Shared addresses (schools, phone networks) are why those per address
# are generous; guessing is stopped by those per person.
LIMITS: dict[str, RateLimitItem] = {
    "sign_in_address": RateLimitItemPerMinute(60, 15),
    "sign_in_email": RateLimitItemPerMinute(10, 15),
    "sign_up_address": RateLimitItemPerHour(30, 1),
    "password_reset_email": RateLimitItemPerHour(5, 1),
    "second_factor_member": RateLimitItemPerMinute(6, 5),
    "code_attempt_address": RateLimitItemPerMinute(120, 1),
    "api_key_address": RateLimitItemPerMinute(60, 1),
    "guest_order_address": RateLimitItemPerMinute(60, 1),
    "order_link_address": RateLimitItemPerHour(20, 1),
    "order_link_order": RateLimitItemPerHour(5, 1),
}

_NO_LIMIT = 2**31 - 1

_HIT = text("SELECT rate_limit_hit_v1(:key, :limit, :seconds, :amount, :at)")
_WINDOW = text(
    "SELECT min(hit), count(hit) FROM rate_limit_windows, unnest(hits) hit"
    " WHERE key = :key AND hit > CAST(:at AS timestamptz) - make_interval(secs => :seconds)"
)
_COUNT = text("SELECT coalesce(sum(cardinality(hits)), 0) FROM rate_limit_windows WHERE key = :key")
_EXPIRY = text("SELECT expires_at FROM rate_limit_windows WHERE key = :key")
_CLEAR = text("DELETE FROM rate_limit_windows WHERE key = :key")
_RESET = text("DELETE FROM rate_limit_windows")
_FORGET = text("DELETE FROM rate_limit_windows WHERE expires_at < :at")


class TooManyRequests(Refusal):
    """Too many attempts: try again in {retry_after} seconds."""


class TooManyGuestOrders(Refusal):
    """Guests place at most {most} orders a minute from one address: wait {retry_after} seconds, or sign in."""


class RateLimits:
    """Counts attempts; each is counted in a transaction of its own, whatever becomes of what was attempted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def hit(self, name: str, identifier: str, at: datetime, *, limit: RateLimitItem | None = None) -> None:
        """
        Count one attempt at ``at`` against the limit ``name`` of this address, e-mail or member.

        A refused attempt is not counted, so that a patient person gets in again. ``limit`` is another than the
        usual one of that name, where a setting says so.

        :raises TooManyRequests: if the window is full; ``retry_after`` is in whole seconds
        """
        limit = limit or LIMITS[name]
        limiter = MovingWindowRateLimiter(_Windows(db=self._db, at=at))
        key = _hidden(name, identifier)
        if not await limiter.hit(limit, name, key):
            window = await limiter.get_window_stats(limit, name, key)
            # The window may have moved between the two statements: then one second is enough.
            raise TooManyRequests(retry_after=max(1, math.ceil(window.reset_time - at.timestamp())))

    async def clear(self, name: str, identifier: str, at: datetime) -> None:
        """Forget the attempts of this address, e-mail or member: they turned out to be the right person."""
        limiter = MovingWindowRateLimiter(_Windows(db=self._db, at=at))
        await limiter.clear(LIMITS[name], name, _hidden(name, identifier))

    async def forget(self, at: datetime) -> int:
        """Delete the windows that have passed; return how many: a sweep."""
        async with self._db.transaction() as connection:
            return (await connection.execute(_FORGET, {"at": at})).rowcount


class _Windows(Storage, MovingWindowSupport):
    """The library's storage over one unlogged table, at a moment that is handed in."""

    STORAGE_SCHEME = None

    def __init__(self, *, db: Database, at: datetime) -> None:
        super().__init__()
        self._db = db
        self._at = at

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Errors of the database are told as they are."""
        return ()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        async with self._db.transaction() as connection:
            values = {"key": key, "limit": limit, "seconds": expiry, "amount": amount, "at": self._at}
            return bool((await connection.execute(_HIT, values)).scalar_one())

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        async with self._db.reading() as connection:
            values = {"key": key, "seconds": expiry, "at": self._at}
            oldest, count = (await connection.execute(_WINDOW, values)).one()
        return (oldest or self._at).timestamp(), count

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        await self.acquire_entry(key, _NO_LIMIT, expiry, amount)
        return await self.get(key)

    async def get(self, key: str) -> int:
        async with self._db.reading() as connection:
            return int((await connection.execute(_COUNT, {"key": key})).scalar_one())

    async def get_expiry(self, key: str) -> float:
        async with self._db.reading() as connection:
            expires_at = (await connection.execute(_EXPIRY, {"key": key})).scalar_one_or_none()
        return float((expires_at or self._at).astimezone(UTC).timestamp())

    async def check(self) -> bool:
        async with self._db.reading() as connection:
            return (await connection.execute(text("SELECT true"))).scalar_one() is True

    async def reset(self) -> int | None:
        async with self._db.transaction() as connection:
            return (await connection.execute(_RESET)).rowcount

    async def clear(self, key: str) -> None:
        async with self._db.transaction() as connection:
            await connection.execute(_CLEAR, {"key": key})


def _hidden(name: str, identifier: str) -> str:
    """Addresses and e-mails do not stand readable in a table of counters."""
    return hashlib.blake2b(f"{name}\x1f{identifier}".encode(), digest_size=16).hexdigest()
