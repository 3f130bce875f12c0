"""Accounts and communities: registered, imported, changed one by one and by thousands, named by shares."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from fissile.domain.channels.errors import (
    BadChannelField,
    ChannelChanged,
    ChannelExists,
    ChannelNotUsable,
    ChannelUnknown,
    ImportTooLong,
    NameEmptied,
    NoChangeChosen,
    SelectionChanged,
)
from fissile.domain.channels.model import BulkChange, Channel, Filter, Stamp
from fissile.domain.channels.queries import page_of, stamp_of
from fissile.domain.channels.rules import bulk_change, draft_of
from fissile.domain.members.errors import RoleNotAllowed
from fissile.flows import import_channels as importing
from fissile.flows.change_channel import change_channel, remove_channel
from fissile.flows.change_channels import change_channels
from fissile.flows.import_channels import ChannelReport, import_channels
from fissile.flows.register_channel import register_channel
from fissile.infra.events import Actor
from fissile.kernel.errors import Refusal
from fissile.views.audit import run_audit
from fissile.views.channels import brought_by_channel
from tests.flows.conftest import Shop

FILE = """network,handle,name,kind,tags,size,owner,state,notes
微信,lin_01,林小满的店,account,母婴；华东,1200,,,
xhs,@Xiao.Hong,小红薯 🍠,账号,美妆,56000,,resting,weekly
wechat,baby-1,宝妈交流群1,群,母婴,480,LIN_01,,
douyin,عين,قناة,account,,,,,
"""


async def register(shop: Shop, *, actor: Actor | None = None, **cells: str) -> Channel:
    """Register one channel, valid by default, and return it."""
    given = {"network": "wechat", "handle": "lin_01"} | cells
    who = actor or shop.promoter
    await register_channel(shop.house.db, draft=draft_of(given), actor=who, at=shop.at, rng=shop.rng)
    found = await listed(shop, actor=who)
    return next(one for one in found if one.handle == given["handle"])


async def listed(shop: Shop, *, actor: Actor | None = None, limit: int = 100, **chosen: Any) -> list[Channel]:
    """Return a page of the promoter's list."""
    promoter_id = (actor or shop.promoter).member_id
    async with shop.house.db.reading() as connection:
        return await page_of(connection, promoter_id=promoter_id, chosen=Filter(**chosen), before=None, limit=limit)


async def seen(shop: Shop, **chosen: Any) -> Stamp:
    """Return what a preview shows."""
    async with shop.house.db.reading() as connection:
        return await stamp_of(connection, promoter_id=shop.promoter.member_id, chosen=Filter(**chosen))


async def load(shop: Shop, rows: str, *, dry_run: bool = False, actor: Actor | None = None) -> ChannelReport:
    """Import rows for the promoter."""
    assert shop.promoter.member_id
    return await import_channels(
        shop.house.db,
        path=None,
        stdin=io.BytesIO(rows.encode()),
        promoter_id=shop.promoter.member_id,
        dry_run=dry_run,
        actor=actor or shop.promoter,
        at=shop.at,
        rng=shop.rng,
    )


async def bulk(shop: Shop, change: BulkChange, *, stamp: Stamp | None = None, **chosen: Any) -> int:
    """Change what a filter means, as it was seen."""
    return await change_channels(
        shop.house.db,
        chosen=Filter(**chosen),
        change=change,
        seen=stamp or await seen(shop, **chosen),
        actor=shop.promoter,
        at=shop.at,
    )


class TestFields:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("network", "myspace"),
            ("handle", ""),
            ("handle", "a\x07b"),
            ("name", "evil\u202egnp"),
            ("name", "x" * 101),
            ("size", "-5"),
            ("size", "many"),
            ("state", "banned"),
            ("kind", "person"),
            ("tags", ",".join(map(str, range(30)))),
        ],
    )
    def test_are_refused_by_name(self, column: str, value: str) -> None:
        with pytest.raises(BadChannelField) as refused:
            draft_of({"network": "wechat", "handle": "lin"} | {column: value})

        assert refused.value.details["column"] == column

    @pytest.mark.parametrize("name", ["👩‍👩‍👧 家庭群", "قناة التسوق", "O'Brien & Söhne", "龍井茶 ✨"])
    def test_take_the_names_that_people_have(self, name: str) -> None:
        assert draft_of({"network": "wechat", "handle": "lin", "name": name}).name == name

    @pytest.mark.parametrize("name", ["微信", "WeChat", "weixin", " WX "])
    def test_know_a_network_by_its_names(self, name: str) -> None:
        assert draft_of({"network": name, "handle": "lin"}).network == "wechat"


