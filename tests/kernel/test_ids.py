"""Ids: version 7 from a clock that is handed in, and their form for people."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fissile.kernel.ids import UnknownId, named_id, new_id, parse_public_id, public_id

moments = some.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the timezone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=some.just(UTC),
)
uuids = some.integers(min_value=0, max_value=2**128 - 1).map(lambda value: UUID(int=value))


class TestNewId:
    @given(at=moments, seed=some.integers())
    def test_is_a_version_7_id_of_its_millisecond(self, at: datetime, seed: int) -> None:
        made = new_id(at=at, rng=random.Random(seed))

        assert made.version == 7
        assert made.variant == RFC_4122
        assert made.int >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    @given(at=moments, later=some.timedeltas(min_value=timedelta(microseconds=2), max_value=timedelta(days=9)))
    def test_sorts_by_its_moment(self, at: datetime, later: timedelta) -> None:
        rng = random.Random(1)

        assert new_id(at=at, rng=rng) < new_id(at=at + later, rng=rng)

    def test_differs_within_one_moment(self, at: datetime, rng: random.Random) -> None:
        assert len({new_id(at=at, rng=rng) for _ in range(1000)}) == 1000

    def test_is_the_same_from_the_same_clock_and_chance(self, at: datetime) -> None:
        assert new_id(at=at, rng=random.Random(7)) == new_id(at=at, rng=random.Random(7))


class TestNamedId:
    def test_belongs_to_its_words(self) -> None:
        assert named_id("account", "CNY") == named_id("account", "CNY")
        assert named_id("account", "CNY") != named_id("account", "USD")
        assert named_id("a", "bc") != named_id("ab", "c")

    @given(words=some.lists(some.text()))
    def test_is_a_version_8_id(self, words: list[str]) -> None:
        assert named_id(*words).version == 8
        assert named_id(*words).variant == RFC_4122


class TestPublicId:
    @given(id=uuids)
    def test_is_read_back(self, id: UUID) -> None:
        assert parse_public_id("ord", public_id("ord", id)) == id

    @given(id=uuids)
    def test_is_read_back_in_capitals(self, id: UUID) -> None:
        prefix, _, letters = public_id("ord", id).partition("_")

        assert parse_public_id("ord", f"{prefix}_{letters.upper()}") == id

    @given(one=uuids, other=uuids)
    def test_sorts_like_the_id(self, one: UUID, other: UUID) -> None:
        assert (public_id("ord", one) < public_id("ord", other)) == (one < other)

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "ord",
            "ord_",
            "shr_00000000000000000000000000",  # another kind
            "ord_0000000000000000000000000",  # one letter short
            "ord_000000000000000000000000000",  # one too many
            "ord_0000000000000000000000000u",  # not in the alphabet
            "ord_80000000000000000000000000",  # past 128 bits
            "ord_" + "0" * 10_000,
        ],
    )
    def test_refuses_what_is_none(self, given: str) -> None:
        with pytest.raises(UnknownId):
            parse_public_id("ord", given)

    def test_the_largest_id_is_read(self) -> None:
        assert parse_public_id("ord", "ord_7" + "z" * 25) == UUID(int=2**128 - 1)
