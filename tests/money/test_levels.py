"""The second level: paid by the plan to who invited the promoter; no third, no cycle, no sum above the whole."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from fissile.domain.commissions.errors import PlanClockBehind, PlanSumTooLarge, SecondAboveFirst, ThirdLevelRefused
from fissile.domain.members.errors import (
    InvitationCycle,
    InvitationUnknown,
    InvitedNoPromoter,
    InviterNoPromoter,
    InviterSetAlready,
    OwnInvitation,
    RoleNotAllowed,
)
from fissile.flows.add_member import add_member
from fissile.flows.become_promoter import become_promoter
from fissile.flows.change_fee import change_fee
from fissile.flows.change_plan import change_plan
from fissile.flows.invite_promoter import invite_promoter
from fissile.flows.release_commissions import release_commissions
from fissile.flows.set_inviter import set_inviter
from fissile.infra.events import HOUSE, Actor
from fissile.views.audit import run_audit
from tests.money.conftest import HOLD, Shop, an_inviter, new_promoter


def member_id(actor: Actor) -> UUID:
    """The actor's member."""
    assert actor.member_id is not None, "a promoter is a member"
    return actor.member_id


async def set_of(shop: Shop, *, member: Actor, inviter: Actor, actor: Actor | None = None) -> None:
    await set_inviter(
        shop.db,
        member_id=member_id(member),
        inviter_id=member_id(inviter),
        actor=actor or shop.operator,
        at=shop.at,
        rng=shop.rng,
    )


class TestTheSecondLevel:
    async def test_is_held_released_paid_and_taken_back_like_the_first(self, shop: Shop) -> None:
        inviter = await an_inviter(shop)
        order = await shop.paid(quantity=2)

        assert await shop.column("SELECT level || ' ' || amount_minor FROM commissions ORDER BY level") == [
            "1 2000",
            "2 400",
        ]
        await release_commissions(shop.db, at=shop.at + HOLD, rng=shop.rng)
        await shop.refund(order, amount_minor=10_000, at=shop.at + HOLD)
        batch = await shop.payout(at=shop.at + HOLD)

        paid = {item.payee_id: item.amount.minor for item in batch.items}
        assert paid == {member_id(shop.promoter): 1_000, member_id(inviter): 200, shop.merchant: 8_300}
        assert (await run_audit(shop.db)).findings == ()

    async def test_is_not_paid_to_an_inviter_who_buys(self, shop: Shop) -> None:
        inviter = await an_inviter(shop)
        shop.buyer = inviter

        await shop.paid()

        assert await shop.column("SELECT level FROM commissions") == [1]
        assert await shop.column("SELECT second_promoter_id FROM orders") == [None]
        assert (await run_audit(shop.db)).findings == ()

    async def test_reaches_no_third(self, shop: Shop) -> None:
        inviter, above = await an_inviter(shop), await new_promoter(shop)
        await set_of(shop, member=inviter, inviter=above)

        await shop.paid()

        assert set(await shop.column("SELECT promoter_id FROM commissions")) == {
            member_id(shop.promoter),
            member_id(inviter),
        }

    async def test_counts_from_the_moment_at_which_the_inviter_is_set(self, shop: Shop) -> None:
        await shop.paid()  # the cache knows now that nobody invited the promoter
        inviter = await new_promoter(shop)
        async with shop.db.transaction() as connection:
            await connection.exec_driver_sql(
                f"INSERT INTO member_roles VALUES ('{member_id(shop.promoter)}', 'promoter', NULL, now())"
            )
        await set_of(shop, member=shop.promoter, inviter=inviter)

        await shop.paid()

        assert await shop.column("SELECT second_promoter_id FROM orders ORDER BY id") == [None, member_id(inviter)]


class TestInvitations:
    async def test_make_the_inviter_of_who_becomes_a_promoter_by_one(self, shop: Shop) -> None:
        inviter = await new_promoter(shop)
        invitation = await invite_promoter(shop.db, actor=inviter, at=shop.at, rng=shop.rng)
        assert await invite_promoter(shop.db, actor=inviter, at=shop.at, rng=shop.rng) == invitation
        friend = await add_member(
            shop.db, display_name="Li", locale="en", role="buyer", actor=HOUSE, at=shop.at, rng=shop.rng
        )

        with pytest.raises(InvitationUnknown):
            await become_promoter(shop.db, member_id=friend, at=shop.at, rng=shop.rng, invitation_id=UUID(int=5))
        assert await become_promoter(shop.db, member_id=friend, at=shop.at, rng=shop.rng, invitation_id=invitation)
        assert not await become_promoter(shop.db, member_id=friend, at=shop.at, rng=shop.rng, invitation_id=UUID(int=5))

        assert await shop.column("SELECT inviter_id FROM promoter_inviters") == [member_id(inviter)]
        assert (await run_audit(shop.db)).findings == ()
        with pytest.raises(RoleNotAllowed):
            await invite_promoter(shop.db, actor=shop.buyer, at=shop.at, rng=shop.rng)

    async def test_are_for_others(self, shop: Shop) -> None:
        inviter = await new_promoter(shop)
        invitation = await invite_promoter(shop.db, actor=inviter, at=shop.at, rng=shop.rng)
        async with shop.db.transaction() as connection:
            await connection.exec_driver_sql("DELETE FROM member_roles")

        with pytest.raises(OwnInvitation):
            await become_promoter(
                shop.db, member_id=member_id(inviter), at=shop.at, rng=shop.rng, invitation_id=invitation
            )


