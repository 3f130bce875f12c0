"""Opening shares: counted once per visitor and window, refused when they may not be opened."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fissile.domain.shares.errors import (
    BadExpiry,
    CodeMistyped,
    NotYourShare,
    ShareExpired,
    ShareKeyReused,
    SharePaused,
    ShareRevoked,
    ShareTargetGone,
    ShareUnknown,
)
from fissile.domain.shares.rules import new_token
from fissile.flows.change_share import change_share
from fissile.flows.record_visit import VisitItem, record_visit, record_visits
from fissile.kernel.ids import new_id

from .conftest import Shop

WINDOW = timedelta(minutes=30)


class TestRecordVisit:
    async def test_a_zero_character_makes_no_token(self, shop: Shop) -> None:
        with pytest.raises(CodeMistyped):
            await record_visit(
                shop.house,
                token="a\x00b",
                form="link",
                visitor_id=new_id(at=shop.at, rng=shop.rng),
                at=shop.at,
                rng=shop.rng,
            )

    async def test_counts_a_visitor_once_in_a_window(self, shop: Shop) -> None:
        share = await shop.share()
        visitor = new_id(at=shop.at, rng=shop.rng)

        firsts = [
            (
                await record_visit(
                    shop.house,
                    token=share.token,
                    form="link",
                    visitor_id=visitor,
                    at=shop.at + timedelta(minutes=minutes),
                    rng=shop.rng,
                )
            ).first
            for minutes in (0, 1, 29, 30)
        ]

        assert firsts == [True, False, False, True]
        assert await shop.rows("SELECT opens FROM visits ORDER BY window_no") == [(3,), (1,)]

    async def test_the_last_open_is_the_touch(self, shop: Shop) -> None:
        share = await shop.share()
        visitor = new_id(at=shop.at, rng=shop.rng)
        for minutes in (0, 5):
            opened = shop.at + timedelta(minutes=minutes)
            await record_visit(shop.house, token=share.token, form="code", visitor_id=visitor, at=opened, rng=shop.rng)

        assert await shop.rows("SELECT first_at, last_at, form FROM visits") == [
            (shop.at, shop.at + timedelta(minutes=5), "code")
        ]

    async def test_many_at_once_are_all_there(self, shop: Shop) -> None:
        share = await shop.share()
        visitors = [new_id(at=shop.at, rng=shop.rng) for _ in range(300)]

        await asyncio.gather(
            *(
                record_visit(shop.house, token=share.token, form="link", visitor_id=one, at=shop.at, rng=shop.rng)
                for one in visitors
            )
        )

        assert await shop.rows("SELECT count(*), sum(opens) FROM visits") == [(300, 300)]
        assert await shop.rows("SELECT count(*) FROM events WHERE name = 'visit.recorded'") == [(300,)]

    async def test_a_set_that_is_sent_again_counts_once(self, shop: Shop) -> None:
        share = await shop.share()
        items = [
            VisitItem(
                new_id(at=shop.at, rng=shop.rng),
                share.id,
                share.version,
                new_id(at=shop.at, rng=shop.rng),
                "link",
                shop.at,
            )
            for _ in range(5)
        ]
        connection = await shop.house.db.raw()
        try:
            await record_visits(connection, items, window_seconds=1800)
            await record_visits(connection, items, window_seconds=1800)
        finally:
            await connection.close()

        assert await shop.rows("SELECT count(*), sum(opens) FROM visits") == [(5, 5)]

    async def test_a_wrong_letter_is_told(self, shop: Shop) -> None:
        share = await shop.share()
        wrong = share.token[:-1] + ("A" if share.token[-1] != "A" else "B")

        with pytest.raises(CodeMistyped):
            await record_visit(shop.house, token=wrong, form="code", visitor_id=share.id, at=shop.at, rng=shop.rng)

    async def test_a_strangers_share_is_unknown(self, shop: Shop) -> None:
        with pytest.raises(ShareUnknown):
            await record_visit(
                shop.house,
                token=new_token(rng=shop.rng),
                form="code",
                visitor_id=new_id(at=shop.at, rng=shop.rng),
                at=shop.at,
                rng=shop.rng,
            )

    async def test_an_expired_share_is_told_from_its_very_moment(self, shop: Shop) -> None:
        share = await shop.share(expires_at=shop.at + timedelta(hours=1))
        before, moment = shop.at + timedelta(minutes=59, seconds=59), shop.at + timedelta(hours=1)

        opened = await record_visit(
            shop.house, token=share.token, form="link", visitor_id=share.id, at=before, rng=shop.rng
        )
        with pytest.raises(ShareExpired):
            await record_visit(shop.house, token=share.token, form="link", visitor_id=share.id, at=moment, rng=shop.rng)

        assert opened.first

    @pytest.mark.parametrize(("state", "refusal"), [("paused", SharePaused), ("revoked", ShareRevoked)])
    async def test_a_share_that_changed_a_moment_ago_is_not_opened(
        self, shop: Shop, state: str, refusal: type[Exception]
    ) -> None:
        share = await shop.share()
        await record_visit(
            shop.house, token=share.token, form="link", visitor_id=share.id, at=shop.at, rng=shop.rng
        )  # now it is in the cache
        await change_share(
            shop.house.db,
            share_id=share.id,
            state="paused" if state == "paused" else "revoked",
            actor=shop.promoter,
            at=shop.at,
        )

        with pytest.raises(refusal):
            await record_visit(
                shop.house, token=share.token, form="link", visitor_id=shop.skus["tea"], at=shop.at, rng=shop.rng
            )

        assert await shop.rows("SELECT count(*) FROM visits") == [(1,)]


class TestPublishShare:
    async def test_the_same_key_returns_the_first_share(self, shop: Shop) -> None:
        one = await shop.share(idempotency_key="k")
        again = await shop.share(idempotency_key="k")

        assert one == again

    async def test_the_same_key_for_another_product_is_refused(self, shop: Shop) -> None:
        await shop.share("tea", idempotency_key="k")

        with pytest.raises(ShareKeyReused):
            await shop.share("cup", idempotency_key="k")

    async def test_expiry_lies_in_the_future(self, shop: Shop) -> None:
        with pytest.raises(BadExpiry):
            await shop.share(expires_at=shop.at)

    async def test_only_what_is_offered_is_shared(self, shop: Shop) -> None:
        with pytest.raises(ShareTargetGone):
            await shop.share(product_id=shop.skus["tea"])


class TestChangeShare:
    async def test_a_stranger_may_not(self, shop: Shop) -> None:
        share = await shop.share()
        stranger = await shop.member()

        with pytest.raises(NotYourShare):
            await change_share(shop.house.db, share_id=share.id, state="paused", actor=stranger, at=shop.at)

    async def test_withdrawn_is_for_ever(self, shop: Shop) -> None:
        share = await shop.share()
        await change_share(shop.house.db, share_id=share.id, state="revoked", actor=shop.promoter, at=shop.at)

        with pytest.raises(ShareRevoked):
            await change_share(shop.house.db, share_id=share.id, state="active", actor=shop.promoter, at=shop.at)
