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
from fissile.domain.catalogue.model import ProductView
from fissile.domain.shares.errors import (
    CodeMistyped,
    CodeNotFound,
    ShareExpired,
    SharePaused,
    ShareRevoked,
    ShareTargetGone,
    ShareUnknown,
)
from fissile.domain.shares.model import Share
from fissile.domain.shares.rules import code_of, find_code, link_of
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
    """What a share leads to; the price is its cheapest SKU's, in the currency's major unit."""

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

    answers: Derived[tuple[str, str], bytes] = Derived()
    locations: Derived[str, Header] = Derived()

    async def answer(opened: Opened, *, form: str) -> bytes:
        share = opened.share
        product = await house.products.get(share.target_id)
        if product is None:
            raise ShareTargetGone()
        make = partial(_encoded, share, product, form=form, base_url=base_url)
        return answers.get((share.token, form), (share, product), make)

    async def look_at_link(request: Request) -> Response:
        share = await open_share(house, token=request.parameter, at=datetime.now(UTC))
        return redirect(f"/p/{public_id('prd', share.target_id)}")

    async def open_link(request: Request) -> Response:
        at = datetime.now(UTC)
        token = request.parameter
        opener = opener_of(request)
        visitor_id, _, cookies = visitor(house, request, at=at, rng=_CHANCE)
        try:
            opened = await record_visit(
                house, token=token, form="link", visitor_id=visitor_id, at=at, rng=_CHANCE, opener=opener
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
    return location(f"/p/{public_id('prd', share.target_id)}")


def _encoded(share: Share, product: ProductView, *, form: str, base_url: str) -> bytes:
    return encode(_resolved(share, product, form=form, base_url=base_url))


def _resolved(share: Share, product: ProductView, *, form: str, base_url: str) -> Resolved:
    prices = [one.price_minor for one in product.skus if one.state == "listed"]
    target_id = public_id("prd", share.target_id)
    return Resolved(
        share=public_id("shr", share.id),
        form=form,
        code=code_of(share.token),
        link=link_of(base_url, share.token),
        target=Target(
            kind=share.target_kind,
            id=target_id,
            title=product.title,
            url=f"{base_url}/p/{target_id}",
            price=str(Money(min(prices), product.currency).major()) if prices else None,
            currency=product.currency,
        ),
    )
