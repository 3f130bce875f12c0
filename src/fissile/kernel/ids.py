"""UUIDv7 ids made from a clock and a source of chance that are handed in, and how people see them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol
from uuid import UUID

from fissile.kernel.errors import Refusal

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)  # where each pair of letters stands in the 130 bits of 26 letters
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26


class Chance(Protocol):
    """What ids need of a random source; ``random.SystemRandom()`` at the edges, a seeded one in a simulation."""

    def getrandbits(self, k: int, /) -> int: ...


class UnknownId(Refusal):
    """“{given}” is not an id of the kind {prefix}_…: copy it again as a whole."""


def new_id(*, at: datetime, rng: Chance) -> UUID:
    """
    Return a UUIDv7 whose first 48 bits are the moment in milliseconds (RFC 9562, section 5.7).

    The twelve bits of ``rand_a`` carry the fraction of the millisecond, so that ids of one process sort by time.
    """
    micros = int(at.timestamp() * 1_000_000)
    millis, rest = divmod(micros, 1000)
    fraction = (rest << 12) // 1000
    value = (millis & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | fraction << 64 | 0b10 << 62 | rng.getrandbits(62)
    return UUID(int=value)


def named_id(*parts: str) -> UUID:
    """Return the one id that belongs to these words (a UUIDv8 of their SHA-256): for rows that are found by name."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]
    value = int.from_bytes(digest, "big")
    value &= ~(0xF << 76) & ~(0b11 << 62)
    return UUID(int=value | 0x8 << 76 | 0b10 << 62)


def public_id(prefix: str, id: UUID) -> str:
    """Return the id as people and programs see it: ``ord_`` and 26 letters that sort like the id."""
    value = id.int
    letters = "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])
    return f"{prefix}_{letters}"


def parse_public_id(prefix: str, given: str) -> UUID:
    """
    Return the id behind ``prefix_…``.

    :raises UnknownId: if the text is not such an id
    """
    head, _, letters = given.partition("_")
    if head != prefix or len(letters) != _LENGTH:
        raise UnknownId(given=given[:60], prefix=prefix)
    value = 0
    for letter in letters.lower():
        digit = _VALUES.get(letter)
        if digit is None:
            raise UnknownId(given=given[:60], prefix=prefix)
        value = value << 5 | digit
    if value >> 128:
        raise UnknownId(given=given[:60], prefix=prefix)
    return UUID(int=value)
