"""Who opens a share, as far as the request's headers tell."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from fissile.api.endpoint import Request
from fissile.domain.shares.model import Opener
from fissile.infra.agents import KEPT_MAX, READ_MAX, agent_of, referrer_host

PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-moz", "x-purpose")
_PREFETCH = tuple(name.encode() for name in PREFETCH_HEADERS)
_FETCHED_AHEAD = Opener("prefetch")


def opener_of(request: Request, *, pasted: bool = False) -> Opener:
    """
    Return who asks; ``pasted`` tells that a text was sent to us, which programs do for people and crawlers never.

    A browser that fetches ahead of its person (prefetch, prerender) says so in a header.
    """
    if request.any_header_has(_PREFETCH, b"prefetch"):
        return _FETCHED_AHEAD
    return opener_named(
        user_agent=request.header(b"user-agent") or "",
        referrer=request.header(b"referer") or "",
        host=request.header(b"host") or "",
        pasted=pasted,
    )


def opener_named(*, user_agent: str, referrer: str, host: str, pasted: bool = False) -> Opener:
    """Return who asks, by these headers; a referrer on this site itself (``host``) is none."""
    return _opener(user_agent[:READ_MAX], _site(referrer, host) if referrer else "", pasted)


@lru_cache(maxsize=KEPT_MAX)
def _opener(user_agent: str, site: str, pasted: bool) -> Opener:
    agent = agent_of(user_agent)
    if pasted and agent.kind == "bot":
        return Opener("person", "", site, "unknown", "", agent.name, "")
    return Opener(agent.kind, agent.name, site, agent.device, agent.os, agent.browser, agent.app)


def _site(referrer: str, host: str) -> str:
    site = referrer_host(referrer)
    return "" if site and urlsplit(referrer).netloc == host else site
