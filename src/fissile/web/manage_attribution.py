"""Attribution for the operator: policies with what they would have changed, and bindings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.domain.attribution.model import BUILT_IN, PolicyVersion
from fissile.domain.attribution.rules import WINDOW_DAYS_MAX
from fissile.flows.change_attribution import change_attribution
from fissile.flows.end_binding import end_binding
from fissile.flows.preview_attribution import Preview, preview_attribution
from fissile.kernel.ids import parse_public_id
from fissile.views import attribution as views
from fissile.views import goods
from fissile.web.asker import Asker, Form, PageRequest, asker_of, form_of
from fissile.web.page import go, page
from fissile.web.query import cursor, cut

_READERS = {"roles": ("operator", "auditor")}
_WRITERS = {"roles": ("operator",)}


@get("/operator/attribution", opt=_READERS)
async def policies(request: PageRequest) -> Response[str]:
    """Attribution policies as they are in force, and the form for the next version."""
    return await _page(asker_of(request), terms=None, preview=None)


@post("/operator/attribution/preview", status_code=200, opt=_WRITERS)
async def send_preview(request: PageRequest) -> Response[str]:
    """Show how the last orders would have been credited by the terms in the form."""
    asker, form = asker_of(request), form_of(request)
    terms = _terms(form)
    preview = await preview_attribution(asker.house.db, terms=terms, actor=asker.actor)
    return await _page(asker, terms=terms, preview=preview)


@post("/operator/attribution", status_code=303, opt=_WRITERS)
async def send_policy(request: PageRequest) -> Response[None]:
    """Make a new version of a policy; it decides from now on."""
    asker, form = asker_of(request), form_of(request)
    terms = _terms(form)
    await change_attribution(
        asker.house.db,
        merchant_id=terms.merchant_id,
        model=terms.model,
        window_days=terms.window_days,
        level=terms.level,
        binding=terms.binding,
        self_purchase=terms.self_purchase,
        state=terms.state,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/attribution", note="attribution")


@get("/operator/bindings", opt=_READERS)
async def bindings(request: PageRequest) -> Response[str]:
    """Buyers who are bound to a promoter, and who were."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        read = await views.bindings(connection, before=cursor(request, "before", prefix="ord"), limit=views.PAGE + 1)
    found, more = cut(read, size=views.PAGE, prefix="ord", by="order_id")
    return page(asker, "operator/bindings.html", bindings=found, more=more, may_write=asker.has("operator"))


@post("/operator/bindings/{order:str}/end", status_code=303, opt=_WRITERS)
async def send_end(request: PageRequest, order: FromPath[str]) -> Response[None]:
    """End a binding, with a reason."""
    asker, form = asker_of(request), form_of(request)
    await end_binding(
        asker.house.db,
        order_id=parse_public_id("ord", order),
        reason=form.get("reason"),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/bindings", note="binding-ended")


async def _page(asker: Asker, *, terms: PolicyVersion | None, preview: Preview | None) -> Response[str]:
    async with asker.house.db.reading() as connection:
        in_force = await views.policies(connection)
        merchants = await goods.merchants(connection)
    everyones: Any = next((one for one in in_force if one["merchant_id"] is None), None)
    return page(
        asker,
        "operator/attribution.html",
        policies=in_force if everyones else [BUILT_IN, *in_force],
        built_in=everyones is None,
        merchants=merchants,
        terms=terms or everyones or BUILT_IN,
        preview=preview,
        days_max=WINDOW_DAYS_MAX,
        may_write=asker.has("operator"),
    )


def _terms(form: Form) -> PolicyVersion:
    """Return the terms in the form as they were written: the flow says whether they will do."""
    merchant = form.get("merchant")
    merchant_id: UUID | None = parse_public_id("mch", merchant) if merchant else None
    words: dict[str, Any] = {name: form.get(name) for name in ("model", "level", "binding")}
    return replace(
        BUILT_IN,
        merchant_id=merchant_id,
        window_days=form.whole("window", low=-(10**6), high=10**6),
        self_purchase=form.get("self_purchase") == "yes",
        state="ended" if form.get("ended") == "yes" else "open",
        **words,
    )


HANDLERS = (policies, send_preview, send_policy, bindings, send_end)
