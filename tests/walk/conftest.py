"""One demo shop for the walks of a test process, one browser for each of their modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tools.demo_shop import Running, chromium, demo_shop


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """A demo shop of this process alone."""
    with demo_shop() as shop:
        yield shop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; of one module, for its event loop keeps every other one from running in this thread."""
    with chromium() as opened:
        yield opened
