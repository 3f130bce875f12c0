"""What can be refused of a statement."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class StatementUnknown(Refusal):
    """There is no such statement, or it is not for you."""
