"""Attribution in the database: the version in force decides, bindings are made once, and all of it is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from fissile.domain.attribution.errors import (
    BindingNotFound,
    BindingReasonMissing,
    PolicyChangedMeanwhile,
    PolicyMerchantNotFound,
    PolicyNotEnded,
    PolicyWindowOutOfRange,
)
from fissile.domain.attribution.model import PolicyVersion
from fissile.domain.members.errors import RoleNotAllowed
from fissile.domain.shares.model import Share
from fissile.flows.change_attribution import change_attribution
from fissile.flows.end_binding import end_binding
from fissile.flows.house import open_house
from fissile.flows.record_visit import record_visit
from fissile.infra.database import Database, asyncpg_args
from fissile.infra.events import HOUSE, Actor
from fissile.infra.settings import Settings
from fissile.views.audit import run_audit

from .conftest import Shop


async def change(shop: Shop, *, fresh: bool = True, actor: Actor = HOUSE, **terms: Any) -> PolicyVersion:
    """Make a policy; valid by default. Without ``fresh`` the house is left with what it knew."""
    given: dict[str, Any] = {
        "merchant_id": None,
        "model": "last_touch",
        "window_days": 15,
        "level": "shop",
        "binding": "off",
        "self_purchase": False,
    }
    made = await change_attribution(shop.house.db, **(given | terms), actor=actor, at=shop.at, rng=shop.rng)
    if fresh:
        shop.house.forget()
    return made


async def opened(shop: Shop, share: Share, visitor: UUID, *, minutes: int) -> None:
    """Open a share some minutes before the order."""
    at = shop.at - timedelta(minutes=minutes)
    await record_visit(shop.house, token=share.token, form="link", visitor_id=visitor, at=at, rng=shop.rng)


async def credits(shop: Shop) -> list[Any]:
    return await shop.rows("SELECT credit_promoter_id, credit_reason, credit_rule FROM orders ORDER BY id")


class TestChangeAttribution:
    async def test_the_version_in_force_decides_and_stands_on_the_order(self, shop: Shop) -> None:
        other = await shop.member()
        early, late, visitor = await shop.share(), await shop.share(actor=other), uuid4()
        await opened(shop, early, visitor, minutes=30)
        await opened(shop, late, visitor, minutes=10)

        await shop.order(visitor_id=visitor)
        policy = await change(shop, model="first_touch", window_days=30, fresh=False)  # the house does not know yet
        await shop.order(visitor_id=visitor)

        assert await credits(shop) == [
            (other.member_id, "last_touch", "last-touch@0 15d shop"),
            (shop.promoter.member_id, "first_touch", "first-touch@1 30d shop"),
        ]
        assert await shop.rows("SELECT credit_policy_id FROM orders ORDER BY id") == [(None,), (policy.id,)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_without_the_versions_guard_an_old_policy_would_decide(self, shop: Shop, database_url: str) -> None:
        await shop.order()
        owner = await asyncpg.connect(**asyncpg_args(database_url))
        source = await owner.fetchval("SELECT pg_get_functiondef('place_orders_v1'::regproc)")
        assert "p_policies[i] <> v_policies" in source
        await owner.execute(source.replace("p_policies[i] <> v_policies", "false"))
        await owner.close()

        await change(shop, window_days=30, fresh=False)
        shop.house.policies.get = _never_told(await shop.house.policies.get("policies"))  # type: ignore[method-assign]
        await shop.order()

        assert (await credits(shop))[-1][2] == "last-touch@0 15d shop"

    async def test_a_merchants_own_policy_decides_its_orders_until_it_ends(self, shop: Shop) -> None:
        await change(shop, window_days=30)
        await change(shop, merchant_id=shop.merchant_id, window_days=7)
        await shop.order("tea")
        await shop.order("hat")
        await change(shop, merchant_id=shop.merchant_id, window_days=7, state="ended")
        await shop.order("tea")

        assert [rule for _, _, rule in await credits(shop)] == [
            "last-touch@1 7d shop",
            "last-touch@1 30d shop",
            "last-touch@1 30d shop",
        ]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_of_two_at_the_same_moment_one_makes_the_version(self, shop: Shop) -> None:
        outcomes = await asyncio.gather(*(change(shop, window_days=n) for n in range(1, 9)), return_exceptions=True)

        made = [one.version for one in outcomes if isinstance(one, PolicyVersion)]
        assert sorted(made) == list(range(1, len(made) + 1))
        assert all(isinstance(one, PolicyVersion | PolicyChangedMeanwhile) for one in outcomes)
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_is_for_operators(self, shop: Shop) -> None:
        with pytest.raises(RoleNotAllowed):
            await change(shop, actor=shop.promoter)

    async def test_refuses_bad_terms_in_words(self, shop: Shop) -> None:
        with pytest.raises(PolicyWindowOutOfRange, match="1 to 365 days, and not 0"):
            await change(shop, window_days=0)
        with pytest.raises(PolicyMerchantNotFound):
            await change(shop, merchant_id=uuid4())
        with pytest.raises(PolicyNotEnded):
            await change(shop, state="ended")

        assert await shop.rows("SELECT count(*) FROM attribution_policy_versions") == [(0,)]


def _never_told(known: Any) -> Any:
    """A cache that is told of no change."""
    known = (type(known[0])(), known[1])

    async def get(_: str) -> Any:
        return known

    return get


class TestTouches:
    async def test_another_merchants_share_brings_nothing(self, shop: Shop) -> None:
        hat, visitor = await shop.share("hat"), uuid4()
        await opened(shop, hat, visitor, minutes=5)

        await shop.order("tea", visitor_id=visitor)
        await shop.order("tea", share_token=hat.token)

        assert await shop.rows("SELECT DISTINCT reason FROM order_touches") == [("other_merchant",)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_at_product_level_only_what_was_shown_counts(self, shop: Shop) -> None:
        await change(shop, level="product")
        other = await shop.member()
        tea, cup, visitor = await shop.share("tea"), await shop.share("cup", actor=other), uuid4()
        await opened(shop, tea, visitor, minutes=9)
        await opened(shop, cup, visitor, minutes=5)

        await shop.order("tea", visitor_id=visitor)
        await shop.order("song", visitor_id=visitor)
        await shop.order(lines=[(shop.skus["tea"], 1), (shop.skus["cup"], 1)], visitor_id=visitor)

        assert [who for who, _, _ in await credits(shop)] == [shop.promoter.member_id, None, other.member_id]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_a_closed_account_earns_nothing(self, shop: Shop) -> None:
        share, visitor = await shop.share(), uuid4()
        await opened(shop, share, visitor, minutes=5)
        await close(shop, shop.promoter)

        await shop.order(visitor_id=visitor)
        await shop.order(share_token=share.token)

        assert await shop.rows("SELECT reason FROM order_touches") == [("promoter_closed",), ("promoter_closed",)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_a_visit_stamped_after_the_order_counts(self, shop: Shop) -> None:
        share, visitor = await shop.share(), uuid4()
        await opened(shop, share, visitor, minutes=-60)

        await shop.order(visitor_id=visitor)

        assert await shop.rows("SELECT reason FROM order_touches") == [("last_touch",)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_of_many_the_nearest_are_kept_and_the_others_counted(self, shop: Shop) -> None:
        visitor = uuid4()
        for minutes in range(1, 61):
            await opened(shop, await shop.share(), visitor, minutes=minutes)

        await shop.order(visitor_id=visitor)

        assert await shop.rows("SELECT count(*), min(outcome) FROM order_touches") == [(20, "lost")]
        assert await shop.rows("SELECT credit_unkept FROM orders") == [({"earlier_touch": 40},)]
        assert (await run_audit(shop.house.db)).findings == ()


async def close(shop: Shop, member: Actor) -> None:
    async with shop.house.db.transaction() as connection:
        await connection.execute(text("UPDATE members SET state = 'closed' WHERE id = :id"), {"id": member.member_id})
    shop.house.forget()


class TestBindings:
    async def bound(self, shop: Shop) -> list[Any]:
        return await shop.rows("SELECT member_id, promoter_id, end_reason FROM buyer_bindings ORDER BY order_id")

    async def test_the_first_paid_order_binds_and_later_ones_do_not(self, shop: Shop) -> None:
        await change(shop, binding="after")
        buyer, other = (await shop.member("buyer")).member_id, await shop.member()
        unpaid = await shop.share()
        await shop.order(member_id=buyer, share_token=unpaid.token)
        first = await shop.order(member_id=buyer, share_token=(await shop.share(actor=other)).token)
        await shop.pay(first)
        await shop.pay(await shop.order(member_id=buyer, share_token=unpaid.token))

        assert await self.bound(shop) == [(buyer, other.member_id, "")]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_decides_where_nothing_else_does(self, shop: Shop) -> None:
        await change(shop, binding="after")
        buyer, rival = (await shop.member("buyer")).member_id, await shop.member()
        share = await shop.share()
        first = await shop.order(member_id=buyer, share_token=share.token)
        await shop.pay(first)

        later = shop.at + timedelta(days=400)
        alone = await shop.order(member_id=buyer, at=later)
        await shop.order(member_id=buyer, share_token=(await shop.share(actor=rival)).token, at=later)

        assert [(who, why) for who, why, _ in await credits(shop)] == [
            (shop.promoter.member_id, "last_touch"),
            (shop.promoter.member_id, "binding"),
            (rival.member_id, "last_touch"),
        ]
        found = await shop.rows("SELECT credit_binding_id, credit_share_id FROM orders WHERE id = :id", id=alone.id)
        assert found == [(first.id, share.id)]
        earns = await shop.rows("SELECT commission_minor FROM order_lines WHERE order_id = :id", id=alone.id)
        assert earns == [(125,)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_or_before_every_touch(self, shop: Shop) -> None:
        await change(shop, binding="before")
        buyer, rival = (await shop.member("buyer")).member_id, await shop.member()
        await shop.pay(await shop.order(member_id=buyer, share_token=(await shop.share()).token))

        await shop.order(member_id=buyer, share_token=(await shop.share(actor=rival)).token)

        assert (await credits(shop))[1][:2] == (shop.promoter.member_id, "binding")
        assert await shop.rows("SELECT reason FROM order_touches WHERE outcome = 'lost'") == [("binding_first",)]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_another_policy_leaves_bindings_alone(self, shop: Shop) -> None:
        await change(shop, binding="after")
        buyer = (await shop.member("buyer")).member_id
        await shop.pay(await shop.order(member_id=buyer, share_token=(await shop.share()).token))
        before = await shop.rows("SELECT * FROM buyer_bindings")

        await change(shop, binding="off", model="first_touch")
        await shop.order(member_id=buyer, at=shop.at + timedelta(days=400))
        await change(shop, binding="after")
        await shop.order(member_id=buyer, at=shop.at + timedelta(days=400))

        assert await shop.rows("SELECT * FROM buyer_bindings") == before
        assert [why for _, why, _ in await credits(shop)] == [
            "last_touch",
            "no_touch",
            "binding",
        ]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_no_guest_and_nobody_to_themselves(self, shop: Shop) -> None:
        await change(shop, binding="after", self_purchase=True)
        share = await shop.share()
        await shop.pay(await shop.order(share_token=share.token))
        await shop.pay(await shop.order(share_token=share.token, member_id=shop.promoter.member_id))

        assert await self.bound(shop) == []
        assert [who for who, _, _ in await credits(shop)] == [shop.promoter.member_id] * 2

    async def test_a_closed_account_loses_it_to_the_next(self, shop: Shop) -> None:
        await change(shop, binding="before")
        buyer, other = (await shop.member("buyer")).member_id, await shop.member()
        await shop.pay(await shop.order(member_id=buyer, share_token=(await shop.share()).token))
        await close(shop, shop.promoter)

        await shop.pay(await shop.order(member_id=buyer, share_token=(await shop.share(actor=other)).token))

        assert await self.bound(shop) == [
            (buyer, shop.promoter.member_id, "promoter closed"),
            (buyer, other.member_id, ""),
        ]
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_an_operator_ends_it_with_a_reason(self, shop: Shop) -> None:
        await change(shop, binding="after")
        buyer = (await shop.member("buyer")).member_id
        made = await shop.order(member_id=buyer, share_token=(await shop.share()).token)
        await shop.pay(made)
        ending: dict[str, Any] = {"order_id": made.id, "at": shop.at, "rng": shop.rng}

        with pytest.raises(RoleNotAllowed):
            await end_binding(shop.house.db, reason="mine", actor=shop.promoter, **ending)
        with pytest.raises(BindingReasonMissing):
            await end_binding(shop.house.db, reason="  ", actor=HOUSE, **ending)
        await end_binding(shop.house.db, reason="asked for it", actor=HOUSE, **ending)
        with pytest.raises(BindingNotFound):
            await end_binding(shop.house.db, reason="again", actor=HOUSE, **ending)
        await shop.order(member_id=buyer)

        assert await self.bound(shop) == [(buyer, shop.promoter.member_id, "asked for it")]
        assert (await credits(shop))[-1][1] == "no_touch"
        assert (await run_audit(shop.house.db)).findings == ()


class TestTwoPaymentsAtOnce:
    """Through two houses, as two web processes: the unique key lets one order bind its buyer."""

    async def race(self, shop: Shop, database_url: str) -> list[Any]:
        await change(shop, binding="after")
        buyer = (await shop.member("buyer")).member_id
        async with open_house(db=Database(url=database_url, pool=3), settings=Settings()) as second:
            other = Shop(second, shop.at, shop.rng, shop.promoter, shop.skus, shop.products, shop.merchant_id)
            for _ in range(5):
                placed = [
                    await shop.order("song", member_id=buyer, share_token=(await shop.share(actor=actor)).token)
                    for actor in (shop.promoter, await shop.member())
                ]
                await asyncio.gather(shop.pay(placed[0]), other.pay(placed[1]))
        return await shop.rows("SELECT member_id FROM buyer_bindings WHERE ended_at IS NULL")

    async def test_one_binds(self, shop: Shop, database_url: str) -> None:
        assert len(await self.race(shop, database_url)) == 1
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_without_the_key_both_would(self, shop: Shop, database_url: str) -> None:
        owner = await asyncpg.connect(**asyncpg_args(database_url))
        await owner.execute("DROP INDEX buyer_bindings_member_id_key")
        source = await owner.fetchval("SELECT pg_get_functiondef('bind_buyers_v1'::regproc)")
        await owner.execute(source.replace("ON CONFLICT (member_id) WHERE ended_at IS NULL DO NOTHING", ""))
        await owner.close()

        assert len(await self.race(shop, database_url)) > 1
        assert any("bindings of buyer" in one.sentence for one in (await run_audit(shop.house.db)).findings)
