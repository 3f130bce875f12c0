"""Attribution on pages: why me, why not me, what a policy would change, ending a binding."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from fissile.kernel.ids import public_id
from fissile.views.audit import run_audit
from tests.web.conftest import Shop, send

TERMS = {"merchant": "", "model": "first_touch", "window": "30", "level": "shop", "binding": "after"}


class TestWhy:
    async def test_the_winner_reads_what_decided(self, shop: Shop) -> None:
        promoter = await shop.signed_in("promoter")

        told = (await promoter.get(f"/promoter/why?order={shop.ids['paid order']}")).text

        assert "This order is credited to you." in told
        assert "the last opening of a share before the order" in told
        assert "last-touch@0 15d shop" in told
        assert "1 touches of others were judged as well." in told

    async def test_the_loser_reads_why_not_and_nobodys_name(self, shop: Shop) -> None:
        rival = await shop.signed_in("rival")

        told = (await rival.get(f"/promoter/why?order={shop.ids['paid order']}")).text

        assert "This order is credited to another promoter." in told
        assert "another share was opened later" in told
        for secret in ("Promoter &amp; Co", "Mei", "Buyer &amp; Co", shop.tokens["promoter"]):
            assert secret not in told

    async def test_who_took_no_part_learns_nothing(self, shop: Shop) -> None:
        async with shop.house.db.transaction() as connection:
            await connection.execute(
                text("INSERT INTO member_roles (member_id, role, granted_at) VALUES (:id, 'promoter', now())"),
                {"id": shop.people["auditor"].member_id},
            )
        stranger = await shop.signed_in("auditor")

        real = (await stranger.get(f"/promoter/why?order={shop.ids['paid order']}")).text
        none = (await stranger.get(f"/promoter/why?order={public_id('ord', shop.products['tea'])}")).text

        for told in (real, none):
            assert "No opening of a share of yours came before an order of this number." in told

    async def test_in_chinese_too(self, shop: Shop) -> None:
        rival = await shop.signed_in("rival")

        told = (await rival.get(f"/promoter/why?lang=zh_CN&order={shop.ids['paid order']}")).text

        assert "该订单归功于另一位推广者。" in told
        assert "另一个分享在之后被打开" in told or "打开" in told

    async def test_a_typo_is_told_in_words(self, shop: Shop) -> None:
        rival = await shop.signed_in("rival")

        answer = await rival.get("/promoter/why?order=ord_nonsense")

        assert answer.status_code in (404, 422)
        assert 'role="alert"' in answer.text


class TestPolicies:
    async def test_a_preview_changes_nothing(self, shop: Shop) -> None:
        operator = await shop.signed_in("operator")

        shown = await send(operator, page="/operator/attribution", to="/operator/attribution/preview", **TERMS)

        assert shown.status_code == 200
        assert "Of the last 2 orders" in shown.text
        assert "Rival &amp; Co" in shown.text  # who was first
        assert await counted(shop, "attribution_policy_versions") == 0

    async def test_a_new_version_is_in_force_and_told(self, shop: Shop) -> None:
        operator = await shop.signed_in("operator")

        answer = await send(operator, page="/operator/attribution", to="/operator/attribution", **TERMS)

        assert answer.status_code == 303
        told = (await operator.get("/operator/attribution")).text
        assert "The first opening of a share within 30 days before the order earns the credit." in told
        assert "version 1" in told
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_nonsense_is_refused_in_words(self, shop: Shop) -> None:
        operator = await shop.signed_in("operator")

        for terms in ({"window": "0"}, {"window": "366"}, {"model": "linear"}, {"level": "x"}, {"ended": "yes"}):
            for to in ("/operator/attribution", "/operator/attribution/preview"):
                answer = await send(operator, page="/operator/attribution", to=to, **(TERMS | terms))
                assert answer.status_code == 422, (terms, to)
        assert await counted(shop, "attribution_policy_versions") == 0

    async def test_an_auditor_looks_and_changes_nothing(self, shop: Shop) -> None:
        auditor = await shop.signed_in("auditor")

        told = (await auditor.get("/operator/attribution")).text
        answer = await send(auditor, page="/", to="/operator/attribution", **TERMS)

        assert "Put in force" not in told
        assert answer.status_code == 403


async def counted(shop: Shop, table: str) -> Any:
    return (await shop.house.db.all(text(f"SELECT count(*) AS n FROM {table}")))[0]["n"]
