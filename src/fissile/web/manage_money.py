"""Plans and fees, payouts of two people, the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.flows.approve_payout import approve_payout
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.drop_payout import drop_payout
from fissile.flows.make_payout import make_payout
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import PPM, minor_digits, parse_major
from fissile.views import goods
from fissile.views import money as views
from fissile.views import payouts as payout_views
from fissile.web.asker import Form, PageRequest, asker_of, form_of
from fissile.web.errors import BadNumber, PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, cut, word

_PLANNERS = {"roles": ("operator",)}
_PLAN_READERS = {"roles": ("operator", "auditor")}
_MONEY_READERS = {"roles": ("operator", "payout_officer", "auditor")}
_OFFICERS = {"roles": ("payout_officer",)}
_SCOPE_PREFIXES = {"merchant": "mch", "category": "cat", "product": "prd"}
_HOLD_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}


@get("/operator/plans", opt=_PLAN_READERS)
async def plans(request: PageRequest) -> Response[str]:
    """Commission plans and fees as they are in force."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        return page(
            asker,
            "operator/plans.html",
            plans=await views.plans(connection),
            fees=await views.fees(connection),
            merchants=await goods.merchants(connection),
            categories=await goods.all_categories(connection),
            may_write=asker.has("operator"),
        )


@post("/operator/plans", status_code=303, opt=_PLANNERS)
async def send_plan(request: PageRequest) -> Response[None]:
    """Make a new version of a plan; it decides from now on, orders placed before keep theirs."""
    asker, form = asker_of(request), form_of(request)
    scope, scope_id = _scope(form)
    kind = form.get("kind")
    if kind not in LABELS["plan_kind"]:
        raise BadNumber(given=kind[:40])
    currency = form.get("currency") or "CNY"
    await change_plan(
        asker.house.db,
        scope=scope,
        scope_id=scope_id,
        kind=kind,
        rate_ppm=_rate(form.get("rate")) if kind == "percent" else None,
        further_rates_ppm=[_rate(given) for name in ("second", "third") if (given := form.get(name))],
        flat_minor=parse_major(form.get("flat"), currency=currency).minor if kind == "flat" else None,
        cap_minor=parse_major(form.get("cap"), currency=currency).minor if form.get("cap") else None,
        hold_seconds=form.whole("hold", low=0, high=366 * 86_400) * _HOLD_UNITS.get(form.get("hold_unit"), 1),
        state="ended" if form.get("state") == "ended" else "open",
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/plans", note="plan")


@post("/operator/fees", status_code=303, opt=_PLANNERS)
async def send_fee(request: PageRequest) -> Response[None]:
    """Make a new version of the platform's fee, for all merchants or for one."""
    asker, form = asker_of(request), form_of(request)
    merchant = form.get("merchant")
    await change_fee(
        asker.house.db,
        merchant_id=parse_public_id("mch", merchant) if merchant else None,
        rate_ppm=_rate(form.get("rate")),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/plans", note="plan")


@get("/operator/payouts", opt=_MONEY_READERS)
async def payouts(request: PageRequest) -> Response[str]:
    """Payout batches, and what waits for the next."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        ready = await views.ready_for_payout(connection, by_hand=asker.house.settings.pays_by_hand, at=asker.at)
        outbox = await payout_views.outbox(connection)
        read = await views.batches(connection, before=cursor(request, "before", prefix="pob"), limit=views.PAGE + 1)
    found, more = cut(read, size=views.PAGE, prefix="pob")
    return page(
        asker,
        "operator/payouts.html",
        batches=found,
        more=more,
        ready=ready,
        outbox=outbox,
        may_write=asker.has("payout_officer"),
    )


@post("/operator/payouts", status_code=303, opt=_OFFICERS)
async def send_payout(request: PageRequest) -> Response[None]:
    """Make a batch of everything that is released in one currency."""
    asker, form = asker_of(request), form_of(request)
    currency = form.get("currency")
    minor_digits(currency)
    batch = await make_payout(
        asker.house.db,
        currency=currency,
        actor=asker.actor,
        idempotency_key=form.key,
        at=asker.at,
        rng=asker.rng,
        by_hand=asker.house.settings.pays_by_hand,
    )
    return go(f"/operator/payouts/{public_id('pob', batch.id)}", note="batch-made")


@get("/operator/payouts/{batch:str}", opt=_MONEY_READERS)
async def payout(request: PageRequest, batch: FromPath[str]) -> Response[str]:
    """One batch: what it pays to whom, who made it, who approved it."""
    asker = asker_of(request)
    batch_id = parse_public_id("pob", batch)
    async with asker.house.db.reading() as connection:
        found = await views.batch(connection, batch_id=batch_id)
        if found is None:
            raise PageNotFound()
        items = await payout_views.items_of(connection, batch_id=batch_id)
        banks = await payout_views.banks_of(connection, batch_id=batch_id)
    return page(
        asker,
        "operator/payout.html",
        batch=found,
        items=items,
        banks=banks,
        officer=asker.has("payout_officer"),
        own=found["made_by"] == asker.member_id,
    )


@post("/operator/payouts/{batch:str}/approve", status_code=303, opt=_OFFICERS)
async def send_approve(request: PageRequest, batch: FromPath[str]) -> Response[None]:
    """Approve a batch that another officer made."""
    asker = asker_of(request)
    await approve_payout(
        asker.house.db,
        batch_id=parse_public_id("pob", batch),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/payouts/{batch}", note="batch-paid")


@post("/operator/payouts/{batch:str}/drop", status_code=303, opt=_OFFICERS)
async def send_drop(request: PageRequest, batch: FromPath[str]) -> Response[None]:
    """Drop a batch that is not paid."""
    asker = asker_of(request)
    await drop_payout(
        asker.house.db,
        batch_id=parse_public_id("pob", batch),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/payouts/{batch}", note="batch-dropped")


@get("/operator/ledger", opt=_MONEY_READERS)
async def ledger(request: PageRequest) -> Response[str]:
    """The trial balance, and the accounts of one currency."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        trial = await views.trial_balance(connection)
        kinds = await views.balances_by_kind(connection)
        currencies = [one["currency"] for one in trial]
        chosen = choice(request, "currency", among=currencies) or (currencies[0] if currencies else "")
        accounts = await views.accounts(connection, currency=chosen)
    return page(
        asker,
        "operator/ledger.html",
        trial=trial,
        kinds=[one for one in kinds if one["currency"] == chosen],
        accounts=accounts,
        chosen=chosen,
    )


@get("/operator/ledger/{account:uuid}", opt=_MONEY_READERS)
async def statement(request: PageRequest, account: FromPath[UUID]) -> Response[Any]:
    """The statement of one account."""
    asker = asker_of(request)
    before = word(request, "before")
    async with asker.house.db.reading() as connection:
        found = await views.account(connection, account_id=account)
        if found is None:
            raise PageNotFound()
        read = await views.statement(
            connection,
            account_id=account,
            before=parse_public_id("trf", before) if before else None,
            limit=views.PAGE + 1,
        )
        sealed = await payout_views.sealed_of(connection, account_id=account)
    transfers, more = cut(read, size=views.PAGE, prefix="trf")
    return page(asker, "operator/statement.html", account=found, transfers=transfers, more=more, sealed=sealed)


def _scope(form: Form) -> tuple[str, UUID | None]:
    """Return the scope that the form names: the whole platform, or ``mch_…``, ``cat_…``, ``prd_…``."""
    given = form.get("product") or form.get("scope")
    if given in ("", "platform"):
        return "platform", None
    for scope, prefix in _SCOPE_PREFIXES.items():
        if given.startswith(prefix + "_"):
            return scope, parse_public_id(prefix, given)
    raise PageNotFound()


def _rate(given: str) -> int:
    """Return per cent with up to four digits after the point as parts per million."""
    whole, _, part = given.removesuffix("%").strip().partition(".")
    if not (whole + part).isdecimal() or len(part) > 4 or len(whole) > 3:
        raise BadNumber(given=given[:40])
    ppm = int((whole or "0") + part.ljust(4, "0"))
    if ppm > PPM:
        raise BadNumber(given=given[:40])
    return ppm


HANDLERS = (
    plans,
    send_plan,
    send_fee,
    payouts,
    send_payout,
    payout,
    send_approve,
    send_drop,
    ledger,
    statement,
)
