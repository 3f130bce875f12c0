"""What people do on the pages, by plain forms: every journey works without JavaScript."""

from __future__ import annotations

import re

import httpx2
import pytest

from fissile.kernel.ids import public_id
from tests.web.conftest import Shop, field_of, send


async def _tea(shop: Shop) -> str:
    return f"/checkout?sku={public_id('sku', shop.skus['TEA-1'])}&quantity=1"


async def _order(shop: Shop, browser: httpx2.AsyncClient, **changes: str) -> httpx2.Response:
    page = await _tea(shop)
    fields = {
        "sku": public_id("sku", shop.skus["TEA-1"]),
        "quantity": "1",
        "total": "3800",
        "currency": "CNY",
        "name": "Mei",
        "phone": "123",
    }
    return await send(browser, page=page, to="/checkout", **(fields | changes))


class TestForms:
    POSTS = (
        "/sign-in",
        "/sign-up",
        "/sign-out",
        "/language",
        "/promote",
        "/checkout",
        "/promoter/shares",
        "/operator/plans",
        "/operator/fees",
        "/operator/payouts",
        "/operator/import",
        "/sandbox/pay/{placed order}",
        "/operator/orders/{paid order}/ship",
        "/operator/orders/{paid order}/refund",
        "/operator/members/mem_00000000000000000000000000/grant",
    )

    @pytest.mark.parametrize("path", POSTS)
    async def test_without_its_token_is_refused(self, shop: Shop, path: str) -> None:
        who = "promoter" if path.startswith("/promoter") else "officer" if "payouts" in path else "operator"
        browser = await shop.signed_in(who)
        path = re.sub(r"\{([^}]+)\}", lambda found: shop.ids[found[1]], path)

        missing = await browser.post(path, data={"reason": "x"})
        wrong = await browser.post(path, data={"_form": "0" * 64})

        assert (missing.status_code, wrong.status_code) == (403, 403)

    async def test_with_the_token_of_somebody_else_is_refused(self, shop: Shop) -> None:
        theirs = field_of((await (await shop.signed_in("rival")).get("/orders")).text, "_form")
        browser = await shop.signed_in("promoter")

        answer = await browser.post("/language", data={"_form": theirs, "lang": "en"})

        assert answer.status_code == 403

    async def test_of_a_stranger_is_not_read_if_it_is_large(self, shop: Shop) -> None:
        browser = shop.browser()
        kind = {"content-type": "application/x-www-form-urlencoded"}

        plain = await browser.post("/language", content=b"a&" * 40_000, headers=kind)
        parts = await browser.post("/language", data={"lang": "en"}, files={"file": ("a.csv", b"a" * 70_000)})

        assert (plain.status_code, parts.status_code) == (413, 413)

    async def test_of_a_file_is_read_in_parts_only(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")
        page = (await browser.get("/operator/import")).text
        fields = {"_form": field_of(page, "_form")}
        rows = "sku,title,price\n" + "".join(f"N{n},A long enough title,1.00\n" for n in range(3_000))

        plain = await browser.post("/operator/import", data=fields | {"rows": rows})
        name = "𠀀" * 80 + ".csv"
        parts = await browser.post("/operator/import", data=fields, files={"file": (name, rows.encode())})

        assert (plain.status_code, parts.status_code) == (413, 200)
        folders = [one for one in (shop.house.settings.home / "uploads").rglob("*") if one.is_dir()]
        assert [one.stat().st_mode & 0o777 for one in (shop.house.settings.home / "uploads", *folders)] == [0o700] * 2

    async def test_in_no_charset_that_there_is_is_refused(self, shop: Shop) -> None:
        body = b'--b\r\nContent-Disposition: form-data; name="_form"\r\n\r\n\xff\xfe\r\n--b--'

        answer = await shop.browser().post(
            "/language", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
        )

        assert answer.status_code == 403

    async def test_goes_on_without_its_zero_characters(self, shop: Shop) -> None:
        answer = await send(shop.browser(), page="/sign-in", to="/language", lang="en", next="/\x00c")

        assert (answer.status_code, answer.headers["location"]) == (303, "/c")

    async def test_leads_to_an_address_of_any_letters(self, shop: Shop) -> None:
        answer = await send(shop.browser(), page="/sign-in", to="/language", lang="en", next="/茶")

        assert (answer.status_code, answer.headers["location"]) == (303, "/%E8%8C%B6")

    async def test_from_another_site_is_refused(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        token = field_of((await browser.get("/orders")).text, "_form")

        answer = await browser.post(
            "/language", data={"_form": token, "lang": "en"}, headers={"origin": "https://evil.example"}
        )

        assert answer.status_code == 403


class TestSignIn:
    async def test_a_wrong_password_is_told_and_the_address_kept(self, shop: Shop) -> None:
        answer = await send(
            shop.browser(), page="/sign-in", to="/sign-in", email="buyer@shop.example", password="wrong horse", next="/"
        )

        assert answer.status_code == 401
        assert "do not belong together" in answer.text
        assert 'value="buyer@shop.example"' in answer.text

    async def test_guessing_is_stopped(self, shop: Shop) -> None:
        browser = shop.browser()
        answers = [
            await send(browser, page="/sign-in", to="/sign-in", email="nobody@shop.example", password="x", next="/")
            for _ in range(11)
        ]

        assert answers[9].status_code != 429
        assert answers[10].status_code == 429

    async def test_signing_up_signs_in_and_out_again(self, shop: Shop) -> None:
        browser = shop.browser()

        made = await send(
            browser,
            page="/sign-up",
            to="/sign-up",
            email="new@shop.example",
            password="copper lantern meadow",
            name="New",
            next="/orders",
        )
        orders = await browser.get("/orders")
        await send(browser, page="/orders", to="/sign-out")
        after = await browser.get("/orders")

        assert made.headers["location"] == "/orders?note=welcome"
        assert orders.status_code == 200
        assert after.status_code == 303


class TestPasteACode:
    async def test_any_text_around_it_opens_the_target(self, shop: Shop) -> None:
        text = f"【广告】快来看 ₣{shop.tokens['promoter']}₣ 真不错"

        answer = await shop.browser().get("/search", params={"q": text})

        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/p/{public_id('prd', shop.products['tea'])}")

    async def test_a_wrong_letter_is_told(self, shop: Shop) -> None:
        token = shop.tokens["promoter"]
        wrong = ("2" if token[0] != "2" else "3") + token[1:]

        answer = await shop.browser().get("/search", params={"q": f"₣{wrong}₣"})

        assert answer.status_code == 422
        assert "has a wrong letter" in answer.text

    async def test_a_paused_share_is_told(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        page = f"/promoter/shares/{shop.ids['share of promoter']}"

        paused = await send(browser, page=page, to=f"{page}/state", state="paused")
        answer = await shop.browser().get("/search", params={"q": f"/s/{shop.tokens['promoter']}"})

        assert paused.headers["location"] == f"{page}?note=share-paused"
        assert "paused at the moment" in answer.text


class TestBuying:
    async def test_a_guest_orders_and_opens_the_order_by_its_link(self, shop: Shop) -> None:
        browser = shop.browser()

        placed = await _order(shop, browser)
        link = placed.headers["location"]
        shown = await browser.get(link)
        without_key = await shop.browser().get(link.partition("?")[0])
        with_key = await shop.browser().get(link)

        assert placed.status_code == 303
        assert "CN¥38.00" in shown.text
        assert "/sandbox/pay/" in shown.text
        assert without_key.status_code == 403
        assert with_key.status_code == 200

    async def test_the_same_form_twice_is_one_order(self, shop: Shop) -> None:
        browser = shop.browser()
        page = (await browser.get(await _tea(shop))).text
        fields = {name: field_of(page, name) for name in ("_form", "_key", "lines", "totals")}

        first = await browser.post("/checkout", data=fields | {"name": "Mei", "phone": "1"})
        second = await browser.post("/checkout", data=fields | {"name": "Mei", "phone": "1"})

        assert first.headers["location"] == second.headers["location"]

    async def test_another_total_than_shown_is_asked_again(self, shop: Shop) -> None:
        answer = await _order(shop, shop.browser(), total="3700")

        assert answer.status_code == 409
        assert "has changed" in answer.text
        assert field_of(answer.text, "totals").strip() == "CNY:3800"
        assert 'value="Mei"' in answer.text

    async def test_more_than_there_is_is_told(self, shop: Shop) -> None:
        answer = await _order(shop, shop.browser(), quantity="9", total=str(9 * 3800))

        assert answer.status_code == 409
        assert "Only" in answer.text

    async def test_nobody_to_reach_is_asked_for(self, shop: Shop) -> None:
        answer = await _order(shop, shop.browser(), phone="")

        assert answer.status_code == 422
        assert "phone number or an e-mail" in answer.text


class TestPromoting:
    async def test_a_share_is_made_and_its_texts_carry_the_mark(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        product = public_id("prd", shop.products["lj"])

        made = await send(
            browser,
            page=f"/promoter/share/{product}",
            to="/promoter/shares",
            product=product,
            channel="chat",
            expires="",
        )
        kit = made.headers["location"]
        chinese = (await browser.get(f"{kit}&text=zh_CN&form=comment")).text
        english = (await browser.get(f"{kit}&text=en&form=link")).text

        assert chinese.count("【广告】") == 2  # the post and its comment
        assert "[Ad]" in english
        assert "http://shop.example/s/" in english

    async def test_a_share_that_would_end_after_all_days_is_refused(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")
        form = f"/promoter/share/{public_id('prd', shop.products['tea'])}"

        answer = await send(
            browser, page=form, to="/promoter/shares", product=form.rpartition("/")[2], expires="9999-12-31"
        )

        assert answer.status_code == 422

    async def test_earnings_say_why(self, shop: Shop) -> None:
        page = (await (await shop.signed_in("promoter")).get("/promoter/earnings")).text
        lost = (await (await shop.signed_in("rival")).get("/promoter/lost")).text

        assert "CN¥7.60" in page  # 10 % of two at 38.00
        assert "another promoter" in page
        assert shop.tokens["promoter"] in page
        assert "another share was opened later" in lost
        assert shop.tokens["promoter"] not in lost


class TestManaging:
    async def test_an_import_is_checked_first_and_then_loaded(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")
        rows = "sku,title,price\nNEW-1,New thing,1.00\nNEW-2,,oops\n"

        checked = await send(browser, page="/operator/import", to="/operator/import", rows=rows)
        nothing_yet = await browser.get("/operator/catalogue?q=New+thing")
        again = {"_form": field_of(checked.text, "_form"), "digest": field_of(checked.text, "digest"), "load": "yes"}
        loaded = await browser.post("/operator/import", data=again)
        there = await browser.get("/operator/catalogue?q=New+thing")

        assert "This is what would happen" in checked.text
        assert "Rows with errors" in checked.text
        assert "NEW-1" not in nothing_yet.text
        assert "New thing" not in re.sub(r'value="[^"]*"', "", nothing_yet.text)
        assert "Loaded" in loaded.text
        assert ">New thing<" in there.text

    async def test_an_order_is_shipped_completed_and_refunded(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")
        page = f"/operator/orders/{shop.ids['paid order']}"

        await send(browser, page=page, to=f"{page}/ship", tracking="SF1")
        await send(browser, page=page, to=f"{page}/complete")
        refunded = await send(
            browser, page=f"{page}/refund?amount_1=76.00", to=f"{page}/refund", amount_1="76.00", reason="broken"
        )
        shown = (await browser.get(page)).text

        assert refunded.status_code == 303, refunded.text
        assert "SF1" in shown
        assert "Refunded" in shown

    async def test_a_payout_needs_another_officer(self, shop: Shop) -> None:
        page = f"/operator/payouts/{shop.ids['batch']}"
        maker, other = await shop.signed_in("officer"), await shop.signed_in("second")

        own = await send(maker, page=page, to=f"{page}/approve")
        approved = await send(other, page=page, to=f"{page}/approve")

        assert own.status_code == 403
        assert "two people" in own.text
        assert approved.headers["location"] == f"{page}?note=batch-paid"

    async def test_stock_is_corrected_by_its_own_staff_only(self, shop: Shop) -> None:
        sku = public_id("sku", shop.skus["TEA-1"])
        to = f"/operator/skus/{sku}/stock"

        own = await send(await shop.signed_in("staff"), page="/orders", to=to, change="5", reason="found a box")
        other = await send(await shop.signed_in("stranger_staff"), page="/orders", to=to, change="5", reason="x")

        assert own.status_code == 303
        assert other.status_code == 404

    async def test_a_plan_takes_per_cent(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")

        changed = await send(
            browser,
            page="/operator/plans",
            to="/operator/plans",
            scope="platform",
            kind="percent",
            rate="12.5",
            hold="2",
            hold_unit="days",
            state="open",
        )
        wrong = await send(
            browser,
            page="/operator/plans",
            to="/operator/plans",
            scope="platform",
            kind="percent",
            rate="101",
            hold="1",
        )

        assert changed.status_code == 303
        assert "12.5%" in (await browser.get("/operator/plans")).text
        assert wrong.status_code == 422

    async def test_a_role_is_granted_and_logged(self, shop: Shop) -> None:
        browser = await shop.signed_in("operator")
        page = f"/operator/members/{public_id('mem', shop.people['buyer'].member_id)}"  # type: ignore[arg-type]

        granted = await send(browser, page=page, to=f"{page}/grant", role="auditor", merchant="")
        log = (await browser.get("/operator/audit")).text

        assert granted.status_code == 303
        assert "Role granted" in log
