"""What sending costs, and which terms will do: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fissile.domain.addresses.model import PROVINCES
from fissile.domain.catalogue.model import Offer
from fissile.domain.shipping.errors import (
    AddressNeeded,
    AfterSaleDaysOutOfRange,
    NotShippedThere,
    RegionNeeded,
    TooManyZones,
    ZoneAmountOutOfRange,
    ZoneRegionDoubled,
    ZoneRegionUnknown,
    ZonesMissing,
)
from fissile.domain.shipping.model import (
    AFTER_SALE_DAYS_MAX,
    EVERYWHERE,
    NO_CHARGE,
    UNKNOWN_WEIGHT_GRAMS,
    ZONES_MAX,
    Charge,
    Place,
    Terms,
    Zone,
)
from fissile.kernel.money import MINOR_MAX

_CODE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?", re.ASCII)
_GRAMS_MAX = 10**9


def weight_of(parcel: Iterable[tuple[Offer, int]]) -> int | None:
    """
    Return what these goods weigh together in grams; None if none of them is sent.

    A weight of 0 is that of goods delivered digitally. A weight that nobody has said counts as one kilogram a piece.
    """
    sent = [(offer.weight_grams, quantity) for offer, quantity in parcel if offer.weight_grams != 0]
    if not sent:
        return None
    return sum((UNKNOWN_WEIGHT_GRAMS if grams is None else grams) * quantity for grams, quantity in sent)


def charge(*, terms: Terms | None, place: Place | None, weight_grams: int | None, goods_minor: int) -> Charge:
    """
    Return what one merchant charges to send one order; the zone's free amount is measured by ``goods_minor``.

    Nothing is charged without terms, and for goods of which none is sent (``weight_grams`` None).

    :raises AddressNeeded: if the price depends on the place and there is none
    :raises RegionNeeded: if regions of that country have their own prices and the region is no code
    :raises NotShippedThere: if no zone has the place, or its zone sends nothing
    """
    if terms is None or weight_grams is None:
        return NO_CHARGE
    if place is None:
        if terms.by_place:
            raise AddressNeeded()
        place = ("", "")
    country, region = place
    if not region and terms.by_region_of(country):
        raise RegionNeeded(country=country)
    zone = terms.zone_for(place)
    if zone is None or not zone.ships:
        raise NotShippedThere(place=region or country or EVERYWHERE)
    return Charge(
        minor=zone_price(zone, weight_grams=weight_grams, goods_minor=goods_minor),
        weight_grams=weight_grams,
        zone=zone.name,
        terms_id=terms.id,
    )


def zone_price(zone: Zone, *, weight_grams: int, goods_minor: int) -> int:
    """Return the price of a zone in minor units: a step is paid once it is begun."""
    if zone.free_from_minor is not None and goods_minor >= zone.free_from_minor:
        return 0
    beyond = max(0, weight_grams - zone.first_grams)
    steps = -(-beyond // zone.step_grams) if zone.step_grams else 0
    return zone.base_minor + steps * zone.step_minor


def parse_regions(given: str) -> tuple[str, ...]:
    """
    Return the regions that a person wrote, divided by blanks or commas: codes, names of China's provinces, ``*``.

    :raises ZoneRegionUnknown: if one is none
    """
    found = []
    for one in re.split(r"[\s,;，、]+", given.strip()):
        if not one:
            continue
        by_name = next((code for code, name in PROVINCES.items() if one.startswith(name)), None)
        code = by_name or one.upper()
        odd = code != EVERYWHERE and not _CODE.fullmatch(code)
        if odd or (code.startswith("CN-") and code not in PROVINCES):
            raise ZoneRegionUnknown(given=one[:40])
        found.append(code)
    return tuple(dict.fromkeys(found))


def check_terms(*, zones: Sequence[Zone], after_sale_days: int | None) -> None:
    """
    Check the terms of a merchant.

    :raises ZonesMissing, TooManyZones, ZoneRegionDoubled: if the zones will not do
    :raises ZoneAmountOutOfRange: if a number is negative or too large, or weight is priced without a step
    :raises AfterSaleDaysOutOfRange: if it is no number of days from 0 to 365
    """
    if not zones:
        raise ZonesMissing()
    if len(zones) > ZONES_MAX:
        raise TooManyZones(most=ZONES_MAX)
    seen: set[str] = set()
    for zone in zones:
        for region in zone.regions:
            if region in seen:
                raise ZoneRegionDoubled(region=region)
            seen.add(region)
        money = (zone.base_minor, zone.step_minor, zone.free_from_minor or 0)
        grams = (zone.first_grams, zone.step_grams)
        if not zone.regions or min(money + grams) < 0 or max(money) > MINOR_MAX or max(grams) > _GRAMS_MAX:
            raise ZoneAmountOutOfRange()
        if zone.step_minor and not zone.step_grams:
            raise ZoneAmountOutOfRange()
    if after_sale_days is not None and not 0 <= after_sale_days <= AFTER_SALE_DAYS_MAX:
        raise AfterSaleDaysOutOfRange(given=after_sale_days, most=AFTER_SALE_DAYS_MAX)
