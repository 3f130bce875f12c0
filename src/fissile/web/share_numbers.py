"""What a promoter's shares brought, by day, form, channel or share: as a page with its chart, and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, cast
from uuid import UUID

from litestar import Response, get

from fissile.kernel.ids import parse_public_id, public_id
from fissile.views import share_kit as views
from fissile.web.asker import Asker, PageRequest, asker_of
from fissile.web.page import page
from fissile.web.query import choice, word
from fissile.web.share_kit import DAYS, visits_by_day

_PROMOTER = {"roles": ("promoter",)}
_PERIODS: Final = ("7", "30", "90", "365")
_SHOWN_MAX: Final = 200
_COLUMNS: Final = ("key", "name", "visits", "opens", "currency", "paid_orders", "gmv", "commission")
# What a spreadsheet would take for a formula when it opens the file.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class _Asked:
    by: views.Grouping
    days: int
    share_id: UUID | None
    since: datetime
    until: datetime


@get("/promoter/statistics", opt=_PROMOTER)
async def statistics(request: PageRequest) -> Response[str]:
    """What the promoter's shares brought in a period, as chart and table."""
    asker = asker_of(request)
    asked = _asked(request, asker)
    lines, titles = await _read(asker, asked)
    days = lines if asked.by == "day" else (await _read(asker, _by_day(asked)))[0]
    lines = lines[::-1] if asked.by == "day" else sorted(lines, key=lambda one: (-one.visits, -one.orders, one.key))
    return page(
        asker,
        "promoter/statistics.html",
        by=asked.by,
        days=asked.days,
        periods=[int(one) for one in _PERIODS],
        groupings=views.GROUPINGS,
        lines=lines[:_SHOWN_MAX],
        left_out=max(0, len(lines) - _SHOWN_MAX),
        titles=titles,
        chart=visits_by_day(days, asker=asker, since=asked.since),
        visits=sum(one.visits for one in lines),
        orders=sum(one.orders for one in lines),
        share=public_id("shr", asked.share_id) if asked.share_id else "",
    )


@get("/promoter/statistics.csv", opt=_PROMOTER)
async def statistics_csv(request: PageRequest) -> Response[bytes]:
    """The same as a table: a row for each key and currency, amounts in major units."""
    asker = asker_of(request)
    asked = _asked(request, asker)
    lines, titles = await _read(asker, asked)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for line in lines:
        name = _unformula(titles.get(line.key, line.key))
        key = public_id("shr", UUID(line.key)) if asked.by == "share" else _unformula(line.key)
        head = (key, name, line.visits, line.opens)
        for one in line.amounts or (views.Amounts("", 0, 0, 0),):
            money = ("", "") if not one.currency else _amounts(asker, one)
            writer.writerow((*head, one.currency, one.orders, *money))
            head = (key, name, 0, 0)  # visits have no currency: they stand in the first row of their key
    return Response(
        out.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="shares-by-{asked.by}.csv"',
            "Cache-Control": "private, no-store",
        },
    )


def _asked(request: PageRequest, asker: Asker) -> _Asked:
    by = cast(views.Grouping, choice(request, "by", among=views.GROUPINGS) or "day")
    days = int(choice(request, "days", among=_PERIODS) or DAYS)
    share = word(request, "share")
    until = datetime.combine(asker.at.date() + timedelta(days=1), time(), tzinfo=UTC)
    return _Asked(by, days, parse_public_id("shr", share) if share else None, until - timedelta(days=days), until)


def _by_day(asked: _Asked) -> _Asked:
    return _Asked("day", asked.days, asked.share_id, asked.since, asked.until)


async def _read(asker: Asker, asked: _Asked) -> tuple[list[views.Brought], dict[str, str]]:
    assert asker.member_id is not None, "a promoter is a member"
    async with asker.house.db.reading() as connection:
        lines = await views.brought(
            connection,
            promoter_id=asker.member_id,
            share_id=asked.share_id,
            by=asked.by,
            since=asked.since,
            until=asked.until,
        )
        if asked.by != "share":
            return lines, {}
        titles = await views.titles_of(connection, promoter_id=asker.member_id, share_ids=[one.key for one in lines])
        return lines, titles


def _amounts(asker: Asker, one: views.Amounts) -> tuple[str, str]:
    plain = asker.words.plain_money
    return plain(one.gmv_minor, one.currency), plain(one.commission_minor, one.currency)


def _unformula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


HANDLERS = (statistics, statistics_csv)