class TestSetInviter:
    async def test_is_the_operators_and_once_for_all(self, shop: Shop) -> None:
        one, two, three = [await new_promoter(shop) for _ in range(3)]

        with pytest.raises(RoleNotAllowed):
            await set_of(shop, member=one, inviter=two, actor=one)
        with pytest.raises(InviterNoPromoter):
            await set_of(shop, member=one, inviter=shop.buyer)
        with pytest.raises(InvitedNoPromoter):
            await set_of(shop, member=shop.buyer, inviter=one)
        await set_of(shop, member=one, inviter=two)
        with pytest.raises(InviterSetAlready):
            await set_of(shop, member=one, inviter=three)

    async def test_refuses_cycles(self, shop: Shop) -> None:
        one, two, three = [await new_promoter(shop) for _ in range(3)]
        with pytest.raises(InvitationCycle):
            await set_of(shop, member=one, inviter=one)
        await set_of(shop, member=one, inviter=two)
        await set_of(shop, member=two, inviter=three)

        with pytest.raises(InvitationCycle):
            await set_of(shop, member=three, inviter=one)
        assert (await run_audit(shop.db)).findings == ()

    async def test_refuses_a_cycle_that_several_close_at_the_same_moment(self, shop: Shop) -> None:
        for _ in range(10):
            ring = [await new_promoter(shop) for _ in range(4)]

            done = await asyncio.gather(
                *(set_of(shop, member=one, inviter=ring[number - 1]) for number, one in enumerate(ring)),
                return_exceptions=True,
            )

            assert [type(one) for one in done if one is not None] == [InvitationCycle]
        assert (await run_audit(shop.db)).findings == ()

    async def test_without_the_guard_a_ring_closes_and_the_audit_names_it(
        self, shop: Shop, superuser: asyncpg.Connection
    ) -> None:
        await superuser.execute("DROP TRIGGER promoter_inviters_no_cycles ON promoter_inviters")
        ring = [await new_promoter(shop) for _ in range(3)]

        await asyncio.gather(*(set_of(shop, member=one, inviter=ring[number - 1]) for number, one in enumerate(ring)))

        assert {one.table for one in (await run_audit(shop.db)).findings} == {"promoter_inviters"}


class TestPlans:
    async def change(self, shop: Shop, *rates: int, **changes: object) -> None:
        await change_plan(
            shop.db,
            scope="platform",
            scope_id=None,
            kind="percent",
            rate_ppm=rates[0],
            further_rates_ppm=rates[1:],
            flat_minor=None,
            cap_minor=None,
            hold_seconds=60,
            state="open",
            actor=shop.operator,
            at=changes.get("at", shop.at),  # type: ignore[arg-type]
            rng=shop.rng,
        )

    async def test_pay_two_levels_at_most_and_never_more_for_inviting(self, shop: Shop) -> None:
        with pytest.raises(ThirdLevelRefused, match="禁止传销条例"):
            await self.change(shop, 100_000, 50_000, 10_000)
        with pytest.raises(SecondAboveFirst, match="5 % is more than the promoter's 4 %"):
            await self.change(shop, 40_000, 50_000)

    async def test_leave_something_with_the_fee(self, shop: Shop) -> None:
        await self.change(shop, 500_000, 450_000)
        with pytest.raises(PlanSumTooLarge):
            await self.change(shop, 500_000, 450_001)
        with pytest.raises(PlanSumTooLarge, match=r"50 % to the promoter, 45 % to the inviter and 5.0001 % to the"):
            await change_fee(
                shop.db, merchant_id=shop.merchant, rate_ppm=50_001, actor=shop.operator, at=shop.at, rng=shop.rng
            )

    async def test_do_not_overlap_where_a_clock_goes_back(self, shop: Shop) -> None:
        with pytest.raises(PlanClockBehind):
            await self.change(shop, 100_000, at=shop.at - timedelta(seconds=1))
        with pytest.raises(PlanClockBehind):
            await change_fee(
                shop.db,
                merchant_id=None,
                rate_ppm=1,
                actor=shop.operator,
                at=shop.at - timedelta(seconds=1),
                rng=shop.rng,
            )

    async def test_of_a_third_level_have_no_row_to_be_paid_by(self, shop: Shop, superuser: asyncpg.Connection) -> None:
        await shop.paid()

        with pytest.raises(asyncpg.CheckViolationError, match="commissions_level_check"):
            await superuser.execute("UPDATE commissions SET level = 3")
