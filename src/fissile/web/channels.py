"""Accounts and communities: a promoter's list, one of them, changes of many, import; everybody's for those who read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.problems import status_of
from fissile.domain.channels import rules
from fissile.domain.channels.errors import ImportTooLong, NoChangeChosen, NothingSelected
from fissile.domain.channels.model import KINDS, STATES, Channel, Filter, Stamp
from fissile.domain.channels.queries import channel_by_id, count_of, page_of, stamp_of
from fissile.flows.change_channel import change_channel, remove_channel
from fissile.flows.change_channels import change_channels
from fissile.flows.import_channels import ROWS_MAX, ChannelReport, import_channels
from fissile.flows.register_channel import register_channel
from fissile.infra.networks import NETWORKS
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import channels as views
from fissile.web.asker import Asker, Form, PageRequest, asker_of, form_of
from fissile.web.errors import PageNotFound
from fissile.web.manage_import import FILE_BYTES, ROWS_SHOWN, checked, digest_of, kept, upload_folder
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, word

_PROMOTER = {"roles": ("promoter",)}
_READERS = {"roles": ("operator", "reviewer", "auditor")}
_FOLDER = "uploads-channels"
_SAMPLE = 10
_FILTERS = ("words", "kind", "network", "state", "tag")
_TICK = "pick-"


@get("/promoter/channels", opt=_PROMOTER)
async def my_channels(request: PageRequest) -> Response[str]:
    """The promoter's accounts and communities, with what each brought."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    chosen = _filter(request)
    async with asker.house.db.reading() as connection:
        read = await page_of(
            connection,
            promoter_id=asker.member_id,
            chosen=chosen,
            before=cursor(request, "before", prefix="chn"),
            limit=views.PAGE + 1,
        )
        found, more = _cut(read)
        sums = await views.sums_of(connection, promoter_id=asker.member_id)
        # Without a filter the sums have counted them already.
        plain = chosen == Filter()
        count = sums["channels"] if plain else await count_of(connection, promoter_id=asker.member_id, chosen=chosen)
        tags = await views.tags_of(connection, promoter_id=asker.member_id)
        brought = await views.brought_by_channel(
            connection, promoter_id=asker.member_id, channel_ids=[one.id for one in found], limit=views.PAGE
        )
    return page(
        asker,
        "promoter/channels.html",
        found=found,
        more=more,
        count=count,
        sums=sums,
        tags=tags,
        brought={one["channel_id"]: one for one in brought},
        **_choices(chosen),
    )


@get("/operator/channels", opt=_READERS)
async def all_channels(request: PageRequest) -> Response[str]:
    """Everybody's accounts and communities, to read."""
    asker = asker_of(request)
    chosen = _filter(request)
    async with asker.house.db.reading() as connection:
        read = await page_of(
            connection,
            promoter_id=None,
            chosen=chosen,
            before=cursor(request, "before", prefix="chn"),
            limit=views.PAGE + 1,
        )
        found, more = _cut(read)
        owners = await views.promoters_named(connection, member_ids=list({one.promoter_id for one in found}))
    return page(asker, "operator/channels.html", found=found, more=more, owners=owners, **_choices(chosen))


@get("/promoter/channels/new", opt=_PROMOTER)
async def new_channel(request: PageRequest) -> Response[str]:
    """The form to register one."""
    return _edited(asker_of(request), channel=None)


@post("/promoter/channels/new", status_code=200, opt=_PROMOTER)
async def send_channel(request: PageRequest) -> Response[Any]:
    """Register one, or show the form again with what is wrong in it."""
    asker, form = asker_of(request), form_of(request)
    try:
        draft = rules.draft_of(_cells(form))
        await register_channel(asker.house.db, draft=draft, actor=asker.actor, at=asker.at, rng=asker.rng)
    except Refusal as refusal:
        return _edited(asker, channel=None, refusal=refusal, form=form)
    return go("/promoter/channels", note="saved")


