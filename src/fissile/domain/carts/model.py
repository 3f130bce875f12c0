"""Carts as values."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

CART_LINES_MAX = 100


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose cart it is: a member's, or a visitor's (a random cookie) until somebody signs in."""

    id: UUID
    is_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """A SKU in a cart; ``seen_minor`` is the price at which its owner put it there, never what is charged."""

    sku_id: UUID
    quantity: int
    seen_minor: int
    seen_currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """A cart; ``revision`` grows with each change, and names what one press of the button orders."""

    owner: Owner
    revision: int
    lines: tuple[CartLine, ...]
