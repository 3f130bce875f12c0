"""Officers' pages of payouts: proposals, files for banks and their results, items that need a person, terms."""

from __future__ import annotations

from typing import Any, cast

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from fissile.domain.payouts.errors import BadBracket
from fissile.domain.payouts.model import Payee, Rhythm
from fissile.domain.payouts.results import ResultLine, read_results
from fissile.flows.change_payout_terms import change_payout_terms, change_withholding
from fissile.flows.make_bank_file import make_bank_file
from fissile.flows.send_payouts import Decision, ask_now, decide_payout_item, take_bank_results
from fissile.flows.take_payout import take_payout
from fissile.kernel.ids import parse_public_id
from fissile.kernel.money import PPM, BadAmount, UnknownCurrency, minor_digits, parse_major
from fissile.views import payouts as views
from fissile.web.asker import Form, PageRequest, asker_of, form_of
from fissile.web.errors import BadNumber, NoFileChosen, PageNotFound
from fissile.web.page import go, page

_OFFICERS = {"roles": ("payout_officer",)}
_MONEY_READERS = {"roles": ("operator", "payout_officer", "auditor")}
_OPERATORS = {"roles": ("operator",)}
_FILE_BYTES = 1_000_000  # some ten thousand lines
_DECISIONS = ("send", "paid", "failed", "returned")


@post("/operator/payouts/{batch:str}/take", status_code=303, opt=_OFFICERS)
async def send_take(request: PageRequest, batch: FromPath[str]) -> Response[None]:
    """Take over a proposal as its maker."""
    asker = asker_of(request)
    batch_id = parse_public_id("pob", batch)
    await take_payout(asker.house.db, batch_id=batch_id, actor=asker.actor, at=asker.at, rng=asker.rng)
    return go(f"/operator/payouts/{batch}", note="batch-taken")


@post("/operator/payouts/{batch:str}/file", status_code=200, opt=_OFFICERS)
async def send_file(request: PageRequest, batch: FromPath[str]) -> Response[bytes]:
    """Make, or make again, the file of a batch for one bank."""
    asker, form = asker_of(request), form_of(request)
    file = await make_bank_file(
        asker.house.db,
        batch_id=parse_public_id("pob", batch),
        bank=form.get("bank"),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Cache-Control": "private, no-store",
        "X-Checksum-SHA256": file.sha256.hex(),
    }
    return Response(file.content, media_type="text/csv", headers=headers)


@post("/operator/payouts/{batch:str}/items/{item:str}", status_code=303, opt=_OFFICERS)
async def send_decision(request: PageRequest, batch: FromPath[str], item: FromPath[str]) -> Response[None]:
    """Decide an item by hand, or have the gateway asked now."""
    asker, form = asker_of(request), form_of(request)
    item_id, decision = parse_public_id("poi", item), form.get("decision")
    back = f"/operator/payouts/{batch}"
    if decision == "ask":
        await ask_now(asker.house.db, item_id=item_id, actor=asker.actor, at=asker.at, rng=asker.rng)
        return go(back, note="payout-asked")
    if decision not in _DECISIONS:
        raise PageNotFound()
    await decide_payout_item(
        asker.house.db,
        item_id=item_id,
        decision=cast(Decision, decision),
        reason=form.get("reason")[:300],
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(back, note="payout-decided")


@get("/operator/payouts/results", opt=_MONEY_READERS)
async def results_page(request: PageRequest) -> Response[str]:
    """The form for a bank's result file, and what became of the last ones."""
    return await _results(request, told=None)


@post("/operator/payouts/results", status_code=200, opt=_OFFICERS, request_max_body_size=_FILE_BYTES)
async def send_results(request: PageRequest) -> Response[str]:
    """Take a bank's result file and tell what became of each line."""
    asker, form = asker_of(request), form_of(request)
    file = form.fields.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    content = content or str(form.fields.get("rows", "")).replace("\r\n", "\n").strip().encode()
    if not content:
        raise NoFileChosen()
    told = await take_bank_results(
        asker.house.db, results=read_results(content), actor=asker.actor, at=asker.at, rng=asker.rng
    )
    return await _results(request, told=told)


async def _results(request: PageRequest, *, told: list[ResultLine] | None) -> Response[str]:
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        before = await views.results(connection)
    return page(
        asker,
        "operator/payout_results.html",
        told=told,
        before=before,
        may_write=asker.has("payout_officer"),
    )


@get("/operator/payouts/terms", opt=_MONEY_READERS)
async def terms_page(request: PageRequest) -> Response[str]:
    """When payees are paid, from which amount on, and what is withheld."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        return page(
            asker,
            "operator/payout_terms.html",
            terms=await views.terms(connection),
            withholding=await views.withholding(connection),
            may_write=asker.has("operator"),
        )


@post("/operator/payouts/terms", status_code=303, opt=_OPERATORS)
async def send_terms(request: PageRequest) -> Response[None]:
    """Put new terms in force."""
    asker, form = asker_of(request), form_of(request)
    currency = form.get("currency").upper()
    await change_payout_terms(
        asker.house.db,
        payee=cast(Payee, form.get("payee")),
        currency=currency,
        rhythm=cast(Rhythm, form.get("rhythm")),
        on_day=form.whole("on_day", low=1, high=31),
        country=form.get("country").upper(),
        minimum_minor=parse_major(form.get("minimum") or "0", currency=currency).minor,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/payouts/terms", note="plan")


@post("/operator/payouts/withholding", status_code=303, opt=_OPERATORS)
async def send_withholding(request: PageRequest) -> Response[None]:
    """Put a new withholding rule in force: a line a bracket, “800.00 20”."""
    asker, form = asker_of(request), form_of(request)
    currency = form.get("currency").upper()
    minor_digits(currency)
    await change_withholding(
        asker.house.db,
        payee=cast(Payee, form.get("payee")),
        currency=currency,
        brackets=_brackets(form, currency=currency),
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/operator/payouts/terms", note="plan")


def _brackets(form: Form, *, currency: str) -> list[tuple[int, int]]:
    """
    Return the brackets of a form, one a line: an amount in major units, a blank, per cent with at most four digits.

    :raises BadBracket: for the first line that is none
    """
    found = []
    for number, line in enumerate(form.get("brackets").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            start, rate = words
            whole, _, part = rate.removesuffix("%").partition(".")
            if not (whole + part).isdecimal() or len(part) > 4 or len(whole) > 2:
                raise BadBracket(line=number)
            ppm = int((whole or "0") + part.ljust(4, "0"))
            assert ppm < PPM, "it has two digits before the point"
            found.append((parse_major(start, currency=currency).minor, ppm))
        except (ValueError, BadAmount, UnknownCurrency, BadNumber):
            raise BadBracket(line=number) from None
    return found


HANDLERS: tuple[Any, ...] = (
    send_take,
    send_file,
    send_decision,
    results_page,
    send_results,
    terms_page,
    send_terms,
    send_withholding,
)
