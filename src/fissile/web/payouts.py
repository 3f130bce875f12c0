"""The payee's side of payouts: where to pay, what is owed and when, statements as page, CSV and PDF."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.payouts.account_operations import terms_in_force
from fissile.domain.payouts.model import METHODS, Method, Payee
from fissile.domain.payouts.rules import next_payout_day
from fissile.domain.statements.errors import StatementUnknown
from fissile.domain.statements.model import Statement
from fissile.domain.statements.queries import statement_of
from fissile.domain.statements.rules import csv_lines
from fissile.flows.register_payout_account import close_payout_account, register_payout_account
from fissile.infra.documents import Column, Sheet, Table, render_sheet
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import payouts as views
from fissile.web.asker import Asker, Form, PageRequest, asker_of, form_of
from fissile.web.labels import label
from fissile.web.page import go, page

_PROMOTER = {"roles": ("promoter",)}
_STAFF = {"roles": ("merchant_staff",)}
_MONEY_ROLES = ("operator", "payout_officer", "auditor")
_PATHS: dict[Payee, str] = {"promoter": "/promoter/payouts", "merchant": "/operator/merchant-payouts"}
_FRAMES: dict[Payee, str] = {"promoter": "promoter/frame.html", "merchant": "operator/frame.html"}


@get("/promoter/payouts", opt=_PROMOTER)
async def promoters_payouts(request: PageRequest) -> Response[str]:
    """What a promoter is owed, when and where it is paid, statements."""
    return await _payouts(asker_of(request), "promoter")


@get("/operator/merchant-payouts", opt=_STAFF)
async def merchants_payouts(request: PageRequest) -> Response[str]:
    """What the merchant of this member is owed, when and where it is paid, statements."""
    return await _payouts(asker_of(request), "merchant")


@post("/promoter/payouts", status_code=303, opt=_PROMOTER)
async def send_promoters_account(request: PageRequest) -> Response[None]:
    """Register, change or close where a promoter is paid."""
    return await _change(asker_of(request), form_of(request), "promoter")


@post("/operator/merchant-payouts", status_code=303, opt=_STAFF)
async def send_merchants_account(request: PageRequest) -> Response[None]:
    """Register, change or close where the merchant of this member is paid."""
    return await _change(asker_of(request), form_of(request), "merchant")


@get("/statements/{statement:str}", opt={"roles": ()})
async def statement_page(request: PageRequest, statement: FromPath[str]) -> Response[str]:
    """A sealed statement; its owner and the roles of money see it."""
    asker = asker_of(request)
    found, owner, payee = await _statement(asker, statement)
    return page(
        asker,
        "payouts/statement.html",
        frame=_FRAMES[payee] if asker.has("promoter", "merchant_staff") else "operator/frame.html",
        statement=found,
        owner=owner,
        payee=payee,
    )


@get("/statements/{statement:str}/csv", opt={"roles": ()})
async def statement_csv(request: PageRequest, statement: FromPath[str]) -> Response[bytes]:
    """The statement as the file whose chain anybody can check; docs/payouts.md says how."""
    asker = asker_of(request)
    found, _, _ = await _statement(asker, statement)
    content = "".join(f"{line}\n" for line in csv_lines(found)).encode()
    return _file(content, name=f"{_name(found)}.csv", media_type="text/csv")


@get("/statements/{statement:str}/pdf", opt={"roles": ()})
async def statement_pdf(request: PageRequest, statement: FromPath[str]) -> Response[bytes]:
    """The statement as a document, in the reader's language; its seal stands on it."""
    asker = asker_of(request)
    found, owner, payee = await _statement(asker, statement)
    content = await render_sheet(_sheet(asker, found, owner=owner, payee=payee))
    return _file(content, name=f"{_name(found)}.pdf", media_type="application/pdf")


def _sheet(asker: Asker, statement: Statement, *, owner: str, payee: Payee) -> Sheet:
    words, currency = asker.words, statement.currency
    number = public_id("stm", statement.id)
    return Sheet(
        title=f"{words.say('Statement')} {statement.period_start:%Y-%m} {currency}",
        locale=words.locale,
        subtitle=asker.house.settings.shop_name,
        facts=(
            (words.say("Payee"), f"{owner} ({label(words, kind='payee', value=payee)})"),
            (words.say("Period"), f"{words.moment(statement.period_start)} – {words.moment(statement.period_end)}"),
            (words.say("Opening balance"), words.money(statement.opening_minor, currency)),
            (words.say("Closing balance"), words.money(statement.closing_minor, currency)),
            (words.say("Number"), number),
            (words.say("Seal"), statement.seal),
            (words.say("Seal before"), statement.previous_seal),
        ),
        tables=(
            Table(
                title=words.say("Movements"),
                columns=(
                    Column(label=words.say("When")),
                    Column(label=words.say("What"), share=1),
                    Column(label=words.say("Amount"), align="right"),
                    Column(label=words.say("Change"), align="right"),
                    Column(label=words.say("Balance"), align="right"),
                ),
                rows=[
                    (
                        words.moment(line.occurred_at),
                        f"{label(words, kind='movement_kind', value=line.kind)} {line.about}",
                        words.money(line.amount_minor, currency),
                        words.money(line.change_minor, currency) if line.change_minor else "–",
                        words.money(line.balance_minor, currency),
                    )
                    for line in statement.lines
                ],
                totals=((words.say("Closing balance"), words.money(statement.closing_minor, currency)),),
                empty=words.say("Nothing moved in this month."),
            ),
        ),
        foot=number,
    )


