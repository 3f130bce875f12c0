"""
``make screenshots``: every page of the demo at two widths, two languages, two themes, beside each other.

``python -m tools.screenshots [FOLDER] [--only WORD] [--quick]`` writes PNG files and ``index.html``. ``--only`` takes
pages whose address contains the word; ``--quick`` takes a phone in Chinese and a desktop in English, both light.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tools.demo_shop import DESKTOP, PHONE, Running, a_person, chromium, demo_shop
from tools.every_page import PEOPLE, Place, every_page

_HEIGHT_MAX = 4_000  # longer pages are cut: what is below repeats


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    width: str
    locale: str
    theme: str

    @property
    def name(self) -> str:
        """As it stands in file names."""
        return f"{self.width}-{self.locale}-{self.theme}"


LOOKS = tuple(Look(*one) for one in product(("phone", "desktop"), ("zh_CN", "en"), ("light", "dark")))
QUICK = (Look("phone", "zh_CN", "light"), Look("desktop", "en", "light"))


def main(arguments: Sequence[str]) -> None:
    """Take the pictures; progress goes to standard error."""
    parser = argparse.ArgumentParser(description="Take a picture of every page of the demo.")
    parser.add_argument("folder", nargs="?", default="screenshots", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with demo_shop() as running, chromium() as browser:
        taken: list[tuple[str, Place, list[str]]] = []
        for person in PEOPLE:
            known = {place.kind for whose, place, _ in taken if whose == "visitor"}
            taken += _of_person(
                browser,
                running,
                person,
                known=known,
                folder=asked.folder,
                only=asked.only,
                looks=QUICK if asked.quick else LOOKS,
            )
    (asked.folder / "index.html").write_text(_index(taken), encoding="utf-8")
    print(asked.folder / "index.html")


def _of_person(
    browser: Browser,
    running: Running,
    person: str | None,
    *,
    known: Collection[str],
    folder: Path,
    only: str,
    looks: Sequence[Look],
) -> list[tuple[str, Place, list[str]]]:
    guide = a_person(browser, running, person)
    found = every_page(guide.request, running.url, person, known=known)
    places = [one for one in found if only in one.address]
    state: Any = guide.context.storage_state()
    guide.context.close()
    taken: dict[Place, list[str]] = {place: [] for place in places}
    for look in looks:
        page = a_person(
            browser,
            running,
            viewport=PHONE if look.width == "phone" else DESKTOP,
            color_scheme=look.theme,
            storage_state=state,
        )
        for number, place in enumerate(places, 1):
            print(f"{person or 'visitor'}, {look.name}: {number} of {len(places)} {place.address}", file=sys.stderr)
            page.goto(place.address + ("&" if "?" in place.address else "?") + f"lang={look.locale}")
            name = f"{person or 'visitor'}{_file_name(place.kind)}--{look.name}.png"
            size = page.viewport_size or PHONE
            height = min(_HEIGHT_MAX, int(page.evaluate("document.documentElement.scrollHeight")))
            clip = {"x": 0, "y": 0, "width": size["width"], "height": max(height, size["height"])}
            page.screenshot(path=folder / name, full_page=True, clip=clip)  # type: ignore[arg-type]
            taken[place].append(name)
        page.context.close()
    return [(person or "visitor", place, names) for place, names in taken.items()]


def _file_name(kind: str) -> str:
    return re.sub(r"[^\w{}=-]+", "_", kind).replace("{}", "ID").rstrip("_") or "_home"


def _index(taken: list[tuple[str, Place, list[str]]]) -> str:
    rows = []
    for person, place, names in taken:
        pictures = "".join(
            f'<a href="{name}"><img loading="lazy" src="{name}" alt="{name}"></a>' for name in map(html.escape, names)
        )
        rows.append(f"<h2>{person}: {html.escape(place.kind)} ({place.status}, {place.size} bytes)</h2>{pictures}")
    style = "body{font:16px sans-serif}img{height:420px;border:1px solid #888;margin:4px}"
    return f'<!doctype html><meta charset="utf-8"><title>Fissile</title><style>{style}</style>{"".join(rows)}'


if __name__ == "__main__":
    main(sys.argv[1:])