class TestRegister:
    async def test_the_same_handle_twice_is_refused_whatever_its_case(self, shop: Shop) -> None:
        await register(shop)

        with pytest.raises(ChannelExists):
            await register(shop, handle="LIN_01")

        assert len(await listed(shop)) == 1

    async def test_two_at_once_are_one(self, shop: Shop) -> None:
        outcomes = await asyncio.gather(*(register(shop) for _ in range(6)), return_exceptions=True)

        assert sum(isinstance(one, Channel) for one in outcomes) == 1
        assert sum(isinstance(one, ChannelExists) for one in outcomes) == 5

    async def test_is_for_promoters(self, shop: Shop) -> None:
        with pytest.raises(RoleNotAllowed):
            await register(shop, actor=await shop.member("buyer"))


class TestImport:
    async def test_loads_what_is_good_and_tells_the_rest_with_its_line(self, shop: Shop) -> None:
        report = await load(shop, FILE + "nowhere,x,,,,,,,\nwechat,lin_01,again,,,,,,\nwechat,g,,群,,,nobody,,\n")

        assert (report.read, report.loaded, report.rejected) == (7, 4, 3)
        assert [(one.line, one.column) for one in report.errors] == [(6, "network"), (7, "handle"), (8, "owner")]
        account, community = await listed(shop, words="lin_01"), await listed(shop, kind="community")
        assert community[0].owner_id == account[0].id

    async def test_twice_is_once_and_blank_cells_change_nothing(self, shop: Shop) -> None:
        await load(shop, FILE)

        again = await load(shop, FILE)
        partly = await load(shop, "network,handle,name,size\nwechat,LIN_01,,1300\n")

        assert (again.loaded, again.updated, again.unchanged) == (0, 0, 4)
        assert (partly.loaded, partly.updated) == (0, 1)
        (found,) = await listed(shop, words="lin_01")
        assert (found.name, found.size, found.version) == ("林小满的店", 1300, 2)

    async def test_a_dry_run_tells_the_differences_and_writes_nothing(self, shop: Shop) -> None:
        await load(shop, FILE)
        before = await listed(shop)

        report = await load(shop, "network,handle,state\nxhs,xiao.hong,closed\nqq,new,\n", dry_run=True)

        assert (report.loaded, report.updated) == (1, 1)
        assert [(one.line, one.column, one.before, one.after) for one in report.differences] == [
            (2, "state", "resting", "closed")
        ]
        assert await listed(shop) == before

    async def test_an_endless_file_is_refused(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importing, "ROWS_MAX", 10)

        with pytest.raises(ImportTooLong):
            await load(shop, "network,handle\n" + "".join(f"qq,h{n}\n" for n in range(11)))

    async def test_a_million_rows_are_refused_before_any_is_loaded(self, shop: Shop, tmp_path: Path) -> None:
        file = tmp_path / "many.csv"
        file.write_bytes(b"network,handle\n" + b"qq,h\n" * 1_000_000)
        assert shop.promoter.member_id

        with pytest.raises(Refusal, match="1000000 lines"):
            await import_channels(
                shop.house.db,
                path=file,
                promoter_id=shop.promoter.member_id,
                dry_run=False,
                actor=shop.promoter,
                at=shop.at,
                rng=shop.rng,
            )

        assert await listed(shop) == []

    async def test_is_not_for_another_promoters_list(self, shop: Shop) -> None:
        with pytest.raises(RoleNotAllowed):
            await load(shop, FILE, actor=await shop.member())


class TestSearch:
    @pytest.mark.parametrize(
        ("words", "handles"),
        [("小满", ["lin_01"]), ("交流群", ["baby-1"]), ("HONG", ["Xiao.Hong"]), ("ب", []), ("群 宝妈", ["baby-1"])],
    )
    async def test_finds_parts_of_names_and_handles(self, shop: Shop, words: str, handles: list[str]) -> None:
        await load(shop, FILE)

        assert [one.handle for one in await listed(shop, words=words)] == handles

    async def test_pages_follow_one_another_without_a_gap(self, shop: Shop) -> None:
        await load(shop, "network,handle\n" + "".join(f"qq,h{n}\n" for n in range(25)))
        found: list[Channel] = []
        before = None

        while True:
            async with shop.house.db.reading() as connection:
                page = await page_of(
                    connection, promoter_id=shop.promoter.member_id, chosen=Filter(), before=before, limit=10
                )
            if not page:
                break
            found += page
            before = page[-1].id

        assert len({one.handle for one in found}) == len(found) == 25


