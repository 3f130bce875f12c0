"""Decisions about invoices: how numbers are written, which taxes the lines contain, how a content is kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fissile.domain.invoices.model import Content, Kind, Line, Tax

_PREFIXES: dict[Kind, str] = {"invoice": "INV", "credit_note": "CN"}


def number_text(kind: Kind, *, year: int, number: int) -> str:
    """Return a number as it stands on the document: ``INV-2026-000042``; it is unique for its seller."""
    return f"{_PREFIXES[kind]}-{year}-{number:06d}"


def taxes_of(lines: Sequence[Line]) -> tuple[Tax, ...]:
    """Return the tax contained in the lines by rate, the highest first: sums of the lines, never reckoned anew."""
    rates = sorted({line.tax_rate_ppm for line in lines if line.tax_rate_ppm}, reverse=True)
    return tuple(
        Tax(
            rate_ppm=rate,
            amount_minor=sum(line.amount_minor for line in lines if line.tax_rate_ppm == rate),
            tax_minor=sum(line.tax_minor for line in lines if line.tax_rate_ppm == rate),
        )
        for rate in rates
    )


def frozen(content: Content) -> str:
    """Return a content as the JSON that is kept: the same content is the same text."""
    return msgspec.json.encode(content, order="sorted").decode()


def thawed(kept: str) -> Content:
    """Return the content that was kept."""
    return msgspec.json.decode(kept, type=Content)
