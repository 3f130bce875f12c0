"""What can be refused after a sale."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class AfterSaleOver(Refusal):
    """The time to give this order back ended on {ended}: write to the merchant if something is wrong with it."""


class NotPaidYet(Refusal):
    """This order is {state}: only what is paid and not yet refunded can be given back."""


class RequestOpen(Refusal):
    """You have asked for this already: the merchant will answer."""


class TooManyReturns(Refusal):
    """This order was asked to be given back {most} times: write to the merchant instead."""


class RequestReason(Refusal):
    """Say in 1 to {most} characters what is wrong."""


class RequestUnknown(Refusal):
    """There is no such request."""


class RequestStateDiffers(Refusal):
    """This request was {state} already: reload the page."""
