"""What can be refused of an address."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class AddressUnknown(Refusal):
    """There is no such address in your address book: choose another, or write it anew."""


class AddressIncomplete(Refusal):
    """The address lacks its {field}: fill it in."""


class AddressFieldTooLong(Refusal):
    """The {field} of an address has at most {most} characters: shorten it."""


class AddressFieldOdd(Refusal):
    """The {field} of the address has characters that cannot be printed: write it anew."""


class PhoneOdd(Refusal):
    """“{given}” is not a telephone number: write digits, with + and the country's code if it is abroad."""


class CountryUnknown(Refusal):
    """“{given}” is not a country: use its two letters, such as CN or DE."""


class RegionUnknown(Refusal):
    """“{given}” is not a province of China: choose one of the list."""


class AddressBookFull(Refusal):
    """An address book holds {most} addresses: remove one that you no longer need."""
