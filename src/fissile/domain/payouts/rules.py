"""Who may handle payouts, which transfers a batch makes, when it is due, what is withheld, which accounts will do."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal
from uuid import UUID

from stdnum import iban, luhn
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.payouts.errors import (
    BadAccountNumber,
    BadBracket,
    BadCalendar,
    BadCardNumber,
    BadGatewayAccount,
    BadIban,
    BadPayoutTerms,
    BadRoutingNumber,
    BankMissing,
    HolderMissing,
    PayoutStateDiffers,
    SamePerson,
)
from fissile.domain.payouts.model import AccountDetails, Batch, Item, Method, Rhythm, Run, Terms, Withholding
from fissile.kernel.ids import Chance, new_id
from fissile.kernel.money import PPM

OFFICERS = frozenset({"payout_officer"})
HOLDER_MAX = 140
BANK_MAX = 80
REASON_MIN = 5
# After a request that surely did not arrive: 30 s, 1 min, 2 min … at most six hours.
_BACKOFF_FIRST = timedelta(seconds=30)
_BACKOFF_MOST = timedelta(hours=6)
# What was paid can come back for weeks: the gateway is asked again at these distances from its confirmation.
WATCH = (timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14))
_RETURN_AFTER_DAYS_MAX = 40  # no calendar has as many days without work in a row


def check_approval(batch: Batch, *, approver_id: UUID) -> None:
    """
    Check that a batch waits for its approval, by another person than its maker.

    :raises PayoutStateDiffers: if it is a proposal, or was approved or dropped
    :raises SamePerson: if the approver made it
    """
    if batch.state != "made":
        raise PayoutStateDiffers(state=batch.state)
    if batch.made_by == approver_id:
        raise SamePerson()


def check_waiting(batch: Batch) -> None:
    """
    Check that a batch is neither approved nor dropped.

    :raises PayoutStateDiffers: if it is
    """
    if batch.state not in ("proposed", "made"):
        raise PayoutStateDiffers(state=batch.state)


def hold(batch_id: UUID, item: Item, *, at: datetime) -> list[Transfer]:
    """Return the pending transfers that take an item's money out of what is available: net, and what is withheld."""
    made = [
        Transfer(
            id=item.transfer_id,
            debit=item.account,
            credit=Account(Kind.PAYOUT_CLEARING, None, item.amount.currency),
            amount_minor=item.net.minor,
            phase="pending",
            reason="payout made",
            subject_id=batch_id,
            key=f"payout:{batch_id}:{item.payee_id}",
            at=at,
        )
    ]
    if item.withholding_transfer_id is not None:
        made.append(
            Transfer(
                id=item.withholding_transfer_id,
                debit=item.account,
                credit=Account(Kind.WITHHOLDING_PAYABLE, None, item.amount.currency),
                amount_minor=item.withheld_minor,
                phase="pending",
                reason="withheld from payout",
                subject_id=batch_id,
                key=f"payout_withheld:{batch_id}:{item.payee_id}",
                at=at,
            )
        )
    return made


def end(batch_id: UUID, item: Item, *, phase: Literal["post", "void"], at: datetime, rng: Chance) -> list[Transfer]:
    """Return the transfers that pay an item (post) or give its money back to what is available (void)."""
    reasons = {"payout made": "payout paid" if phase == "post" else "payout not paid"}
    return [
        Transfer(
            id=new_id(at=at, rng=rng),
            debit=held.debit,
            credit=held.credit,
            amount_minor=held.amount_minor,
            phase=phase,
            reason=reasons.get(held.reason, held.reason),
            subject_id=batch_id,
            key=f"{phase}:{held.key}",
            at=at,
            pending_id=held.id,
        )
        for held in hold(batch_id, item, at=at)
    ]


