"""Cart, checkout of several merchants, address book, guests' links, terms and returns, as people press them."""

from __future__ import annotations

import re

import httpx2
from sqlalchemy import text

from fissile.domain.carts.tables import cart_lines, carts
from fissile.kernel.ids import public_id
from tests.web.conftest import Shop, field_of, send

NEW = {"name": "👩‍🌾 محمد", "phone": "13800138000", "country": "CN", "region": "浙江", "city": "杭州", "street": "1 号"}


async def fill(shop: Shop, browser: httpx2.AsyncClient, *wanted: tuple[str, int]) -> None:
    for sku, many in wanted:
        page = (await browser.get("/p/" + public_id("prd", shop.products["tea"]))).text
        form = {"_form": field_of(page, "_form"), "sku": public_id("sku", shop.skus[sku]), "quantity": str(many)}
        assert (await browser.post("/cart/add", data=form | {"to": "cart"})).status_code == 303


def press_of(page: str) -> dict[str, str]:
    return {name: field_of(page, name) for name in ("_form", "_key", "lines", "totals", "from")}


class TestCart:
    async def test_of_a_guest_is_ordered_at_each_merchant_and_waits_for_one_press(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("TEA-1", 2), ("CUP", 1))
        page = (await browser.get("/checkout")).text

        placed = await browser.post("/checkout", data=press_of(page) | NEW)
        together = (await browser.get(placed.headers["location"])).text
        action = re.search(r'action="(/checkout/cko_[^"]+/pay)"', together)
        assert action is not None
        stranger = await send(shop.browser(), page="/find-order", to=action[1], k="1-0")

        assert "one order for each merchant" in page.lower()
        assert together.count("/o/ord_") == 2
        assert "Pay everything" in together
        assert stranger.status_code == 403
        states = await shop.house.db.all(text("SELECT state FROM orders WHERE checkout_id IS NOT NULL"))
        assert [row["state"] for row in states] == ["placed", "placed"]
        assert "Your cart is empty" in (await browser.get("/cart")).text

    async def test_pressed_in_two_tabs_is_ordered_once(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("TEA-1", 1), ("CUP", 1))
        one, other = (await browser.get("/checkout")).text, (await browser.get("/checkout")).text

        first = await browser.post("/checkout", data=press_of(one) | NEW)
        second = await browser.post("/checkout", data=press_of(other) | NEW)

        assert first.headers["location"] == second.headers["location"]

    async def test_is_emptied_by_the_second_press_if_the_first_died_after_ordering(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("TEA-1", 1), ("CUP", 1))
        press = press_of((await browser.get("/checkout")).text)
        before = await shop.house.db.all(text("SELECT * FROM cart_lines"))
        revision = await shop.house.db.all(text("SELECT revision FROM carts"))
        first = await browser.post("/checkout", data=press | NEW)
        async with shop.house.db.transaction() as connection:  # the cart as it was when the process died
            await connection.execute(cart_lines.insert(), [dict(row) for row in before])
            await connection.execute(carts.update().values(revision=revision[0]["revision"]))

        second = await browser.post("/checkout", data=press | NEW)

        assert second.headers["location"].split("?")[0] == first.headers["location"].split("?")[0]
        assert "Your cart is empty" in (await browser.get("/cart")).text

    async def test_keeps_what_was_put_there_after_the_first_press_when_it_is_pressed_again(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("TEA-1", 1))
        press = press_of((await browser.get("/checkout")).text)
        await browser.post("/checkout", data=press | NEW)
        await fill(shop, browser, ("TEA-1", 1))

        await browser.post("/checkout", data=press | NEW)

        rows = await shop.house.db.all(text("SELECT quantity FROM cart_lines"))
        assert [row["quantity"] for row in rows] == [1]

    async def test_tells_what_is_short_apart_and_orders_the_rest(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("TEA-1", 99), ("CUP", 1))

        cart, checkout = (await browser.get("/cart")).text, (await browser.get("/checkout")).text

        assert "Not available now" in cart
        assert public_id("sku", shop.skus["TEA-1"]) not in field_of(checkout, "lines")

    async def test_empty_cart_leads_back_and_odd_quantities_are_told(self, shop: Shop) -> None:
        browser = shop.browser()

        assert (await browser.get("/checkout")).headers["location"] == "/cart"
        answer = await send(browser, page="/find-order", to="/cart", **{public_id("sku", shop.skus["CUP"]): "-1"})
        assert answer.status_code == 422

    async def test_comes_along_at_sign_in(self, shop: Shop) -> None:
        browser = shop.browser()
        await fill(shop, browser, ("CUP", 2))

        await send(browser, page="/sign-in", to="/sign-in", email="buyer@shop.example", password="violet harbour crane")

        assert 'value="2"' in (await browser.get("/cart")).text


