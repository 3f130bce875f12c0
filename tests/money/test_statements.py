"""Statements: exact to the cent, and a past line that was changed is seen by the house and by its owner alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from fissile.domain.statements.model import NO_SEAL, Movement, Statement
from fissile.domain.statements.queries import statement_of
from fissile.domain.statements.rules import broken_at, csv_lines, first_broken, month_of, next_month, seal
from fissile.flows.approve_payout import approve_payout
from fissile.flows.release_commissions import release_commissions
from fissile.flows.seal_statements import seal_statements
from fissile.infra.events import HOUSE
from fissile.kernel.ids import named_id
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop

DOCS = Path(__file__).parents[2] / "docs" / "payouts.md"
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


async def a_month(shop: Shop) -> None:
    """A sale that is paid out and then refunded, and one that is still on hold at the end of the month."""
    order = await shop.paid()
    shop.at += HOLD
    await release_commissions(shop.db, at=shop.at, rng=shop.rng)
    batch = await shop.payout()
    await approve_payout(shop.db, batch_id=batch.id, actor=shop.approver, at=shop.at, rng=shop.rng)
    await shop.refund(order)
    await shop.paid(quantity=2, at=APRIL - timedelta(minutes=5))


async def sealed(shop: Shop, *, at: datetime = APRIL) -> int:
    return await seal_statements(shop.db, actor=HOUSE, at=at, rng=shop.rng)


async def of_promoter(shop: Shop) -> list[Statement]:
    rows = await shop.db.all(
        text(
            "SELECT s.id FROM statements s JOIN ledger_accounts a ON a.id = s.account_id"
            " WHERE a.kind = 'commission_payable' ORDER BY s.period_start"
        )
    )
    async with shop.db.reading() as connection:
        return [await statement_of(connection, statement_id=row["id"]) for row in rows]


def script() -> str:
    """The script that docs/payouts.md gives to payees."""
    return DOCS.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]


def checked(lines: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "statement.csv"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return subprocess.run([sys.executable, "-c", script(), str(file)], capture_output=True, text=True, timeout=30)


class TestSealStatements:
    async def test_tells_every_movement_and_ends_with_the_balance_of_that_moment(self, shop: Shop) -> None:
        await a_month(shop)
        assert await sealed(shop, at=APRIL - timedelta(microseconds=1)) == 0

        assert await sealed(shop) == 2
        assert await sealed(shop) == 0

        (statement,) = await of_promoter(shop)
        assert [(line.kind, line.amount_minor, line.balance_minor) for line in statement.lines] == [
            ("accrued", 1_000, 0),
            ("released", 1_000, 1_000),
            ("reserved", 1_000, 1_000),
            ("paid", 1_000, 0),
            ("taken_back", 1_000, -1_000),  # a debt
            ("accrued", 2_000, -1_000),
        ]
        debits, credits, *_ = (await shop.balances())["commission_payable"]
        assert (statement.opening_minor, statement.closing_minor) == (0, credits - debits)
        assert (await run_audit(shop.db)).findings == ()

    async def test_goes_on_where_the_one_before_ended(self, shop: Shop) -> None:
        await a_month(shop)
        await sealed(shop)
        await release_commissions(shop.db, at=APRIL + HOLD, rng=shop.rng)

        assert await sealed(shop, at=MAY) == 2

        first, second = await of_promoter(shop)
        assert (second.previous_seal, second.opening_minor) == (first.seal, first.closing_minor)
        assert [line.kind for line in second.lines] == ["released"]
        assert second.closing_minor == 1_000
        assert (await run_audit(shop.db)).findings == ()

    async def test_seals_months_without_movements_too(self, shop: Shop) -> None:
        await a_month(shop)

        made = [await sealed(shop, at=datetime(2026, 6, 2, tzinfo=UTC)) for _ in range(4)]

        assert made == [2, 2, 2, 0]
        assert [len(one.lines) for one in await of_promoter(shop)] == [6, 0, 0]
        assert (await run_audit(shop.db)).findings == ()

    async def test_puts_what_was_written_late_into_the_next(self, shop: Shop) -> None:
        await a_month(shop)
        await sealed(shop)
        await shop.paid(at=APRIL - timedelta(minutes=1))

        await sealed(shop, at=MAY)

        _, second = await of_promoter(shop)
        assert [(line.kind, line.occurred_at.month) for line in second.lines] == [("accrued", 3)]
        assert (await run_audit(shop.db)).findings == ()

    async def test_at_once_by_many_seals_once_while_money_moves(self, shop: Shop) -> None:
        await a_month(shop)

        told = await asyncio.gather(*(sealed(shop) for _ in range(4)), *(shop.paid(at=APRIL + HOLD) for _ in range(5)))

        assert sum(one for one in told if isinstance(one, int)) == 2
        assert len(await of_promoter(shop)) == 1
        assert (await run_audit(shop.db)).findings == ()


class TestTampering:
    @pytest.mark.parametrize(
        ("change", "table"),
        [
            ("UPDATE statement_lines SET change_minor = change_minor + 1 WHERE kind = 'released'", "statement_lines"),
            ("UPDATE statement_lines SET kind = 'paid' WHERE kind = 'taken_back'", "statement_lines"),
            ("UPDATE statement_lines SET occurred_at = occurred_at - interval '1 s'", "statement_lines"),
            ("UPDATE statement_lines SET about = 'ord_x' WHERE line_no = 1", "statement_lines"),
            ("UPDATE statement_lines SET hash = repeat('0', 64) WHERE line_no = 2", "statement_lines"),
            ("DELETE FROM statement_lines WHERE line_no = 6", "statements"),
            ("UPDATE statements SET closing_minor = closing_minor + 1", "statements"),
            ("UPDATE statements SET opening_minor = 5", "statements"),
            ("UPDATE statements SET seal = md5(seal)", "statements"),
            ("DELETE FROM statements", "statements"),
        ],
    )
    async def test_of_a_past_line_is_named(
        self, shop: Shop, superuser: asyncpg.Connection, change: str, table: str
    ) -> None:
        await a_month(shop)
        await sealed(shop)

        await superuser.execute(change)

        assert table in {one.table for one in (await run_audit(shop.db)).findings}

    async def test_names_the_very_line(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        await a_month(shop)
        await sealed(shop)

        row = await superuser.fetchval(
            "UPDATE statement_lines SET kind = 'credit' WHERE kind = 'released' AND about LIKE 'ord%'"
            " AND amount_minor = 1000 RETURNING statement_id || '/' || line_no"
        )

        assert row in {one.row_id for one in (await run_audit(shop.db)).findings}

    async def test_with_all_hashes_made_anew_is_seen_by_the_event_and_by_the_owner(
        self, shop: Shop, superuser: asyncpg.Connection
    ) -> None:
        await a_month(shop)
        await sealed(shop)
        (mine,) = await of_promoter(shop)
        forged = seal(**_parts(mine, amount=1))
        await superuser.execute("UPDATE statements SET seal = $1 WHERE id = $2", forged.seal, mine.id)

        assert mine.seal != forged.seal
        assert "statements" in {one.table for one in (await run_audit(shop.db)).findings}

    @pytest.mark.parametrize("table", ["statements", "statement_lines"])
    async def test_is_refused_to_the_owner_of_the_database(self, shop: Shop, database_url: str, table: str) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await connection.execute(f"DELETE FROM {table}")
        finally:
            await connection.close()


def _parts(statement: Statement, *, amount: int) -> dict[str, Any]:
    line = statement.lines[0]
    movement = Movement(
        transfer_id=line.transfer_id,
        occurred_at=line.occurred_at,
        phase="single",
        credited=True,
        reason="",
        amount_minor=amount,
        subject_id=line.transfer_id,
    )
    names = ("account_id", "currency", "period_start", "period_end", "opening_minor", "previous_seal")
    return {name: getattr(statement, name) for name in names} | {
        "statement_id": statement.id,
        "movements": [movement],
    }


class TestTheFile:
    async def test_is_checked_offline_by_the_script_of_the_docs(self, shop: Shop, tmp_path: Path) -> None:
        await a_month(shop)
        await sealed(shop)
        (statement,) = await of_promoter(shop)
        lines = list(csv_lines(statement))

        good = checked(lines, tmp_path)

        assert (good.returncode, good.stdout.strip()) == (0, f"unchanged, seal {statement.seal}")
        assert first_broken(lines) is None
        assert lines[1] == f",,previous,,,,CNY,,{NO_SEAL}"
        for number in range(2, len(lines)):
            changed = [*lines]
            changed[number] = changed[number].replace(",CNY,", ",USD,", 1)
            told = checked(changed, tmp_path)
            assert told.returncode == 1
            assert changed[number] in told.stderr
            assert first_broken(changed) == changed[number]
        assert checked([*lines[:4], *lines[5:]], tmp_path).returncode == 1  # a line left out

    async def test_begins_no_cell_with_a_formula(self, shop: Shop) -> None:
        await a_month(shop)
        await sealed(shop)
        (statement,) = await of_promoter(shop)

        cells = [cell for line in csv_lines(statement) for cell in line.split(",")]

        assert not [cell for cell in cells if cell[:1] in "=@+\t\r" and cell]
        assert {cell for cell in cells if cell.startswith("-")} == {"-10.00"}


class TestMonths:
    def test_begin_and_end_in_utc(self) -> None:
        at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

        assert month_of(at) == datetime(2026, 12, 1, tzinfo=UTC)
        assert next_month(at) == datetime(2027, 1, 1, tzinfo=UTC)

    def test_of_an_empty_statement_hold_together(self) -> None:
        statement = seal(
            statement_id=named_id("s"),
            account_id=named_id("a"),
            currency="JPY",
            period_start=APRIL,
            period_end=MAY,
            opening_minor=-7,
            previous_seal=NO_SEAL,
            movements=[],
        )

        assert (statement.closing_minor, broken_at(statement)) == (-7, None)
