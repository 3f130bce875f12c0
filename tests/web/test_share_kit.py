"""The share kit, posters over HTTP, statistics, and the cards that chats make of target pages."""

from __future__ import annotations

import csv
import io
import re
from typing import Any, cast

import httpx2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import text

from fissile.api.front import Front
from fissile.api.shares import endpoints
from fissile.domain.shares.rules import link_of
from fissile.kernel.ids import public_id
from tests.web.conftest import HOST, Shop, send

RULEBOOK = """name = "mine"
network = "Mine"
version = "2027-01-01"
announced = 2027-01-01
in_force = 2027-01-01
languages = ["zh", "en"]

[[sources]]
title = "A test"

[[rules]]
id = "no-codes"
action = "limit"
severity = 2
when = 'codes.size() > 0'
must_match = ['复制 ₣k7Qm2xR9dWpA₣ 到店里打开']
must_not_match = ['hello']

[rules.clause]
number = "7b"
summary_zh = "口令仅社群可见。"
summary_en = "Codes are shown in the community only."
"""


def kit(shop: Shop, name: str = "share of promoter") -> str:
    return f"/promoter/shares/{shop.ids[name]}"


def everything(shop: Shop) -> httpx2.AsyncClient:
    """Return a program that reaches the fast endpoints and the pages behind them, as the server does."""
    front = Front(endpoints(shop.house), cast(Any, shop.app))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=cast(Any, front)), base_url=HOST)


