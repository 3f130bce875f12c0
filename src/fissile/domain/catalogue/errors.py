"""What the catalogue refuses."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class SkuUnknown(Refusal):
    """There is no SKU “{given}”."""


class SkuAmbiguous(Refusal):
    """Several merchants have a SKU “{given}”: write one of {candidates}."""


class ProductUnknown(Refusal):
    """There is no product “{given}”."""


class CategoryUnknown(Refusal):
    """There is no category “{given}”."""


class BadCursor(Refusal):
    """“{given}” does not continue a list: begin again at its first page."""


class BadCell(Refusal):
    """{column}: {reason}."""


class StockNotTracked(Refusal):
    """The stock of {sku} is not counted: import it with a figure first."""


class StockBelowReserved(Refusal):
    """{reserved} of {sku} are reserved for orders: {wanted} on hand would be too few."""


class StockUnchanged(Refusal):
    """A correction of 0 changes nothing: say how many more or fewer there are."""


class ReasonMissing(Refusal):
    """A correction needs a reason of 1 to {limit} characters."""


class NotYourMerchant(Refusal):
    """{name} may not change what belongs to this merchant."""


class NothingToChange(Refusal):
    """The change names nothing that is to be different."""
