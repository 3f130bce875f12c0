"""A small reader for tests of rulebooks: what it finds is plain to see, whatever the Gate's own reader learns."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fissile.domain.gate.model import Code, Facts, Link

WORDS: Mapping[str, frozenset[str]] = {"platform": frozenset({"taobao", "jd", "unknown"})}


def read(text: str) -> Facts:
    """Return ￥eleven letters￥ as Taobao's, and addresses as links of no known host."""
    codes = tuple(
        Code("passphrase", "taobao", one[1], one.start(1), one.end(1))
        for one in re.finditer(r"￥([0-9A-Za-z]{11})￥", text)
    )
    links = tuple(
        Link(one[0], one[1], "unknown", None, False, one.start(), one.end())
        for one in re.finditer(r"https?://([\w.-]+)\S*", text)
    )
    return Facts(codes=codes, links=links, origin=("taobao",) if codes else (), normalised=text, reader="hand-made")
