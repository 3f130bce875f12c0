"""The two languages of the pages: catalogues, and how money, moments and numbers are written."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations
from importlib import resources

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

from fissile.api.asking import LOCALES
from fissile.kernel.errors import Refusal
from fissile.kernel.money import PPM, Money
from fissile.web.hints import HINTS
from fissile.web.marking import later

# The stored words that refusals name, with their labels (see labels.py); other values are told as they are.
WORDS_IN_REFUSALS = {
    "placed": later("Waiting for payment"),
    "paid": later("Paid"),
    "shipped": later("Shipped"),
    "completed": later("Completed"),
    "cancelled": later("Cancelled"),
    "expired": later("Expired"),
    "refunded": later("Refunded"),
    "made": later("Waiting for approval"),
    "asked": later("Waits for an answer"),
    "accepted": later("Accepted"),
    "refused": later("Refused"),
    "withdrawn": later("Withdrawn"),
    "name": later("Name"),
    "phone": later("Phone"),
    "email": later("E-mail"),
    "region": later("Province or region"),
    "city": later("City and district"),
    "street": later("Street and house"),
    "postcode": later("Postcode"),
    "proposed": later("Proposed by the schedule"),
    "approved": later("Approved, on its way"),
    "owed": later("Waiting to be sent"),
    "sending": later("Being sent"),
    "sent": later("On its way"),
    "unknown": later("Being asked for"),
    "held": later("Held for a decision"),
    "confirmed": later("Paid"),
    "failed": later("Not paid, back on the balance"),
    "returned": later("Came back, on the balance again"),
    "dropped": later("Dropped"),
    "blocked": later("Blocked"),
    "closed": later("Closed"),
}


class Words:
    """One language."""

    def __init__(self, *, locale: str):
        self.locale = locale
        self.babel = Locale.parse(locale)
        self.tag = locale.replace("_", "-")  # as HTML wants it
        self.catalogue = _catalogue(locale)

    def say(self, msgid: str, /, **facts: object) -> str:
        """Return the text in this language, with its ``%(names)s`` filled."""
        text = self.catalogue.gettext(msgid) if msgid else ""
        return text % facts if facts else text

    def refusal(self, refused: Refusal) -> str:
        """Return the sentence of a refusal in this language."""
        # What is stored as one word (a state, a role) is said in the language too.
        details = {
            name: self.say(WORDS_IN_REFUSALS.get(value, value)) if isinstance(value, str) else value
            for name, value in refused.details.items()
        }
        if "hint" in details:
            for hint in HINTS:
                details["hint"] = details["hint"].replace(hint, self.say(hint))
        return self.say(refused.template()).format(**details)

    def money(self, minor: int, currency: str) -> str:
        """Return an amount of minor units as people write it, with its currency."""
        return str(format_currency(Money(minor, currency).major(), currency, locale=self.babel))

    def plain_money(self, minor: int, currency: str) -> str:
        """Return an amount without its currency, for fields that are filled in."""
        return f"{Money(minor, currency).major():f}"

    def number(self, value: int) -> str:
        """Return a whole number with its groups."""
        return str(format_decimal(value, locale=self.babel))

    def rate(self, ppm: int) -> str:
        """Return parts per million as per cent, with at most four digits after the point."""
        return str(format_percent(Decimal(ppm) / PPM, format="#,##0.####%", locale=self.babel))

    def moment(self, at: datetime) -> str:
        """Return a moment in UTC, to the minute."""
        if self.locale == "zh_CN":
            return f"{at:%Y}年{at.month}月{at.day}日 {at:%H:%M} UTC"
        return str(format_datetime(at, "d MMM y, HH:mm 'UTC'", locale=self.babel))

    def day(self, at: datetime) -> str:
        """Return the day of a moment."""
        return str(format_date(at, "MMMd" if self.locale == "zh_CN" else "d MMM", locale=self.babel))

    def date(self, on: date) -> str:
        """Return a calendar day with its year."""
        if self.locale == "zh_CN":
            return f"{on.year}年{on.month}月{on.day}日"
        return str(format_date(on, "d MMM y", locale=self.babel))

    def span(self, seconds: int) -> str:
        """Return a length of time in its largest whole unit."""
        ngettext = self.catalogue.ngettext
        if seconds and seconds % 86_400 == 0:
            n = seconds // 86_400
            return ngettext("%(n)s day", "%(n)s days", n) % {"n": n}
        if seconds and seconds % 3_600 == 0:
            n = seconds // 3_600
            return ngettext("%(n)s hour", "%(n)s hours", n) % {"n": n}
        if seconds and seconds % 60 == 0:
            n = seconds // 60
            return ngettext("%(n)s minute", "%(n)s minutes", n) % {"n": n}
        return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}


@cache
def words_of(locale: str) -> Words:
    """Return the language; its catalogue is compiled once, in memory, from the .po file beside this module."""
    return Words(locale=locale)


def every_language() -> list[Words]:
    """Return both languages: used at the start, so that a broken catalogue stops the start."""
    return [words_of(locale) for locale in LOCALES]


def _catalogue(locale: str) -> GNUTranslations:
    source = resources.files("fissile.web") / "locale" / locale / "LC_MESSAGES" / "fissile.po"
    with source.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
