"""Every page: who gets it and who does not; what it escapes; how large it is."""

from __future__ import annotations

import re

import pytest

from fissile.kernel.ids import public_id
from fissile.web.page import STATIC
from tests.web.conftest import HOSTILE, Shop, field_of, send

SIGNED_IN = frozenset({"buyer", "promoter", "rival", "operator", "officer", "auditor", "staff", "stranger_staff"})
ANYBODY = SIGNED_IN | {"nobody"}
PROMOTERS = frozenset({"promoter", "rival"})
LOOKERS = frozenset({"operator", "officer", "auditor"})
KEEPERS = frozenset({"operator", "auditor", "staff", "stranger_staff"})
BYTES_MAX = 100_000

# Path ({names} are filled in), and for whom it is there. Others are sent to sign in, or told that it is not theirs.
PAGES: list[tuple[str, frozenset[str]]] = [
    ("/", ANYBODY),
    ("/search", ANYBODY),
    ("/search?q=tea", ANYBODY),
    ("/search?q=龙井", ANYBODY),
    ("/search?q=nothing-like-this", ANYBODY),
    ("/p/{tea}", ANYBODY),
    ("/p/{bad}", ANYBODY),
    ("/m/{shop}", ANYBODY),
    ("/checkout?sku={TEA-1}&quantity=2", ANYBODY),
    ("/checkout?sku={CUP}&quantity=1&lang=zh_CN", ANYBODY),
    ("/cart", ANYBODY),
    ("/find-order", ANYBODY),
    ("/addresses", SIGNED_IN),
    ("/operator/shipping", KEEPERS),
    ("/operator/shipping/{north}", KEEPERS - {"stranger_staff"}),
    ("/operator/returns", KEEPERS),
    ("/operator/returns?state=asked", KEEPERS),
    ("/promote", ANYBODY - PROMOTERS),
    ("/sandbox/pay/{placed order}", ANYBODY),
    ("/orders", SIGNED_IN),
    ("/o/{paid order}", frozenset({"buyer"})),
    ("/promoter/products", PROMOTERS),
    ("/promoter/products?q=tea", PROMOTERS),
    ("/promoter/share/{tea}", PROMOTERS),
    ("/promoter/shares", PROMOTERS),
    ("/promoter/share/{shop}", PROMOTERS),
    ("/promoter/shares?state=active&kind=product&q=tea", PROMOTERS),
    ("/promoter/shares/{share of promoter}", frozenset({"promoter"})),
    ("/promoter/shares/{share of promoter}?network=wechat&form=poster&text=zh_CN", frozenset({"promoter"})),
    ("/promoter/shares/{shop share}?network=wechat&form=comment", frozenset({"promoter"})),
    ("/promoter/statistics", PROMOTERS),
    ("/promoter/statistics?by=share", PROMOTERS),
    ("/promoter/statistics.csv?by=form", PROMOTERS),
    ("/promoter/earnings", PROMOTERS),
    ("/promoter/lost", PROMOTERS),
    ("/promoter/invitation", PROMOTERS),
    ("/promoter/why", PROMOTERS),
    ("/promoter/why?order={paid order}", PROMOTERS),
    ("/promoter/visits", PROMOTERS),
    ("/promoter/visits.csv?days=7", PROMOTERS),
    ("/promoter/channels", PROMOTERS),
    ("/promoter/channels?words=x&state=closed", PROMOTERS),
    ("/promoter/channels/new", PROMOTERS),
    ("/promoter/channels/import", PROMOTERS),
    ("/promoter/share/{tea}?where=x", PROMOTERS),
    ("/operator/visits", frozenset({"operator", "auditor"})),
    ("/operator/visits.csv", frozenset({"operator", "auditor"})),
    ("/operator/channels", frozenset({"operator", "auditor"})),
    ("/gate", PROMOTERS | {"operator"}),
    ("/operator", LOOKERS),
    ("/operator/orders", KEEPERS),
    ("/operator/orders?state=placed", KEEPERS),
    ("/operator/orders/{paid order}", KEEPERS - {"stranger_staff"}),
    ("/operator/orders/{paid order}/refund", frozenset({"operator"})),
    ("/operator/orders/{paid order}/refund?amount_1=1.00&pieces_1=1", frozenset({"operator"})),
    ("/operator/refunds", frozenset({"operator", "auditor"})),
    ("/operator/invoices", KEEPERS),
    ("/operator/invoices.csv", KEEPERS),
    ("/invoices/{invoice}", frozenset({"operator", "auditor", "staff", "buyer"})),
    ("/operator/catalogue", KEEPERS),
    ("/operator/catalogue?q=tea", KEEPERS),
    ("/operator/products/{tea}", KEEPERS - {"stranger_staff"}),
    ("/inbox", SIGNED_IN),
    ("/operator/mail", frozenset({"operator", "auditor"})),
    ("/operator/import", frozenset({"operator", "staff", "stranger_staff"})),
    ("/operator/plans", frozenset({"operator", "auditor"})),
    ("/operator/attribution", frozenset({"operator", "auditor"})),
    ("/operator/bindings", frozenset({"operator", "auditor"})),
    ("/operator/payouts", LOOKERS),
    ("/operator/payouts/{batch}", LOOKERS),
    ("/operator/payouts/terms", LOOKERS),
    ("/operator/payouts/results", LOOKERS),
    ("/promoter/payouts", PROMOTERS),
    ("/operator/merchant-payouts", frozenset({"staff", "stranger_staff"})),
    ("/statements/{statement of promoter}", LOOKERS | {"promoter"}),
    ("/statements/{statement of promoter}/csv", LOOKERS | {"promoter"}),
    ("/statements/{statement of promoter}/pdf", LOOKERS | {"promoter"}),
    ("/statements/{statement of merchant}", LOOKERS | {"staff"}),
    ("/operator/ledger", LOOKERS),
    ("/operator/ledger?currency=CNY", LOOKERS),
    ("/operator/ledger/{account}", LOOKERS),
    ("/operator/members", frozenset({"operator", "auditor"})),
    ("/operator/members?q=buyer&role=buyer", frozenset({"operator", "auditor"})),
    ("/operator/members/{buyer}", frozenset({"operator", "auditor"})),
    ("/operator/audit", frozenset({"operator", "auditor"})),
]


