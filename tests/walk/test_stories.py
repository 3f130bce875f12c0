"""Five stories of a shop, each in a real browser, top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from playwright.sync_api import Browser, expect

from tests.walk.acts import (
    choose_csv,
    find,
    import_rows,
    into_cart,
    open_product,
    pay_in_sandbox,
    put_plan_in_force,
    read_code,
    share_product,
    tab_to,
    tile,
    write_address,
)
from tools.demo_shop import DESKTOP, Running, a_person

pytestmark = pytest.mark.timeout(300)
_RELEASED_SECONDS = 60  # generous: the hold is a second, and the clock's sweep comes every second


def test_an_operator_opens_a_shop_from_a_csv(running: Running, browser: Browser) -> None:
    # The operator chooses a file; one of its three rows has no price.
    operator = a_person(browser, running, "operator", viewport=DESKTOP)
    visitor = a_person(browser, running)
    operator.goto("/operator/import")
    choose_csv(
        operator,
        "sku,title,price,currency,stock,merchant,description\n"
        "LANTERN-1,Storm Lantern,24.50,EUR,7,Harbour Goods,Burns for nine hours\n"
        "ROPE-1,Tarred Rope,9.80,EUR,40,Harbour Goods,Ten metres\n"
        "ANCHOR-1,Small Anchor,cheap,EUR,3,Harbour Goods,\n",
    )

    # The dry run tells the bad row with its line, and writes nothing.
    operator.get_by_role("button", name="Check first").click()
    expect(operator.get_by_role("heading", name="This is what would happen")).to_be_visible()
    expect(tile(operator, "Rows read")).to_have_text("3")
    expect(tile(operator, "New")).to_have_text("2")
    expect(operator.get_by_role("row", name=re.compile("cheap"))).to_contain_text("4")
    visitor.goto("/")
    find(visitor, "Storm Lantern")
    expect(visitor.get_by_text("Nothing was found")).to_be_visible()

    # Loaded, the two good rows are in the shop with what the file says of them.
    operator.get_by_role("button", name="Load now").click()
    expect(operator.get_by_role("heading", name="Loaded")).to_be_visible()
    expect(tile(operator, "New")).to_have_text("2")
    open_product(visitor, "Storm Lantern")
    main = visitor.get_by_role("main")
    for told in ("€24.50", "7 left", "Sold by Harbour Goods", "Burns for nine hours"):
        expect(main.get_by_text(told)).to_be_visible()

    # A new price on the operator's page is the price in the shop.
    operator.goto("/operator/catalogue")
    operator.get_by_label("Search products").fill("Storm Lantern")
    operator.get_by_label("Search products").press("Enter")
    operator.get_by_role("main").get_by_role("link", name="Storm Lantern").click()
    operator.get_by_text("Change price or state").click()
    operator.get_by_label("Price in EUR").fill("22")
    operator.locator("form", has=operator.get_by_label("Price in EUR")).get_by_role("button", name="Save").click()
    expect(operator.locator("main .price").first).to_have_text("€22.00")
    visitor.reload()
    expect(main.get_by_text("€22.00")).to_be_visible()
    expect(main.get_by_text("€24.50")).to_have_count(0)


def test_a_poster_on_a_screen_leads_a_phone_to_two_orders(running: Running, browser: Browser) -> None:
    # Two merchants sell in one currency; the goods of one earn ten per cent.
    operator = a_person(browser, running, "operator", viewport=DESKTOP)
    import_rows(
        operator,
        "sku,title,price,currency,stock,merchant\n"
        "KITE-1,Paper Kite,16.00,GBP,20,Kite Loft\n"
        "TWINE-1,Waxed Twine,3.50,GBP,20,Twine Cellar\n",
    )
    put_plan_in_force(operator, merchant="Kite Loft", rate="10", hold_seconds=86_400)

    # The promoter makes a poster, and the kit shows it as a plain picture.
    promoter = a_person(browser, running, "promoter")
    kit = share_product(promoter, "Paper Kite")
    promoter.locator("#form").select_option("poster")
    expect(promoter).to_have_url(re.compile("form=poster"))
    picture = promoter.get_by_role("img", name="Poster of Paper Kite with a QR code")
    expect(picture).to_have_js_property("naturalWidth", 750)
    with promoter.expect_download() as saved:
        promoter.get_by_role("link", name="Save as JPEG").click()
    assert saved.value.path().read_bytes().startswith(b"\xff\xd8")

    # A phone reads the code from the screen, and opens what it says.
    address = read_code(picture)
    assert address.startswith(f"{running.url}/"), address
    buyer = a_person(browser, running)
    buyer.goto(address)
    expect(buyer.get_by_role("heading", name="Paper Kite", exact=True)).to_be_visible()

    # Two kites, and twine of somebody else: one checkout, one press to pay.
    into_cart(buyer, quantity=2)
    open_product(buyer, "Waxed Twine")
    into_cart(buyer)
    expect(buyer.get_by_text("This becomes one order for each merchant.")).to_be_visible()
    buyer.get_by_role("link", name="To the checkout").click()
    write_address(buyer)
    buyer.get_by_role("button", name="Place the orders").click()
    expect(buyer).to_have_url(re.compile(r"/checkout/cko_"))
    buyer.get_by_role("button", name=re.compile("Pay everything:")).click()
    expect(buyer.locator("main tbody .tag")).to_have_text(["Paid", "Paid"])
    expect(buyer.locator("main tbody tr")).to_contain_text(["£", "£"])

    # Only what the poster led to, and whose plan pays, is earned: 10 % of £32.00.
    promoter.goto("/promoter/earnings")
    mine = promoter.locator("article", has_text="Paper Kite")
    expect(mine).to_contain_text("£3.20")
    expect(mine).to_contain_text("On hold")
    promoter.goto(kit.replace("/promoter/shares/", "/promoter/statistics?by=form&share="))
    by_form = promoter.locator("main tbody tr")
    expect(by_form).to_have_count(1)
    expect(by_form.locator("td")).to_have_text(["Poster", "1", "1", "£32.00", "£3.20"])


def test_a_commission_is_paid_and_a_refund_takes_its_part_back(running: Running, browser: Browser) -> None:
    # A merchant of one currency, so that nothing else moves in it: 15 %, held for a second, nothing to give back later.
    operator = a_person(browser, running, "operator", viewport=DESKTOP)
    import_rows(
        operator,
        "sku,title,price,currency,stock,merchant\n"
        "BELL-1,Ship Bell,12.00,AUD,20,Bell Foundry\n"
        "ROD-1,Bell Rod,10.00,AUD,20,Bell Foundry\n",
    )
    put_plan_in_force(operator, merchant="Bell Foundry", rate="15", hold_seconds=1)
    operator.goto("/operator/shipping")
    operator.get_by_role("link", name="Bell Foundry").click()
    operator.get_by_label("Regions").first.fill("*")
    operator.get_by_label("Price", exact=True).first.fill("0")
    operator.get_by_label("Days to give goods back").fill("0")
    operator.get_by_role("button", name="Put in force").click()
    expect(operator.get_by_text("version 1")).to_be_visible()

    # A buyer comes by the link: two bells and a rod, one order, which is sent and arrives.
    promoter = a_person(browser, running, "promoter")
    share_product(promoter, "Ship Bell")
    buyer = a_person(browser, running)
    buyer.goto(promoter.locator("#link-alone").inner_text().strip())
    into_cart(buyer, quantity=2)
    open_product(buyer, "Bell Rod")
    into_cart(buyer)
    buyer.get_by_role("link", name="To the checkout").click()
    write_address(buyer)
    buyer.get_by_role("button", name="Place the order").click()
    number = pay_in_sandbox(buyer)
    order_page = buyer.url
    operator.goto(f"/operator/orders/{number}")
    operator.get_by_role("button", name="Ship", exact=True).click()
    operator.get_by_role("button", name="Complete", exact=True).click()
    expect(operator.locator("main .head .tag").first).to_have_text("Completed")

    # 15 % of 24.00 are on hold, then released; two officers pay them out.
    promoter.goto("/promoter/earnings")
    bells = promoter.locator("article", has_text="Ship Bell")
    expect(bells.locator(".price")).to_have_text("A$3.60")
    until = time.monotonic() + _RELEASED_SECONDS
    while "Released" not in bells.inner_text():
        assert time.monotonic() < until, bells.inner_text()
        promoter.reload()
    maker = a_person(browser, running, "payout1")
    maker.goto("/operator/payouts")
    maker.get_by_role("button", name="Make a batch in AUD").click()
    expect(maker.get_by_text("You made this batch, so another payout officer")).to_be_visible()
    officer = a_person(browser, running, "payout2")
    officer.on("dialog", lambda dialog: dialog.accept())
    officer.goto(maker.url)
    officer.get_by_role("button", name="Approve and pay out").click()
    expect(officer.get_by_role("button", name="Approve and pay out")).to_have_count(0)
    promoter.reload()
    expect(bells).to_contain_text("Paid out")

    # One bell comes back. The preview says who gives what; the promoter, who was paid, will owe it.
    operator.get_by_role("link", name="Refund …").click()
    bell, rod = (operator.get_by_role("row", name=re.compile(name)) for name in ("Ship Bell", "Bell Rod"))
    bell.get_by_label("Give back").fill("12.00")
    bell.get_by_label("Pieces").fill("1")
    rod.get_by_label("Give back").fill("")
    rod.get_by_label("Pieces").fill("")
    operator.get_by_role("button", name="See what it takes").click()
    gives = operator.get_by_role("row", name=re.compile("Piet Promoter")).locator(".number")
    expect(gives).to_have_text(["A$1.80", "A$1.80", "A$1.80"])
    operator.get_by_label("Reason").fill("one bell was cracked")
    operator.get_by_role("button", name=re.compile(r"^Refund A\$")).click()
    expect(operator.locator("dl.facts").first).to_contain_text("A$12.00")

    # The buyer sees the money; the promoter sees exactly what is taken back, and what is owed.
    buyer.goto(order_page)
    expect(buyer.get_by_text("A$12.00").last).to_be_visible()
    promoter.reload()
    expect(bells).to_contain_text("− A$1.80 taken back")
    promoter.goto("/promoter/payouts")
    expect(promoter.get_by_text("Refunds have taken back more than you had: A$1.80")).to_be_visible()

    # Why me? The page names the order's touch and its rule, and nobody else.
    promoter.goto("/promoter/why")
    promoter.get_by_label("Order number").fill(number)
    promoter.get_by_role("button", name="Ask").click()
    expect(promoter.get_by_role("heading", name="This order is credited to you.")).to_be_visible()
    assert "Emma" not in promoter.get_by_role("main").inner_text()

    # And the books are clean.
    audit = subprocess.run(
        [sys.executable, "-m", "fissile.cli.main", "audit"],
        env={**os.environ, "FISSILE_HOME": str(running.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert audit.stdout.rstrip().endswith("clean")


def test_an_order_is_placed_with_the_keyboard_alone(running: Running, browser: Browser) -> None:
    # From the shop's first page to a product …
    buyer = a_person(browser, running, viewport=DESKTOP)
    buyer.goto("/")
    tab_to(buyer, buyer.locator("#find"))
    buyer.keyboard.type("hoodie")
    buyer.keyboard.press("Enter")
    expect(buyer).to_have_url(re.compile("/search"))
    tab_to(buyer, buyer.locator("main a[href^='/p/']").first)
    buyer.keyboard.press("Enter")
    expect(buyer).to_have_url(re.compile(r"/p/prd_"))

    # … which is chosen with the space bar and bought with Enter …
    tab_to(buyer, buyer.locator("input[name=sku]:not([disabled])").first)
    buyer.keyboard.press("Space")
    expect(buyer.locator("input[name=sku]:checked")).to_have_count(1)
    tab_to(buyer, buyer.get_by_role("button", name="Buy"))
    buyer.keyboard.press("Enter")
    expect(buyer).to_have_url(re.compile("/checkout"))

    # … and the form is filled in by typing, its list of countries too.
    for field, typed in (
        ("Name", "Emma Smith"),
        ("Phone", "+49 30 901820"),
        ("Country", "Germany"),
        ("City and district", "Berlin"),
        ("Street and house", "Unter den Linden 1"),
        ("Postcode", "10117"),
    ):
        tab_to(buyer, buyer.get_by_label(field))
        buyer.keyboard.type(typed)
    expect(buyer.get_by_label("Country")).to_have_value("DE")
    tab_to(buyer, buyer.get_by_role("button", name="Place the order"))
    buyer.keyboard.press("Enter")
    expect(buyer).to_have_url(re.compile(r"/o/ord_"))
    expect(buyer.get_by_text("Waiting for payment")).to_be_visible()


def test_a_shop_works_without_scripts(running: Running, browser: Browser) -> None:
    buyer = a_person(browser, running, java_script_enabled=False)
    buyer.goto("/")
    find(buyer, "hoodie")
    buyer.locator("main a[href^='/p/']").first.click()
    into_cart(buyer, quantity=2)

    # The cart keeps what is written into it.
    buyer.locator("main input[type=number]").fill("1")
    buyer.get_by_role("button", name="Save the quantities").last.click()
    expect(buyer.locator("main input[type=number]")).to_have_value("1")
    buyer.get_by_role("link", name="To the checkout").click()

    # The total for an address is one press away, and what is typed stays.
    write_address(buyer)
    buyer.get_by_role("button", name="Show the total for this address").click()
    expect(buyer.get_by_label("Street and house")).to_have_value("Unter den Linden 1")
    total = buyer.locator("tfoot .price").inner_text()
    buyer.get_by_role("button", name="Place the order").click()
    expect(buyer).to_have_url(re.compile(r"/o/ord_"))
    expect(buyer.get_by_text(f"Pay {total}")).to_be_visible()
    pay_in_sandbox(buyer)
