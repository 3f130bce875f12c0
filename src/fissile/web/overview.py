"""The operator's first page: what waits, counts, GMV of today and of thirty days."""

from __future__ import annotations

from datetime import timedelta

from litestar import Response, get

from fissile.views import house as views
from fissile.web.asker import PageRequest, asker_of
from fissile.web.chart import Bar, bars
from fissile.web.page import page

# Staff of one merchant begin with their orders; what adds up over all merchants is not theirs.
_LOOKERS = ("operator", "payout_officer", "auditor")


@get("/operator", opt={"roles": _LOOKERS})
async def overview(request: PageRequest) -> Response[str]:
    """Counts and money at a glance."""
    asker = asker_of(request)
    day = asker.at.replace(hour=0, minute=0, second=0, microsecond=0)
    since = day - timedelta(days=views.DAYS - 1)
    async with asker.house.db.reading() as connection:
        counts = await views.counts(connection, day=day)
        gmv = await views.gmv(connection, day=day, since=since)
    words = asker.words
    daily = gmv[0].daily if gmv else ()
    chart = bars(
        [
            Bar(
                value=one.minor,
                name=words.day(one.day),
                told=f"{words.day(one.day)}: {words.money(one.minor, gmv[0].currency)}",
            )
            for one in daily
        ]
    )
    return page(
        asker, "operator/overview.html", counts=counts, counted=views.COUNTED, gmv=gmv, daily=daily, chart=chart
    )


HANDLERS = (overview,)
