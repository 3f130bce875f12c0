"""What can be refused of a cart."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class CartFull(Refusal):
    """A cart holds {most} different things: order some of them first, or take something out."""


class CartQuantity(Refusal):
    """A quantity of {given} does not fit into a cart: choose 1 to {most}, or take it out."""
