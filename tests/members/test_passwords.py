from __future__ import annotations

import asyncio
import threading
import time

import pytest
from argon2 import PasswordHasher

from fissile.infra import passwords
from fissile.infra.passwords import (
    DUMMY_HASH,
    HASHER,
    PasswordsBusy,
    PasswordThreads,
    check_password,
    hash_password,
)

SALT = bytes(16)


class TestHashPassword:
    async def test_is_right_for_the_same_password_only(self) -> None:
        kept = await hash_password(password="violet harbour crane", salt=SALT)

        right = await check_password(password="violet harbour crane", kept_hash=kept, salt=SALT)
        wrong = await check_password(password="violet harbour crank", kept_hash=kept, salt=SALT)

        assert right.right
        assert right.fresh_hash is None
        assert not wrong.right

    async def test_depends_on_the_salt(self) -> None:
        one = await hash_password(password="violet harbour crane", salt=SALT)
        other = await hash_password(password="violet harbour crane", salt=bytes(15) + b"\x01")

        assert one != other

    async def test_takes_letters_of_any_keyboard(self) -> None:
        kept = await hash_password(password="cafe\u0301 \ud800", salt=SALT)

        check = await check_password(password="caf\u00e9 \ud800", kept_hash=kept, salt=SALT)

        assert check.right

    async def test_leaves_the_event_loop_free(self) -> None:
        hashing = asyncio.gather(*(hash_password(password="x", salt=SALT) for _ in range(6)))
        longest, last = 0.0, time.perf_counter()
        while not hashing.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

        await hashing
        started = time.perf_counter()
        HASHER.hash(b"x", salt=SALT)
        alone = time.perf_counter() - started
        assert longest < 6 * alone  # on the loop it would have been all six


class TestCheckPassword:
    async def test_makes_a_new_hash_if_the_parameters_are_older(self) -> None:
        old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("violet harbour crane")

        check = await check_password(password="violet harbour crane", kept_hash=old, salt=SALT)
        wrong = await check_password(password="something else", kept_hash=old, salt=SALT)

        assert check.right
        assert check.fresh_hash is not None
        assert not HASHER.check_needs_rehash(check.fresh_hash)
        assert wrong.fresh_hash is None

    async def test_without_a_hash_is_no_after_the_same_work(self) -> None:
        kept = await hash_password(password="violet harbour crane", salt=SALT)
        spent = []
        for kept_hash in (kept, None):
            tries = []
            for _ in range(5):
                started = time.perf_counter()
                check = await check_password(password="wrong", kept_hash=kept_hash, salt=SALT)
                tries.append(time.perf_counter() - started)
                assert not check.right
            spent.append(min(tries))

        assert spent[1] > spent[0] / 3  # no look-up alone: that takes a thousandth

    def test_the_dummy_costs_what_a_real_hash_costs(self) -> None:
        assert not HASHER.check_needs_rehash(DUMMY_HASH)


class TestPasswordThreads:
    async def test_refuses_what_is_more_than_may_wait_and_recovers(self) -> None:
        threads, gate = PasswordThreads(threads=1, pending_max=3), threading.Event()
        pending = [asyncio.ensure_future(threads.run(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0)

        with pytest.raises(PasswordsBusy):
            await threads.run(gate.wait)
        gate.set()

        assert await asyncio.gather(*pending) == [True, True, True]
        assert await threads.run(lambda: 7) == 7
        threads.close()

    async def test_a_caller_who_goes_away_gives_the_place_back(self) -> None:
        threads, gate = PasswordThreads(threads=1, pending_max=2), threading.Event()
        running = asyncio.ensure_future(threads.run(gate.wait))
        waiting = asyncio.ensure_future(threads.run(gate.wait))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        third = asyncio.ensure_future(threads.run(gate.wait))
        await asyncio.sleep(0)
        gate.set()

        assert await running
        assert await third
        threads.close()

    async def test_raises_what_the_work_raises(self) -> None:
        with pytest.raises(ZeroDivisionError):
            await passwords.in_password_thread(lambda: 1 // 0)
