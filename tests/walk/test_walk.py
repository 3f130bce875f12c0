"""The walk that the README promises, in a real browser: from a share to the paid commission, in one sitting."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, expect

from tests.walk.acts import write_address
from tools.demo_shop import Running, a_person


@pytest.mark.timeout(300)
def test_from_the_share_to_the_paid_commission(running: Running, browser: Browser) -> None:
    # The operator shortens the hold, so that the walk need not wait its two minutes.
    operator = a_person(browser, running, "operator")
    operator.goto("/operator/plans")
    operator.locator("details", has=operator.locator("form[action='/operator/plans']")).locator("summary").click()
    form = operator.locator("form[action='/operator/plans']")
    form.locator("#rate").fill("12")
    form.locator("#hold").fill("1")
    form.locator("#hold_unit").select_option("seconds")
    form.get_by_role("button", name="Put in force").click()
    expect(operator.get_by_text("12%").first).to_be_visible()

    # The promoter picks a product, sees what it earns, gets link and code.
    promoter = a_person(browser, running, "promoter")
    promoter.goto("/promoter/products")
    promoter.locator("a[href^='/promoter/share/']").first.click()
    promoter.get_by_role("button", name="Make the share").click()
    link = promoter.locator("#link-alone").inner_text().strip()
    assert "[Ad]" in promoter.locator("#post").inner_text()
    promoter.locator("#form").select_option("code")
    code = promoter.locator("#code-alone").inner_text().strip()
    assert re.fullmatch(r"₣\w{12}₣", code)
    assert link.endswith(code.strip("₣"))
    promoter.locator("#text").select_option("zh_CN")
    expect(promoter.locator("#post")).to_contain_text("广告")
    message = promoter.locator("#post").inner_text()

    # A buyer pastes the whole message into the search box, and buys as a guest.
    buyer = a_person(browser, running)
    buyer.goto("/")
    buyer.locator("#find").fill(message)
    buyer.locator("#find").press("Enter")
    expect(buyer).to_have_url(re.compile(r"/p/prd_"))
    buyer.locator("input[name=sku]:not([disabled])").first.check()
    buyer.get_by_role("button", name="Buy").click()
    write_address(buyer)
    total = buyer.locator("tfoot .price").inner_text()
    buyer.get_by_role("button", name="Place the order").click()
    expect(buyer).to_have_url(re.compile(r"/o/ord_"))
    buyer.locator("a[href*='/sandbox/pay/']").first.click()
    expect(buyer.get_by_role("button", name=re.compile(r"^Pay "))).to_contain_text(total)
    buyer.get_by_role("button", name=re.compile(r"^Pay ")).click()
    expect(buyer).to_have_url(re.compile(r"/o/ord_"))
    expect(buyer.get_by_text(re.compile("Paid")).first).to_be_visible()

    # The promoter sees the commission and why it is hers; the clock releases it.
    promoter.goto("/promoter/earnings")
    mine = promoter.locator("article").first
    assert "× 12%" in (mine.text_content() or "")
    assert code.strip("₣") in (mine.text_content() or "")
    until = time.monotonic() + 90
    while "Released" not in mine.inner_text():
        assert time.monotonic() < until, mine.inner_text()
        time.sleep(0.5)
        promoter.reload()

    # Two officers pay it out: who made a batch may not approve it.
    maker = a_person(browser, running, "payout1")
    maker.goto("/operator/payouts")
    maker.get_by_role("button", name=re.compile("Make a batch in")).first.click()
    expect(maker).to_have_url(re.compile(r"/operator/payouts/pob_"))
    expect(maker.get_by_role("button", name="Approve and pay out")).to_have_count(0)
    batches = [re.sub(r"\?.*", "", maker.url)]
    maker.goto("/operator/payouts")
    while maker.get_by_role("button", name=re.compile("Make a batch in")).count():
        maker.get_by_role("button", name=re.compile("Make a batch in")).first.click()
        batches.append(re.sub(r"\?.*", "", maker.url))
        maker.goto("/operator/payouts")
    officer = a_person(browser, running, "payout2")
    officer.on("dialog", lambda dialog: dialog.accept())
    for batch in batches:
        officer.goto(batch)
        officer.get_by_role("button", name="Approve and pay out").click()
        expect(officer.get_by_role("button", name="Approve and pay out")).to_have_count(0)
    promoter.goto("/promoter/earnings")
    expect(mine).to_contain_text("Paid out")


@pytest.mark.timeout(120)
def test_a_wrong_letter_is_told_on_the_page(running: Running, browser: Browser) -> None:
    promoter = a_person(browser, running, "promoter")
    promoter.goto("/promoter/shares")
    promoter.locator("a[href*='/promoter/shares/shr_']").first.click()
    promoter.locator("#form").select_option("code")
    token = promoter.locator("#code-alone").inner_text().strip().strip("₣")
    wrong = ("A" if token[0] != "A" else "B") + token[1:]

    buyer = a_person(browser, running)
    buyer.goto("/")
    buyer.locator("#find").fill(f"look ₣{wrong}₣")
    buyer.locator("#find").press("Enter")

    expect(buyer.get_by_text("wrong letter")).to_be_visible()
