"""Payouts by the pages: accounts, files and results, decisions, statements, the sandbox."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from random import Random

import httpx2
import pytest
from pypdf import PdfReader
from sqlalchemy import text

from fissile.domain.statements.rules import first_broken
from fissile.infra.gateways.sandbox.payouts import PATH, SECRET_NAME
from fissile.infra.secrets import kept_secret, secret_named
from fissile.kernel.ids import named_id, public_id
from tests.web.conftest import Shop, field_of, send


async def register(shop: Shop, browser: httpx2.AsyncClient, **changes: str) -> httpx2.Response:
    fields = {
        "currency": "CNY",
        "method": "file",
        "holder": "Piet",
        "bank": "Hills",
        "number": "DE89 3704 0044 0532 0130 00",
    }
    return await send(browser, page="/promoter/payouts", to="/promoter/payouts", **(fields | changes))


async def new_batch(shop: Shop) -> str:
    """Give up the batch of the shop and make another one by the page; return its address."""
    maker = await shop.signed_in("officer")
    old = f"/operator/payouts/{shop.ids['batch']}"
    await send(maker, page=old, to=f"{old}/drop")
    page = (await maker.get("/operator/payouts")).text
    hidden = {"_form": field_of(page, "_form"), "_key": field_of(page, "_key"), "currency": "CNY"}
    made = await maker.post("/operator/payouts", data=hidden)
    return made.headers["location"].partition("?")[0]


class TestPayeesPage:
    async def test_registers_and_shows_an_account_masked(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        assert (await register(shop, browser)).status_code == 303
        page = (await browser.get("/promoter/payouts")).text

        assert "•••• 3000" in page
        assert "DE893704" not in page
        closed = await send(browser, page="/promoter/payouts", to="/promoter/payouts", currency="CNY", close="yes")
        assert closed.headers["location"].endswith("payout-account-closed")
        assert "Closed" in (await browser.get("/promoter/payouts")).text

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"number": "DE89370400440532013001"}, "This is no IBAN"),
            ({"method": "pigeon"}, "is no way to be paid"),
            ({"currency": "ZZZ"}, "is not a currency"),
            ({"holder": ""}, "Give the name"),
        ],
    )
    async def test_tells_what_was_mistyped(self, shop: Shop, changes: dict[str, str], sentence: str) -> None:
        answer = await register(shop, await shop.signed_in("promoter"), **changes)

        assert answer.status_code == 422
        assert sentence in answer.text

    async def test_tells_minimum_and_next_day(self, shop: Shop) -> None:
        operator = await shop.signed_in("operator")
        terms = {"payee": "promoter", "currency": "CNY", "rhythm": "month", "on_day": "10", "country": "cn"}
        page = "/operator/payouts/terms"
        assert (await send(operator, page=page, to=page, **terms, minimum="999.00")).status_code == 303
        officer = await shop.signed_in("officer")
        old = f"/operator/payouts/{shop.ids['batch']}"
        await send(officer, page=old, to=f"{old}/drop")

        text_ = (await (await shop.signed_in("promoter")).get("/promoter/payouts")).text

        assert re.search(r"Next payout day: <b>\d{1,2} [A-Z][a-z]{2} \d{4}</b>", text_)
        assert "Paid from CN¥999.00 on: CN¥991.40 is missing, so the balance is carried on." in text_


class TestTermsPage:
    async def test_takes_brackets_and_tells_the_line_that_is_none(self, shop: Shop) -> None:
        operator = await shop.signed_in("operator")
        given = {"payee": "promoter", "currency": "CNY"}
        page, to = "/operator/payouts/terms", "/operator/payouts/withholding"

        good = await send(operator, page=page, to=to, **given, brackets="0 1\n\n800.00 20%")
        bad = await send(operator, page=page, to=to, **given, brackets="0 1\n800.00 much")

        assert (good.status_code, bad.status_code) == (303, 422)
        assert "Line 2 is no bracket" in bad.text
        assert "20% of what is above CN¥800.00" in (await operator.get(page)).text


class TestBankFilesByPage:
    async def test_from_the_file_to_the_results(self, shop: Shop) -> None:
        await register(shop, await shop.signed_in("promoter"))
        page = await new_batch(shop)
        other = await shop.signed_in("second")
        approved = await send(other, page=page, to=f"{page}/approve")
        assert approved.status_code == 303

        file = await send(other, page=page, to=f"{page}/file", bank="Hills")
        assert file.headers["content-type"].startswith("text/csv")
        _, line, total = file.text.splitlines()
        item, amount = line.split(",")[0], line.split(",")[4]
        assert total.startswith("TOTAL,")
        again = await send(other, page=page, to=f"{page}/file", bank="Hills")
        assert again.content == file.content

        rows = f"item,amount,currency,result\n{item},{amount},CNY,paid\n{item},9.99,CNY,paid"
        results = "/operator/payouts/results"
        told = await send(other, page=results, to=results, rows=rows)
        assert told.status_code == 200
        assert "1 line was taken." in told.text
        assert "The item stands in this file before" in told.text
        twice = await send(other, page=results, to=results, rows=rows)
        assert "was taken on" in twice.text
        assert "Paid out" in (await other.get(page)).text

        undone = await send(other, page=page, to=f"{page}/items/{item}", decision="returned", reason="the bank wrote")
        assert undone.headers["location"].endswith("payout-decided")
        mine = (await (await shop.signed_in("promoter")).get("/promoter/payouts")).text
        assert "Came back, on the balance again" in mine

    async def test_is_the_officers(self, shop: Shop) -> None:
        page = f"/operator/payouts/{shop.ids['batch']}"
        auditor = await shop.signed_in("auditor")
        form = field_of((await auditor.get(page)).text, "_form")

        for to in (f"{page}/take", f"{page}/file", f"{page}/items/poi_1", "/operator/payouts/results"):
            assert (await auditor.post(to, data={"_form": form})).status_code == 403

    async def test_without_a_file_is_told(self, shop: Shop) -> None:
        officer = await shop.signed_in("officer")

        answer = await send(officer, page="/operator/payouts/results", to="/operator/payouts/results", rows=" ")

        assert "Choose a file or paste the rows." in answer.text


class TestStatements:
    async def test_as_a_file_is_chained(self, shop: Shop) -> None:
        browser = await shop.signed_in("promoter")

        answer = await browser.get(f"/statements/{shop.ids['statement of promoter']}/csv")

        assert answer.headers["content-disposition"].startswith('attachment; filename="statement-')
        lines = answer.text.splitlines()
        assert [line.split(",")[2] for line in lines[1:3]] == ["previous", "opening"]
        assert first_broken(lines) is None

    @pytest.mark.parametrize(("language", "title"), [("en", "Statement"), ("zh_CN", "对账单")])
    async def test_as_a_document_has_every_line_and_the_seal(self, shop: Shop, language: str, title: str) -> None:
        browser = await shop.signed_in("promoter")
        path = f"/statements/{shop.ids['statement of promoter']}/pdf?lang={language}"

        answer = await browser.get(path)

        assert answer.headers["content-type"] == "application/pdf"
        said = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
        assert title in said
        seal = (await browser.get(path.replace("/pdf", "/csv"))).text.strip().rpartition(",")[2]
        assert seal in re.sub(r"\s|\u200b", "", said)
        assert (await browser.get(path)).content == answer.content

    async def test_of_somebody_else_is_not_even_told_to_exist(self, shop: Shop) -> None:
        rival = await shop.signed_in("rival")

        theirs = await rival.get(f"/statements/{shop.ids['statement of promoter']}")
        nobodys = await rival.get(f"/statements/{public_id('stm', named_id('none'))}")

        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert "There is no such statement, or it is not for you." in theirs.text


class TestSandbox:
    async def ask(self, shop: Shop, method: str, name: str, **changes: object) -> httpx2.Response:
        async with shop.house.db.reading() as connection:
            secret = await kept_secret(connection, name=SECRET_NAME)
        if secret is None:
            async with shop.house.db.transaction() as connection:
                secret = await secret_named(connection, name=SECRET_NAME, at=datetime.now(UTC), rng=Random(1))
        body = {"account": name, "amount_minor": 5, "currency": "CNY"} | changes
        url = PATH + public_id("poi", named_id(name))
        headers = {"authorization": f"Bearer {secret}"}
        return await shop.browser().request(method, url, headers=headers, json=body if method == "PUT" else None)

    async def test_pays_once_by_the_key(self, shop: Shop) -> None:
        unknown = await self.ask(shop, "GET", "sbx")
        first = await self.ask(shop, "PUT", "sbx")
        again = await self.ask(shop, "PUT", "sbx")
        other = await self.ask(shop, "PUT", "sbx", amount_minor=6)

        assert [one.status_code for one in (unknown, first, again, other)] == [404, 200, 200, 409]
        assert first.json() == again.json() == (await self.ask(shop, "GET", "sbx")).json()
        assert first.json()["state"] == "paid"

    async def test_fails_as_the_account_is_named(self, shop: Shop) -> None:
        assert (await self.ask(shop, "PUT", "a-refused")).json()["state"] == "failed"
        assert (await self.ask(shop, "PUT", "a-later")).json()["state"] == "taken"
        assert (await self.ask(shop, "PUT", "a-silent")).status_code == 504
        assert (await self.ask(shop, "GET", "a-silent")).json()["state"] == "paid"
        await self.ask(shop, "PUT", "a-back")
        async with shop.house.db.transaction() as connection:
            await connection.execute(text("UPDATE sandbox_payouts SET taken_at = taken_at - interval '3 minutes'"))
        assert (await self.ask(shop, "GET", "a-back")).json()["state"] == "returned"
        assert (await self.ask(shop, "GET", "a-later")).json()["state"] == "paid"

    async def test_answers_to_nobody_else(self, shop: Shop) -> None:
        url = PATH + public_id("poi", named_id("x"))

        assert (await shop.browser().get(url)).status_code == 401
        assert (await shop.browser().put(url, json={"account": "x"})).status_code == 400
        assert (await shop.browser().get(PATH + "poi_1")).status_code == 400
