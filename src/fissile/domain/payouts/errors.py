"""What can be refused of a payout."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class NothingDue(Refusal):
    """Nobody has a balance in {currency} that could be paid out now."""


class PayoutUnknown(Refusal):
    """The payout {payout} does not exist here."""


class PayoutStateDiffers(Refusal):
    """The payout is {state}: only one that waits for its approval can be approved or dropped."""


class PayoutKeyReused(Refusal):
    """This request key was used for another payout: send a new key with a new payout."""


class SamePerson(Refusal):
    """A payout needs two people: somebody else than its maker approves it."""


class PayoutOverdrawn(Refusal):
    """Since this payout was made, {count} of its payees are owed less than it pays: drop it and make it again."""