async def owed_to(connection: AsyncConnection, *, asker: Asker, payee: Payee) -> dict[str, Any]:
    """Return what ``payouts/balances.html`` shows of the asker's own money: balances, terms, the next payout day."""
    terms = {currency: one for (of, currency), one in (await terms_in_force(connection)).items() if of == payee}
    return {
        "balances": await views.balances_of(connection, payee=payee, owner_id=_owner_id(asker, payee)),
        "terms": terms,
        "next_day": {currency: next_payout_day(one, after=asker.at.date()) for currency, one in terms.items()},
    }


async def _payouts(asker: Asker, payee: Payee) -> Response[str]:
    owner_id = _owner_id(asker, payee)
    async with asker.house.db.reading() as connection:
        owed = await owed_to(connection, asker=asker, payee=payee)
        accounts = await views.accounts_of(connection, payee=payee, owner_id=owner_id)
        paid = await views.payouts_of(connection, payee=payee, owner_id=owner_id)
        statements = await views.statements_of(connection, payee=payee, owner_id=owner_id)
    return page(
        asker,
        "payouts/payee.html",
        frame=_FRAMES[payee],
        **owed,
        accounts=accounts,
        paid=paid,
        statements=statements,
        cooling=asker.house.settings.payout_cooling_hours * 3600,
        by_hand=asker.house.settings.pays_by_hand,
        to=_PATHS[payee],
    )


async def _change(asker: Asker, form: Form, payee: Payee) -> Response[None]:
    given: dict[str, Any] = {
        "payee": payee,
        "payee_id": _owner_id(asker, payee),
        "currency": form.get("currency").upper(),
        "actor": asker.actor,
        "at": asker.at,
        "rng": asker.rng,
    }
    if form.get("close") == "yes":
        await close_payout_account(asker.house.db, **given)
        return go(_PATHS[payee], note="payout-account-closed")
    method = form.get("method")
    await register_payout_account(
        asker.house.db,
        **given,
        method=cast(Method, method if method in METHODS else method[:20]),
        holder=form.get("holder"),
        bank=form.get("bank"),
        number=form.get("number"),
        cooling=timedelta(hours=asker.house.settings.payout_cooling_hours),
    )
    return go(_PATHS[payee], note="payout-account")


def _owner_id(asker: Asker, payee: Payee) -> UUID:
    if payee == "merchant":
        return min(asker.actor.merchant_ids)
    assert asker.member_id is not None, "a promoter is a member"
    return asker.member_id


async def _statement(asker: Asker, given: str) -> tuple[Statement, str, Payee]:
    """
    Return a statement, the name of its owner and what kind of payee that is, if the asker may see it.

    :raises StatementUnknown: if not; whether there is one is not told
    """
    statement_id = parse_public_id("stm", given)
    async with asker.house.db.reading() as connection:
        owner = await views.statement_owner(connection, statement_id=statement_id)
        if owner is None:
            raise StatementUnknown()
        payee: Payee = "promoter" if owner["kind"] == "commission_payable" else "merchant"
        mine = (
            asker.has("promoter") and owner["owner_id"] == asker.member_id
            if payee == "promoter"
            else asker.has("merchant_staff") and owner["owner_id"] in asker.actor.merchant_ids
        )
        if not mine and not asker.has(*_MONEY_ROLES):
            raise StatementUnknown()
        return await statement_of(connection, statement_id=statement_id), owner["name"] or "–", payee


def _name(statement: Statement) -> str:
    return f"statement-{statement.period_start:%Y-%m}-{statement.currency}-{public_id('stm', statement.id)[4:12]}"


def _file(content: bytes, *, name: str, media_type: str) -> Response[bytes]:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=media_type, headers=headers)


HANDLERS = (
    promoters_payouts,
    merchants_payouts,
    send_promoters_account,
    send_merchants_account,
    statement_page,
    statement_csv,
    statement_pdf,
)
