"""
Passwords as argon2id hashes, made and checked in threads of their own, so that the event loop never waits for them.

Parameters: the second choice of RFC 9106 is too large for a small machine; these are the least that OWASP's
Password Storage Cheat Sheet names for argon2id (19 MiB, two passes, one lane), some 50 ms each.
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from fissile.kernel.errors import Refusal

SALT_BYTES = 16
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, salt_len=SALT_BYTES)
# Checked when the e-mail is unknown, so that the answer takes as long as a wrong password's. Its password was
# thrown away; a test holds its parameters equal to HASHER's.
DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$0F5vawh4BaXgcqo3JOaS2g$0XfQOH3m9xdFREzF78RmyIxjYVU5sx5/r5liHkbfveo"

_T = TypeVar("_T")


class PasswordsBusy(Refusal):
    """Too many people are signing in at this moment: try again in {retry_after} seconds."""


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether the password was right, and its hash with today's parameters if the kept one is older."""

    right: bool
    fresh_hash: str | None


class PasswordThreads:
    """A few threads with a bounded queue: a flood of sign-ins is refused, it does not pile up."""

    def __init__(self, *, threads: int, pending_max: int) -> None:
        self._places = threading.BoundedSemaphore(pending_max)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="fissile-passwords")

    async def run(self, work: Callable[[], _T]) -> _T:
        """
        Return what ``work`` returns; what it raises is raised here.

        :raises PasswordsBusy: if as many pieces of work as may wait are waiting already
        """
        if not self._places.acquire(blocking=False):
            raise PasswordsBusy(retry_after=5)
        future = self._pool.submit(work)
        # The place is given back when the work ends or is cancelled before it began, not when the caller goes away.
        future.add_done_callback(self._give_back)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let running work end and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _give_back(self, _: Future[_T]) -> None:
        self._places.release()


# Two threads of 19 MiB each; 128 pending are about four seconds of work. Threads start with the first use.
THREADS = PasswordThreads(threads=2, pending_max=128)


async def hash_password(*, password: str, salt: bytes) -> str:
    """
    Return the argon2id hash in PHC form; ``salt`` is 16 random bytes from the edge.

    :raises PasswordsBusy: if too much of this is waiting
    """
    return await THREADS.run(lambda: HASHER.hash(_octets(password), salt=salt))


async def check_password(*, password: str, kept_hash: str | None, salt: bytes) -> PasswordCheck:
    """
    Compare a password with the kept hash; without one, take as long and answer no.

    ``salt`` is used only if the kept hash has older parameters and is made anew.

    :raises PasswordsBusy: if too much of this is waiting
    """
    return await THREADS.run(lambda: _check(password, kept_hash, salt))


async def in_password_thread(work: Callable[[], _T]) -> _T:
    """
    Do other slow reckoning about passwords (their strength) off the event loop too.

    :raises PasswordsBusy: if too much of this is waiting
    """
    return await THREADS.run(work)


def _check(password: str, kept_hash: str | None, salt: bytes) -> PasswordCheck:
    octets = _octets(password)
    try:
        HASHER.verify(kept_hash or DUMMY_HASH, octets)
    except VerifyMismatchError:
        return PasswordCheck(right=False, fresh_hash=None)
    if kept_hash is None:  # somebody found the password that was thrown away
        return PasswordCheck(right=False, fresh_hash=None)
    stale = HASHER.check_needs_rehash(kept_hash)
    return PasswordCheck(right=True, fresh_hash=HASHER.hash(octets, salt=salt) if stale else None)


def _octets(password: str) -> bytes:
    # One password typed on two keyboards may differ in code points only; lone surrogates must not fail.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