def filled(shop: Shop, path: str) -> str:
    """Return the path with the ids of this shop."""
    known = dict(shop.ids)
    known |= {code: public_id("prd", one) for code, one in shop.products.items()}
    known |= {code: public_id("sku", one) for code, one in shop.skus.items()}
    known |= {name: public_id("mem", one.member_id) for name, one in shop.people.items() if one.member_id}
    return re.sub(r"\{([^}]+)\}", lambda found: known[found[1]], path)


class TestWhoSeesWhat:
    @pytest.mark.parametrize("who", sorted(ANYBODY))
    async def test_each_page_for_each_person(self, shop: Shop, who: str) -> None:
        browser = shop.browser() if who == "nobody" else await shop.signed_in(who)
        wrong = []

        for path, theirs in PAGES:
            answer = await browser.get(filled(shop, path))
            expected = {200} if who in theirs else {303, 403, 404}
            if answer.status_code not in expected or len(answer.content) > BYTES_MAX:
                wrong.append((path, answer.status_code, len(answer.content)))

        assert wrong == []

    async def test_nobody_is_sent_to_sign_in_and_comes_back(self, shop: Shop) -> None:
        browser = shop.browser()

        answer = await browser.get("/orders")

        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=/orders"

    async def test_a_page_that_is_not_there_is_told_in_words(self, shop: Shop) -> None:
        answer = await shop.browser().get("/no/such/page")

        assert answer.status_code == 404
        assert "There is no such page" in answer.text

    @pytest.mark.parametrize("path", ["/p/prd_nonsense", "/c/cat_nonsense", "/o/ord_1", "/?after=nonsense"])
    async def test_a_broken_id_is_told_in_words(self, shop: Shop, path: str) -> None:
        answer = await shop.browser().get(path)

        assert answer.status_code in (404, 422)
        assert 'role="alert"' in answer.text


class TestLanguage:
    async def test_follows_the_browser(self, shop: Shop) -> None:
        answer = await shop.browser(**{"accept-language": "zh-TW,zh;q=0.9,en;q=0.8"}).get("/sign-in")

        assert '<html lang="zh-CN">' in answer.text
        assert "登录" in answer.text

    async def test_is_kept_once_chosen(self, shop: Shop) -> None:
        browser = shop.browser()

        await send(browser, page="/", to="/language", lang="zh_CN", next="/sign-in")
        answer = await browser.get("/sign-in")

        assert '<html lang="zh-CN">' in answer.text

    async def test_the_address_wins(self, shop: Shop) -> None:
        answer = await shop.browser().get("/sign-in?lang=zh_CN")

        assert '<html lang="zh-CN">' in answer.text


class TestWhatOutsidersWrote:
    @pytest.mark.parametrize(
        "path", ["/p/{bad}", "/search?q=alert", "/operator/products/{bad}", "/promoter/share/{bad}"]
    )
    async def test_is_escaped(self, shop: Shop, path: str) -> None:
        browser = await shop.signed_in("promoter" if "promoter" in path else "operator")

        answer = await browser.get(filled(shop, path))

        assert answer.status_code == 200
        assert HOSTILE not in answer.text
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text

    async def test_words_of_a_search_are_escaped(self, shop: Shop) -> None:
        answer = await shop.browser().get("/search", params={"q": HOSTILE})

        assert "<script>alert" not in answer.text

    async def test_sign_in_leads_nowhere_else(self, shop: Shop) -> None:
        answer = await shop.browser().get("/sign-in?next=//evil.example/")

        assert field_of(answer.text, "next") in ("/sign-in", "/")
        assert "evil.example" not in answer.text


class TestHeaders:
    async def test_nothing_inline_may_run(self, shop: Shop) -> None:
        answer = await shop.browser().get("/sign-in")

        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<(style|script)(?![^>]*src=)[^>]*>|\sstyle=|\son[a-z]+=", answer.text)

    async def test_a_visitor_is_named_once_by_a_cookie_that_scripts_cannot_read(self, shop: Shop) -> None:
        browser = shop.browser()

        first, second = await browser.get("/"), await browser.get("/")

        assert "HttpOnly; SameSite=Lax" in first.headers["set-cookie"]
        assert "set-cookie" not in second.headers

    async def test_static_files_are_kept_for_ever_and_small(self, shop: Shop) -> None:
        page = (await shop.browser().get("/")).text
        paths = re.findall(r'"(/static/[^"]+)"', page)

        for path in paths:
            answer = await shop.browser().get(path)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert len(STATIC["fissile.css"]) <= 20_000
        assert STATIC["enhance.js"].count(b"\n") <= 120
