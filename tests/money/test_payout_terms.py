"""When payouts are due, from which amount on, what is withheld, and who may say so."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fissile.domain.members.errors import RoleNotAllowed
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
    NothingDue,
    PayoutAccountNotYours,
    PayoutAccountUnchanged,
    PayoutMethodUnknown,
    PayoutStateDiffers,
    SamePerson,
)
from fissile.domain.payouts.model import Rhythm, Terms, Withholding
from fissile.domain.payouts.rules import (
    backoff,
    check_details,
    due_run,
    masked,
    next_payout_day,
    payout_day,
    withhold,
    working_day,
)
from fissile.flows.approve_payout import approve_payout
from fissile.flows.change_payout_terms import change_payout_terms, change_withholding
from fissile.flows.drop_payout import drop_payout
from fissile.flows.register_payout_account import register_payout_account
from fissile.flows.release_commissions import release_commissions
from fissile.flows.take_payout import take_payout
from fissile.kernel.ids import named_id
from fissile.kernel.money import UnknownCurrency
from fissile.views.audit import run_audit
from fissile.worker.payouts import propose_payouts
from tests.money.conftest import HOLD, Shop, someone


def terms(rhythm: Rhythm = "month", on_day: int = 10, country: str = "") -> Terms:
    return Terms(
        id=named_id("t"),
        payee="promoter",
        currency="CNY",
        version=1,
        rhythm=rhythm,
        on_day=on_day,
        country=country,
        minimum_minor=0,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )


class TestPayoutDay:
    def test_moves_to_a_working_day_of_the_country(self) -> None:
        # 1 to 7 October 2025 is the national holiday (with Mid-Autumn, to the 8th); Saturday 11 is worked instead.
        assert working_day(date(2025, 10, 1), country="CN") == date(2025, 10, 9)
        assert working_day(date(2025, 10, 11), country="CN") == date(2025, 10, 11)
        assert working_day(date(2025, 10, 11), country="PL") == date(2025, 10, 13)
        assert working_day(date(2025, 10, 11), country="") == date(2025, 10, 11)

    def test_of_a_short_month_is_its_last(self) -> None:
        assert payout_day(terms(on_day=31), on=date(2026, 2, 3)) == date(2026, 2, 28)

    def test_of_a_week_counts_from_monday(self) -> None:
        assert payout_day(terms("week", 5), on=date(2026, 3, 4)) == date(2026, 3, 6)

    def test_next_is_later_than_today(self) -> None:
        assert next_payout_day(terms(), after=date(2026, 3, 9)) == date(2026, 3, 10)
        assert next_payout_day(terms(), after=date(2026, 3, 10)) == date(2026, 4, 10)
        assert next_payout_day(terms("week", 1), after=date(2026, 3, 9)) == date(2026, 3, 16)
        assert next_payout_day(terms("asked"), after=date(2026, 3, 9)) is None

    @settings(deadline=None)  # the first asks for the calendars
    @given(
        some.sampled_from(["week", "month"]),
        some.integers(1, 7),
        some.dates(date(2026, 1, 2), date(2027, 12, 1)),
        some.sampled_from(["", "CN", "PL"]),
    )
    def test_comes_on_the_day_that_was_announced(self, rhythm: Rhythm, on_day: int, today: date, country: str) -> None:
        plan = terms(rhythm, on_day, country)
        announced = next_payout_day(plan, after=today)

        assert announced is not None
        assert due_run(plan, today=announced - timedelta(days=1), ran=today) is None
        run = due_run(plan, today=announced, ran=today)
        assert run is not None
        assert run.day == announced


class TestDueRun:
    def test_is_due_once(self) -> None:
        run = due_run(terms(), today=date(2026, 3, 12), ran=None)

        assert run is not None
        assert run.day == date(2026, 3, 10)
        assert due_run(terms(), today=date(2026, 3, 12), ran=date(2026, 3, 10)) is None

    def test_is_made_up_for_when_nobody_ran(self) -> None:
        run = due_run(terms(), today=date(2026, 6, 1), ran=date(2026, 3, 10))

        assert run is not None
        assert run.day == date(2026, 5, 10)

    def test_is_not_for_days_before_the_terms(self) -> None:
        assert due_run(terms(on_day=1), today=date(2026, 1, 1), ran=None) is None


class TestWithhold:
    def rule(self, *brackets: tuple[int, int]) -> Withholding:
        return Withholding(
            id=named_id("w"),
            payee="promoter",
            currency="CNY",
            version=1,
            brackets=brackets,
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def test_is_of_what_is_above_the_threshold(self) -> None:
        rule = self.rule((80_000, 200_000))

        assert [withhold(amount, rule) for amount in (1, 80_000, 80_005, 100_000)] == [0, 0, 1, 4_000]

    def test_takes_each_bracket_at_its_rate_and_drops_part_of_a_minor_unit(self) -> None:
        rule = self.rule((0, 10_000), (10_000, 100_000), (20_000, 300_000))

        assert withhold(25_001, rule) == 100 + 1_000 + 1_500

    def test_is_nothing_without_a_rule(self) -> None:
        assert withhold(5_000, None) == 0

    @given(
        some.lists(some.tuples(some.integers(0, 10**9), some.integers(0, 999_999)), max_size=5),
        some.integers(1, 10**12),
        some.integers(0, 10**6),
    )
    def test_never_takes_all_and_grows_with_the_amount(
        self, brackets: list[tuple[int, int]], amount: int, more: int
    ) -> None:
        rising = sorted(dict(brackets).items())
        rule = self.rule(*rising)

        assert 0 <= withhold(amount, rule) < amount
        assert withhold(amount, rule) <= withhold(amount + more, rule)


class TestCheckDetails:
    def check(self, number: str, currency: str = "EUR", **changes: Any) -> str:
        given_: dict[str, Any] = {"method": "file", "holder": "Jan", "bank": "Bank", "currency": currency}
        return check_details(**(given_ | changes), number=number).number

    def test_takes_blanks_out(self) -> None:
        assert self.check("de89 3704 0044 0532 0130 00") == "DE89370400440532013000"
        assert self.check("6222 0212 3456 7890 128", "CNY") == "6222021234567890128"
        assert self.check("12-34", "JPY") == "1234"

    @pytest.mark.parametrize(
        ("number", "currency", "changes", "refused"),
        [
            ("DE89370400440532013001", "EUR", {}, BadIban),
            ("6222021234567890127", "CNY", {}, BadCardNumber),
            ("12", "JPY", {}, BadAccountNumber),
            ("=1+1", "JPY", {}, BadAccountNumber),
            ("12345", "USD", {"bank": "111000026"}, BadRoutingNumber),
            ("12345", "USD", {"bank": " "}, BankMissing),
            ("12345", "USD", {"holder": ""}, HolderMissing),
            ("12345", "USD", {"holder": "x" * 141}, HolderMissing),
            ("a b", "CNY", {"method": "gateway"}, BadGatewayAccount),
        ],
    )
    def test_refuses_what_is_mistyped(
        self, number: str, currency: str, changes: dict[str, Any], refused: type[Exception]
    ) -> None:
        with pytest.raises(refused):
            self.check(number, currency, **changes)

    def test_is_shown_masked(self) -> None:
        assert (masked("DE89370400440532013000"), masked("1234")) == ("•••• 3000", "•••• 34")


class TestBackoff:
    def test_doubles_up_to_six_hours(self) -> None:
        assert [backoff(one).total_seconds() for one in (0, 1, 2, 30)] == [30, 60, 120, 21_600]


async def set_terms(shop: Shop, **changes: Any) -> Terms:
    given_: dict[str, Any] = {
        "payee": "promoter",
        "currency": "CNY",
        "rhythm": "month",
        "on_day": 10,
        "country": "",
        "minimum_minor": 0,
        "actor": shop.operator,
    }
    return await change_payout_terms(shop.db, **(given_ | changes), at=shop.at, rng=shop.rng)


@pytest.fixture
async def released(shop: Shop) -> Shop:
    await shop.paid()
    shop.at += HOLD
    await release_commissions(shop.db, at=shop.at, rng=shop.rng)
    return shop


async def propose(shop: Shop, *, at: datetime) -> int:
    return await propose_payouts(shop.db, by_hand=True, at=at, rng=shop.rng)


TENTH = datetime(2026, 3, 10, 0, 0, 5, tzinfo=UTC)


class TestProposePayouts:
    async def test_needs_two_people_all_the_same(self, released: Shop) -> None:
        await set_terms(released)
        assert await propose(released, at=TENTH - timedelta(hours=1)) == 0

        assert [await propose(released, at=TENTH) for _ in range(2)] == [1, 0]

        assert await released.column("SELECT state FROM payout_batches") == ["proposed"]
        assert await released.column("SELECT payee FROM payout_items") == ["promoter"]
        assert (await run_audit(released.db)).findings == ()
        (batch_id,) = await released.column("SELECT id FROM payout_batches")
        given_: dict[str, Any] = {"batch_id": batch_id, "at": TENTH, "rng": released.rng}
        with pytest.raises(PayoutStateDiffers, match="proposed"):
            await approve_payout(released.db, actor=released.approver, **given_)
        await take_payout(released.db, actor=released.maker, **given_)
        with pytest.raises(PayoutStateDiffers, match="made"):
            await take_payout(released.db, actor=released.approver, **given_)
        with pytest.raises(SamePerson):
            await approve_payout(released.db, actor=released.maker, **given_)
        await approve_payout(released.db, actor=released.approver, **given_)
        assert await released.column("SELECT state FROM payout_batches") == ["paid"]
        assert (await run_audit(released.db)).findings == ()

    async def test_notes_a_day_on_which_nobody_was_due(self, released: Shop) -> None:
        await set_terms(released, minimum_minor=1_001)

        assert [await propose(released, at=TENTH) for _ in range(2)] == [1, 0]

        assert await released.column("SELECT batch_id FROM payout_runs") == [None]
        assert await released.column("SELECT count(*) FROM payout_batches") == [0]
        assert (await released.event_names())[-1] == "payout_run.empty"

    async def test_by_many_workers_at_once_is_one_batch(self, released: Shop) -> None:
        await set_terms(released)

        await asyncio.gather(*(propose(released, at=TENTH) for _ in range(5)))

        assert await released.column("SELECT count(*) FROM payout_batches") == [1]
        assert (await run_audit(released.db)).findings == ()

    async def test_can_be_dropped(self, released: Shop) -> None:
        await set_terms(released)
        await propose(released, at=TENTH)
        (batch_id,) = await released.column("SELECT id FROM payout_batches")

        await drop_payout(released.db, batch_id=batch_id, actor=released.maker, at=TENTH, rng=released.rng)

        assert (await released.payout()).total.minor == 9_500
        assert (await run_audit(released.db)).findings == ()


class TestMinimum:
    async def test_carries_on_what_is_below(self, released: Shop) -> None:
        await set_terms(released, minimum_minor=1_001)
        await set_terms(released, payee="merchant", minimum_minor=8_501)
        with pytest.raises(NothingDue):
            await released.payout()

        await set_terms(released, minimum_minor=1_000)

        assert [item.payee for item in (await released.payout()).items] == ["promoter"]

    @pytest.mark.parametrize(
        ("changes", "refused"),
        [
            ({"rhythm": "week", "on_day": 8}, BadPayoutTerms),
            ({"on_day": 32}, BadPayoutTerms),
            ({"country": "XX"}, BadCalendar),
            ({"currency": "XYZ"}, UnknownCurrency),
            ({"actor": someone("payout_officer")}, RoleNotAllowed),
        ],
    )
    async def test_of_wrong_terms_is_refused(
        self, shop: Shop, changes: dict[str, Any], refused: type[Exception]
    ) -> None:
        with pytest.raises(refused):
            await set_terms(shop, **changes)


class TestWithholding:
    async def test_is_a_line_of_its_own_in_ledger_and_payout(self, released: Shop) -> None:
        rule = await change_withholding(
            released.db,
            payee="promoter",
            currency="CNY",
            brackets=[(500, 200_000)],
            actor=released.operator,
            at=released.at,
            rng=released.rng,
        )

        batch = await released.payout()
        item = next(one for one in batch.items if one.payee == "promoter")
        assert (item.amount.minor, item.withheld_minor, item.net.minor, item.withholding_id) == (
            1_000,
            100,
            900,
            rule.id,
        )
        await approve_payout(released.db, batch_id=batch.id, actor=released.approver, at=released.at, rng=released.rng)

        balances = await released.balances()
        assert balances["commission_payable"] == (1_000, 1_000, 0, 0)
        assert (balances["payout_clearing"], balances["withholding_payable"]) == ((0, 9_400, 0, 0), (0, 100, 0, 0))
        assert (await run_audit(released.db)).findings == ()

    @pytest.mark.parametrize("brackets", [[(0, 1_000_000)], [(5, 1), (5, 2)], [(9, 1), (5, 2)], [(-1, 5)]])
    async def test_refuses_brackets_that_are_none(self, shop: Shop, brackets: list[tuple[int, int]]) -> None:
        with pytest.raises(BadBracket):
            await change_withholding(
                shop.db,
                payee="promoter",
                currency="CNY",
                brackets=brackets,
                actor=shop.operator,
                at=shop.at,
                rng=shop.rng,
            )


class TestRegisterPayoutAccount:
    async def register(self, shop: Shop, **changes: Any) -> Any:
        given_: dict[str, Any] = {
            "payee": "merchant",
            "payee_id": shop.merchant,
            "currency": "CNY",
            "method": "file",
            "holder": "Silk Road",
            "bank": "Bank",
            "number": "12345",
            "cooling": timedelta(days=1),
            "actor": shop.staff,
        }
        return await register_payout_account(shop.db, **(given_ | changes), at=shop.at, rng=shop.rng)

    async def test_makes_versions_and_refuses_the_same_again(self, shop: Shop) -> None:
        first = await self.register(shop)
        with pytest.raises(PayoutAccountUnchanged):
            await self.register(shop)
        second = await self.register(shop, number="54321")

        assert (first.version, first.usable_from, second.version, second.usable_from) == (
            1,
            shop.at,
            2,
            shop.at + timedelta(days=1),
        )
        assert (await run_audit(shop.db)).findings == ()

    async def test_is_the_payees_alone(self, shop: Shop) -> None:
        for actor in (someone("merchant_staff"), shop.operator, shop.promoter, shop.maker):
            with pytest.raises(PayoutAccountNotYours):
                await self.register(shop, actor=actor)
        with pytest.raises(PayoutAccountNotYours):
            await self.register(shop, payee="promoter", payee_id=shop.promoter.member_id)

    async def test_refuses_other_ways_and_currencies(self, shop: Shop) -> None:
        with pytest.raises(PayoutMethodUnknown):
            await self.register(shop, method="pigeon")
        with pytest.raises(UnknownCurrency):
            await self.register(shop, currency="XYZ")
