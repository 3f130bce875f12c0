"""The first of two people, or the schedule: everybody with a balance is to be paid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.release_operations import lock_payable, put_into_items
from fissile.domain.ledger.operations import post
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.account_operations import accounts_of, terms_in_force, withholding_in_force
from fissile.domain.payouts.errors import (
    NothingDue,
    PayoutAccountClosed,
    PayoutAccountCooling,
    PayoutAccountMissing,
    PayoutAmountBeyond,
    PayoutKeyReused,
)
from fissile.domain.payouts.model import PAYEES, AccountVersion, Batch, Item, Payee, Run, Withholding
from fissile.domain.payouts.rules import OFFICERS, hold, withhold
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import CurrencyMismatch, Money

# The clearing accounts too, so that all are locked in one order of ids.
_AVAILABLE = text("""
SELECT id, kind, owner_id, credits_posted - debits_posted - debits_pending AS available
  FROM ledger_accounts
 WHERE currency = :currency
   AND kind IN ('commission_payable', 'merchant_payable', 'payout_clearing', 'withholding_payable')
 ORDER BY id FOR NO KEY UPDATE
""")
# Released after this transaction had locked what it pays: seen in the balances now, but left to the next payout.
_RELEASED_SINCE = text("""
SELECT promoter_id, sum(amount_minor - taken_back_minor)::bigint AS amount FROM commissions
 WHERE currency = :currency AND state = 'released' AND payout_item_id IS NULL AND id <> ALL (CAST(:locked AS uuid[]))
 GROUP BY promoter_id
