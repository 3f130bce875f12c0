"""
What a User-Agent header says: a person's browser, or a machine; which family of device, system, browser and app.

Crawlers are known by crawlerdetect, systems and browsers by ua-parser, what fetches link previews for chats and
which apps have a browser of their own by the two tables beside this file. What was read of a header is kept, for the
same few thousand come again and again.
"""

from __future__ import annotations

import csv
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

KEPT_MAX = 8_192
READ_MAX = 400  # characters of a header that are read
NAME_MAX = 40

Device = Literal["phone", "tablet", "desktop", "other", "unknown"]
_PHONES = frozenset({"iOS", "Windows Phone", "BlackBerry OS", "KaiOS", "Symbian OS", "HarmonyOS", "Firefox OS"})
_DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Chrome OS", "Fedora", "Debian", "FreeBSD", "OpenBSD"})
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
# Under these a country sells names one level further down: example.com.cn, example.co.uk.
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})
REFERRER_MAX = 80


class Agent(NamedTuple):
    """What was read of a User-Agent; ``name`` is the machine's, the others are the person's ("" where unknown)."""

    kind: Literal["person", "preview", "bot"]
    name: str
    device: Device
    os: str
    browser: str
    app: str


def agent_of(user_agent: str) -> Agent:
    """
    Return what a User-Agent header says.

    A missing one, and a browser that a program drives (HeadlessChrome), count as a person: whoever hides from us is
    not told apart, and a promoter who loses a buyer is worse off than a count that is one too high.
    """
    return _read(user_agent[:READ_MAX])


def warm_up() -> None:
    """Compile the patterns of both libraries (about 0.3 s and 35 MB), before somebody waits for it."""
    _read("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")


@lru_cache(maxsize=KEPT_MAX)
def referrer_host(referrer: str) -> str:
    """
    Return the site that a Referer header names: its registrable name as far as its letters tell, else "".

    Path, query, user and the names below the site are left away: they may tell who somebody is. An address in
    numbers is nobody's name and is left away as a whole.
    """
    try:
        parts = urlsplit(referrer[:2_000])
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii") if parts.scheme else ""
    except ValueError:  # no address, or letters that no host has
        return ""
    if parts.scheme == "android-app":
        return f"app:{host}"[:REFERRER_MAX] if _HOST.fullmatch(host.replace("_", "-")) else ""
    if parts.scheme not in ("http", "https") or _ADDRESS.fullmatch(host) or not _HOST.fullmatch(host):
        return ""
    labels = host.split(".")
    most = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-most:])[-REFERRER_MAX:]


@lru_cache(maxsize=KEPT_MAX)
def _read(user_agent: str) -> Agent:
    for name, words in _previews():
        if all(word in user_agent for word in words):
            return Agent("preview", name, "unknown", "", "", "")
    if bot := _crawler(user_agent):
        return Agent("bot", _short(bot), "unknown", "", "", "")
    from ua_parser import parse

    found = parse(user_agent)
    system = found.os.family if found.os else ""
    browser = found.user_agent.family if found.user_agent else ""
    model = found.device.family if found.device else ""
    app = next((app for app, word in _apps() if word in user_agent), "")
    return Agent("person", "", _device(user_agent, system, model), _short(system), _short(browser), app)


def _crawler(user_agent: str) -> str:
    from crawlerdetect import CrawlerDetect

    detect = CrawlerDetect()
    return (detect.get_matches() or "bot") if detect.is_crawler(user_agent.replace("HeadlessChrome", "Chrome")) else ""


def _device(user_agent: str, system: str, model: str) -> Device:
    if not user_agent or user_agent == "-":
        return "unknown"
    if model == "iPad" or "Tablet" in user_agent or "Kindle" in model:
        return "tablet"
    if system == "Android":
        # Google asks makers of tablets to leave the word out.
        return "phone" if "Mobile" in user_agent else "tablet"
    if "TV" in user_agent or "PlayStation" in user_agent or "Xbox" in user_agent or "Nintendo" in user_agent:
        return "other"
    if system in _PHONES or "OpenHarmony" in user_agent or "Mobile" in user_agent:
        return "phone"
    return "desktop" if system in _DESKTOPS else "other"


def _short(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:NAME_MAX].strip()


@cache
def _previews() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((row["name"], tuple(row["words"].split("&"))) for row in _table("previews.csv"))


@cache
def _apps() -> tuple[tuple[str, str], ...]:
    return tuple((row["app"], row["words"]) for row in _table("apps.csv"))


def _table(name: str) -> list[dict[str, str]]:
    text = (resources.files("fissile.infra.agents") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
