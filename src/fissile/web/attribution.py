"""The promoter asks: why me, why not me?"""

from __future__ import annotations

from litestar import Response, get

from fissile.flows.explain_credit import explain_credit
from fissile.kernel.ids import parse_public_id
from fissile.web.asker import PageRequest, asker_of
from fissile.web.page import page
from fissile.web.query import word


@get("/promoter/why", opt={"roles": ("promoter",)})
async def why(request: PageRequest) -> Response[str]:
    """Why an order was credited to this promoter, or why not; nobody else is named."""
    asker = asker_of(request)
    number = word(request, "order")
    found = None
    if number:
        order_id = parse_public_id("ord", number)
        found = await explain_credit(asker.house.db, order_id=order_id, actor=asker.actor)
    return page(asker, "promoter/why.html", number=number, found=found)


HANDLERS = (why,)