""")
_PAYEE_OF: dict[str, Payee] = {"commission_payable": "promoter", "merchant_payable": "merchant"}

Only = Mapping[tuple[Payee, UUID], Money]


async def make_payout(
    db: Database,
    *,
    currency: str,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
    rng: Chance,
    payees: Collection[Payee] = PAYEES,
    only: Only | None = None,
    run: Run | None = None,
    by_hand: bool = True,
) -> Batch:
    """
    Make a batch that pays everybody who has a balance in a currency; a payout officer calls it.

    One item for each promoter and merchant: what is posted to their account and in no other payout. Debts from
    refunds lower it; a balance below the minimum of its terms is carried on, and so is one whose account is closed
    or was changed a moment ago. Payees who never named an account are paid by hand, or carried on without
    ``by_hand``. What the withholding rule says is held back. The money is held by pending transfers until another
    officer approves or drops the batch. The same key again returns the first batch.

    ``only`` names payees and what each is paid (a minimum does not count then). With ``run`` the house calls it: the
    batch is a proposal, without a maker until an officer takes it over, and the day is noted as run.

    :raises RoleNotAllowed: if the actor is no payout officer; the house may not either, but for a run
    :raises PayoutKeyReused: if the key was used for another currency or by another officer
    :raises NothingDue: if there is nobody to pay
    :raises PayoutAmountBeyond, PayoutAccountClosed, PayoutAccountCooling, PayoutAccountMissing, CurrencyMismatch:
        if one of ``only`` cannot be paid that
    """
    require(actor, OFFICERS)
    if (actor.member_id is None) != (run is not None):
        raise RoleNotAllowed(needed=", ".join(OFFICERS))
    batch_id = new_id(at=at, rng=rng)
    async with db.transaction() as connection:
        locked = await lock_payable(connection, currency=currency)
        if not await operations.open_batch(
            connection, batch_id=batch_id, currency=currency, made_by=actor.member_id, key=idempotency_key, at=at
        ):
            first = await operations.batch_by_key(connection, key=idempotency_key)
            if first.currency != currency or (run is None and first.made_by != actor.member_id):
                raise PayoutKeyReused()
            return first
        terms, withholding = await terms_in_force(connection), await withholding_in_force(connection)
        makes = _Makes(
            currency=currency,
            accounts=await accounts_of(connection, currency=currency),
            withholding={payee: rule for (payee, of), rule in withholding.items() if of == currency},
            minimum={payee: one.minimum_minor for (payee, of), one in terms.items() if of == currency},
            by_hand=by_hand,
            at=at,
            rng=rng,
        )
        available = await _available(connection, currency=currency, locked=[one for one, _ in locked])
        items = makes.chosen(available, only) if only is not None else makes.everybody(available, payees)
        if not items:
            raise NothingDue(currency=currency)

        await post(connection, transfers=[one for item in items for one in hold(batch_id, item, at=at)])
        await operations.add_items(connection, batch_id=batch_id, items=items)
        # A chosen amount is no sum of commissions: they stay released, the balance alone tells what is owed.
        whole = {one.payee_id: one.id for one in items if one.payee == "promoter" and makes.is_whole(available, one)}
        await put_into_items(connection, item_of={one: whole[who] for one, who in locked if who in whole})
        if run is not None:
            await operations.add_run(connection, run=run, batch_id=batch_id, at=at)
        batch = Batch(
            id=batch_id,
            currency=currency,
            state="made" if run is None else "proposed",
            made_by=actor.member_id,
            approved_by=None,
            made_at=at,
            items=items,
        )
        await _tell(connection, batch, run=run, actor=actor, at=at, rng=rng)
    return batch


async def _tell(
    connection: AsyncConnection, batch: Batch, *, run: Run | None, actor: Actor, at: datetime, rng: Chance
) -> None:
    name = "payout.made" if run is None else "payout.proposed"
    told = {
        "currency": batch.currency,
        "total": batch.total.minor,
        "items": [[str(item.id), item.payee, str(item.payee_id), item.amount.minor] for item in batch.items],
    }
    await record_events(connection, happened=[Event(name, batch.id, told)], actor=actor, at=at)
    await record_act(
        connection,
        act="make_payout" if run is None else "propose_payout",
        subject=public_id("pob", batch.id),
        detail={"currency": batch.currency, "total_minor": batch.total.minor, "items": len(batch.items)},
        actor=actor,
        at=at,
        rng=rng,
    )


async def _available(
    connection: AsyncConnection, *, currency: str, locked: list[UUID]
) -> dict[tuple[Payee, UUID], int]:
    """Lock every account that may be paid and return what each is owed and in no payout, by account."""
    accounts: list[Row[Any]] = list(await connection.execute(_AVAILABLE, {"currency": currency}))
    found = await connection.execute(_RELEASED_SINCE, {"currency": currency, "locked": locked})
    since = {row.promoter_id: row.amount for row in found}
    return {
        (_PAYEE_OF[row.kind], row.owner_id): row.available
        - (since.get(row.owner_id, 0) if row.kind == "commission_payable" else 0)
        for row in accounts
        if row.owner_id is not None
    }


class _Makes:
    """Makes the items of one batch."""

    def __init__(
        self,
        *,
        currency: str,
        accounts: Mapping[tuple[str, UUID], AccountVersion],
        withholding: Mapping[str, Withholding],
        minimum: Mapping[str, int],
        by_hand: bool,
        at: datetime,
        rng: Chance,
    ) -> None:
        self.currency, self.accounts, self.withholding, self.minimum = currency, accounts, withholding, minimum
        self.by_hand, self.at, self.rng = by_hand, at, rng

    def everybody(self, available: Mapping[tuple[Payee, UUID], int], payees: Collection[Payee]) -> tuple[Item, ...]:
        """Return an item for everybody who is owed the minimum and can be paid."""
        return tuple(
            self._item(payee, payee_id, amount)
            for (payee, payee_id), amount in available.items()
            if payee in payees
            and amount >= max(1, self.minimum.get(payee, 0))
            and self._obstacle(payee, payee_id) is None
        )

    def chosen(self, available: Mapping[tuple[Payee, UUID], int], only: Only) -> tuple[Item, ...]:
        """Return an item for each chosen payee, with the chosen amount."""
        for (payee, payee_id), asked in only.items():
            if asked.currency != self.currency:
                raise CurrencyMismatch(one=asked.currency, other=self.currency)
            owed = max(0, available.get((payee, payee_id), 0))
            if not 0 < asked.minor <= owed:
                raise PayoutAmountBeyond(
                    asked=_shown(asked), available=_shown(Money(owed, self.currency)), currency=self.currency
                )
            if (obstacle := self._obstacle(payee, payee_id)) is not None:
                raise obstacle
        return tuple(self._item(*who, asked.minor) for who, asked in only.items())

    def is_whole(self, available: Mapping[tuple[Payee, UUID], int], item: Item) -> bool:
        """Return whether an item pays all that is owed."""
        return available[item.payee, item.payee_id] == item.amount.minor

    def _obstacle(self, payee: Payee, payee_id: UUID) -> Refusal | None:
        account = self.accounts.get((payee, payee_id))
        if account is None:
            return None if self.by_hand else PayoutAccountMissing(currency=self.currency)
        if account.state == "closed":
            return PayoutAccountClosed(currency=self.currency)
        if account.usable_from > self.at:
            return PayoutAccountCooling(currency=self.currency, moment=f"{account.usable_from:%Y-%m-%d %H:%M} UTC")
        return None

    def _item(self, payee: Payee, payee_id: UUID, amount: int) -> Item:
        account, rule = self.accounts.get((payee, payee_id)), self.withholding.get(payee)
        withheld = withhold(amount, rule)
        return Item(
            id=new_id(at=self.at, rng=self.rng),
            payee=payee,
            payee_id=payee_id,
            amount=Money(amount, self.currency),
            transfer_id=new_id(at=self.at, rng=self.rng),
            withheld_minor=withheld,
            withholding_id=None if rule is None else rule.id,
            withholding_transfer_id=new_id(at=self.at, rng=self.rng) if withheld else None,
            account_version_id=None if account is None else account.id,
            method="hand" if account is None else account.method,
        )


def _shown(money: Money) -> str:
    return f"{money.major()} {money.currency}"
