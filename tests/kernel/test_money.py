"""Money: the laws that every amount keeps."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fissile.kernel.money import (
    MINOR_MAX,
    PPM,
    BadAmount,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    minor_digits,
    parse_major,
)

minors = some.integers(min_value=-MINOR_MAX, max_value=MINOR_MAX)
weights = some.lists(some.integers(min_value=0, max_value=10**9), min_size=1, max_size=20).filter(any)
rates = some.integers(min_value=0, max_value=PPM)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


class TestAllocate:
    @given(minor=minors, weights=weights)
    def test_parts_add_up_to_the_whole(self, minor: int, weights: list[int]) -> None:
        parts = cny(minor).allocate(weights)

        assert sum(part.minor for part in parts) == minor
        assert len(parts) == len(weights)

    @given(minor=minors, weights=weights)
    def test_a_part_is_less_than_one_minor_unit_from_its_exact_share(self, minor: int, weights: list[int]) -> None:
        total = sum(weights)

        for part, weight in zip(cny(minor).allocate(weights), weights, strict=True):
            assert abs(part.minor * total - minor * weight) < total

    @given(minor=minors, weights=weights)
    def test_takes_back_exactly_what_it_gave(self, minor: int, weights: list[int]) -> None:
        assert cny(-minor).allocate(weights) == [-part for part in cny(minor).allocate(weights)]

    @given(minor=minors, weights=weights)
    def test_nothing_goes_to_a_weight_of_nothing(self, minor: int, weights: list[int]) -> None:
        parts = cny(minor).allocate([*weights, 0])

        assert parts[-1] == cny(0)

    def test_the_rest_goes_to_the_largest_remainder_then_to_the_earlier(self) -> None:
        assert cny(100).allocate([1, 1, 1]) == [cny(34), cny(33), cny(33)]
        assert cny(10).allocate([1, 2, 2]) == [cny(2), cny(4), cny(4)]
        assert cny(5).allocate([1, 1, 4]) == [cny(1), cny(1), cny(3)]  # exactly 0.83, 0.83 and 3.33

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 1]])
    def test_weights_are_shares_of_something(self, weights: list[int]) -> None:
        with pytest.raises(AssertionError):
            cny(100).allocate(weights)


class TestShareDown:
    @given(minor=minors, rate=rates)
    def test_is_the_exact_share_with_part_of_a_unit_dropped(self, minor: int, rate: int) -> None:
        exact = Decimal(minor) * rate / PPM

        assert cny(minor).share_down(rate).minor == int(exact)

    @given(minor=minors, rate=rates)
    def test_is_never_more_than_the_whole(self, minor: int, rate: int) -> None:
        assert abs(cny(minor).share_down(rate).minor) <= abs(minor)

    @given(minor=minors, rate=rates)
    def test_of_a_debt_is_the_debt_of_the_share(self, minor: int, rate: int) -> None:
        assert cny(-minor).share_down(rate) == -cny(minor).share_down(rate)

    @pytest.mark.parametrize(
        ("minor", "rate", "share"),
        [(19_999, 50_000, 999), (1, PPM - 1, 0), (1, PPM, 1), (0, PPM, 0), (100, 0, 0), (-199, 10_000, -1)],
    )
    def test_at_its_boundaries(self, minor: int, rate: int, share: int) -> None:
        assert cny(minor).share_down(rate) == cny(share)


class TestArithmetic:
    @given(one=minors, other=minors)
    def test_taking_away_undoes_adding(self, one: int, other: int) -> None:
        assert cny(one) + cny(other) - cny(other) == cny(one)

    def test_compares_and_multiplies(self) -> None:
        assert cny(1) < cny(2)
        assert cny(2) <= cny(2)
        assert not cny(2) < cny(2)
        assert cny(3) * 4 == cny(12)
        assert cny(1) != Money(1, "USD")

    def test_two_currencies_are_not_reckoned_together(self) -> None:
        usd = Money(1, "USD")

        for reckon in (lambda: cny(1) + usd, lambda: cny(1) - usd, lambda: cny(1) < usd, lambda: cny(1) <= usd):
            with pytest.raises(CurrencyMismatch, match="CNY and USD"):
                reckon()


class TestMinorDigits:
    @pytest.mark.parametrize(("currency", "digits"), [("CNY", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)])
    def test_of_real_currencies(self, currency: str, digits: int) -> None:
        assert minor_digits(currency) == digits

    @pytest.mark.parametrize("currency", ["", "RMB", "cny", "XAU"])
    def test_of_what_is_none(self, currency: str) -> None:
        with pytest.raises(UnknownCurrency):
            minor_digits(currency)


class TestParseMajor:
    @given(minor=minors, currency=some.sampled_from(["CNY", "JPY", "KWD"]))
    def test_reads_what_major_writes(self, minor: int, currency: str) -> None:
        money = Money(minor, currency)

        assert parse_major(str(money.major()), currency=currency) == money

    @pytest.mark.parametrize(
        ("given", "minor"), [("12.50", 1250), (" 12.5 ", 1250), ("-0.01", -1), ("0", 0), ("12.500", 1250)]
    )
    def test_reads_what_people_write(self, given: str, minor: int) -> None:
        assert parse_major(given, currency="CNY") == cny(minor)

    @pytest.mark.parametrize(
        "given", ["", "12,50", "¥12", "12.505", "NaN", "Infinity", "1e99", "1e-99", "10000000000000.01", "十"]
    )
    def test_refuses_what_is_no_amount(self, given: str) -> None:
        with pytest.raises(BadAmount):
            parse_major(given, currency="CNY")

    def test_the_largest_amount_is_read_and_one_more_is_not(self) -> None:
        assert parse_major(str(MINOR_MAX), currency="JPY").minor == MINOR_MAX
        with pytest.raises(BadAmount):
            parse_major(str(MINOR_MAX + 1), currency="JPY")