def bring_back(batch_id: UUID, item: Item, *, at: datetime, rng: Chance) -> list[Transfer]:
    """Return the transfers that put a paid item, which came back, on its payee's balance again, all of it."""
    return [
        Transfer(
            id=new_id(at=at, rng=rng),
            debit=held.credit,
            credit=held.debit,
            amount_minor=held.amount_minor,
            phase="single",
            reason="payout came back",
            subject_id=batch_id,
            key=f"return:{held.key}",
            at=at,
        )
        for held in hold(batch_id, item, at=at)
    ]


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many requests in a row that did not arrive (30 s, doubling, at most 6 h)."""
    doubled: int = 2 ** min(attempts, 20)
    return min(_BACKOFF_FIRST * doubled, _BACKOFF_MOST)


def next_watch(*, confirmed_at: datetime, at: datetime) -> datetime | None:
    """Return when to ask next whether a paid item came back; None after the last time."""
    return next((confirmed_at + one for one in WATCH if confirmed_at + one > at), None)


def withhold(amount_minor: int, rule: Withholding | None) -> int:
    """
    Return what is withheld from a payout (minor units; part of one is left to the payee).

    Of each part between the beginning of its bracket and that of the next, the bracket's rate.
    """
    if rule is None or not rule.brackets:
        return 0
    ends = [start for start, _ in rule.brackets[1:]] + [amount_minor]
    kept = sum(
        max(0, min(amount_minor, end) - start) * rate for (start, rate), end in zip(rule.brackets, ends, strict=True)
    )
    return kept // PPM


def read_brackets(given: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """
    Return brackets as (from minor units, parts per million), checked.

    :raises BadBracket: if they do not rise, or a rate is 100 % or more
    """
    for line, (start, rate) in enumerate(given, 1):
        rises = line == 1 or start > given[line - 2][0]
        if start < 0 or not 0 <= rate < PPM or not rises:
            raise BadBracket(line=line)
    return tuple(given)


# When


def check_terms(*, rhythm: Rhythm, on_day: int, country: str) -> None:
    """
    Check that terms name days that there are.

    :raises BadPayoutTerms: if the day does not fit the rhythm
    :raises BadCalendar: if nobody knows the country's working days
    """
    if not 1 <= on_day <= (7 if rhythm == "week" else 31):
        raise BadPayoutTerms(given=str(on_day))
    if country:
        _calendar(country)


def payout_day(terms: Terms, *, on: date) -> date | None:
    """Return the day on which the payout of this week or month is due, moved to a working day; None: only if asked."""
    if terms.rhythm == "asked":
        return None
    if terms.rhythm == "week":
        day = on - timedelta(days=on.weekday()) + timedelta(days=terms.on_day - 1)
    else:
        day = on.replace(day=min(terms.on_day, calendar.monthrange(on.year, on.month)[1]))
    return working_day(day, country=terms.country)


def working_day(day: date, *, country: str) -> date:
    """Return the day itself if it is a working day in the country, else the next one; without a country, itself."""
    if not country:
        return day
    known = _calendar(country)
    for later in range(_RETURN_AFTER_DAYS_MAX):
        if known.is_working_day(day + timedelta(days=later)):
            return day + timedelta(days=later)
    raise AssertionError(f"{country} works on no day after {day}")


def next_payout_day(terms: Terms, *, after: date) -> date | None:
    """Return the first payout day later than ``after``; None: only if asked for."""
    for step in range(3):
        # In the middle of the week or month, so that a step never leaves one out.
        on = after + timedelta(days=7 * step) if terms.rhythm == "week" else _months_later(after, step)
        day = payout_day(terms, on=on)
        if day is not None and day > after:
            return day
    return None


def due_run(terms: Terms, *, today: date, ran: date | None) -> Run | None:
    """
    Return the run that is due: the last payout day up to today, later than these terms and the last run.

    Days that were missed while nobody ran are one run: it pays everything that is owed by then.
    """
    since = max(terms.valid_from.date(), ran or date.min)
    steps = [today - timedelta(days=7), today] if terms.rhythm == "week" else [_months_later(today, -1), today]
    days = [day for one in steps if (day := payout_day(terms, on=one)) is not None and since < day <= today]
    return Run(terms, max(days)) if days else None


def _months_later(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 15)


@cache
def _calendar(country: str) -> Any:
    import holidays  # ten megabytes of facts: loaded by those who have a schedule

    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        raise BadCalendar(given=country[:10]) from None


# Where to


def check_details(*, method: Method, holder: str, bank: str, number: str, currency: str) -> AccountDetails:
    """
    Return an account's details as they are kept: checked where there is something to check, blanks taken out.

    An IBAN by its country's form and check digits, a Chinese bank card by its check digit (GB/T 15694, as ISO/IEC
    7812), a routing number of the United States by its own, when the bank is given as nine digits.

    :raises HolderMissing, BankMissing, BadIban, BadCardNumber, BadRoutingNumber, BadAccountNumber, BadGatewayAccount:
        if something is missing or mistyped
    """
    holder, bank = " ".join(holder.split()), " ".join(bank.split())
    if not holder or len(holder) > HOLDER_MAX:
        raise HolderMissing(most=HOLDER_MAX)
    if method == "gateway":
        if not re.fullmatch(r"[A-Za-z0-9._-]{3,60}", number.strip()):
            raise BadGatewayAccount()
        return AccountDetails(holder, "", number.strip())
    if not bank or len(bank) > BANK_MAX:
        raise BankMissing(most=BANK_MAX)
    plain = re.sub(r"[\s-]", "", number).upper()
    if re.match(r"[A-Z]{2}\d\d", plain):
        try:
            plain = iban.validate(plain)
        except ValidationError:
            raise BadIban() from None
    elif currency == "CNY" and re.fullmatch(r"\d{16,19}", plain):
        try:
            luhn.validate(plain)
        except ValidationError:
            raise BadCardNumber() from None
    elif not re.fullmatch(r"[A-Z0-9]{4,34}", plain):
        raise BadAccountNumber()
    if currency == "USD" and re.fullmatch(r"\d{9}", bank):
        try:
            rtn.validate(bank)
        except ValidationError:
            raise BadRoutingNumber(given=bank) from None
    return AccountDetails(holder, bank, plain)


def masked(number: str) -> str:
    """Return an account's number as pages show it: the last four signs, of short ones the last two."""
    return "•••• " + number[-4 if len(number) >= 8 else -2 :]