class TestKit:
    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ("form=fax", "There is no form “fax”"),
            ("network=qq", "no rulebook for a network “qq”"),
            ("surface=wall", "There is no surface “wall”"),
            ("network=wechat&version=1999-01-01", "There is no version “1999-01-01”"),
        ],
    )
    async def test_a_choice_that_does_not_exist_is_told(self, shop: Shop, query: str, sentence: str) -> None:
        answer = await (await shop.signed_in("promoter")).get(f"{kit(shop)}?{query}")

        assert answer.status_code == 422
        assert sentence in answer.text

    async def test_tells_what_the_rules_in_force_say(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        refused = (await browser.get(f"{kit(shop)}?network=wechat&surface=moments&form=code&text=zh_CN")).text
        before = (await browser.get(f"{kit(shop)}?network=wechat&version=2016-04-12&form=code&text=zh_CN")).text

        assert "Code · Moments: Refused." in refused
        assert "Clause “1”" in refused
        assert "wechat@2016-04-12" in before
        assert "Code · Moments: Allowed." in before

    async def test_a_draft_is_asked_without_being_kept(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        answer = await send(browser, page=kit(shop), to=f"{kit(shop)}/preflight", draft=RULEBOOK, form="code")

        assert answer.status_code == 200
        assert "mine@2027-01-01" in answer.text
        assert "Codes are shown in the community only." in answer.text
        assert "Limited" in answer.text

    async def test_a_drafts_mistakes_are_told_with_their_lines(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        broken = RULEBOOK.replace('action = "limit"', 'action = "burn"').replace(
            "2027-01-01\nin_force", "soon\nin_force"
        )

        answer = await send(browser, page=kit(shop), to=f"{kit(shop)}/preflight", draft=broken)

        assert answer.status_code == 422
        assert "line 13, column" in answer.text
        assert "line 4, column" in answer.text

    async def test_a_strangers_share_is_not_there(self, shop: Shop) -> None:
        browser = await shop.signed_in("rival")

        assert (await browser.get(kit(shop))).status_code == 404
        sent = await send(browser, page=kit(shop, "share of rival"), to=f"{kit(shop)}/preflight", draft=RULEBOOK)
        assert sent.status_code == 404

    async def test_a_shared_shop_has_a_kit(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        page = (await browser.get(f"{kit(shop, 'shop share')}?form=comment&carry=link")).text

        assert f"/m/{shop.ids['shop']}" in page
        assert link_of(HOST, shop.tokens["shop"], form="comment") in page

    async def test_the_list_is_narrowed(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        async def found(query: str) -> int:
            return len(
                re.findall(r'href="/promoter/shares/shr_', (await browser.get(f"/promoter/shares?{query}")).text)
            )

        assert await found("") == 2
        assert await found("kind=shop") == 1
        assert await found("q=GREEN") == 1
        assert await found("state=paused") == 0
        assert await found("channel=moments&kind=shop") == 1
        assert await found(f"q={shop.tokens['promoter']}") == 1


class TestPoster:
    @pytest.mark.parametrize("locale", ["zh_CN", "en"])
    @pytest.mark.parametrize("which", ["promoter", "shop"])
    async def test_leads_to_its_share(self, shop: Shop, locale: str, which: str) -> None:
        token = shop.tokens[which]

        answers = [await shop.browser().get(f"/poster/{token}/{locale}.{kind}") for kind in ("jpg", "png", "svg")]

        assert [one.headers["content-type"] for one in answers] == ["image/jpeg", "image/png", "image/svg+xml"]
        for one in answers[:2]:
            image = Image.open(io.BytesIO(one.content))
            assert image.size == (750, 1334)
            assert [found.text for found in zxingcpp.read_barcodes(image)] == [link_of(HOST, token, form="poster")]
        assert b"<text" not in answers[2].content

    async def test_is_asked_for_again_and_not_sent_again(self, shop: Shop) -> None:
        browser, path = shop.browser(), f"/poster/{shop.tokens['promoter']}/en.jpg"

        first = await browser.get(path)
        again = await browser.get(path, headers={"if-none-match": first.headers["etag"]})
        async with shop.house.db.transaction() as connection:
            await connection.execute(text("UPDATE skus SET price_minor = price_minor + 1 WHERE code = 'TEA-1'"))
        dearer = await browser.get(path, headers={"if-none-match": first.headers["etag"]})

        assert first.headers["cache-control"] == "public, no-cache"
        assert "set-cookie" not in first.headers
        assert (again.status_code, again.content) == (304, b"")
        assert dearer.status_code == 200
        assert dearer.content != first.content

    async def test_can_be_saved(self, shop: Shop) -> None:
        answer = await shop.browser().get(f"/poster/{shop.tokens['promoter']}/en.png?save=1")

        assert answer.headers["content-disposition"].startswith("attachment; filename=")

    @pytest.mark.parametrize("change", ["state = 'paused'", "state = 'revoked'", "expires_at = created_at"])
    async def test_of_a_closed_share_says_so_and_has_no_code(self, shop: Shop, change: str) -> None:
        async with shop.house.db.transaction() as connection:
            await connection.execute(
                text(f"UPDATE shares SET {change} WHERE token = :token"), {"token": shop.tokens["promoter"]}
            )

        answer = await shop.browser().get(f"/poster/{shop.tokens['promoter']}/en.jpg")

        assert answer.status_code in (409, 410)
        assert answer.headers["cache-control"] == "no-store"
        assert zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content))) == []

    @pytest.mark.parametrize("path", ["k7Qm2xR9dWpA/en.jpg", "x/en.jpg", "%00/en.jpg", "k7Qm2xR9dWpA/fr.jpg"])
    async def test_there_is_none_of_a_share_that_does_not_exist(self, shop: Shop, path: str) -> None:
        answer = await shop.browser().get(f"/poster/{path}")

        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/plain")

    async def test_a_kind_of_file_that_does_not_exist_is_told(self, shop: Shop) -> None:
        assert (await shop.browser().get(f"/poster/{shop.tokens['promoter']}/en.gif")).status_code == 404

    async def test_a_title_that_cannot_be_drawn_is_told_in_the_kit_too(self, shop: Shop) -> None:
        async with shop.house.db.transaction() as connection:
            await connection.execute(text("UPDATE products SET title = 'שלום עולם' WHERE code = 'tea'"))

        answer = await shop.browser().get(f"/poster/{shop.tokens['promoter']}/en.jpg")
        page = (await (await shop.signed_in("promoter")).get(f"{kit(shop)}?form=poster")).text

        assert answer.status_code == 422
        assert "has no letters for" in answer.text
        assert "has no letters for" in page


class TestCards:
    async def test_whoever_follows_a_share_finds_the_card(self, shop: Shop) -> None:
        async with everything(shop) as bot:
            answer = await bot.get(
                f"/s/{shop.tokens['promoter']}",
                headers={"user-agent": "facebookexternalhit/1.1", "accept-language": "zh-CN"},
                follow_redirects=True,
            )

        assert answer.status_code == 200
        assert answer.url.path == f"/p/{public_id('prd', shop.products['tea'])}"
        assert '<meta property="og:title" content="Green tea">' in answer.text
        assert '<meta property="og:locale" content="zh_CN">' in answer.text
        assert f'<meta property="og:url" content="{HOST}/p/' in answer.text
        assert '<meta property="product:price:amount" content="38.00">' in answer.text
        assert '<meta property="product:price:currency" content="CNY">' in answer.text

    async def test_of_a_shop_names_it(self, shop: Shop) -> None:
        answer = await shop.browser().get(f"/m/{shop.ids['shop']}")

        assert '<meta property="og:title" content="North">' in answer.text
        assert "The shop of North" in answer.text

    async def test_says_how_large_its_picture_is(self, shop: Shop) -> None:
        picture = Image.new("RGB", (1200, 301), "red")
        async with shop.house.db.transaction() as connection:
            await _give_picture(connection, picture, product_id=shop.products["tea"])

        page = (await shop.browser().get(f"/p/{public_id('prd', shop.products['tea'])}")).text
        address = re.search(r'og:image" content="([^"]+)"', page)
        assert address is not None
        shown = Image.open(io.BytesIO((await shop.browser().get(address[1])).content))

        assert address[1].startswith(f"{HOST}/media/")
        assert f'og:image:width" content="{shown.width}"' in page
        assert f'og:image:height" content="{shown.height}"' in page


class TestNumbers:
    @pytest.mark.parametrize("by", ["day", "form", "channel", "share"])
    async def test_add_up_to_the_same_whichever_way(self, shop: Shop, by: str) -> None:
        answer = await (await shop.signed_in("promoter")).get(f"/promoter/statistics.csv?by={by}")

        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert sum(int(one["visits"]) for one in lines) == 1
        assert sum(int(one["paid_orders"]) for one in lines) == 1
        assert [(one["currency"], one["gmv"], one["commission"]) for one in lines if one["currency"]] == [
            ("CNY", "76.00", "7.60")
        ]

    async def test_an_order_counts_for_the_form_that_won_it(self, shop: Shop) -> None:
        answer = await (await shop.signed_in("promoter")).get("/promoter/statistics.csv?by=form")

        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert {one["key"]: one["paid_orders"] for one in lines} == {"link": "1"}

    async def test_of_a_strangers_share_are_empty(self, shop: Shop) -> None:
        answer = await (await shop.signed_in("rival")).get(
            f"/promoter/statistics.csv?by=day&share={shop.ids['share of promoter']}"
        )

        assert answer.text.count("\n") == 1


async def _give_picture(connection: Any, image: Image.Image, *, product_id: Any) -> None:
    from datetime import UTC, datetime
    from random import Random

    from fissile.infra.pictures import prepare_picture
    from fissile.kernel.ids import new_id

    out = io.BytesIO()
    image.save(out, "PNG")
    made = prepare_picture(out.getvalue())
    picture_id = new_id(at=datetime.now(UTC), rng=Random(1))
    await connection.execute(
        text(
            "INSERT INTO pictures (id, sha256, media_type, width, height, created_at)"
            " VALUES (:id, :sha, :type, :width, :height, now())"
        ),
        {"id": picture_id, "sha": made.sha256, "type": made.media_type, "width": made.width, "height": made.height},
    )
    for size, content in made.files.items():
        await connection.execute(
            text("INSERT INTO picture_files (picture_id, size, content) VALUES (:id, :size, :content)"),
            {"id": picture_id, "size": size, "content": content},
        )
    await connection.execute(
        text("INSERT INTO product_pictures (product_id, position, picture_id) VALUES (:product, 0, :id)"),
        {"product": product_id, "id": picture_id},
    )
