"""Money: whole minor units and a currency. Rates are parts per million. No float, no Decimal past edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

import iso4217

from fissile.kernel.errors import Refusal

PPM = 1_000_000
MINOR_MAX = 10**15  # ten trillion major units: far above any price, far below 2^63


class CurrencyMismatch(Refusal):
    """{one} and {other} cannot be reckoned together: convert one of them first."""


class UnknownCurrency(Refusal):
    """“{given}” is not a currency: use a code of ISO 4217, such as CNY or USD."""


class BadAmount(Refusal):
    """“{given}” is not an amount in {currency}: write digits with at most {digits} after the point."""


@cache
def minor_digits(currency: str) -> int:
    """
    Return how many digits stand after the point (ISO 4217 exponent): 2 for CNY, 0 for JPY.

    :raises UnknownCurrency: if the code is not in ISO 4217
    """
    try:
        exponent = iso4217.Currency(currency).exponent
    except ValueError:
        raise UnknownCurrency(given=currency) from None
    if exponent is None:  # XAU and the like have no minor unit and are no money of a shop
        raise UnknownCurrency(given=currency)
    return int(exponent)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in whole minor units (fen, cents) of one currency; may be negative."""

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        return Money(self.minor * count, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def share_down(self, rate_ppm: int) -> Money:
        """Return ``rate_ppm`` parts per million of it; part of a minor unit is dropped (toward zero)."""
        part = abs(self.minor) * rate_ppm // PPM
        return Money(part if self.minor >= 0 else -part, self.currency)

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        """
        Split it in proportion to the weights; the parts always add up to the whole.

        Minor units left over go to the largest remainders, ties to the earlier part (Hamilton's method).
        ``weights`` are not negative and not all zero.
        """
        assert min(weights, default=-1) >= 0, "weights are not negative, and there is one"
        assert sum(weights) > 0, "weights are shares of something"
        total, sign = sum(weights), (1 if self.minor >= 0 else -1)
        whole = abs(self.minor)
        parts = [whole * weight // total for weight in weights]
        rest = [whole * weight % total for weight in weights]
        for index in sorted(range(len(parts)), key=lambda i: (-rest[i], i))[: whole - sum(parts)]:
            parts[index] += 1
        return [Money(sign * part, self.currency) for part in parts]

    def major(self) -> Decimal:
        """Return it in major units, for showing and for files; the only way out into Decimal."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(one=self.currency, other=other.currency)


def parse_major(given: str, *, currency: str) -> Money:
    """
    Return the amount that a person or a file wrote in major units ("12.50").

    :raises BadAmount: if it is no plain number, has more digits than the currency, or is absurdly large
    :raises UnknownCurrency: if the currency is none
    """
    digits = minor_digits(currency)
    refused = BadAmount(given=given[:40], currency=currency, digits=digits)
    try:
        value = Decimal(given.strip())
    except InvalidOperation:
        raise refused from None
    if not value.is_finite() or abs(value.adjusted()) > 40:
        raise refused
    minor = value.scaleb(digits)
    if minor != minor.to_integral_value() or abs(minor) > MINOR_MAX:
        raise refused
    return Money(int(minor), currency)
