"""The demo's payouts: accounts of every kind, days and minimum, a bank's file with results, a proposal, statements."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from fissile.domain.catalogue.tables import merchants
from fissile.domain.members.tables import member_roles
from fissile.domain.payouts.account_operations import terms_in_force
from fissile.domain.payouts.errors import NoBankFile, PayoutAccountUnchanged, ResultFileKnown
from fissile.domain.payouts.model import Batch, Method, Payee
from fissile.domain.payouts.results import RESULT_COLUMNS, TOTAL, read_results
from fissile.flows.change_payout_terms import change_payout_terms
from fissile.flows.make_bank_file import make_bank_file
from fissile.flows.register_payout_account import register_payout_account
from fissile.flows.seal_statements import seal_statements
from fissile.flows.send_payouts import take_bank_results
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Actor
from fissile.worker.payouts import propose_payouts

_CHANCE = random.SystemRandom()
_BANK = "招商银行"
_BANK_OF_MERCHANT = "Bank of Hills"


async def payout_settings(db: Database, *, actors: Mapping[str, Actor], at: datetime) -> None:
    """Say when payees are paid in CNY, and where some of them; the first promoter has named no account."""
    async with db.reading() as connection:
        known = await terms_in_force(connection)
    operator = actors["operator"]
    given: dict[str, Any] = {"currency": "CNY", "country": "CN", "actor": operator, "at": at, "rng": _CHANCE}
    if ("promoter", "CNY") not in known:
        await change_payout_terms(db, payee="promoter", rhythm="month", on_day=10, minimum_minor=100, **given)
    if ("merchant", "CNY") not in known:
        await change_payout_terms(db, payee="merchant", rhythm="week", on_day=5, minimum_minor=10_000, **given)
    of_staff = (
        select(merchants.c.id, merchants.c.name, merchants.c.currency)
        .join(member_roles, member_roles.c.merchant_id == merchants.c.id)
        .where(member_roles.c.member_id == actors["merchant"].member_id)
    )
    async with db.reading() as connection:
        merchant = (await connection.execute(of_staff)).one()
    places: tuple[tuple[Payee, UUID | None, str, Method, str, str, str], ...] = (
        ("promoter", actors["promoter2"].member_id, "CNY", "gateway", "林小满", "", "sbx-xiaoman"),
        ("promoter", actors["promoter3"].member_id, "CNY", "file", "周子衿", _BANK, "6222021234567890128"),
        ("merchant", merchant.id, merchant.currency, "file", merchant.name, _BANK_OF_MERCHANT, "100012345678"),
    )
    for payee, payee_id, currency, method, holder, bank, number in places:
        assert payee_id is not None, "the demo's people are members"
        try:
            await register_payout_account(
                db,
                payee=payee,
                payee_id=payee_id,
                currency=currency,
                method=method,
                holder=holder,
                bank=bank,
                number=number,
                cooling=timedelta(hours=48),
                actor=HOUSE,
                at=at,
                rng=_CHANCE,
            )
        except PayoutAccountUnchanged:
            continue  # it was registered before the demo was broken off


async def play_payout(db: Database, *, batch: Batch, officer: Actor, at: datetime) -> None:
    """Let both banks have their files; one of them has answered. The gateway's items wait for the worker."""
    for bank in (_BANK, _BANK_OF_MERCHANT):
        try:
            file = await make_bank_file(db, batch_id=batch.id, bank=bank, actor=officer, at=at, rng=_CHANCE)
        except NoBankFile:
            continue
        if bank == _BANK:
            rows = csv.DictReader(io.StringIO(file.content.decode()))
            paid = [
                f"{row['item']},{row['amount']},{row['currency']},paid,demo," for row in rows if row["item"] != TOTAL
            ]
            content = "\n".join((",".join(RESULT_COLUMNS), *paid)).encode()
            try:
                await take_bank_results(
                    db, results=read_results(content), actor=officer, at=at + timedelta(minutes=5), rng=_CHANCE
                )
            except ResultFileKnown:
                continue  # it was taken before the demo was broken off


async def close_months(db: Database, *, at: datetime) -> None:
    """Seal what is over, and propose what is due."""
    while await seal_statements(db, actor=HOUSE, at=at, rng=_CHANCE):
        pass
    await propose_payouts(db, by_hand=True, at=at, rng=_CHANCE)
