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


class RefundPartial(Refusal):
    """So far an order is refunded as a whole: ask for {left}."""


class RefundKeyReused(Refusal):
    """This request key was used for another refund: nothing was refunded again."""


class MessageDiffers(Refusal):
    """The gateway message {message} arrived before with another content: it was ignored."""


class MessageUnknown(Refusal):
    """The gateway reports a refund that is not known here ({refund}): it should be sent again later."""


class RefundDiffers(Refusal):
    """The gateway reports {given} for the refund {refund}, but {owed} is owed: nothing was changed."""
