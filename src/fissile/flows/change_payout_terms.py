"""The operator says when a kind of payee is paid, from which amount on, and what is withheld."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fissile.domain.members.rules import require
from fissile.domain.payouts.account_operations import add_terms, add_withholding
from fissile.domain.payouts.errors import BadPayoutTerms, PayoutMethodUnknown
from fissile.domain.payouts.model import PAYEES, RHYTHMS, Payee, Rhythm, Terms, Withholding
from fissile.domain.payouts.rules import check_terms, read_brackets
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id
from fissile.kernel.money import MINOR_MAX, BadAmount, Money, minor_digits


async def change_payout_terms(
    db: Database,
    *,
    payee: Payee,
    currency: str,
    rhythm: Rhythm,
    on_day: int,
    country: str,
    minimum_minor: int,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> Terms:
    """
    Make new terms for a kind of payee in a currency; an operator calls it. They count from the next payout on.

    :raises RoleNotAllowed: if the actor is no operator
    :raises UnknownCurrency, BadPayoutTerms, BadCalendar, BadAmount: if they name what there is not
    :raises PayoutTermsChangedMeanwhile: if somebody else changed them at the same moment
    """
    require(actor, {"operator"})
    digits = minor_digits(currency)
    if payee not in PAYEES or rhythm not in RHYTHMS:
        raise BadPayoutTerms(given=f"{payee} {rhythm}"[:40])
    if not 0 <= minimum_minor <= MINOR_MAX:
        raise BadAmount(given=str(Money(minimum_minor, currency).major()), currency=currency, digits=digits)
    check_terms(rhythm=rhythm, on_day=on_day, country=country)
    async with db.transaction() as connection:
        terms = await add_terms(
            connection,
            terms_id=new_id(at=at, rng=rng),
            payee=payee,
            currency=currency,
            rhythm=rhythm,
            on_day=on_day,
            country=country,
            minimum_minor=minimum_minor,
            made_by=actor.member_id,
            at=at,
        )
        told = {"payee": payee, "currency": currency, "version": terms.version}
        happened = [Event("payout_terms.changed", terms.id, {"payee": payee, "currency": currency})]
        await record_events(connection, happened=happened, actor=actor, at=at)
        detail = told | {"rhythm": rhythm, "on_day": on_day, "country": country, "minimum_minor": minimum_minor}
        await record_act(
            connection, act="change_payout_terms", subject=currency, detail=detail, actor=actor, at=at, rng=rng
        )
    return terms


async def change_withholding(
    db: Database,
    *,
    payee: Payee,
    currency: str,
    brackets: Sequence[tuple[int, int]],
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> Withholding:
    """
    Say what is withheld from each payout of a kind of payee in a currency; an operator calls it.

    ``brackets`` are (from minor units, parts per million of what is above), rising; none: nothing is withheld. They
    count from the next payout on, and each payout keeps the version it was made with.

    :raises RoleNotAllowed: if the actor is no operator
    :raises UnknownCurrency, BadBracket, PayoutMethodUnknown: if they are none
    :raises PayoutTermsChangedMeanwhile: if somebody else changed them at the same moment
    """
    require(actor, {"operator"})
    minor_digits(currency)
    if payee not in PAYEES:
        raise PayoutMethodUnknown(given=str(payee)[:20])
    checked = read_brackets(brackets)
    async with db.transaction() as connection:
        rule = await add_withholding(
            connection,
            rule_id=new_id(at=at, rng=rng),
            payee=payee,
            currency=currency,
            brackets=checked,
            made_by=actor.member_id,
            at=at,
        )
        happened = [Event("withholding.changed", rule.id, {"payee": payee, "currency": currency})]
        await record_events(connection, happened=happened, actor=actor, at=at)
        detail = {"payee": payee, "version": rule.version, "brackets": [list(one) for one in checked]}
        await record_act(
            connection, act="change_withholding", subject=currency, detail=detail, actor=actor, at=at, rng=rng
        )
    return rule
