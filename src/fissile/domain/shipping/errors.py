"""What can be refused of shipping."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class AddressNeeded(Refusal):
    """What sending this order costs depends on where it goes: give a country, a region and an address."""


class RegionNeeded(Refusal):
    """Shipping to {country} is priced by region: write the region's code of ISO 3166-2, such as {country}-XX."""


class NotShippedThere(Refusal):
    """This merchant ships nothing to {place}: choose another address."""


class ZonesMissing(Refusal):
    """Shipping terms need a zone: write at least one, “*” is everywhere."""


class TooManyZones(Refusal):
    """Shipping terms have at most {most} zones."""


class ZoneRegionUnknown(Refusal):
    """“{given}” is no region: write codes such as CN-ZJ or DE, names of China’s provinces, or * for everywhere else."""


class ZoneRegionDoubled(Refusal):
    """{region} stands in two zones: leave it in one of them."""


class ZoneAmountOutOfRange(Refusal):
    """A zone’s prices and weights are whole numbers of 0 or more, and a price per weight needs the weight of a step."""


class AfterSaleDaysOutOfRange(Refusal):
    """{given} days for returns are not possible: choose 0 to {most}, or leave it blank."""


class TermsChangedMeanwhile(Refusal):
    """Somebody changed these shipping terms at this moment: look at them again."""
