"""Invoices and credit notes as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["invoice", "credit_note"]
# How a content is drawn. What is drawn differently one day gets the next number; old documents keep theirs.
LAYOUT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; amounts in minor units, ``tax_minor`` is contained in the amount, ``quantity`` 0: money alone."""

    title: str
    quantity: int
    unit_minor: int
    amount_minor: int
    tax_rate_ppm: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """The tax of one rate (ppm of the net price) that the lines of it contain together, in minor units."""

    rate_ppm: int
    amount_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    All that a document says, frozen when it was issued; its PDF is made of this alone.

    ``number``, ``order``, ``refund`` (empty on an invoice) and ``corrects`` (the invoice's number on a credit note)
    are as people see them; days are ISO 8601 in UTC; a credit note's amounts are positive: what is given back.
    """

    layout: int
    kind: Kind
    number: str
    corrects: str
    locale: str
    shop: str
    seller: str
    buyer_name: str
    buyer_address: str
    order: str
    refund: str
    currency: str
    placed_on: str
    paid_on: str
    issued_on: str
    lines: tuple[Line, ...]
    shipping_minor: int
    taxes: tuple[Tax, ...]
    total_minor: int