@get("/promoter/channels/{channel:str}", opt=_PROMOTER)
async def one_channel(request: PageRequest, channel: FromPath[str]) -> Response[str]:
    """The form to change one, with what it brought."""
    asker = asker_of(request)
    channel_id = parse_public_id("chn", channel)
    async with asker.house.db.reading() as connection:
        found = await channel_by_id(connection, channel_id=channel_id)
        if found is None or found.promoter_id != asker.member_id:
            raise PageNotFound()
        brought = await views.brought_by_channel(connection, promoter_id=found.promoter_id, channel_ids=[channel_id])
        owners = await views.channels_named(connection, channel_ids=[found.owner_id] if found.owner_id else [])
    return _edited(
        asker,
        channel=found,
        brought=brought[0] if brought else None,
        owner=owners.get(found.owner_id) if found.owner_id else None,
    )


@post("/promoter/channels/{channel:str}", status_code=200, opt=_PROMOTER)
async def send_change(request: PageRequest, channel: FromPath[str]) -> Response[Any]:
    """Change or remove one."""
    asker, form = asker_of(request), form_of(request)
    channel_id = parse_public_id("chn", channel)
    version = form.whole("version", low=1, high=2**62)
    db = asker.house.db
    if form.get("do") == "remove":
        await remove_channel(db, channel_id=channel_id, version=version, actor=asker.actor, at=asker.at)
        return go("/promoter/channels", note="channel-removed")
    try:
        await change_channel(
            db,
            channel_id=channel_id,
            version=version,
            draft=rules.draft_of(_cells(form)),
            actor=asker.actor,
            at=asker.at,
        )
    except Refusal as refusal:
        async with db.reading() as connection:
            found = await channel_by_id(connection, channel_id=channel_id)
        if found is None or found.promoter_id != asker.member_id:
            raise
        return _edited(asker, channel=found, refusal=refusal, form=form)
    return go(f"/promoter/channels/{channel}", note="saved")


@post("/promoter/channels/bulk", status_code=200, opt=_PROMOTER)
async def send_bulk(request: PageRequest) -> Response[Any]:
    """Show what a change of many would do, or do what was shown."""
    asker, form = asker_of(request), form_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    chosen = _chosen(form)
    change = rules.bulk_change(
        state=form.get("state"),
        add_tag=form.get("add_tag"),
        remove_tag=form.get("remove_tag"),
        find=form.get("find"),
        put=form.get("put"),
    )
    if form.get("go") == "yes":
        seen = Stamp(form.whole("count", low=0, high=2**40), form.whole("versions", low=0, high=2**60))
        await change_channels(asker.house.db, chosen=chosen, change=change, seen=seen, actor=asker.actor, at=asker.at)
        return go("/promoter/channels", note="saved")
    if change.empty:
        raise NoChangeChosen()
    async with asker.house.db.reading() as connection:
        stamp = await stamp_of(connection, promoter_id=asker.member_id, chosen=chosen)
        sample = await page_of(connection, promoter_id=asker.member_id, chosen=chosen, before=None, limit=_SAMPLE)
        shares = await views.active_shares(connection, promoter_id=asker.member_id, chosen=chosen)
    if not stamp.count:
        raise NothingSelected()
    fields = {name: form.get(name) for name in ("state", "add_tag", "remove_tag", "find", "put", "which")}
    fields |= {f"f_{name}": form.get(f"f_{name}") for name in _FILTERS}
    fields |= {name: "on" for name in form.fields if name.startswith(_TICK)}
    return page(
        asker,
        "promoter/channels_bulk.html",
        stamp=stamp,
        sample=sample,
        change=change,
        shares=shares,
        fields=fields,
        networks=NETWORKS,
    )


@get("/promoter/channels/import", opt=_PROMOTER)
async def import_page(request: PageRequest) -> Response[str]:
    """The form to choose a file or paste rows."""
    return _imported(asker_of(request))


@post("/promoter/channels/import", status_code=200, opt=_PROMOTER, request_max_body_size=FILE_BYTES)
async def send_import(request: PageRequest) -> Response[str]:
    """Check a file and keep it, or load the one that was checked."""
    asker, form = asker_of(request), form_of(request)
    loads = form.get("load") == "yes"
    rows = "" if loads else str(form.fields.get("rows", ""))
    folder = upload_folder(asker, of=_FOLDER)
    try:
        file = await (checked(folder, digest=form.get("digest")) if loads else kept(folder, form.fields))
        report = await _load(asker, file=file, dry_run=not loads)
    except Refusal as refusal:
        return _imported(asker, refusal=refusal, rows=rows)
    if loads:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return _imported(asker, report=report, loaded=True)
    return _imported(asker, report=report, digest=await asyncio.to_thread(digest_of, file), rows=rows)


