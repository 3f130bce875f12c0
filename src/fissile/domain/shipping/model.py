"""Tariffs as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

EVERYWHERE = "*"
ZONES_MAX = 20
# What a parcel is reckoned with where nobody said what a SKU weighs: one kilogram a piece, so that nobody is sent
# stones for nothing.
UNKNOWN_WEIGHT_GRAMS = 1_000
AFTER_SALE_DAYS_MAX = 365

# A country of ISO 3166-1, and a region of ISO 3166-2 or "" where none is known.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """
    What sending costs to some regions, in minor units of the merchant's currency.

    ``regions`` are codes of regions (CN-XJ), of countries (CN), or ``*``: everywhere else. The price is
    ``base_minor`` up to ``first_grams``, and ``step_minor`` for each begun ``step_grams`` beyond (0: not by weight).
    From goods of ``free_from_minor`` on it costs nothing. A zone that is not ``ships`` is one where nothing is sent.
    """

    regions: tuple[str, ...]
    base_minor: int = 0
    first_grams: int = 0
    step_grams: int = 0
    step_minor: int = 0
    free_from_minor: int | None = None
    ships: bool = True

    @property
    def name(self) -> str:
        """The regions in one word, as an order keeps it."""
        return " ".join(self.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    One version of a merchant's terms: zones, and how many days after completion goods may be given back (None: as
    the house's setting says). A merchant without terms sends everywhere for nothing.
    """

    id: UUID
    merchant_id: UUID
    version: int
    zones: tuple[Zone, ...]
    after_sale_days: int | None
    made_by: UUID | None
    valid_from: datetime

    def zone_for(self, place: Place) -> Zone | None:
        """Return the zone of the region, else of the country, else of everywhere; None: nothing is sent there."""
        country, region = place
        for wanted in (region, country, EVERYWHERE):
            for zone in self.zones:
                if wanted and wanted in zone.regions:
                    return zone
        return None

    @property
    def by_place(self) -> bool:
        """Whether the price depends on where it goes."""
        return any(zone.regions != (EVERYWHERE,) for zone in self.zones)

    def by_region_of(self, country: str) -> bool:
        """Whether regions of this country have prices of their own."""
        return any(region.startswith(f"{country}-") for zone in self.zones for region in zone.regions)


@dataclass(frozen=True, slots=True)
class AllTerms:
    """The newest terms of every merchant that has some."""

    by_merchant: Mapping[UUID, Terms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What sending an order costs, and what that was decided on; without terms and for digital goods nothing."""

    minor: int = 0
    weight_grams: int = 0
    zone: str = ""
    terms_id: UUID | None = None


NO_CHARGE = Charge()
