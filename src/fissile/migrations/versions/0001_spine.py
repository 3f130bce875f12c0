"""The spine: members, catalogue, shares, orders, ledger, commissions, payouts, events."""

from __future__ import annotations

from fissile.migrations.steps import run_file

revision = "0001_spine"
down_revision = None


def upgrade() -> None:
    """Run the SQL of the same name; there is no way back but a backup."""
    run_file("0001_spine.sql")
