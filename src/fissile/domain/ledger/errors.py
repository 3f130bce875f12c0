"""What the ledger refuses."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class TransferKeyReused(Refusal):
    """The transfer key {key} was used for another transfer: nothing was posted."""


class TransferDiffers(Refusal):
    """A transfer differs from its accounts' currency or from the pending transfer it ends: nothing was posted."""


class HoldingExceeded(Refusal):
    """More would leave a holding account than came in: nothing was posted."""
