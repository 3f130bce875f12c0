"""A demo shop as its user starts it, and people in a real browser: for the tests that walk and for screenshots."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_OPEN_SECONDS = 150  # generous: the aim of 30 s is measured by hand, not asserted on a busy machine
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir>{ours}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
# Without a window Chromium says that it is a machine; those are not counted as visits.
PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile"
    " Safari/537.36"
)
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@dataclass
class Running:
    """``fissile run --demo``, with what it printed."""

    url: str
    home: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def password(self, name: str) -> str:
        """Return the password that was printed for one of the demo's people."""
        found = re.search(rf"{name}@demo\.fissile\.example\s+(\S+)", "".join(self.said))
        assert found is not None, f"no password of {name} in:\n{''.join(self.said)}"
        return found[1]


@contextmanager
def demo_shop(**environ: str) -> Iterator[Running]:
    """Start a demo shop in a folder of its own and stop it at the end; ``environ`` adds settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="fissile-demo-") as home:
        Path(home).chmod(0o755)
        surroundings = {**os.environ, "FISSILE_HOME": home, "FISSILE_LOCALE": "en", **environ}
        surroundings.pop("DATABASE_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "fissile.cli.main", "run", "--demo", "--port", str(port)],
            env=surroundings,
            stderr=subprocess.PIPE,
            text=True,
        )
        shop = Running(f"http://127.0.0.1:{port}", Path(home), process)
        listener = threading.Thread(target=lambda: shop.said.extend(process.stderr or ()), daemon=True)
        listener.start()
        try:
            _wait_until_open(shop)
            yield shop
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            listener.join(10)
            _wait_until_stopped(Path(home))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window; it reads Chinese with the font that Fissile brings along."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(_FONTS.format(ours=Path(pylopdf_fonts_zh_cn.__file__).parent, cache=folder), encoding="utf-8")
        opened = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=list(_FLAGS),
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
        yield opened
        opened.close()


def a_person(browser: Browser, running: Running, name: str | None = None, **context: Any) -> Page:
    """
    Return a page of a person with a browser profile of their own, signed in if they have a name.

    The browser is a phone that reads English unless ``context`` says otherwise.
    """
    settings = {
        "viewport": PHONE,
        "user_agent": PHONE_AGENT,
        "base_url": running.url,
        "locale": "en-US",
        **context,
    }
    profile: BrowserContext = browser.new_context(**settings)
    page = profile.new_page()
    if name is not None:
        page.goto("/sign-in?lang=en")
        page.get_by_label("E-mail").fill(f"{name}@demo.fissile.example")
        page.get_by_label("Password").fill(running.password(name))
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("main").get_by_role("button", name="Sign in")).to_have_count(0)
    return page


def _wait_until_open(shop: Running) -> None:
    until = time.monotonic() + _OPEN_SECONDS
    while time.monotonic() < until:
        assert shop.process.poll() is None, "".join(shop.said)
        try:
            with urllib.request.urlopen(f"{shop.url}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("".join(shop.said))


def _wait_until_stopped(home: Path) -> None:
    """The embedded server stops by itself after its last user; its folder must not vanish under it."""
    until = time.monotonic() + 20
    while (home / "pgdata" / "postmaster.pid").exists() and time.monotonic() < until:
        time.sleep(0.1)
