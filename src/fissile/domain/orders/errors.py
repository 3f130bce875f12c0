"""What can be refused of an order, a payment or a refund."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class OrderUnknown(Refusal):
    """The order {order} does not exist here."""


class NotYourOrder(Refusal):
    """This order belongs to somebody else: sign in as its buyer, or open it by the link you were given."""


class EmptyOrder(Refusal):
    """There is nothing in this order: choose a product and a quantity of at least 1."""


class BadQuantity(Refusal):
    """A quantity of {given} cannot be ordered: choose 1 to {most}."""


class TooManyLines(Refusal):
    """An order has at most {most} lines: place the rest as another order."""


class SkuNotOffered(Refusal):
    """{title} is not offered at the moment."""


class SoldOut(Refusal):
    """Only {available} of {title} left: lower the quantity, or come back when there is more."""


class SeveralMerchants(Refusal):
    """One order goes to one merchant: place an order for each."""


class NothingToPay(Refusal):
    """This order would cost nothing: free goods are not sold through a checkout."""


class TotalTooLarge(Refusal):
    """This order would cost more than {most}: order less at once."""


class QuoteChanged(Refusal):
    """The total has changed from {shown} to {total}: look at it again before you order."""


class IdempotencyKeyReused(Refusal):
    """This request key was used for another order: send a new key with a new order."""


class OfferKeptChanging(Refusal):
    """The offer changed several times while the order was placed: try again."""


class OrderStateDiffers(Refusal):
    """The order is {state}: that cannot be done now (it must be {wanted})."""


class RefundTooLarge(Refusal):
    """{asked} cannot be given back: only {left} of this order was paid and not yet refunded."""


class RefundNothing(Refusal):
    """There is nothing in this refund: give an amount or a quantity of at least one line."""


class RefundAmount(Refusal):
    """An amount of {given} cannot be given back: write one from 0 to {most}."""


class RefundLineUnknown(Refusal):
    """This order has no line {line}: choose among its lines, 0 being the shipping."""


class RefundLineTwice(Refusal):
    """Line {line} stands twice in this refund: give its amount and quantity once."""


class RefundLineTooLarge(Refusal):
    """{asked} of {title} cannot be given back: only {left} of it was paid and not yet refunded."""


class RefundQuantityTooLarge(Refusal):
    """{asked} pieces of {title} cannot be refunded: only {left} are left of those that were ordered."""


class RefundSumDiffers(Refusal):
    """The lines of this refund add up to {lines}, but {asked} was asked for: make them equal."""


class RefundCurrencyDiffers(Refusal):
    """This order was paid in {paid}: it cannot be refunded in {asked}."""


class ClockBehind(Refusal):
    """This order was paid at {paid}, but the clock says {now}: set the clock of this machine right, then refund."""


class RefundKeyReused(Refusal):
    """This request key was used for another refund: nothing was refunded again."""


class MessageDiffers(Refusal):
    """The gateway message {message} arrived before with another content: it was ignored."""


class MessageUnknown(Refusal):
    """The gateway reports a refund that is not known here ({refund}): it should be sent again later."""


class RefundDiffers(Refusal):
    """The gateway reports {given} for the refund {refund}, but {owed} is owed: nothing was changed."""
