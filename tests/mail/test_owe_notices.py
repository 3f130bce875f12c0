"""What happened becomes a notice, once, for whom it concerns."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from fissile.flows.owe_notices import owe_notices
from fissile.views.audit import run_audit
from tests.money.conftest import Shop, house, shop

__all__ = ["house", "shop"]


async def sweep(shop: Shop, *, days: int = 0, limit: int = 500) -> int:
    at = shop.at + timedelta(days=days)
    return await owe_notices(shop.db, locale="en", at=at, rng=shop.rng, limit=limit)


async def kinds(shop: Shop) -> list[str]:
    return [row["kind"] for row in await shop.db.all(text("SELECT kind FROM notices ORDER BY kind"))]


class TestOweNotices:
    async def test_tells_each_event_once(self, shop: Shop) -> None:
        order = await shop.place()
        await sweep(shop)
        await shop.pay(order)
        await sweep(shop)
        await sweep(shop)

        assert await kinds(shop) == ["order_paid", "order_placed"]
        assert (await run_audit(shop.db)).clean

    async def test_a_cut_set_forgets_nothing(self, shop: Shop) -> None:
        for _ in range(7):
            await shop.pay(await shop.place())

        for _ in range(40):
            await sweep(shop, limit=2)

        assert await kinds(shop) == ["order_paid"] * 7 + ["order_placed"] * 7

    async def test_many_events_of_one_transaction_are_read_whole(self, shop: Shop) -> None:
        for _ in range(3):
            await shop.place()
        again = (
            "INSERT INTO events (name, occurred_at, subject_id, data)"
            " SELECT 'order.shipped', occurred_at, subject_id, '{}' FROM events WHERE name = 'order.placed'"
        )
        async with shop.db.transaction() as connection:
            await connection.execute(text(again))

        for _ in range(9):
            await sweep(shop, limit=1)

        assert await kinds(shop) == ["order_placed"] * 3 + ["order_shipped"] * 3

    async def test_an_event_that_commits_late_is_not_skipped(self, shop: Shop) -> None:
        order = await shop.place()
        write = (
            "INSERT INTO events (name, occurred_at, subject_id, data)"
            " SELECT 'order.shipped', occurred_at, subject_id, '{}' FROM events WHERE name = 'order.placed' LIMIT 1"
        )
        async with shop.db.connected() as slow:
            running = await slow.begin()
            await slow.execute(text(write))
            await shop.pay(order)
            for _ in range(3):
                await sweep(shop)
            assert "order_shipped" not in await kinds(shop)
            await running.commit()

        await sweep(shop)

        assert "order_shipped" in await kinds(shop)
        assert await kinds(shop) == ["order_paid", "order_placed", "order_shipped"]

    async def test_old_news_is_in_the_inbox_and_not_mailed(self, shop: Shop) -> None:
        await shop.place()

        await sweep(shop, days=9)

        assert await shop.db.all(text("SELECT 1 FROM notice_mails")) == []
