"""Four forms of one share: they lead to one target, are counted under one share, and are told apart."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
import pytest

from fissile.api.front import Front
from fissile.api.shares import endpoints
from fissile.domain.shares.errors import ShareTargetGone
from fissile.domain.shares.model import FORMS, Form
from fissile.domain.shares.rules import code_of, find_code, form_of_query, link_of, new_token, target_path, texts_of
from fissile.flows.publish_share import publish_share
from fissile.kernel.money import Money
from fissile.views.audit import run_audit

from .conftest import Shop

BASE = "http://shop.example"
PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"}
SHARES = 1_000


async def _nothing_behind(*_: Any) -> None:
    raise AssertionError("shares are answered in front")


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the fast endpoints without a cookie jar: each request is another visitor."""
    front = Front(endpoints(shop.house), _nothing_behind)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=cast(Any, front)), base_url=BASE, headers=PHONE
    ) as browser:
        yield browser


def _texts(token: str, *, locale: str, by_code: bool) -> dict[Form, str]:
    made = texts_of(
        token=token,
        title="茶 ₣ /s/ 100%",
        price=Money(1250, "CNY"),
        shop="Fissile",
        base_url=BASE,
        locale=locale,
        by_code=by_code,
    )
    return {one.form: one.payload or one.comment or one.post for one in made}


class TestForms:
    def test_a_thousand_shares_are_found_in_each_of_their_forms(self) -> None:
        rng = random.Random(2)
        wrong = []
        for number in range(SHARES):
            token = new_token(rng=rng)
            for locale in ("zh_CN", "en"):
                for form, text in _texts(token, locale=locale, by_code=number % 2 == 0).items():
                    found = find_code(f"{rng.choice(('看看', '', 'hi '))}{text}")
                    wrong += [(form, text, found)] if (found.token, found.form) != (token, form) else []

        assert wrong == []

    async def test_lead_to_one_target_and_count_under_one_share(self, shop: Shop, client: httpx2.AsyncClient) -> None:
        shares = [await shop.share(("tea", "cup", "hat")[number % 3]) for number in range(25)]

        for share in shares:
            for form, text in _texts(share.token, locale="en", by_code=True).items():
                client.cookies.clear()
                if form in ("link", "poster"):
                    address = text[text.index(BASE) :]
                    answer = await client.get(address)
                    assert (answer.status_code, answer.headers["location"]) == (302, target_path(share))
                else:
                    told = (await client.post("/api/shares/resolve", json={"text": text})).json()
                    assert (told["form"], told["code"]) == (form, code_of(share.token))
                    assert told["target"]["url"].endswith(target_path(share))

        counted = await shop.rows("SELECT share_id, array_agg(form ORDER BY form) FROM visits GROUP BY share_id")
        assert dict(counted) == {share.id: sorted(FORMS) for share in shares}
        assert (await run_audit(shop.house.db)).findings == ()

    @pytest.mark.parametrize(
        ("query", "form"),
        [
            ("", "link"),
            ("f=p", "poster"),
            ("f=c", "comment"),
            ("f=p&from=singlemessage&isappinstalled=0", "poster"),
            ("from=timeline&f=c", "comment"),
            ("f=x", "link"),
            ("f=", "link"),
            ("ff=p", "link"),
            ("&&=&f", "link"),
        ],
    )
    def test_a_query_that_chats_add_to_changes_nothing(self, query: str, form: Form) -> None:
        assert form_of_query(query) == form

    def test_a_comments_code_that_lost_its_last_mark_is_still_a_code(self) -> None:
        token = new_token(rng=random.Random(1))
        code = code_of(token, form="comment")

        assert find_code(code).form == "comment"
        assert find_code(code[:-1]).form == "code"
        assert find_code(code[1:]).token == token

    def test_a_link_in_the_middle_of_a_sentence_keeps_its_form(self) -> None:
        link = link_of(BASE, new_token(rng=random.Random(1)), form="comment")

        assert find_code(f"打开{link}，好用").form == "comment"
        assert find_code(f"See {link}.").form == "comment"


class TestShopShares:
    async def test_a_shop_is_a_target(self, shop: Shop, client: httpx2.AsyncClient) -> None:
        share = await _share_of_shop(shop)

        answer = await client.get(f"/s/{share.token}")
        told = (await client.post("/api/shares/resolve", json={"text": code_of(share.token)})).json()

        assert answer.headers["location"] == target_path(share)
        assert answer.headers["location"].startswith("/m/mch_")
        assert (told["target"]["kind"], told["target"]["price"]) == ("shop", None)
        assert (await run_audit(shop.house.db)).findings == ()

    async def test_a_closed_shop_is_not_shared(self, shop: Shop) -> None:
        async with shop.house.db.transaction() as connection:
            await connection.exec_driver_sql("UPDATE merchants SET state = 'closed' WHERE code = 'hill'")

        with pytest.raises(ShareTargetGone):
            await _share_of_shop(shop)


async def _share_of_shop(shop: Shop) -> Any:
    return await publish_share(
        shop.house.db,
        actor=shop.promoter,
        merchant_id=shop.merchant_id,
        channel="chat",
        expires_at=None,
        idempotency_key="shop",
        at=shop.at,
        rng=shop.rng,
    )
