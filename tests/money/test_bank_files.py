"""Files for banks and what they answer: the same bytes again, each line told, nothing done twice."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io

import pytest

from fissile.domain.payouts.errors import (
    BankFileMade,
    NoBankFile,
    ResultFileKnown,
    ResultFileUnreadable,
    ResultSumDiffers,
)
from fissile.domain.payouts.model import Batch
from fissile.domain.payouts.results import RESULT_COLUMNS, ResultLine, read_results
from fissile.flows.approve_payout import approve_payout
from fissile.flows.make_bank_file import BankFile, make_bank_file
from fissile.flows.release_commissions import release_commissions
from fissile.flows.send_payouts import take_bank_results
from fissile.kernel.ids import public_id
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop
from tests.money.test_outbox import decide, payable, register, states


@pytest.fixture
async def batch(shop: Shop) -> Batch:
    """An approved batch: the promoter and the merchant by a file to one bank."""
    await register(shop, "4000 0000 0000", "file", holder="=cmd|'/c calc'!A1")
    await register(shop, "70000", "file", payee="merchant", payee_id=shop.merchant, actor=shop.staff)
    await shop.paid()
    shop.at += HOLD
    await release_commissions(shop.db, at=shop.at, rng=shop.rng)
    made = await shop.payout()
    await approve_payout(shop.db, batch_id=made.id, actor=shop.approver, at=shop.at, rng=shop.rng)
    return made


async def file_of(shop: Shop, batch: Batch, bank: str = "Bank of Hills") -> BankFile:
    return await make_bank_file(shop.db, batch_id=batch.id, bank=bank, actor=shop.maker, at=shop.at, rng=shop.rng)


async def take(shop: Shop, *rows: str) -> list[ResultLine]:
    content = "\n".join((",".join(RESULT_COLUMNS), *rows)).encode()
    return await take_bank_results(shop.db, results=read_results(content), actor=shop.maker, at=shop.at, rng=shop.rng)


def line(batch: Batch, payee: str, result: str = "paid", amount: str = "") -> str:
    item = next(one for one in batch.items if one.payee == payee)
    return f"{public_id('poi', item.id)},{amount or item.net.major()},CNY,{result},B-1,"


class TestMakeBankFile:
    async def test_has_every_item_a_total_and_no_formula(self, shop: Shop, batch: Batch) -> None:
        file = await file_of(shop, batch)

        rows = list(csv.reader(io.StringIO(file.content.decode())))
        assert [row[1:6] for row in rows[1:-1]] == [
            [item_holder, "Bank of Hills", number, amount, "CNY"]
            for item_holder, number, amount in sorted(
                [("'=cmd|'/c calc'!A1", "400000000000", "10.00"), ("Piet", "70000", "85.00")],
                key=lambda one: [row[2:4] for row in rows].index(["Bank of Hills", one[1]]),
            )
        ]
        assert rows[-1] == ["TOTAL", "", "", "", "95.00", "CNY", "2"]
        assert file.sha256 == hashlib.sha256(file.content).digest()
        assert await states(shop) == [("sent", ""), ("sent", "")]
        assert (await run_audit(shop.db)).findings == ()

    async def test_again_is_the_same_bytes_and_sends_nothing_again(self, shop: Shop, batch: Batch) -> None:
        first = await file_of(shop, batch)
        await take(shop, line(batch, "promoter"))

        assert await file_of(shop, batch) == first
        assert await shop.column("SELECT count(*) FROM payout_files") == [1]

    async def test_leaves_out_what_changed_since(self, shop: Shop, batch: Batch) -> None:
        await register(shop, "999999", "file")

        file = await file_of(shop, batch)

        assert file.content.decode().splitlines()[-1] == "TOTAL,,,,85.00,CNY,1"
        assert ("held", "account_changed") in await states(shop)
        assert (await run_audit(shop.db)).findings == ()

    async def test_has_no_second_one_for_what_was_left_out(self, shop: Shop, batch: Batch) -> None:
        await register(shop, "999999", "file")
        await file_of(shop, batch)
        left_out = next(item.id for item in batch.items if item.payee == "promoter")

        with pytest.raises(BankFileMade):
            await decide(shop, left_out, "send")
        await decide(shop, left_out, "failed")

        assert await payable(shop) == (1_000, 0)
        assert (await run_audit(shop.db)).findings == ()

    async def test_is_refused_for_banks_with_nothing(self, shop: Shop, batch: Batch) -> None:
        with pytest.raises(NoBankFile):
            await file_of(shop, batch, "Another")


class TestTakeBankResults:
    async def test_marks_paid_failed_and_returned(self, shop: Shop, batch: Batch) -> None:
        await file_of(shop, batch)

        told = await take(shop, line(batch, "promoter"), line(batch, "merchant", "failed"))
        assert [one.refusal for one in told] == [None, None]
        assert await payable(shop) == (0, 0)
        assert (await shop.balances())["merchant_payable"] == (0, 8_500, 0, 0)
        assert await shop.column("SELECT state FROM payout_batches") == ["paid"]
        assert (await run_audit(shop.db)).findings == ()

        await take(shop, line(batch, "promoter", "returned"))
        assert await payable(shop) == (1_000, 0)
        assert (await run_audit(shop.db)).findings == ()

    async def test_tells_each_wrong_line_and_takes_the_others(self, shop: Shop, batch: Batch) -> None:
        await file_of(shop, batch)

        told = await take(
            shop,
            line(batch, "promoter", amount="10.01"),
            line(batch, "merchant"),
            line(batch, "merchant"),
            "poi_nonsense,1.00,CNY,paid,,",
            f"{public_id('poi', batch.id)},1.00,CNY,paid,,",
            line(batch, "promoter", "perhaps"),
            line(batch, "promoter", "paid", "ten"),
        )

        assert [(one.number, one.refusal and one.refusal.code) for one in told] == [
            (2, "result_amount_differs"),
            (3, None),
            (4, "result_doubled"),
            (5, "result_item_unknown"),
            (6, "result_item_unknown"),
            (7, "result_word_unknown"),
            (8, "bad_amount"),
        ]
        assert await payable(shop) == (1_000, 1_000)
        assert (await run_audit(shop.db)).findings == ()

    async def test_takes_a_file_once(self, shop: Shop, batch: Batch) -> None:
        await file_of(shop, batch)
        await take(shop, line(batch, "promoter"))

        with pytest.raises(ResultFileKnown, match="2026-03-01"):
            await take(shop, line(batch, "promoter"))

    async def test_does_not_take_what_is_not_at_the_bank(self, shop: Shop, batch: Batch) -> None:
        told = await take(shop, line(batch, "promoter"))

        assert [one.refusal and one.refusal.code for one in told] == ["result_state_differs"]

    async def test_refuses_a_file_whose_total_is_not_that_of_its_lines(self, shop: Shop, batch: Batch) -> None:
        await file_of(shop, batch)
        with pytest.raises(ResultSumDiffers, match=r"Line 3 .* 11\.00, .* 10\.00"):
            await take(shop, line(batch, "promoter"), "TOTAL,11.00,CNY,,,")

        assert (await take(shop, line(batch, "promoter"), "TOTAL,10.00,CNY,,,"))[0].refusal is None

    @pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe", b'item,amount,currency,result\n"x'])
    def test_refuses_what_is_no_result_file(self, content: bytes) -> None:
        with pytest.raises(ResultFileUnreadable):
            read_results(content)

    async def test_by_hand_is_the_same(self, shop: Shop, batch: Batch) -> None:
        await file_of(shop, batch)
        item = next(one for one in batch.items if one.payee == "promoter")

        await decide(shop, item.id, "paid", actor=shop.approver)
        await decide(shop, item.id, "returned", actor=shop.approver)

        assert await payable(shop) == (1_000, 0)
        assert (await run_audit(shop.db)).findings == ()


class TestAtOnce:
    async def test_a_result_file_of_two_batches_and_a_decision_end_without_deadlock(self, shop: Shop) -> None:
        await register(shop, "4000 0000 0000", "file")
        await register(shop, "70000", "file", payee="merchant", payee_id=shop.merchant, actor=shop.staff)
        batches = []
        for _ in range(8):
            await shop.paid()
            shop.at += HOLD
            await release_commissions(shop.db, at=shop.at, rng=shop.rng)
            batches.append(await shop.payout())
            await approve_payout(shop.db, batch_id=batches[-1].id, actor=shop.approver, at=shop.at, rng=shop.rng)
            await file_of(shop, batches[-1])

        decided = [item.id for one in reversed(batches) for item in one.items if item.payee == "merchant"]
        await asyncio.gather(
            take(shop, *(line(one, "promoter") for one in batches)),
            *(decide(shop, one, "paid") for one in decided),
        )

        assert await shop.column("SELECT DISTINCT state FROM payout_sendings") == ["confirmed"]
        assert (await run_audit(shop.db)).findings == ()
