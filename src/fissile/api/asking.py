"""
Who asks: cookies, language, form tokens and origin as plain functions on header values, with no framework.
Pages and the fast endpoints use the same ones.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit
from uuid import UUID

from babel.core import negotiate_locale

SESSION_COOKIE = "fissile_session"
VISITOR_COOKIE = "fissile_visitor"
LOCALE_COOKIE = "fissile_locale"
VISITOR_SECONDS = 395 * 86_400  # 13 months
LOCALES = ("zh_CN", "en")


def cookies_of(header: str) -> dict[str, str]:
    """Return the cookies of a Cookie header by name; a header that cannot be read holds none."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def cookie_line(*, name: str, value: str, seconds: int, secure: bool) -> str:
    """Return a Set-Cookie value that scripts cannot read; ``seconds`` of 0 removes the cookie."""
    line = f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return f"{line}; Secure" if secure else line


def visitor_of(cookies: dict[str, str]) -> UUID | None:
    """Return the visitor whom the cookie names, or None if there is no readable one."""
    try:
        return UUID(cookies.get(VISITOR_COOKIE, ""))
    except ValueError:
        return None


def locale_of(*, wanted: Sequence[str], accept_language: str, default: str) -> str:
    """
    Return the language to answer in: the first of ``wanted`` that we have, else what the browser accepts.

    ``wanted`` holds what was asked outright: ``?lang=``, the cookie, the member's own choice.
    """
    for one in wanted:
        if one in LOCALES:
            return one
    accepted = [part.split(";")[0].strip().replace("-", "_") for part in accept_language[:200].split(",")]
    # Every kind of Chinese is nearer to our Chinese than to English.
    accepted = ["zh_CN" if part.lower().startswith("zh") else part for part in accepted if part]
    return negotiate_locale(accepted, LOCALES) or (default if default in LOCALES else "en")


def signed(*, secret: str, words: str) -> str:
    """Return the HMAC-SHA256 of ``words`` as hexadecimal digits."""
    return hmac.new(secret.encode(), words.encode(), hashlib.sha256).hexdigest()


def signature_holds(*, secret: str, words: str, given: str) -> bool:
    """Return whether ``given`` is the signature of ``words``, in constant time."""
    return hmac.compare_digest(signed(secret=secret, words=words).encode(), given.encode())


def same_origin(*, origin: str, base_url: str, host: str) -> bool:
    """
    Return whether a form was sent from our own pages.

    Browsers name the origin of every form; a request without the header comes from a program, which has to know
    the form's token all the same.
    """
    if not origin:
        return True
    given = urlsplit(origin)
    return bool(given.netloc) and given.netloc in {urlsplit(base_url).netloc, host}


def safe_path(given: str, *, otherwise: str) -> str:
    """
    Return ``given`` if it is a path of this site, so that no link can send people elsewhere after sign-in.

    Browsers drop tabs and line breaks from an address before they read it: ``/<tab>/evil.example`` leads away.
    """
    fine = given.startswith("/") and not given.startswith(("//", "/\\"))
    return given if fine and given.isprintable() else otherwise
