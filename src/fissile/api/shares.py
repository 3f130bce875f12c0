"""Opening a share: by its link, or by any text that holds its code or link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import msgspec

from fissile.api.asked import visitor
from fissile.api.endpoint import JSON_TYPE, FastEndpoint, Header, Request, Response, encode, location, redirect
from fissile.api.openers import opener_of
from fissile.domain.catalogue.model import ProductView, ShopView
from fissile.domain.shares.errors import (
    CodeMistyped,
    CodeNotFound,
    ShareExpired,
    SharePaused,
    ShareRevoked,
    ShareTargetGone,
    ShareUnknown,
)
from fissile.domain.shares.model import Form, Share
from fissile.domain.shares.rules import code_of, find_code, form_of_query, link_of, target_path
from fissile.flows.record_visit import Opened, open_share, record_visit
from fissile.infra.batcher import Busy, DatabaseAway
from fissile.infra.chance import SystemChance
from fissile.infra.derived import Derived
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import public_id
from fissile.kernel.money import Money

if TYPE_CHECKING:
    from fissile.flows.house import House

_CHANCE = SystemChance()
# A sentence that goes round is pasted by many people: what was found in it is found again.
_SENTENCE_MAX = 500
_find_again = lru_cache(maxsize=4096)(find_code)
_OPENING: tuple[type[Refusal], ...] = (
    CodeMistyped,
    ShareUnknown,
    ShareExpired,
    SharePaused,
    ShareRevoked,
    Busy,
    DatabaseAway,
)


class ResolveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Any text that somebody pasted."""

    text: str


class Target(msgspec.Struct):
    """
    What a share leads to: a product or a shop.

    The price is the cheapest SKU's of a product, in the currency's major unit; a shop has none.
    """

    kind: str
    id: str
    title: str
    url: str
    price: str | None
    currency: str


class Resolved(msgspec.Struct):
    """The share that the text held."""

    share: str
    form: str
    code: str
    link: str
    target: Target


def endpoints(house: House) -> Sequence[FastEndpoint]:
    """Return the endpoints that open shares."""
    base_url = house.settings.base_url

    answers: Derived[tuple[str, Form], bytes] = Derived()
    locations: Derived[str, Header] = Derived()

    async def answer(opened: Opened, *, form: Form) -> bytes:
        share = opened.share
        of_its_kind = house.shops if share.target_kind == "shop" else house.products
        target: ShopView | ProductView | None = await of_its_kind.get(share.target_id)
        if target is None:
            raise ShareTargetGone()
        make = partial(_encoded, share, target, form=form, base_url=base_url)
        return answers.get((share.token, form), (share, target), make)

    async def look_at_link(request: Request) -> Response:
        share = await open_share(house, token=request.parameter, at=datetime.now(UTC))
        return redirect(target_path(share))

    async def open_link(request: Request) -> Response:
        at = datetime.now(UTC)
        token = request.parameter
        asked: bytes = request.scope["query_string"]
        form = form_of_query(asked.decode("latin-1")) if asked else "link"
        opener = opener_of(request)
        visitor_id, _, cookies = visitor(house, request, at=at, rng=_CHANCE)
        try:
            opened = await record_visit(
                house, token=token, form=form, visitor_id=visitor_id, at=at, rng=_CHANCE, opener=opener
            )
        except (CodeMistyped, ShareUnknown, ShareExpired, SharePaused, ShareRevoked):
            if "text/html" in (request.header(b"accept") or ""):
                # People get the page with the search box, which says what is wrong and takes another code.
                return redirect(f"/search?q=/s/{token[:40]}", headers=cookies)
            raise
        there = locations.get(token, (opened.share,), partial(_location, opened.share))
        return Response(status=302, headers=[there, *cookies])

    async def resolve(request: Request) -> Response:
        at = datetime.now(UTC)
        asked = await request.json(ResolveRequest)
        found = (_find_again if len(asked.text) <= _SENTENCE_MAX else find_code)(asked.text)
        visitor_id, _, cookies = visitor(house, request, at=at, rng=_CHANCE)
        opened = await record_visit(
            house,
            token=found.token,
            form=found.form,
            visitor_id=visitor_id,
            at=at,
            rng=_CHANCE,
            opener=opener_of(request, pasted=True),
        )
        return Response(headers=[JSON_TYPE, *cookies], body=await answer(opened, form=found.form))

    return (
        FastEndpoint(
            method="GET",
            path="/s/{token}",
            summary="Open a share: the visit is recorded, then the target's page.",
            handler=open_link,
            problems=_OPENING,
            status=302,
        ),
        FastEndpoint(
            method="HEAD",
            path="/s/{token}",
            summary="Where a share leads; nothing is recorded.",
            handler=look_at_link,
            problems=_OPENING,
            status=302,
        ),
        FastEndpoint(
            method="POST",
            path="/api/shares/resolve",
            summary="Find the code or link in a pasted text and open its share.",
            handler=resolve,
            body=ResolveRequest,
            answer=Resolved,
            problems=(CodeNotFound, ShareTargetGone, *_OPENING),
        ),
    )


def _location(share: Share) -> Header:
    return location(target_path(share))


def _encoded(share: Share, target: ProductView | ShopView, *, form: Form, base_url: str) -> bytes:
    return encode(_resolved(share, target, form=form, base_url=base_url))


def _resolved(share: Share, target: ProductView | ShopView, *, form: Form, base_url: str) -> Resolved:
    if isinstance(target, ShopView):
        prefix, title, prices = "mch", target.name, []
    else:
        prefix, title = "prd", target.title
        prices = [one.price_minor for one in target.skus if one.state == "listed"]
    return Resolved(
        share=public_id("shr", share.id),
        form=form,
        code=code_of(share.token),
        link=link_of(base_url, share.token),
        target=Target(
            kind=share.target_kind,
            id=public_id(prefix, share.target_id),
            title=title,
            url=base_url + target_path(share),
            price=str(Money(min(prices), target.currency).major()) if prices else None,
            currency=target.currency,
        ),
    )