async def _load(asker: Asker, *, file: Path, dry_run: bool) -> ChannelReport:
    assert asker.member_id is not None, "a promoter is a member"
    # Before any of it is read: the check of an endless file would hold the promoter's list for a long time.
    if (await asyncio.to_thread(file.read_bytes)).count(b"\n") > ROWS_MAX + 1:
        raise ImportTooLong(limit=ROWS_MAX)
    return await import_channels(
        asker.house.db,
        path=file,
        promoter_id=asker.member_id,
        dry_run=dry_run,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )


def _imported(
    asker: Asker,
    *,
    report: ChannelReport | None = None,
    loaded: bool = False,
    digest: str = "",
    rows: str = "",
    refusal: Refusal | None = None,
) -> Response[str]:
    return page(
        asker,
        "promoter/channels_import.html",
        status=status_of(refusal.code) if refusal else 200,
        sentence=asker.words.refusal(refusal) if refusal else "",
        report=report,
        loaded=loaded,
        digest=digest,
        rows=rows if len(rows) <= ROWS_SHOWN else "",
        columns=", ".join(rules.COLUMNS),
    )


def _edited(
    asker: Asker,
    *,
    channel: Channel | None,
    brought: Any = None,
    owner: Any = None,
    refusal: Refusal | None = None,
    form: Form | None = None,
) -> Response[str]:
    cells = {
        "network": channel.network if channel else "",
        "handle": channel.handle if channel else "",
        "name": channel.name if channel else "",
        "kind": channel.kind if channel else "account",
        "tags": ", ".join(channel.tags) if channel else "",
        "size": str(channel.size) if channel and channel.size is not None else "",
        "state": channel.state if channel else "active",
        "owner": "",
        "notes": channel.notes if channel else "",
    }
    return page(
        asker,
        "promoter/channel.html",
        status=status_of(refusal.code) if refusal else 200,
        sentence=asker.words.refusal(refusal) if refusal else "",
        channel=channel,
        # After a refusal the form shows what was typed; its version is that of the form, so that nothing is lost.
        cells=_cells(form) if form else cells,
        version=channel.version if channel else 0,
        brought=brought,
        owner=owner,
        networks=NETWORKS,
        kinds=KINDS,
        states=STATES,
    )


def _filter(request: PageRequest) -> Filter:
    return Filter(
        words=word(request, "words"),
        kind=choice(request, "kind", among=KINDS),
        network=choice(request, "network", among=NETWORKS),
        state=choice(request, "state", among=STATES),
        tag=word(request, "tag", most=rules.TAG_MAX) or None,
    )


def _choices(chosen: Filter) -> dict[str, Any]:
    given = {name: getattr(chosen, name) for name in _FILTERS if getattr(chosen, name)}
    return {
        "chosen": chosen,
        "query": urlencode(given),
        "networks": NETWORKS,
        "kinds": KINDS,
        "states": STATES,
    }


def _chosen(form: Form) -> Filter:
    """Return what a change of many means: the ticked rows, or all that the filter shows."""
    if form.get("which") != "all":
        ticked = tuple(parse_public_id("chn", name.removeprefix(_TICK)) for name in form.fields if _TICK in name[:5])
        return Filter(ids=ticked)
    given = {name: form.get(f"f_{name}") for name in _FILTERS}
    return Filter(
        words=given["words"][:200],
        kind=given["kind"] or None,
        network=given["network"] or None,
        state=given["state"] or None,
        tag=given["tag"] or None,
    )


def _cells(form: Form) -> dict[str, str]:
    return {name: form.get(name) for name in rules.COLUMNS}


def _cut(read: list[Channel]) -> tuple[list[Channel], str | None]:
    more = public_id("chn", read[views.PAGE - 1].id) if len(read) > views.PAGE else None
    return read[: views.PAGE], more


HANDLERS = (
    my_channels,
    all_channels,
    new_channel,
    send_channel,
    send_bulk,
    import_page,
    send_import,
    one_channel,
    send_change,
)
