"""Files for banks and what they say back: CSV, line by line."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fissile.domain.payouts.errors import (
    ResultAmountDiffers,
    ResultDoubled,
    ResultFileKnown,
    ResultFileUnreadable,
    ResultItemUnknown,
    ResultStateDiffers,
    ResultSumDiffers,
    ResultWordUnknown,
)
from fissile.domain.payouts.model import AccountDetails, Item, Sending, SendingState
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import UnknownId, parse_public_id, public_id
from fissile.kernel.money import BadAmount, Money, UnknownCurrency, parse_major

FILE_COLUMNS = ("item", "holder", "bank", "account", "amount", "currency", "reference")
RESULT_COLUMNS = ("item", "amount", "currency", "result", "reference", "reason")
TOTAL = "TOTAL"
_NEEDED = RESULT_COLUMNS[:4]
_STATES: dict[str, SendingState] = {"paid": "confirmed", "failed": "failed", "returned": "returned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """One line of a result file (the first after the head is line 2), and why it was refused."""

    number: int
    given: str
    item_id: UUID | None
    amount: Money | None
    word: str
    reference: str
    reason: str
    refusal: Refusal | None = None

    @property
    def state(self) -> SendingState | None:
        """What its word makes of the item."""
        return _STATES.get(self.word)

    def answered(self, refusal: Refusal | None) -> ResultLine:
        """Return the line with its answer."""
        return replace(self, refusal=refusal)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept of it."""
        refused = None if self.refusal is None else [self.refusal.code, self.refusal.details]
        return {"line": self.number, "item": self.given, "result": self.word, "refused": refused}


@dataclass(frozen=True, slots=True)
class BankResults:
    """A result file as read."""

    sha256: bytes
    lines: tuple[ResultLine, ...]

    def known(self, before: datetime) -> ResultFileKnown:
        """Return the refusal of a file that was taken before."""
        return ResultFileKnown(moment=f"{before:%Y-%m-%d %H:%M} UTC")


def read_results(content: bytes) -> BankResults:
    """
    Read a bank's result file: CSV in UTF-8 with the columns item, amount, currency, result and, if it has them,
    reference and reason. A line whose item is TOTAL says what the others add up to, and is held to it.

    :raises ResultFileUnreadable: if it is no such file
    :raises ResultSumDiffers: if the total is not that of the lines
    """
    unreadable = ResultFileUnreadable(columns=", ".join(_NEEDED))
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise unreadable from None
    if not rows or any(column not in rows[0] for column in _NEEDED):
        raise unreadable
    lines, totals = [], []
    for number, row in enumerate(rows, 2):
        cells = {str(name): value.strip() if isinstance(value, str) else "" for name, value in row.items()}
        if cells["item"].upper() == TOTAL:
            totals.append((number, cells))
        else:
            lines.append(_line(number, cells))
    for number, cells in totals:
        found = sum(line.amount.minor for line in lines if line.amount and line.amount.currency == cells["currency"])
        told = _amount(cells)
        if isinstance(told, Refusal) or told.minor != found:
            shown = cells["amount"] if isinstance(told, Refusal) else str(told.major())
            adds_up = str(Money(found, told.currency).major()) if isinstance(told, Money) else str(found)
            raise ResultSumDiffers(line=number, told=shown[:40], found=adds_up)
    return BankResults(hashlib.sha256(content).digest(), tuple(lines))


def check_line(line: ResultLine, *, sending: Sending | None, doubled: bool) -> Refusal | None:
    """Return why a line does not fit its item, or None."""
    if line.refusal is not None:
        return line.refusal
    if sending is None or sending.item.method == "gateway":
        return ResultItemUnknown(given=line.given[:60])
    if doubled:
        return ResultDoubled()
    if line.amount != sending.item.net:
        told = "–" if line.amount is None else f"{line.amount.major()} {line.amount.currency}"
        return ResultAmountDiffers(told=told, owed=f"{sending.item.net.major()} {sending.item.net.currency}")
    fits = sending.state == "confirmed" if line.state == "returned" else sending.state == "sent"
    return None if fits else ResultStateDiffers(state=sending.state, given=line.word)


def file_rows(items: Sequence[tuple[Item, AccountDetails]], *, reference: str) -> list[tuple[str, ...]]:
    """Return the rows of a bank's file: the columns, an item each, and the total with its number of items."""
    rows: list[tuple[str, ...]] = [FILE_COLUMNS]
    for item, account in items:
        amount = f"{item.net.major():f}"
        currency = item.net.currency
        number = public_id("poi", item.id)
        rows.append((number, account.holder, account.bank, account.number, amount, currency, reference))
    total = Money(sum(item.net.minor for item, _ in items), items[0][0].net.currency)
    rows.append((TOTAL, "", "", "", f"{total.major():f}", total.currency, str(len(items))))
    return rows


def _line(number: int, cells: dict[str, str]) -> ResultLine:
    amount = _amount(cells)
    refusal: Refusal | None = amount if isinstance(amount, Refusal) else None
    item_id = None
    try:
        item_id = parse_public_id("poi", cells["item"])
    except UnknownId:
        refusal = ResultItemUnknown(given=cells["item"][:60])
    word = cells["result"].lower()
    if refusal is None and word not in _STATES:
        refusal = ResultWordUnknown(given=word[:40])
    return ResultLine(
        number=number,
        given=cells["item"][:60],
        item_id=item_id,
        amount=None if isinstance(amount, Refusal) else amount,
        word=word[:40],
        reference=cells.get("reference", "")[:100],
        reason=cells.get("reason", "")[:200],
        refusal=refusal,
    )


def _amount(cells: dict[str, str]) -> Money | Refusal:
    try:
        return parse_major(cells["amount"].removeprefix("'"), currency=cells["currency"])
    except (BadAmount, UnknownCurrency) as refused:
        return refused