class TestChangeMany:
    async def test_changes_what_the_filter_means_and_tells_how_many(self, shop: Shop) -> None:
        await load(shop, FILE)

        changed = await bulk(shop, BulkChange(state="closed", add_tag="2026"), network="wechat")

        assert changed == 2
        assert {one.handle: (one.state, "2026" in one.tags) for one in await listed(shop)} == {
            "lin_01": ("closed", True),
            "baby-1": ("closed", True),
            "Xiao.Hong": ("resting", False),
            "عين": ("active", False),
        }

    async def test_what_changed_since_the_preview_is_not_overwritten(self, shop: Shop) -> None:
        await load(shop, FILE)
        stamp = await seen(shop)
        await load(shop, "network,handle,size\nwechat,lin_01,7\n")

        with pytest.raises(SelectionChanged):
            await bulk(shop, BulkChange(state="closed"), stamp=stamp)

        assert await listed(shop, state="closed") == []

    async def test_names_are_replaced_and_found_anew(self, shop: Shop) -> None:
        await load(shop, FILE)

        assert await bulk(shop, bulk_change(state="", add_tag="", remove_tag="", find="小满", put="大满")) == 1

        assert [one.name for one in await listed(shop, words="大满")] == ["林大满的店"]
        assert await listed(shop, words="小满") == []

    async def test_no_name_is_emptied(self, shop: Shop) -> None:
        await load(shop, FILE)

        with pytest.raises(NameEmptied):
            await bulk(shop, BulkChange(find="قناة"))

    async def test_nothing_to_change_is_told(self, shop: Shop) -> None:
        await load(shop, FILE)

        with pytest.raises(NoChangeChosen):
            await bulk(shop, BulkChange())

    async def test_others_are_not_touched(self, shop: Shop) -> None:
        await load(shop, FILE)
        rival = await shop.member()
        theirs = await register(shop, actor=rival)

        await bulk(shop, BulkChange(state="closed"), ids=(theirs.id, *[one.id for one in await listed(shop)]))

        assert [one.state for one in await listed(shop, actor=rival)] == ["active"]


class TestChangeOne:
    async def test_the_second_of_two_tabs_is_told(self, shop: Shop) -> None:
        channel = await register(shop)
        draft = draft_of({"network": "wechat", "handle": "lin_01", "name": "First"})
        await change_channel(
            shop.house.db, channel_id=channel.id, version=1, draft=draft, actor=shop.promoter, at=shop.at
        )

        with pytest.raises(ChannelChanged):
            await change_channel(
                shop.house.db, channel_id=channel.id, version=1, draft=draft, actor=shop.promoter, at=shop.at
            )

    async def test_a_stranger_may_not(self, shop: Shop) -> None:
        channel = await register(shop)

        with pytest.raises(ChannelUnknown):
            await remove_channel(shop.house.db, channel_id=channel.id, version=1, actor=await shop.member(), at=shop.at)

    async def test_removal_leaves_nothing_of_the_handle_anywhere(self, shop: Shop) -> None:
        channel = await register(shop, handle="secret_handle")
        share = await shop.share(channel_id=channel.id)

        await remove_channel(shop.house.db, channel_id=channel.id, version=1, actor=shop.promoter, at=shop.at)

        assert await listed(shop) == []
        assert await shop.rows("SELECT count(*) FROM events WHERE data::text LIKE '%secret_handle%'") == [(0,)]
        assert await shop.rows("SELECT channel_kind FROM shares WHERE id = :id", id=share.id) == [("account",)]


class TestShares:
    async def test_name_their_channel_and_are_summed_by_it(self, shop: Shop) -> None:
        channel = await register(shop)
        for changes in ({"channel_id": channel.id}, {"channel_id": channel.id}, {"offline": True}, {}):
            await shop.share(**changes)

        async with shop.house.db.reading() as connection:
            assert shop.promoter.member_id
            found = await brought_by_channel(connection, promoter_id=shop.promoter.member_id)

        assert {(one["channel_kind"], one["handle"]): one["shares"] for one in found} == {
            ("account", "lin_01"): 2,
            ("offline", None): 1,
            ("none", None): 1,
        }

    @pytest.mark.parametrize("state", ["closed", "blocked"])
    async def test_cannot_go_where_nobody_can_see_them(self, shop: Shop, state: str) -> None:
        channel = await register(shop, state=state)

        with pytest.raises(ChannelNotUsable):
            await shop.share(channel_id=channel.id)

    async def test_cannot_name_another_promoters_channel(self, shop: Shop) -> None:
        theirs = await register(shop, actor=await shop.member())

        with pytest.raises(ChannelUnknown):
            await shop.share(channel_id=theirs.id)


class TestAudit:
    async def test_folds_the_events_to_the_lists(self, shop: Shop) -> None:
        await load(shop, FILE)
        await bulk(shop, BulkChange(state="resting", add_tag="x"), kind="account")
        channel = await register(shop, handle="gone")
        await remove_channel(shop.house.db, channel_id=channel.id, version=1, actor=shop.promoter, at=shop.at)

        assert (await run_audit(shop.house.db)).findings == ()

    async def test_finds_a_list_that_no_event_explains(self, shop: Shop) -> None:
        await load(shop, FILE)
        connection = await shop.house.db.raw()
        await connection.execute("UPDATE channels SET state = 'blocked' WHERE handle = 'lin_01'")
        await connection.close()

        found = (await run_audit(shop.house.db)).findings

        assert {one.table for one in found} == {"channels"}
