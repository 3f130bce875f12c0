"""Who opened shares: a promoter's own, or everybody's; as a page and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get
from sqlalchemy.engine import RowMapping

from fissile.infra.networks import NETWORKS
from fissile.infra.tabular import csv_line
from fissile.views import visits as views
from fissile.views.channels import brought_by_channel
from fissile.web.asker import Asker, PageRequest, asker_of
from fissile.web.chart import Bar, bars
from fissile.web.page import page
from fissile.web.query import choice

KINDS = ("person", "own", "preview", "bot", "prefetch")
_SPANS = {"7": 7, "30": 30, "90": 90}
_CSV = {"Content-Disposition": 'attachment; filename="visits.csv"'}


@get("/promoter/visits", opt={"roles": ("promoter",)})
async def my_visits(request: PageRequest) -> Response[str]:
    """Visits of the promoter's own shares."""
    asker = asker_of(request)
    return await _shown(request, asker, promoter_id=asker.member_id, frame="promoter/frame.html")


@get("/operator/visits", opt={"roles": ("operator", "reviewer", "auditor")})
async def all_visits(request: PageRequest) -> Response[str]:
    """Visits of all shares."""
    return await _shown(request, asker_of(request), promoter_id=None, frame="operator/frame.html")


@get("/promoter/visits.csv", opt={"roles": ("promoter",)})
async def my_visits_csv(request: PageRequest) -> Response[str]:
    """The promoter's visits by day and kind."""
    asker = asker_of(request)
    return await _csv(request, asker, promoter_id=asker.member_id)


@get("/operator/visits.csv", opt={"roles": ("operator", "reviewer", "auditor")})
async def all_visits_csv(request: PageRequest) -> Response[str]:
    """All visits by day and kind."""
    return await _csv(request, asker_of(request), promoter_id=None)


async def _shown(request: PageRequest, asker: Asker, *, promoter_id: UUID | None, frame: str) -> Response[str]:
    span, since, until = _span(request, asker)
    asked: dict[str, Any] = {"promoter_id": promoter_id, "since": since, "until": until}
    async with asker.house.db.reading() as connection:
        counted = await views.by_day(connection, **asked)
        ways = {way: await views.people_by(connection, way=way, **asked) for way in views.WAYS}
        machines = await views.machines(connection, **asked)
        channels = await brought_by_channel(connection, promoter_id=promoter_id, limit=20) if promoter_id else []
    days = _days(counted, first=since.date(), count=span)
    words = asker.words
    chart = bars(
        [
            Bar(
                value=one["person"],
                name=words.day(one["day"]),
                told=f"{words.day(one['day'])}: {one['person']}",
            )
            for one in days
        ]
    )
    return page(
        asker,
        "visits.html",
        frame=frame,
        networks=NETWORKS,
        span=span,
        spans=list(_SPANS.values()),
        kinds=KINDS,
        sums={kind: sum(one[kind] for one in days) for kind in KINDS},
        days=[one for one in reversed(days) if any(one[kind] for kind in KINDS)],
        chart=chart,
        ways=ways,
        machines=machines,
        channels=channels,
    )


async def _csv(request: PageRequest, asker: Asker, *, promoter_id: UUID | None) -> Response[str]:
    span, since, until = _span(request, asker)
    async with asker.house.db.reading() as connection:
        counted = await views.by_day(connection, promoter_id=promoter_id, since=since, until=until)
    lines = [csv_line(["day", *KINDS])]
    for one in _days(counted, first=since.date(), count=span):
        lines.append(csv_line([one["day"].isoformat(), *(str(one[kind]) for kind in KINDS)]))
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=_CSV)


def _span(request: PageRequest, asker: Asker) -> tuple[int, Any, Any]:
    span = _SPANS[choice(request, "days", among=_SPANS) or "30"]
    until = asker.at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return span, until - timedelta(days=span), until


def _days(counted: Sequence[RowMapping], *, first: date, count: int) -> list[dict[str, Any]]:
    """Return one row a day with the count of each kind, days without visits too."""
    days: dict[date, dict[str, Any]] = {}
    for number in range(count):
        day = first + timedelta(days=number)
        days[day] = {"day": day, **dict.fromkeys(KINDS, 0)}
    for one in counted:
        days[one["day"]][one["kind"]] = one["visits"]
    return list(days.values())


HANDLERS = (my_visits, all_visits, my_visits_csv, all_visits_csv)
