"""Every page that links lead to, in a real browser: readable by machines, no wider than the screen, no errors."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tools.demo_shop import DESKTOP, PHONE, Running, a_person
from tools.every_page import PEOPLE, Place, every_page

BYTES_MAX = 100_000  # besides pictures
_SERIOUS = ("serious", "critical")


def faults(page: Page, place: Place) -> list[str]:
    """Return what is wrong with a page as a browser shows it, in the two languages, widths and themes."""
    found = []
    said: list[str] = []
    listen: Any = lambda message: said.append(message.text) if message.type == "error" else None  # noqa: E731
    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    for locale, theme, size in (("zh_CN", "dark", PHONE), ("en", "light", PHONE), ("zh_CN", "light", DESKTOP)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(place.address + ("&" if "?" in place.address else "?") + f"lang={locale}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > size["width"]:
            found.append(f"{place.kind} ({locale}): {wide} pixels wide on a screen of {size['width']}")
        if size is PHONE:
            found += [
                f"{place.kind} ({locale}, {theme}): {one['id']}: {one['nodes'][0]['html'][:200]}"
                for one in Axe().run(page).response["violations"]
                if one["impact"] in _SERIOUS
            ]
    expected = [] if place.status < 400 else ["the server responded with a status of"]
    found += [f"{place.kind}: {one}" for one in said if not any(word in one for word in expected)]
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("person", PEOPLE, ids=lambda one: one or "visitor")
def test_every_page_is_fit_for_everybody(running: Running, browser: Browser, person: str | None) -> None:
    page = a_person(browser, running, person)
    shop = {one.kind for one in every_page(a_person(browser, running).request, running.url, None)} if person else ()
    places = list(every_page(page.request, running.url, person, known=shop))

    wrong = [f"{one.kind}: {one.size} bytes" for one in places if one.size > BYTES_MAX]
    wrong += [f"{one.kind}: status {one.status}" for one in places if one.status >= 400 and one.kind != "/no/such/page"]
    for place in places:
        wrong += faults(page, place)

    assert places, "links lead somewhere"
    assert wrong == []
