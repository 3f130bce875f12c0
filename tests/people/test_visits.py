"""Who opens shares: people, previews, crawlers, prefetching browsers, the promoter; on made and real headers."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from fissile.api.endpoint import Request
from fissile.api.front import Front
from fissile.api.openers import opener_named, opener_of
from fissile.api.shares import endpoints
from fissile.domain.shares.model import Opener
from fissile.flows.record_visit import VisitItem, record_visit, record_visits
from fissile.infra.agents import agent_of, referrer_host
from fissile.kernel.ids import new_id
from fissile.views.audit import run_audit
from fissile.views.visits import by_day, machines, people_by
from tests.flows.conftest import Shop

LOG = Path(__file__).parent / "data/access.log.gz"
LINE = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d+) \S+ "([^"]*)" "([^"]*)("?)$')
SIMPLE = re.compile("bot|crawl|spider|slurp|feed|reader", re.IGNORECASE)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WECHAT = f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.38(0x1800262c) NetType/WIFI Language/zh_CN"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
PAD = "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
MESSAGES = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1"
    " Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
)


class Hit(NamedTuple):
    """One line of the log."""

    client: str
    referrer: str
    user_agent: str
    whole: bool


def hits() -> list[Hit]:
    """Return every line of the log, the one that is cut off too."""
    found = []
    for line in gzip.decompress(LOG.read_bytes()).decode().splitlines():
        match = LINE.match(line)
        assert match, f"a line that cannot be read: {line}"
        client, _, _, _, _, referrer, user_agent, end = match.groups()
        found.append(Hit(client, "" if referrer == "-" else referrer, user_agent, bool(end)))
    return found


class TestAgents:
    @pytest.mark.parametrize(
        ("user_agent", "name"),
        [
            (MESSAGES, "iMessage"),
            ("WhatsApp/2.23.20.0 A", "WhatsApp"),
            ("TelegramBot (like TwitterBot)", "Telegram"),
            ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slack"),
            ("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "Discord"),
            ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Facebook"),
            ("facebookexternalhit/1.1;line-poker/1.0", "LINE"),
            ("facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/", "KakaoTalk"),
            ("Twitterbot/1.0", "X (Twitter)"),
            ("WeChatShareExtensionNew/8.0.16.32 CFNetwork/1333.0.4 Darwin/21.5.0", "WeChat"),
        ],
    )
    def test_know_the_previews_of_chats(self, user_agent: str, name: str) -> None:
        assert agent_of(user_agent)[:2] == ("preview", name)

    @pytest.mark.parametrize(
        ("user_agent", "device", "app"),
        [
            (WECHAT, "phone", "wechat"),
            (CHROME, "desktop", ""),
            (f"{CHROME} MicroMessenger/7.0.20 WindowsWechat", "desktop", "wechat"),
            (PAD, "tablet", ""),
            (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/400]", "phone", "facebook"),
            (CHROME.replace("Chrome", "HeadlessChrome"), "desktop", ""),
            ("", "unknown", ""),
            ("-", "unknown", ""),
        ],
    )
    def test_take_browsers_for_people(self, user_agent: str, device: str, app: str) -> None:
        agent = agent_of(user_agent)

        assert (agent.kind, agent.device, agent.app) == ("person", device, app)

    @pytest.mark.parametrize("user_agent", ["Googlebot/2.1", "curl/8.5.0", "Baiduspider/2.0", "python-requests/2.31"])
    def test_take_programs_for_machines(self, user_agent: str) -> None:
        assert agent_of(user_agent).kind == "bot"

    def test_who_pastes_a_code_is_a_person_whatever_carries_it(self) -> None:
        assert opener_named(user_agent="python-httpx/0.27", referrer="", host="", pasted=True).kind == "person"

    def test_an_endless_name_is_read_to_its_limit(self) -> None:
        assert agent_of(CHROME + "x" * 1_000_000).device == "desktop"


class TestReferrer:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("https://www.google.com/search?q=my+illness", "google.com"),
            ("https://jane.doe.example.co.uk/diary", "example.co.uk"),
            ("https://user:password@mp.weixin.qq.com/s/abc", "qq.com"),
            ("android-app://com.tencent.mm/", "app:com.tencent.mm"),
            ("http://192.168.1.7/inbox", ""),
            ("http://[2001:db8::1]/", ""),
            ("http://[", ""),
            ("javascript:alert(1)", ""),
            ("https://例子.中国/路", "xn--fsqu00a.xn--fiqs8s"),
        ],
    )
    def test_keeps_the_site_and_nothing_else(self, given: str, kept: str) -> None:
        assert referrer_host(given) == kept

    def test_of_this_site_itself_is_none(self) -> None:
        asked = opener_named(user_agent=CHROME, referrer="https://shop.example/p/1", host="shop.example")

        assert asked.referrer == ""


class TestRealLog:
    def test_is_read_to_its_end_with_the_line_that_is_cut_off(self) -> None:
        found = hits()

        assert len(found) == 1250
        assert [one.whole for one in found].count(False) == 1
        assert all(agent_of(one.user_agent) for one in found)

    def test_more_machines_are_found_than_by_a_list_of_words(self) -> None:
        kinds = Counter(agent_of(one.user_agent).kind for one in hits())
        by_words = sum(bool(SIMPLE.search(one.user_agent)) for one in hits())

        assert kinds["bot"] + kinds["preview"] >= by_words
        # As measured: three in ten lines are machines, one in a hundred a preview.
        assert 0.25 < kinds["bot"] / kinds.total() < 0.35
        assert 0.002 < kinds["preview"] / kinds.total() < 0.02

    async def test_is_counted_as_visits_of_people_and_machines_apart(self, shop: Shop) -> None:
        share = await shop.share()
        kept = hits()[:300]
        clients = {one.client: new_id(at=shop.at, rng=shop.rng) for one in kept}
        openers = [opener_named(user_agent=one.user_agent, referrer=one.referrer, host="") for one in kept]

        for place, (one, opener) in enumerate(zip(kept, openers, strict=True)):
            await record_visit(
                shop.house,
                token=share.token,
                form="link",
                visitor_id=clients[one.client],
                at=shop.at + timedelta(milliseconds=place),
                rng=shop.rng,
                opener=opener,
            )

        people = {one.client for one, opener in zip(kept, openers, strict=True) if opener.kind == "person"}
        told = Counter(opener.kind for opener in openers)
        assert await shop.rows("SELECT count(*), sum(opens) FROM visits WHERE kind = 'person'") == [
            (len(people), told["person"])
        ]
        assert await shop.rows("SELECT count(*) FROM machine_opens") == [(told["bot"] + told["preview"],)]
        assert (await run_audit(shop.house.db)).findings == ()


class TestRecordVisit:
    async def test_the_promoters_own_openings_are_touches_and_no_visits(self, shop: Shop) -> None:
        share = await shop.share()
        visitor = new_id(at=shop.at, rng=shop.rng)
        connection = await shop.house.db.raw()
        await connection.execute(
            "INSERT INTO visitor_members VALUES ($1, $2, $3)", visitor, shop.promoter.member_id, shop.at
        )
        await connection.close()

        opened = await record_visit(
            shop.house, token=share.token, form="link", visitor_id=visitor, at=shop.at, rng=shop.rng
        )
        await shop.order(visitor_id=visitor)

        assert not opened.first
        assert await shop.rows("SELECT kind FROM visits") == [("own",)]
        assert await shop.rows("SELECT reason FROM order_touches") == [("self_purchase",)]
        async with shop.house.db.reading() as reading:
            span = {"since": shop.at - timedelta(days=1), "until": shop.at + timedelta(days=1)}
            mine = await people_by(reading, way="device", promoter_id=shop.promoter.member_id, **span)
            days = await by_day(reading, promoter_id=shop.promoter.member_id, **span)
        assert mine == []
        assert [(one["kind"], one["visits"]) for one in days] == [("own", 1)]

    async def test_a_machine_brings_no_touch(self, shop: Shop) -> None:
        share = await shop.share()
        visitor = new_id(at=shop.at, rng=shop.rng)
        await record_visit(
            shop.house,
            token=share.token,
            form="link",
            visitor_id=visitor,
            at=shop.at,
            rng=shop.rng,
            opener=Opener("preview", "WhatsApp"),
        )

        await shop.order(visitor_id=visitor)

        assert await shop.rows("SELECT credit_reason FROM orders") == [("no_touch",)]
        async with shop.house.db.reading() as reading:
            found = await machines(
                reading, promoter_id=None, since=shop.at - timedelta(days=1), until=shop.at + timedelta(days=1)
            )
        assert [(one["kind"], one["name"], one["visits"]) for one in found] == [("preview", "WhatsApp", 1)]

    async def test_a_set_with_machines_that_is_sent_again_counts_once(self, shop: Shop) -> None:
        share = await shop.share()
        items = [
            VisitItem(
                new_id(at=shop.at, rng=shop.rng),
                share.id,
                share.version,
                share.id,
                "link",
                shop.at,
                Opener(kind, "x"),
            )
            for kind in ("bot", "person", "prefetch", "person")
        ]
        connection = await shop.house.db.raw()
        try:
            first = await record_visits(connection, items, window_seconds=1800)
            again = await record_visits(connection, items, window_seconds=1800)
        finally:
            await connection.close()

        assert first == ["machine", "recorded", "machine", "repeated"]
        assert again == ["machine", "repeated", "machine", "repeated"]
        assert await shop.rows("SELECT sum(opens) FROM visits") == [(2,)]
        assert await shop.rows("SELECT count(*) FROM machine_opens") == [(2,)]
        assert (await run_audit(shop.house.db)).findings == ()


class TestRequests:
    @pytest.mark.parametrize(
        ("headers", "table"),
        [
            ({"user-agent": WECHAT, "referer": "https://mp.weixin.qq.com/s/x"}, "visits"),
            ({"user-agent": "Googlebot/2.1"}, "machine_opens"),
            ({"user-agent": CHROME, "sec-purpose": "prefetch;prerender"}, "machine_opens"),
            ({"user-agent": CHROME, "purpose": "prefetch"}, "machine_opens"),
        ],
    )
    async def test_all_are_led_on_and_counted_where_they_belong(
        self, shop: Shop, headers: dict[str, str], table: str
    ) -> None:
        share = await shop.share()
        front = Front(endpoints(shop.house), _nowhere)
        transport = httpx2.ASGITransport(app=front)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.example") as browser:
            looked = await browser.head(f"/s/{share.token}", headers=headers)
            opened = await browser.get(f"/s/{share.token}", headers=headers)

        assert (looked.status_code, opened.status_code) == (302, 302)
        counts = await shop.rows("SELECT (SELECT count(*) FROM visits), (SELECT count(*) FROM machine_opens)")
        assert counts == [(1, 0) if table == "visits" else (0, 1)]

    def test_a_prefetch_is_told_by_its_header(self) -> None:
        async def never() -> dict[str, object]:
            raise AssertionError("headers are enough")

        request = Request({"headers": [(b"sec-purpose", b"prefetch")]}, never)

        assert opener_of(request) == Opener("prefetch")


async def _nowhere(*_: object) -> None:
    raise AssertionError("the front answers these itself")