class TestAddressBook:
    async def test_keeps_changes_and_erases_its_own_addresses_only(self, shop: Shop) -> None:
        browser, rival = await shop.signed_in("buyer"), await shop.signed_in("rival")

        made = await send(browser, page="/addresses", to="/addresses", **NEW)
        page = (await browser.get("/addresses")).text
        number = re.search(r"/addresses/(adr_\w+)", page)
        assert number is not None

        assert made.status_code == 303
        assert "محمد" in page
        assert (await rival.get(f"/addresses/{number[1]}")).status_code == 404
        stolen = await send(rival, page="/addresses", to=f"/addresses/{number[1]}", do="erase")
        assert stolen.status_code == 404
        erased = await send(browser, page="/addresses", to=f"/addresses/{number[1]}", do="erase")
        assert erased.status_code == 303
        rows = await shop.house.db.all(text("SELECT count(*) AS n FROM member_addresses"))
        assert rows[0]["n"] == 0

    async def test_tells_what_is_missing(self, shop: Shop) -> None:
        browser = await shop.signed_in("buyer")

        answer = await send(browser, page="/addresses", to="/addresses", **(NEW | {"region": "Mars"}))

        assert answer.status_code == 422
        assert "is not a province" in answer.text
        assert 'value="杭州"' in answer.text


class TestGuestLinks:
    async def test_open_one_order_and_cannot_be_made_to_last(self, shop: Shop) -> None:
        browser = shop.browser()
        page = (await browser.get(f"/checkout?sku={public_id('sku', shop.skus['CUP'])}")).text
        fields = {name: field_of(page, name) for name in ("_form", "_key", "lines", "totals")}
        link = (await browser.post("/checkout", data=fields | {"name": "Mei", "phone": "12345"})).headers["location"]
        other = shop.browser()
        address, _, key = link.partition("?k=")
        day, _, signature = key.partition("&")[0].partition("-")

        assert (await other.get(link)).status_code == 200
        assert (await other.get(address)).status_code == 403
        assert (await other.get(f"{address}?k={int(day, 16) + 1:x}-{signature}")).status_code == 403

    async def test_asked_for_again_answers_the_same_whatever_there_is(self, shop: Shop) -> None:
        browser = shop.browser()
        answers = [
            await send(browser, page="/find-order", to="/find-order", order=order, contact="mei@shop.example")
            for order in ("ord_" + "0" * 26, "nonsense", shop.ids["paid order"])
        ]

        assert {one.status_code for one in answers} == {200}
        assert all("a new link is on its way" in one.text for one in answers)
        for _ in range(5):
            last = await send(browser, page="/find-order", to="/find-order", order="ord_x", contact="1")
        assert (
            await send(browser, page="/find-order", to="/find-order", order="ord_x", contact="1")
        ).status_code == 429
        assert last.status_code == 200


class TestTermsAndReturns:
    async def test_terms_are_put_in_force_by_staff_and_told_at_the_checkout(self, shop: Shop) -> None:
        staff, path = await shop.signed_in("staff"), f"/operator/shipping/{shop.ids['north']}"

        wrong = await send(staff, page=path, to=path, regions0="Mars", base0="8")
        saved = await send(staff, page=path, to=path, regions0="新疆", ships0="no", regions1="*", base1="8.00")
        stranger = await shop.signed_in("stranger_staff")
        refused = await send(stranger, page="/operator/shipping", to=path, regions0="*", base0="1")

        assert (wrong.status_code, saved.status_code, refused.status_code) == (422, 303, 404)
        shop.house.forget()
        browser = shop.browser()
        sku = public_id("sku", shop.skus["TEA-1"])
        page = (await browser.get(f"/checkout?sku={sku}")).text
        assert "depends on where it goes" in page
        fields = {name: field_of(page, name) for name in ("_form", "_key", "lines", "totals")}
        shown = await browser.post("/checkout", data=fields | NEW | {"region": "CN-ZJ", "step": "quote"})
        assert field_of(shown.text, "totals").strip() == "CNY:4600"
        nowhere = await browser.post("/checkout", data=fields | NEW | {"region": "CN-XJ"})
        assert "ships nothing to CN-XJ" in nowhere.text

    async def test_a_buyer_asks_and_the_merchant_answers(self, shop: Shop) -> None:
        buyer, staff = await shop.signed_in("buyer"), await shop.signed_in("staff")
        order = shop.ids["paid order"]

        asked = await send(buyer, page=f"/o/{order}", to=f"/o/{order}/return", kind="refund", reason="I changed it")
        queue = (await staff.get("/operator/returns")).text
        number = re.search(r"/operator/returns/(ret_\w+)", queue)
        assert number is not None
        answered = await send(
            staff, page="/operator/returns", to=f"/operator/returns/{number[1]}", do="accept", answer="Of course."
        )

        assert (asked.status_code, answered.status_code) == (303, 303)
        assert "I changed it" in queue
        page = (await buyer.get(f"/o/{order}")).text
        assert "Accepted" in page
        assert "Of course." in page
        stranger = await shop.signed_in("rival")
        theirs = await send(stranger, page="/orders", to=f"/o/{order}/return", kind="refund", reason="mine")
        assert theirs.status_code == 403
