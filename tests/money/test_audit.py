"""The audit: silent over everything that flows do, and it names each row that was tampered with."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import asyncpg

from fissile.cli.audit_command import as_json, as_text
from fissile.flows.approve_payout import approve_payout
from fissile.flows.cancel_order import cancel_order
from fissile.flows.change_attribution import change_attribution
from fissile.flows.complete_order import complete_order
from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.expire_orders import expire_orders
from fissile.flows.issue_invoice import issue_invoice
from fissile.flows.owe_notices import owe_notices
from fissile.flows.record_visit import record_visit
from fissile.flows.release_commissions import release_commissions
from fissile.flows.seal_statements import seal_statements
from fissile.flows.ship_order import ship_order
from fissile.infra.events import HOUSE
from fissile.kernel.ids import new_id
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop, an_inviter


async def a_busy_month(shop: Shop) -> None:
    await _busy_month(shop)
    await owe_notices(shop.db, locale="en", at=shop.at, rng=shop.rng, limit=500)


async def _busy_month(shop: Shop) -> None:
    """Something of everything: every table has rows, and rows in most of their states."""
    db, rng = shop.db, shop.rng
    visitor = new_id(at=shop.at, rng=rng)
    await change_attribution(
        db,
        merchant_id=None,
        model="last_touch",
        window_days=15,
        level="shop",
        binding="after",
        self_purchase=False,
        actor=shop.operator,
        at=shop.at,
        rng=rng,
    )
    shop.house.forget()
    for minute in (0, 1):
        await record_visit(
            shop.house,
            token=shop.share.token,
            form="link",
            visitor_id=visitor,
            at=shop.at + timedelta(minutes=minute),
            rng=rng,
        )
    await an_inviter(shop)
    paid = await shop.paid(quantity=2)
    await shop.paid(shared=False)
    unshipped = await shop.paid()
    spent = await shop.paid(quantity=3)
    waiting = await shop.place()
    expired = await shop.place()
    await cancel_order(db, order_id=waiting.id, actor=shop.buyer, at=shop.at, rng=rng)
    await expire_orders(db, at=shop.at + timedelta(hours=1), rng=rng)
    late = await shop.pay(expired, at=shop.at + timedelta(hours=1))
    assert late.outcome == "late"
    await shop.refund(unshipped)
    await shop.refund(paid, amount_minor=3_333, idempotency_key="in part")
    await issue_invoice(
        db, order_id=paid.id, actor=shop.operator, visitor_id=None, shop="Tea", locale="en", at=shop.at, rng=rng
    )
    for order in (paid, spent):
        await ship_order(db, order_id=order.id, tracking="SF 1", actor=shop.staff, at=shop.at)
        await complete_order(db, order_id=order.id, actor=shop.buyer, at=shop.at)
    later = shop.at + HOLD
    await release_commissions(db, at=later, rng=rng)
    batch = await shop.payout(at=later)
    await approve_payout(db, batch_id=batch.id, actor=shop.approver, at=later, rng=rng)
    refund = await shop.refund(spent, at=later)
    await confirm_refund(
        db,
        gateway="sandbox",
        message_id="msg_back",
        body_hash=b"back",
        refund_id=refund.id,
        amount=refund.amount,
        at=later,
        rng=rng,
    )
    await shop.place(at=later)
    await shop.paid(quantity=9, at=later)
    await release_commissions(db, at=later + HOLD, rng=rng)
    await shop.payout(at=later + HOLD)
    await shop.paid(at=later + HOLD)
    await seal_statements(db, actor=HOUSE, at=later + timedelta(days=31), rng=rng)


# One row of each table, changed behind the back of triggers and foreign keys: (table, its key, the change).
_CHANGES = [
    ("sku_stock", "sku_id", "on_hand = on_hand + 1"),
    ("sku_stock", "sku_id", "reserved = reserved + 1"),
    ("stock_movements", "id", "quantity = quantity - 1"),
    ("stock_movements", "id", "occurred_at = occurred_at - interval '1 second'"),
    ("ledger_accounts", "id", "credits_posted = credits_posted + 1"),
    ("ledger_accounts", "id", "debits_pending = debits_pending + 1"),
    ("ledger_accounts", "id", "currency = 'USD'"),
    ("ledger_accounts", "id", "bounded = NOT bounded"),
    ("ledger_transfers", "id", "amount_minor = amount_minor + 1"),
    ("ledger_transfers", "id", "reason = 'gift'"),
    ("ledger_transfers", "id", "subject_id = gen_random_uuid()"),
    ("ledger_transfers", "id", "request_hash = ''"),
    ("ledger_transfers", "id", "occurred_at = occurred_at - interval '1 second'"),
    ("orders", "id", "total_minor = total_minor + 1"),
    ("orders", "id", "refunded_minor = refunded_minor + 1"),
    ("orders", "id", "credit_promoter_id = NULL, credit_share_id = NULL"),
    ("orders", "id", "placed_at = placed_at - interval '1 second'"),
    ("order_lines", "order_id || '/' || line_no", "quantity = quantity + 1"),
    ("order_lines", "order_id || '/' || line_no", "commission_minor = commission_minor + 1"),
    ("order_lines", "order_id || '/' || line_no", "fee_minor = fee_minor + 1"),
    ("payments", "id", "amount_minor = amount_minor + 1"),
    ("payments", "id", "currency = 'USD'"),
    ("payments", "id", "received_at = received_at + interval '1 second'"),
    ("gateway_messages", "gateway || '/' || message_id", "outcome = 'doubled'"),
    ("refunds", "id", "amount_minor = amount_minor + 1"),
    ("refunds", "id", "order_id = gen_random_uuid()"),
    ("refunds", "id", "posted_at = posted_at + interval '1 second'"),
    ("commissions", "id", "amount_minor = amount_minor + 1"),
    ("commissions", "id", "promoter_id = gen_random_uuid()"),
    ("commissions", "id", "hold_until = hold_until - interval '1 hour'"),
    ("line_proceeds", "order_id || '/' || line_no || '/' || payee", "amount_minor = amount_minor + 1"),
    ("line_proceeds", "order_id || '/' || line_no || '/' || payee", "merchant_id = gen_random_uuid()"),
    ("payout_batches", "id", "made_by = gen_random_uuid()"),
    ("payout_batches", "id", "currency = 'USD'"),
    ("payout_items", "id", "amount_minor = amount_minor + 1"),
    ("payout_items", "id", "payee_id = gen_random_uuid()"),
    ("payout_items", "id", "withheld_minor = 1"),
    ("payout_sendings", "item_id", "batch_id = gen_random_uuid()"),
    ("payout_sendings", "item_id", "changes = changes + 1"),
    ("payout_sendings", "item_id", "confirmed_at = confirmed_at + interval '1 second'"),
    ("statement_lines", "statement_id || '/' || line_no", "balance_minor = balance_minor + 1"),
    ("statement_lines", "statement_id || '/' || line_no", "transfer_id = gen_random_uuid()"),
    ("statements", "id", "closing_minor = closing_minor + 1"),
    ("statements", "id", "previous_seal = repeat('1', 64)"),
    ("order_touches", "order_id || '/' || share_id", "promoter_id = gen_random_uuid()"),
    ("order_touches", "order_id || '/' || share_id", "touched_at = touched_at - interval '20 days'"),
    ("refund_lines", "refund_id || '/' || line_no", "amount_minor = amount_minor + 1"),
    ("refund_lines", "refund_id || '/' || line_no", "quantity = quantity + 1"),
    ("refund_parts", "refund_id || '/' || line_no || '/' || payee", "amount_minor = amount_minor + 1"),
    ("commissions", "id", "taken_back_minor = taken_back_minor - 1"),
    ("order_lines", "order_id || '/' || line_no", "refunded_quantity = refunded_quantity + 1"),
    ("order_lines", "order_id || '/' || line_no", "second_commission_minor = second_commission_minor + 1"),
    ("orders", "id", "second_promoter_id = merchant_id"),
    ("promoter_inviters", "member_id", "inviter_id = gen_random_uuid()"),
    ("promoter_invitations", "promoter_id", "id = gen_random_uuid()"),
    ("orders", "id", "credit_rule = 'last-touch@1 30d shop binding-after'"),
    ("orders", "id", "credit_policy_id = NULL"),
    ("orders", "id", "credit_reason = 'first_touch'"),
    ("orders", "id", "credit_unkept = '{\"earlier_touch\": 3}'"),
    ("order_touches", "order_id || '/' || share_id", "reason = 'first_touch'"),
    ("attribution_policy_versions", "id", "version = 2"),
    ("attribution_policy_versions", "id", "window_days = 16"),
    ("attribution_policy_versions", "id", "made_by = gen_random_uuid()"),
    ("buyer_bindings", "order_id", "promoter_id = gen_random_uuid()"),
    ("buyer_bindings", "order_id", "bound_at = bound_at - interval '1 second'"),
    ("buyer_bindings", "order_id", "ended_at = bound_at, end_reason = 'gone'"),
    ("visits", "share_id || '/' || visitor_id || '/' || window_no", "opens = opens + 1"),
    ("visits", "share_id || '/' || visitor_id || '/' || window_no", "last_at = last_at + interval '1 second'"),
    ("shares", "id", "state = 'revoked'"),
    ("shares", "id", "promoter_id = gen_random_uuid()"),
]
# … and one row in a state: (table, state, its key, the change).
_STATE_CHANGES = [
    ("orders", "completed", "id", "state = 'shipped'"),
    ("orders", "cancelled", "id", "state = 'placed', closed_at = NULL"),
    ("commissions", "paid", "id", "state = 'released', paid_at = NULL"),
    ("commissions", "held", "id", "state = 'released', released_at = hold_until - interval '1 second'"),
    ("commissions", "taken_back", "id", "state = 'released', taken_back_at = NULL"),
    ("line_proceeds", "held", "order_id || '/' || line_no || '/' || payee", "state = 'released'"),
    ("refunds", "returned", "id", "state = 'posted', returned_at = NULL"),
    ("payout_batches", "paid", "id", "approved_by = made_by"),
    ("payout_batches", "made", "id", "state = 'dropped', dropped_at = made_at"),
]
# Events, and the row that misses one of them: (event, table, its key from the event).
_EVENTS = [
    ("order.placed", "orders", "subject_id"),
    ("order.paid", "orders", "subject_id"),
    ("order.shipped", "orders", "subject_id"),
    ("order.cancelled", "orders", "subject_id"),
    ("order.expired", "orders", "subject_id"),
    ("order.refunded", "refunds", "(data->>'refund')"),
    ("order.partly_refunded", "refunds", "(data->>'refund')"),
    (
        "commission.reduced",
        "refund_parts",
        "((data->>'refund') || '/' || (data->>'line') || '/' || (data->>'payee'))",
    ),
    ("promoter.invited", "promoter_inviters", "subject_id"),
    ("payment.refused", "payments", "(data->>'payment')"),
    ("refund.returned", "refunds", "subject_id"),
    ("commission.released", "commissions", "subject_id"),
    ("commission.paid", "commissions", "subject_id"),
    ("commission.taken_back", "commissions", "subject_id"),
    (
        "proceeds.released",
        "line_proceeds",
        "(subject_id || '/' || (data->>'line') || '/' || (data->>'payee'))",
    ),
    ("payout.made", "payout_batches", "subject_id"),
    ("payout.paid", "payout_batches", "subject_id"),
    ("payout.approved", "payout_batches", "subject_id"),
    ("payout_item.confirmed", "payout_sendings", "subject_id"),
    ("statement.sealed", "statements", "subject_id"),
    ("share.published", "shares", "subject_id"),
    ("stock.received", "sku_stock", "subject_id"),
    (
        "visit.repeated",
        "visits",
        "(subject_id || '/' || (data->>'visitor') || '/' || (data->>'window'))",
    ),
    ("attribution.changed", "attribution_policy_versions", "subject_id"),
    ("binding.made", "buyer_bindings", "subject_id"),
    ("ledger.posted", "ledger_transfers", "(data->'transfers'->0->>0)"),
]
# Constraints that some of these changes would meet first.
_CONSTRAINTS = [
    ("orders", "orders_total_check"),
    ("orders", "orders_second_check"),
    ("order_lines", "order_lines_amount_check"),
    ("payout_batches", "payout_batches_two_people_check"),
    ("commissions", "commissions_hold_check"),
    ("commissions", "commissions_taken_back_whole_check"),
    ("commissions", "commissions_taken_back_minor_check"),
    ("order_lines", "order_lines_refunded_quantity_check"),
    ("payout_items", "payout_items_withholding_check"),
]


async def tampered(shop: Shop, superuser: asyncpg.Connection, *, table: str, which: str, key: str, change: str) -> bool:
    """Change one row, see if the audit names it, and put it back as it was."""
    await superuser.execute(
        f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table} WHERE {which})"
    )
    changed = await superuser.fetchrow(
        f"UPDATE {table} SET {change} WHERE ctid = (SELECT max(ctid) FROM {table} WHERE {which})"
        f" RETURNING ctid, ({key})::text AS key"
    )
    found = {(one.table, one.row_id) for one in (await run_audit(shop.db)).findings}
    await superuser.execute(f"DELETE FROM {table} WHERE ctid = $1", changed["ctid"])
    await superuser.execute(f"INSERT INTO {table} SELECT * FROM kept")
    await superuser.execute("DROP TABLE kept")
    return (table, changed["key"]) in found


async def named_rows(shop: Shop) -> set[tuple[str, str]]:
    """The rows that the audit names now."""
    return {(one.table, one.row_id) for one in (await run_audit(shop.db)).findings}


class TestRunAudit:
    async def test_finds_nothing_after_a_busy_month(self, shop: Shop) -> None:
        await a_busy_month(shop)

        report = await run_audit(shop.db)

        assert report.findings == ()
        unread = [check.name for check in report.checks if check.rows_checked == 0]
        assert unread == []

    async def test_runs_in_one_snapshot_that_sees_no_later_change(self, shop: Shop) -> None:
        await shop.paid()

        report, _ = await asyncio.gather(run_audit(shop.db), asyncio.gather(*(shop.paid() for _ in range(20))))

        assert report.findings == ()

    async def test_names_a_row_that_was_tampered_with(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        await a_busy_month(shop)
        for table, constraint in _CONSTRAINTS:
            await superuser.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")

        missed = [
            (table, change)
            for table, key, change in _CHANGES
            if not await tampered(shop, superuser, table=table, which="true", key=key, change=change)
        ]
        missed += [
            (table, change)
            for table, state, key, change in _STATE_CHANGES
            if not await tampered(shop, superuser, table=table, which=f"state = '{state}'", key=key, change=change)
        ]

        assert missed == []
        assert await named_rows(shop) == set()  # each was put back: what was named, was named for its own change

    async def test_names_what_an_event_is_missing_or_doubled_for(
        self, shop: Shop, superuser: asyncpg.Connection
    ) -> None:
        await a_busy_month(shop)

        missed = []
        for name, table, key in _EVENTS:
            one = f"(SELECT max(position) FROM events WHERE name = '{name}')"
            columns = "position, tx, name, occurred_at, actor_id, subject_id, data"
            row_id = await superuser.fetchval(f"SELECT {key}::text FROM events WHERE position = {one}")
            doubled = await superuser.fetchval(
                "INSERT INTO events (name, occurred_at, actor_id, subject_id, data)"
                f" SELECT name, occurred_at, actor_id, subject_id, data FROM events WHERE position = {one}"
                " RETURNING position"
            )
            if (table, row_id) not in await named_rows(shop):
                missed.append((name, "doubled"))
            await superuser.execute("DELETE FROM events WHERE position = $1", doubled)
            await superuser.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM events WHERE position = {one}")
            await superuser.execute(f"DELETE FROM events WHERE position = {one}")
            if (table, row_id) not in await named_rows(shop):
                missed.append((name, "missing"))
            await superuser.execute(
                f"INSERT INTO events ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM kept"
            )
            await superuser.execute("DROP TABLE kept")

        assert missed == []
        assert await named_rows(shop) == set()

    async def test_names_an_event_that_tells_something_else(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        await shop.paid()

        position = await superuser.fetchval(
            "UPDATE events SET data = data || '{\"amount\": 1}' WHERE name = 'order.paid' RETURNING position::text"
        )

        assert ("events", position) in {(one.table, one.row_id) for one in (await run_audit(shop.db)).findings}

    async def test_recomputes_commissions_by_the_plan_version_of_their_line(
        self, shop: Shop, superuser: asyncpg.Connection
    ) -> None:
        order = await shop.paid()

        await superuser.execute("UPDATE commission_plan_versions SET rate_ppm = rate_ppm + 1000")

        found = {(one.table, one.row_id) for one in (await run_audit(shop.db)).findings}
        assert found == {("order_lines", f"{order.id}/1")}


class TestAuditCommand:
    async def test_says_clean_or_names_the_row(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        clean = await run_audit(shop.db)
        sku = await superuser.fetchval("UPDATE sku_stock SET on_hand = 7 RETURNING sku_id::text")
        broken = await run_audit(shop.db)

        assert as_text(clean).splitlines()[-1] == "clean"
        assert json.loads(as_json(clean))["audit"] == "clean"
        assert f"sku_stock {sku}: on hand is 7, its movements add up to 100" in as_text(broken)
        assert json.loads(as_json(broken))["audit"] == "broken"
