"""Tokens and their check character, the sentence around a code, reading a code out of any text."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from urllib.parse import quote

from babel.numbers import format_currency
from stdnum.iso7064 import mod_37_36

from fissile.domain.shares.errors import (
    CodeMistyped,
    CodeNotFound,
    ShareExpired,
    SharePaused,
    ShareRevoked,
)
from fissile.domain.shares.model import Found, Share
from fissile.kernel.ids import Chance
from fissile.kernel.money import Money

# 56 letters that are not taken for one another; an even number, as the hybrid check system asks.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
TOKEN_LENGTH = 12
MARK = "₣"

_LETTERS = f"[{ALPHABET}]"
_ANY = "[0-9A-Za-z]"
_IN_MARKS = re.compile(rf"{MARK}\s*({_ANY}{{{TOKEN_LENGTH - 1},{TOKEN_LENGTH + 1}}})\s*{MARK}")
_IN_LINK = re.compile(rf"/s/({_ANY}{{{TOKEN_LENGTH - 1},{TOKEN_LENGTH + 1}}})(?!{_ANY})")
_BARE = re.compile(rf"(?<!{_ANY})({_LETTERS}{{{TOKEN_LENGTH}}})(?!{_ANY})")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


def new_token(*, rng: Chance) -> str:
    """Return 11 letters of chance (63 bits) and their check character (ISO 7064 hybrid, modulus 57 over 56)."""
    number = rng.getrandbits(80)  # 17 bits more than 11 letters hold, so that each letter is nearly equally likely
    letters = []
    for _ in range(TOKEN_LENGTH - 1):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    body = "".join(letters)
    return body + str(mod_37_36.calc_check_digit(body, ALPHABET))


def is_sound(token: str) -> bool:
    """Return whether it is a token with its right check character; one wrong letter or a swap makes it false."""
    return (
        len(token) == TOKEN_LENGTH
        and all(letter in ALPHABET for letter in token)
        and bool(mod_37_36.is_valid(token, ALPHABET))
    )


def code_of(token: str) -> str:
    """Return the special identification code: the token between its marks."""
    return f"{MARK}{token}{MARK}"


def link_of(base_url: str, token: str) -> str:
    """Return the short link."""
    return f"{base_url}/s/{quote(token)}"


def sentence(*, token: str, title: str, price: Money, shop: str, locale: str) -> str:
    """
    Return what the promoter copies into a chat: the advertising mark, the title, the price, the code, what to do.

    The mark (广告, Ad) is asked for by the Internet Advertising Measures of 2023 and by 16 CFR 255.
    """
    shown = format_currency(price.major(), price.currency, locale=locale)
    if locale.startswith("zh"):
        return f"【广告】{title} {shown}，复制整段文字 {code_of(token)} 到“{shop}”的搜索框即可打开"
    return (
        f"[Ad] {title}, {shown}. Copy this whole message {code_of(token)} and paste it into the search box of {shop}."
    )


def find_code(text: str) -> Found:
    """
    Return the first token in the text, whatever surrounds it: a code between marks, a share link, or a bare code.

    :raises CodeMistyped: if there is something of a code's shape whose check character is wrong
    :raises CodeNotFound: if there is nothing of the kind
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:20_000]))
    mistyped = None
    for pattern, form in ((_IN_MARKS, "code"), (_IN_LINK, "link")):
        for match in pattern.finditer(plain):
            if is_sound(match[1]):
                return Found(match[1], "code" if form == "code" else "link")
            mistyped = mistyped or match[1]
    for match in _BARE.finditer(plain):
        if is_sound(match[1]):
            return Found(match[1], "code")
    if mistyped:
        raise CodeMistyped(given=mistyped)
    raise CodeNotFound()


def check_open(share: Share, *, at: datetime) -> None:
    """
    Say whether the share may be opened.

    :raises ShareRevoked: if its promoter or an operator withdrew it
    :raises SharePaused: if its promoter paused it
    :raises ShareExpired: if its time is over; the moment of expiry is no longer within
    """
    if share.state == "revoked":
        raise ShareRevoked()
    if share.state == "paused":
        raise SharePaused()
    if share.expires_at is not None and at >= share.expires_at:
        raise ShareExpired(expired_on=share.expires_at.date().isoformat())
