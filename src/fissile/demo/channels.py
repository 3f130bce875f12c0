"""The demo's accounts and groups, who opens its shares by which device, and the machines that follow every link."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from fissile.domain.channels.model import Draft, Filter
from fissile.domain.channels.operations import put_drafts
from fissile.domain.channels.queries import page_of
from fissile.domain.shares.model import Opener
from fissile.infra.agents import agent_of, referrer_host
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events

FLEET = 3_000
_HAND_MADE = 24
_NETWORKS = ("wechat", "xiaohongshu", "douyin", "weibo", "qq", "kuaishou")
_SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡林郭何高罗"
_SHOPS = ("好物分享", "省钱日记", "穿搭笔记", "宝妈优选", "吃货地图", "居家良品", "数码测评", "旅行攻略")
_PLACES = ("朝阳", "徐汇", "天河", "西湖", "武侯", "江汉", "鼓楼", "雁塔")
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID = "Mozilla/5.0 (Linux; Android 15; PJD110) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0"
_PEOPLE = (
    (f"{_IPHONE} Mobile/15E148 MicroMessenger/8.0.53 NetType/WIFI Language/zh_CN", "", 6),
    (f"{_ANDROID} Mobile Safari/537.36 XWEB/1300 MicroMessenger/8.0.53", "", 6),
    (f"{_IPHONE} Mobile/15E148 xhsdiscover/8.58", "https://www.xiaohongshu.com/explore/1", 3),
    (f"{_ANDROID} Mobile Safari/537.36", "https://weibo.com/u/1", 2),
    (f"{_IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", "", 2),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
        "https://www.baidu.com/s?wd=tea",
        2,
    ),
    ("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari", "", 1),
)
_MACHINES = (
    ("WhatsApp/2.24.21.0 A", "", 3),
    ("TelegramBot (like TwitterBot)", "", 2),
    ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "", 2),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", 2),
)
MACHINES_IN_TEN = 2


async def make_channels(db: Database, *, actors: Mapping[str, Actor], at: datetime) -> dict[str, list[UUID]]:
    """Give one promoter a fleet and the two others a few; return what each has for shares to name. Twice is once."""
    named: dict[str, list[UUID]] = {}
    for name, count in (("promoter", 5), ("promoter2", FLEET), ("promoter3", 9)):
        actor = actors[name]
        assert actor.member_id is not None, "promoters are members"
        drafts = _drafts(name, count=count)
        async with db.transaction() as connection:
            # Ids come from the seed, and rows that are there are left alone: broken off and done again is the same.
            applied = await put_drafts(
                connection, promoter_id=actor.member_id, drafts=drafts, at=at, rng=random.Random(f"channels {name}")
            )
            if applied.loaded or applied.updated:
                moved = applied.tally
                data = {
                    "accounts": moved.accounts,
                    "communities": moved.communities,
                    "versions": moved.versions,
                    "states": moved.states,
                }
                happened = Event("channels.imported", actor.member_id, data)
                await record_events(connection, happened=[happened], actor=actor, at=at)
            found = await page_of(
                connection, promoter_id=actor.member_id, chosen=Filter(state="active"), before=None, limit=_HAND_MADE
            )
            named[name] = [one.id for one in found]
    return named


def opener(rng: random.Random, *, machine: bool) -> Opener:
    """Return one of those who open shares, as their headers tell."""
    among: Sequence[tuple[str, str, int]] = _MACHINES if machine else _PEOPLE
    (user_agent, referrer, _), *_ = rng.choices(among, weights=[one[2] for one in among])
    agent = agent_of(user_agent)
    site = referrer_host(referrer) if referrer else ""
    return Opener(agent.kind, agent.name, site, agent.device, agent.os, agent.browser, agent.app)


def _drafts(name: str, *, count: int) -> list[Draft]:
    rng = random.Random(f"demo channels {name}")
    drafts = []
    for number in range(count):
        network = rng.choice(_NETWORKS)
        group = number % 6 == 5
        place, shop = rng.choice(_PLACES), rng.choice(_SHOPS)
        drafts.append(
            Draft(
                line=number,
                kind="community" if group else "account",
                network="wechat" if group else network,
                handle=f"{'group' if group else network}_{name}_{number:04d}",
                name=f"{place}{shop}群{number}" if group else f"小{rng.choice(_SURNAMES)}的{shop}{number}",
                tags=(place, shop[:2]),
                size=rng.randrange(40, 500) if group else rng.randrange(100, 90_000),
                # Some of a large fleet are always at rest or lost.
                state=rng.choices(("active", "resting", "blocked", "closed"), weights=(88, 6, 4, 2))[0],
            )
        )
    return drafts
