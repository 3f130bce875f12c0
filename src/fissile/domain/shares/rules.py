"""Tokens and their check character, the sentence around a code, reading a code out of any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final
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
from fissile.domain.shares.model import Form, FormText, Found, Share
from fissile.kernel.ids import Chance, public_id
from fissile.kernel.money import Money

# 56 letters that are not taken for one another; an even number, as the hybrid check system asks.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
TOKEN_LENGTH = 12
MARK = "₣"
FORM_KEY = "f"

_LETTERS = f"[{ALPHABET}]"
_ANY = "[0-9A-Za-z]"
_IN_MARKS = re.compile(rf"{MARK}\s*({_ANY}{{{TOKEN_LENGTH - 1},{TOKEN_LENGTH + 1}}})\s*({MARK}{{1,2}})")
_IN_LINK = re.compile(rf"/s/({_ANY}{{{TOKEN_LENGTH - 1},{TOKEN_LENGTH + 1}}})(?!{_ANY})(?:\?([0-9A-Za-z_&=%.-]*))?")
_BARE = re.compile(rf"(?<!{_ANY})({_LETTERS}{{{TOKEN_LENGTH}}})(?!{_ANY})")
_LETTER_OF: Final[Mapping[Form, str]] = {"comment": "c", "poster": "p"}
_FORM_OF: Final[Mapping[str, Form]] = {letter: form for form, letter in _LETTER_OF.items()}
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


def code_of(token: str, *, form: Form = "code") -> str:
    """
    Return the special identification code: the token between its marks.

    In a comment its last mark stands twice, by which its openings are told from those of a plain code.
    """
    return f"{MARK}{token}{MARK * 2 if form == 'comment' else MARK}"


def link_of(base_url: str, token: str, *, form: Form = "link") -> str:
    """Return the short link; that of a comment or a poster says so by a letter."""
    letter = _LETTER_OF.get(form)
    return f"{base_url}/s/{quote(token)}" + (f"?{FORM_KEY}={letter}" if letter else "")


def form_of_query(query: str) -> Form:
    """Return the form that a share link's query names. Chats add words of their own; what is unknown is a link."""
    for part in query.split("&"):
        key, _, letter = part.partition("=")
        if key == FORM_KEY:
            return _FORM_OF.get(letter[:1], "link")  # a sentence's full stop may hang on to it
    return "link"


def target_path(share: Share) -> str:
    """Return the page that a share leads to."""
    if share.target_kind == "shop":
        return f"/m/{public_id('mch', share.target_id)}"
    return f"/p/{public_id('prd', share.target_id)}"


def sentence(*, token: str, title: str, price: Money | None, shop: str, locale: str) -> str:
    """
    Return what the promoter copies into a chat: the advertising mark, the title, the price, the code, what to do.

    The mark (广告, Ad) is asked for by the Internet Advertising Measures of 2023 and by 16 CFR 255.
    """
    code, said = code_of(token), _offer(title=title, price=price, locale=locale)
    if locale.startswith("zh"):
        return f"{said}，复制整段文字 {code} 到“{shop}”的搜索框即可打开"
    return f"{said}. Copy this whole message {code} and paste it into the search box of {shop}."


def texts_of(
    *, token: str, title: str, price: Money | None, shop: str, base_url: str, locale: str, by_code: bool
) -> tuple[FormText, ...]:
    """
    Return what is published in each form, in the order of ``FORMS``; every text that stands alone has its mark.

    ``by_code`` says what stands in the comment: the code, else the link. ``price`` None leaves the price out.
    """
    zh, said = locale.startswith("zh"), _offer(title=title, price=price, locale=locale)
    link, commented = link_of(base_url, token), link_of(base_url, token, form="comment")
    code = code_of(token, form="comment")
    if zh:
        comment = f"【广告】复制整段文字 {code} 到“{shop}”的搜索框即可打开" if by_code else f"【广告】{commented}"
        posts = (f"{said} {link}", f"{said}，见评论区第一条", f"{said}，长按图片识别二维码")
    else:
        told = f"Copy this whole comment {code} and paste it into the search box of {shop}."
        comment = f"[Ad] {told}" if by_code else f"[Ad] {commented}"
        posts = (
            f"{said}: {link}",
            f"{said}. See the first comment.",
            f"{said}. Press and hold the picture to open it.",
        )
    return (
        FormText("link", posts[0]),
        FormText("code", sentence(token=token, title=title, price=price, shop=shop, locale=locale)),
        FormText("comment", posts[1], comment=comment),
        FormText("poster", posts[2], payload=link_of(base_url, token, form="poster")),
    )


def _offer(*, title: str, price: Money | None, locale: str) -> str:
    shown = "" if price is None else format_currency(price.major(), price.currency, locale=locale)
    if locale.startswith("zh"):
        return f"【广告】{title} {shown}".rstrip()
    return f"[Ad] {title}, {shown}" if shown else f"[Ad] {title}"


def find_code(text: str) -> Found:
    """
    Return the first token in the text, whatever surrounds it: a code between marks, a share link, or a bare code.

    :raises CodeMistyped: if there is something of a code's shape whose check character is wrong
    :raises CodeNotFound: if there is nothing of the kind
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:20_000]))
    mistyped = None
    for match in _IN_MARKS.finditer(plain):
        if is_sound(match[1]):
            return Found(match[1], "code" if match[2] == MARK else "comment")
        mistyped = mistyped or match[1]
    for match in _IN_LINK.finditer(plain):
        if is_sound(match[1]):
            return Found(match[1], form_of_query(match[2] or ""))
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
