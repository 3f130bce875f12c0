"""What can be refused of invoices."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class InvoiceNotPaid(Refusal):
    """An invoice is made of an order that is paid, and this one is not: pay it first."""


class InvoiceUnknown(Refusal):
    """There is no such invoice."""
