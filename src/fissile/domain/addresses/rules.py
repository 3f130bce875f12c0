"""What makes an address: values in, values out."""

from __future__ import annotations

import re
import unicodedata

from fissile.domain.addresses.errors import (
    AddressFieldOdd,
    AddressFieldTooLong,
    AddressIncomplete,
    CountryUnknown,
    PhoneOdd,
    RegionUnknown,
)
from fissile.domain.addresses.model import LIMITS, PROVINCES, Address

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_PHONE = re.compile(r"\+?\d{5,15}", re.ASCII)
# Mobile numbers of China have eleven digits from 13 to 19; its landlines an area code and seven or eight digits.
_PHONE_CN = re.compile(r"(?:\+?86)?(?:1[3-9]\d{9}|0\d{2,3}\d{7,8}|\d{7,8}|400\d{7})", re.ASCII)
_BLANKS = re.compile(r"[\s().\u2010-\u2015-]+")


def check_address(
    *,
    name: str,
    phone: str,
    email: str = "",
    country: str,
    region: str,
    city: str,
    street: str,
    postcode: str = "",
) -> Address:
    """
    Return a whole address, its blanks tidied. Names may be of any script, with emoji and right-to-left letters;
    only what cannot be printed (controls, and marks that turn the direction of what follows) is refused.

    :raises AddressFieldTooLong, AddressFieldOdd: with the first field that is too long or cannot be printed
    :raises AddressIncomplete: if name, city or street is empty, or the province of an address in China
    :raises PhoneOdd: if the phone is missing or is no number of that country
    :raises CountryUnknown, RegionUnknown: if they are none
    """
    cells = {
        "name": name,
        "phone": phone,
        "email": email,
        "region": region,
        "city": city,
        "street": street,
        "postcode": postcode,
    }
    tidy = {field: clean(cell, field=field, most=LIMITS[field]) for field, cell in cells.items()}
    code = country.strip().upper() or "CN"
    if not _COUNTRY.fullmatch(code):
        raise CountryUnknown(given=country[:20])
    for field in ("name", "city", "street"):
        if not tidy[field]:
            raise AddressIncomplete(field=field)
    if code == "CN":
        tidy["region"] = _province(tidy["region"])
    tidy["phone"] = check_phone(tidy["phone"], country=code)
    return Address(country=code, **tidy)


def check_phone(given: str, *, country: str) -> str:
    """
    Return a telephone number as digits, with its plus sign if it has one.

    Digits of every script are understood. For China the length is checked, for other countries only that it has 5
    to 15 digits (ITU-T E.164).

    :raises PhoneOdd: if it is none
    """
    digits = "".join(str(unicodedata.digit(one, one)) for one in _BLANKS.sub("", unicodedata.normalize("NFKC", given)))
    wanted = _PHONE_CN if country == "CN" and not (digits.startswith("+") and not digits.startswith("+86")) else _PHONE
    if not wanted.fullmatch(digits):
        raise PhoneOdd(given=given[:40])
    return digits


def clean(given: str, *, field: str, most: int) -> str:
    """
    Return a field in one line, without blanks at its ends.

    :raises AddressFieldTooLong: if it has more than ``most`` characters
    :raises AddressFieldOdd: if it has controls, or marks that turn the direction of what follows
    """
    tidy = " ".join(unicodedata.normalize("NFC", given).split())
    if len(tidy) > most:
        raise AddressFieldTooLong(field=field, most=most)
    # Joiners make emoji and Persian words; the bidirectional overrides would turn a whole parcel label round.
    if any(unicodedata.category(one) in ("Cc", "Cs") or one in "\u202a\u202b\u202d\u202e\u2066\u2067" for one in tidy):
        raise AddressFieldOdd(field=field)
    return tidy


def _province(given: str) -> str:
    if not given:
        raise AddressIncomplete(field="region")
    known = given.upper()
    if known in PROVINCES:
        return known
    # As people write it: 浙江, 浙江省, 内蒙古自治区.
    for code, name in PROVINCES.items():
        if given.startswith(name):
            return code
    raise RegionUnknown(given=given)
