"""From movements to lines, and the chain that holds them; docs/payouts.md says it for those who check it themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from fissile.domain.statements.model import Line, Movement, Statement
from fissile.kernel.ids import public_id
from fissile.kernel.money import Money

COLUMNS = ("no", "moment", "kind", "amount", "change", "balance", "currency", "about", "hash")
_OF_PAYOUTS = ("paid", "withheld", "reserved", "freed", "came_back")
# Of movements of the same moment, the order in which they can have happened.
_ORDER = (
    "accrued",
    "cancelled",
    "released",
    "credit",
    "reserved",
    "withheld",
    "paid",
    "freed",
    "came_back",
    "taken_back",
    "debit",
)
_POSTED = {"payout paid": "paid", "withheld from payout": "withheld"}


def month_of(at: datetime) -> datetime:
    """Return the first moment of the month (UTC) in which a moment lies."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(at: datetime) -> datetime:
    """Return the first moment of the month after."""
    start = month_of(at)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def kind_of(movement: Movement) -> str:
    """Return what a movement is to the account's owner."""
    match movement.phase, movement.credited:
        case "pending", True:
            return "accrued"
        case "post", True:
            return "released"
        case "void", True:
            return "cancelled"
        case "pending", False:
            return "reserved"
        case "post", False:
            return _POSTED.get(movement.reason, "debit")
        case "void", False:
            return "freed"
        case _, True:
            return "came_back" if movement.reason == "payout came back" else "credit"
    return "taken_back" if movement.reason.startswith("refund") else "debit"


def change_of(movement: Movement) -> int:
    """Return what a movement does to the balance (minor units)."""
    if movement.phase not in ("single", "post"):
        return 0
    return movement.amount_minor if movement.credited else -movement.amount_minor


def seal(
    *,
    statement_id: UUID,
    account_id: UUID,
    currency: str,
    period_start: datetime,
    period_end: datetime,
    opening_minor: int,
    previous_seal: str,
    movements: Sequence[Movement],
) -> Statement:
    """Return the statement of these movements, the oldest first, chained to the seal of the one before."""
    balance, before, lines = opening_minor, "", []
    chain = _Chain(currency, statement_id, previous_seal)
    before = chain.hash(0, period_start, "opening", 0, 0, opening_minor, "")
    ordered = sorted(movements, key=lambda one: (one.occurred_at, _ORDER.index(kind_of(one)), one.transfer_id))
    for no, movement in enumerate(ordered, 1):
        change, kind = change_of(movement), kind_of(movement)
        balance += change
        about = public_id("pob" if kind in _OF_PAYOUTS else "ord", movement.subject_id)
        before = chain.hash(no, movement.occurred_at, kind, movement.amount_minor, change, balance, about)
        lines.append(
            Line(
                no=no,
                transfer_id=movement.transfer_id,
                occurred_at=movement.occurred_at,
                kind=kind,
                amount_minor=movement.amount_minor,
                change_minor=change,
                balance_minor=balance,
                about=about,
                hash=before,
            )
        )
    return Statement(
        id=statement_id,
        account_id=account_id,
        currency=currency,
        period_start=period_start,
        period_end=period_end,
        opening_minor=opening_minor,
        closing_minor=balance,
        previous_seal=previous_seal,
        seal=chain.hash(len(lines) + 1, period_end, "closing", 0, 0, balance, ""),
        lines=lines,
    )


def csv_lines(statement: Statement) -> Iterator[str]:
    """
    Return the statement as lines of CSV, hashes included: what :func:`broken_at` and anybody else checks.

    Every cell is a number, a moment, a word of ours or an id: nothing in it is quoted, and nothing starts a formula.
    """
    yield ",".join(COLUMNS)
    yield f",,previous,,,,{statement.currency},,{statement.previous_seal}"
    chain = _Chain(statement.currency, statement.id, statement.previous_seal)
    opening = (0, statement.period_start, "opening", 0, 0, statement.opening_minor, "")
    yield f"{chain.text(*opening)},{chain.hash(*opening)}"
    for line in statement.lines:
        yield f"{chain.text(*_cells(line))},{line.hash}"
    closing = (len(statement.lines) + 1, statement.period_end, "closing", 0, 0, statement.closing_minor, "")
    yield f"{chain.text(*closing)},{statement.seal}"


def broken_at(statement: Statement) -> str | None:
    """Return what of a statement is not as its chain says (“line 3”, “the closing line”), or None."""
    chain = _Chain(statement.currency, statement.id, statement.previous_seal)
    chain.hash(0, statement.period_start, "opening", 0, 0, statement.opening_minor, "")
    balance = statement.opening_minor
    for no, line in enumerate(statement.lines, 1):
        balance += line.change_minor
        if line.no != no or line.balance_minor != balance or chain.hash(*_cells(line)) != line.hash:
            return f"line {line.no}"
    closing = (len(statement.lines) + 1, statement.period_end, "closing", 0, 0, statement.closing_minor, "")
    if balance != statement.closing_minor or chain.hash(*closing) != statement.seal:
        return "the closing line"
    return None


def first_broken(lines: Iterable[str]) -> str | None:
    """Return the first line of a statement's CSV that is not chained to the one before it, or None."""
    before = None
    for line in list(lines)[1:]:
        told, _, given = line.rpartition(",")
        if before is not None and hashlib.sha256(f"{before},{told}".encode()).hexdigest() != given:
            return line
        before = given
    return None


def _cells(line: Line) -> tuple[int, datetime, str, int, int, int, str]:
    return (
        line.no,
        line.occurred_at,
        line.kind,
        line.amount_minor,
        line.change_minor,
        line.balance_minor,
        line.about,
    )


class _Chain:
    """Hashes the lines of one statement, each with the hash before it."""

    def __init__(self, currency: str, statement_id: UUID, previous_seal: str) -> None:
        self.currency, self.name, self.before = currency, public_id("stm", statement_id), previous_seal

    def text(self, no: int, at: datetime, kind: str, amount: int, change: int, balance: int, about: str) -> str:
        """Return a line as it stands in the file, without its hash; amounts are in major units."""
        moment = at.astimezone(UTC).isoformat(timespec="microseconds")
        majors = ",".join(f"{Money(minor, self.currency).major():f}" for minor in (amount, change, balance))
        return f"{no},{moment},{kind},{majors},{self.currency},{about or self.name}"

    def hash(self, no: int, at: datetime, kind: str, amount: int, change: int, balance: int, about: str) -> str:
        """Return SHA-256 of the hash before, a comma and the line; it is the hash before of the next."""
        told = self.text(no, at, kind, amount, change, balance, about)
        self.before = hashlib.sha256(f"{self.before},{told}".encode()).hexdigest()
        return self.before
