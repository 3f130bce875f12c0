"""What can be refused to attribution policies and bindings, each with its sentence."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class PolicyModelUnknown(Refusal):
    """“{given}” is no model of attribution: use last_touch or first_touch."""


class PolicyLevelUnknown(Refusal):
    """“{given}” is no level of attribution: use shop or product."""


class PolicyBindingUnknown(Refusal):
    """“{given}” is no use of bindings: use off, after or before."""


class PolicyStateUnknown(Refusal):
    """“{given}” is no state of an attribution policy: use open or ended."""


class PolicyWindowOutOfRange(Refusal):
    """An attribution window is 1 to {days_max} days, and not {given}."""


class PolicyNotEnded(Refusal):
    """The platform's attribution policy cannot end, only a merchant's own: change its terms instead."""


class PolicyMerchantNotFound(Refusal):
    """There is no merchant {given}."""


class PolicyChangedMeanwhile(Refusal):
    """Somebody else changed the same attribution policy at this moment: look at it and decide again."""


class BindingNotFound(Refusal):
    """This buyer is not bound to a promoter, or no longer."""


class BindingReasonMissing(Refusal):
    """Say in 1 to {most} letters why the binding ends: it stays on record."""
