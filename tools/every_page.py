"""Find every page of a running shop as a person would: by following its links."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from playwright.sync_api import APIRequestContext

# Whose eyes see all pages; None is a visitor who has not signed in.
PEOPLE: tuple[str | None, ...] = (
    None,
    "buyer",
    "promoter",
    "merchant",
    "operator",
    "payout1",
    "reviewer",
    "auditor",
)
# Where people begin besides what links lead to.
STARTS: dict[str | None, tuple[str, ...]] = {
    None: ("/", "/search?q=茶", "/search?q=nothing-like-this", "/sign-in", "/sign-up", "/no/such/page"),
}
_PUBLIC_ID = re.compile(r"\b[a-z]{3}_[0-9a-z]{26}\b")
_OTHER_ID = re.compile(r"(?<=/)(?=[^/]*\d)[^/]+$")
# Where a link opens a share, that visit is counted; the page that it leads to has an address of its own.
_NOT_FOLLOWED = re.compile(r"^/(s|static|api|pictures)/|^/sign-out")
PAGES_MAX = 400


@dataclass(frozen=True, slots=True)
class Place:
    """One page: its kind (the address without ids and values), an address of that kind, how it was answered."""

    kind: str
    address: str
    status: int
    size: int


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and "download" not in dict(attrs) and (href := dict(attrs).get("href")):
            self.found.append(href)


def kind_of(address: str) -> str:
    """Return an address without what differs between pages of one kind: ids, codes, values of the query."""
    parts = urlsplit(address)
    path = _OTHER_ID.sub("{}", _PUBLIC_ID.sub("{}", parts.path))
    names = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
    return path + (f"?{'&'.join(names)}" if names else "")


def every_page(
    request: APIRequestContext, base: str, person: str | None, *, known: Collection[str] = ()
) -> Iterator[Place]:
    """
    Yield a page of each kind that this person reaches by links, breadth first; what is no page is left out.

    Kinds in ``known`` (those that a visitor sees too, say) are followed but not yielded.
    """
    waiting = deque(STARTS.get(person, ("/",)))
    seen: set[str] = set()
    while waiting and len(seen) < PAGES_MAX:
        address = waiting.popleft()
        kind = kind_of(address)
        if kind in seen:
            continue
        seen.add(kind)
        answer = request.get(urljoin(base, address))
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        body = answer.body()
        if kind not in known:
            yield Place(kind, address, answer.status, len(body))
        links = _Links()
        links.feed(body.decode())
        for href in links.found:
            parts = urlsplit(urljoin(answer.url, href))
            local = parts.path + (f"?{parts.query}" if parts.query else "")
            if f"{parts.scheme}://{parts.netloc}" == base and not _NOT_FOLLOWED.match(local):
                waiting.append(local)
