"""Shipping terms, and requests to give orders back, for those who keep the shop."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.problems import status_of
from fissile.domain.catalogue.rules import parse_tax_rate, parse_weight
from fissile.domain.shipping.model import ZONES_MAX, Zone
from fissile.domain.shipping.queries import terms_for
from fissile.domain.shipping.rules import parse_regions
from fissile.flows.ask_return import answer_return
from fissile.flows.change_shipping import change_shipping
from fissile.flows.change_sku_terms import change_sku_terms
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import parse_major
from fissile.views import checkout as views
from fissile.views import goods
from fissile.web.asker import Asker, Form, PageRequest, asker_of, form_of, whole
from fissile.web.errors import PageNotFound
from fissile.web.labels import LABELS
from fissile.web.manage_catalogue import READERS, WRITERS, own_merchants
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, cut

_EMPTY_ROWS = 3
_CELLS = ("regions", "base", "free_from", "first", "step", "step_price", "ships")


@get("/operator/shipping", opt={"roles": READERS})
async def shipping(request: PageRequest) -> Response[str]:
    """Merchants with the version of their terms."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        found = await views.merchants_with_terms(connection, merchant_ids=own_merchants(asker))
    return page(asker, "operator/shipping.html", merchants=found, usual=asker.house.settings.after_sale_days)


@get("/operator/shipping/{merchant:str}", opt={"roles": READERS})
async def terms(request: PageRequest, merchant: FromPath[str]) -> Response[str]:
    """The terms of one merchant, to be changed."""
    return await _shown(asker_of(request), merchant=merchant, form=None)


@post("/operator/shipping/{merchant:str}", status_code=303, opt={"roles": WRITERS})
async def send_terms(request: PageRequest, merchant: FromPath[str]) -> Response[Any]:
    """Put a new version of the terms in force."""
    asker, form = asker_of(request), form_of(request)
    found = await _merchant(asker, merchant)
    try:
        days = form.get("after_sale_days")
        await change_shipping(
            asker.house.db,
            merchant_id=found["id"],
            zones=[_zone(form, n, currency=found["currency"]) for n in range(ZONES_MAX) if form.get(f"regions{n}")],
            after_sale_days=whole(days, low=0, high=10_000) if days else None,
            actor=asker.actor,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        return await _shown(asker, merchant=merchant, form=form, refusal=refusal)
    return go(f"/operator/shipping/{merchant}", note="terms")


@post("/operator/skus/{sku:str}/terms", status_code=303, opt={"roles": WRITERS})
async def send_sku_terms(request: PageRequest, sku: FromPath[str]) -> Response[None]:
    """Say what a SKU weighs and how its product is taxed."""
    asker, form = asker_of(request), form_of(request)
    sku_id = parse_public_id("sku", sku)
    async with asker.house.db.reading() as connection:
        owner = await goods.sku_owner(connection, sku_id=sku_id)
    merchants = own_merchants(asker)
    if owner is None or (merchants is not None and owner["merchant_id"] not in merchants):
        raise PageNotFound()
    await change_sku_terms(
        asker.house.db,
        sku_id=sku_id,
        weight_grams=parse_weight(form.get("weight_grams")),
        tax_rate_ppm=parse_tax_rate(form.get("tax_rate")),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/products/{public_id('prd', owner['product_id'])}", note="saved")


@get("/operator/returns", opt={"roles": READERS})
async def returns(request: PageRequest) -> Response[str]:
    """Requests to give orders back: those that wait for an answer, or any."""
    asker = asker_of(request)
    state = choice(request, "state", among=LABELS["return"])
    async with asker.house.db.reading() as connection:
        read = await views.requests(
            connection,
            state=state,
            merchant_ids=own_merchants(asker),
            before=cursor(request, "before", prefix="ret"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="ret")
    return page(
        asker,
        "operator/returns.html",
        requests=found,
        more=more,
        state=state,
        may_write=asker.has(*WRITERS),
        may_refund=asker.has("operator"),
    )


@post("/operator/returns/{request_id:str}", status_code=303, opt={"roles": WRITERS})
async def send_answer(request: PageRequest, request_id: FromPath[str]) -> Response[None]:
    """Accept or refuse a request."""
    asker, form = asker_of(request), form_of(request)
    state: Literal["accepted", "refused"] = "accepted" if form.get("do") == "accept" else "refused"
    await answer_return(
        asker.house.db,
        request_id=parse_public_id("ret", request_id),
        state=state,
        answer=form.get("answer"),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/returns", note="answered")


def _zone(form: Form, n: int, *, currency: str) -> Zone:
    def money(name: str) -> int:
        return parse_major(form.get(f"{name}{n}") or "0", currency=currency).minor

    def grams(name: str) -> int:
        return whole(form.get(f"{name}{n}") or "0", low=0, high=10**9)

    return Zone(
        regions=parse_regions(form.get(f"regions{n}")),
        base_minor=money("base"),
        first_grams=grams("first"),
        step_grams=grams("step"),
        step_minor=money("step_price"),
        free_from_minor=money("free_from") if form.get(f"free_from{n}") else None,
        ships=form.get(f"ships{n}", "yes") != "no",
    )


async def _merchant(asker: Asker, merchant: str) -> Any:
    merchant_id: UUID = parse_public_id("mch", merchant)
    merchants = own_merchants(asker)
    async with asker.house.db.reading() as connection:
        found = await views.merchant(connection, merchant_id=merchant_id)
    if found is None or (merchants is not None and merchant_id not in merchants):
        raise PageNotFound()
    return found


async def _shown(asker: Asker, *, merchant: str, form: Form | None, refusal: Refusal | None = None) -> Response[str]:
    found = await _merchant(asker, merchant)
    async with asker.house.db.reading() as connection:
        known = await terms_for(connection, merchant_id=found["id"])
    words = asker.words
    rows: list[dict[str, str]] = []
    if form is not None:
        rows = [{cell: form.get(f"{cell}{n}") for cell in _CELLS} for n in range(ZONES_MAX) if form.get(f"regions{n}")]
    elif known is not None:
        rows = [
            {
                "regions": zone.name,
                "base": words.plain_money(zone.base_minor, found["currency"]),
                "free_from": ""
                if zone.free_from_minor is None
                else words.plain_money(zone.free_from_minor, found["currency"]),
                "first": str(zone.first_grams),
                "step": str(zone.step_grams),
                "step_price": words.plain_money(zone.step_minor, found["currency"]),
                "ships": "yes" if zone.ships else "no",
            }
            for zone in known.zones
        ]
    empty = dict.fromkeys(_CELLS, "")
    rows += [empty] * min(_EMPTY_ROWS, ZONES_MAX - len(rows))
    days = (
        form.get("after_sale_days")
        if form
        else str(known.after_sale_days)
        if known and known.after_sale_days is not None
        else ""
    )
    return page(
        asker,
        "operator/terms.html",
        status=status_of(refusal.code) if refusal else 200,
        merchant=found,
        terms=known,
        rows=rows,
        days=days,
        usual=asker.house.settings.after_sale_days,
        sentence=words.refusal(refusal) if refusal else "",
        may_write=asker.has(*WRITERS),
    )


HANDLERS = (shipping, terms, send_terms, send_sku_terms, returns, send_answer)
