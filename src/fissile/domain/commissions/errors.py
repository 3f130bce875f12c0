"""What can be refused to plans and fees, each with its sentence."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class PlanScopeUnknown(Refusal):
    """“{given}” is no scope of a plan: use platform, merchant, category or product."""


class PlanScopeIncomplete(Refusal):
    """A plan of the platform names nothing, every other plan names its merchant, category or product."""


class PlanTargetNotFound(Refusal):
    """There is no {scope} {given}."""


class PlanKindUnknown(Refusal):
    """“{given}” is no kind of a plan: use percent or flat."""


class PlanKindMixed(Refusal):
    """A percent plan has a rate and no flat amount, a flat plan has an amount and no rate."""


class PlanStateUnknown(Refusal):
    """“{given}” is no state of a plan: use open or ended."""


class RateOutOfRange(Refusal):
    """A rate is 0 to 1,000,000 parts per million (0 % to 100 %), and not {given}."""


class PlanAmountOutOfRange(Refusal):
    """An amount or a cap is 0 to {minor_max} minor units, and not {given}."""


class PlanHoldOutOfRange(Refusal):
    """A commission is held for 0 to {seconds_max} seconds, and not {given}."""


class PlanChangedMeanwhile(Refusal):
    """Somebody else changed the same plan at this moment: look at it and decide again."""


class PlanClockBehind(Refusal):
    """The version in force began at {since}, but the clock says {now}: versions do not overlap, set the clock right."""


class ThirdLevelRefused(Refusal):
    """
    A plan pays at most two levels, who sells and who invited them, and a third is refused: pay of an upline from a
    downline's sales is pyramid selling (禁止传销条例, articles 2 and 7), and three levels, the organiser's own
    included, may be a crime. Leave the third rate out.
    """


class SecondAboveFirst(Refusal):
    """The inviter's {second} is more than the promoter's {first}: selling must earn at least what inviting does."""


class PlanSumTooLarge(Refusal):
    """{first} to the promoter, {second} to the inviter and {fee} to the platform are more than the whole: lower one."""
