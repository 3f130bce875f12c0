"""Invoices and credit notes: numbered without gaps, frozen at issue."""
