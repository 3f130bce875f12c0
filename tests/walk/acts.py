"""What people do again and again in the stories, each as a person with a browser does it."""

from __future__ import annotations

import io
import re

import zxingcpp
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

_TABS_MAX = 80
# A ring counts as visible if the browser draws it and the element lies on the screen.
_RING = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
}"""


def import_rows(operator: Page, rows: str) -> None:
    """Load a CSV for good; every row has to be new."""
    operator.goto("/operator/import")
    choose_csv(operator, rows)
    operator.get_by_role("button", name="Check first").click()
    operator.get_by_role("button", name="Load now").click()
    expect(operator.get_by_role("heading", name="Loaded")).to_be_visible()
    expect(tile(operator, "New")).to_have_text(str(len(rows.strip().splitlines()) - 1))


def choose_csv(operator: Page, rows: str) -> None:
    """Put a file into the form of the import."""
    file: FilePayload = {"name": "goods.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    operator.get_by_label("CSV file").set_input_files(file)


def tile(page: Page, name: str) -> Locator:
    """Return the number that stands above its name."""
    return page.locator(".tile", has=page.get_by_text(name, exact=True)).locator("b")


def find(page: Page, words: str) -> None:
    """Search the shop for words, or for a pasted message."""
    page.locator("#find").fill(words)
    page.locator("#find").press("Enter")


def open_product(page: Page, title: str) -> None:
    """Search a product by its title and open its page."""
    page.goto("/")
    find(page, title)
    page.get_by_role("main").get_by_role("link", name=title).first.click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()


def into_cart(page: Page, *, quantity: int = 1) -> None:
    """Put the product whose page is open into the cart: its only offer, or the first that is left."""
    if not page.locator("input[name=sku]:checked").count():
        page.locator("input[name=sku]:not([disabled])").first.check()
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name="Into the cart").click()
    expect(page.get_by_role("heading", name="Cart", exact=True)).to_be_visible()


def write_address(page: Page) -> None:
    """Fill in for whom an order is, in Berlin."""
    page.get_by_label("Name").fill("Emma Smith")
    page.get_by_label("Phone").fill("+49 30 901820")
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("City and district").fill("Berlin")
    page.get_by_label("Street and house").fill("Unter den Linden 1")
    page.get_by_label("Postcode").fill("10117")


def share_product(promoter: Page, title: str) -> str:
    """Share a product, and return the address of its share kit."""
    open_product(promoter, title)
    promoter.get_by_role("link", name="Share this").click()
    promoter.get_by_role("button", name="Make the share").click()
    expect(promoter).to_have_url(re.compile(r"/promoter/shares/shr_"))
    return re.sub(r"\?.*", "", promoter.url)


def pay_in_sandbox(buyer: Page) -> str:
    """Pay the order whose page is open, and return its number."""
    number = re.search(r"ord_\w+", buyer.url)
    assert number is not None, buyer.url
    buyer.locator("a[href*='/sandbox/pay/']").first.click()
    buyer.get_by_role("button", name=re.compile(r"^Pay ")).click()
    expect(buyer).to_have_url(re.compile(r"/o/ord_"))
    expect(buyer.locator("main .tag", has_text="Paid").first).to_be_visible()
    return number[0]


def put_plan_in_force(operator: Page, *, merchant: str, rate: str, hold_seconds: int) -> None:
    """Give the goods of one merchant a plan of their own."""
    operator.goto("/operator/plans")
    form = operator.locator("form[action='/operator/plans']")
    operator.locator("details", has=form).locator("summary").click()
    form.get_by_label("For", exact=True).select_option(label=f"Merchant: {merchant}")
    form.get_by_label("Per cent", exact=True).fill(rate)
    form.get_by_label("Held for").fill(str(hold_seconds))
    form.get_by_label("Unit").select_option("seconds")
    form.get_by_role("button", name="Put in force").click()
    expect(operator.get_by_role("row", name=merchant).get_by_text(f"{rate}%")).to_be_visible()


def read_code(picture: Locator) -> str:
    """Return what the QR code says in the pixels that the screen shows of a picture."""
    expect(picture).to_have_js_property("complete", value=True)
    screen = Image.open(io.BytesIO(picture.screenshot()))
    found = [one.text for one in zxingcpp.read_barcodes(screen)]
    assert len(found) == 1, f"one code on a picture of {screen.size}: {found}"
    return str(found[0])


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus; the focus has to be seen at every stop."""
    for _ in range(_TABS_MAX):
        page.keyboard.press("Tab")
        assert page.evaluate(_RING), page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")
