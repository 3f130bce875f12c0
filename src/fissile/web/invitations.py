"""The promoter's invitation: a link that makes its promoter the inviter of who joins by it."""

from __future__ import annotations

from litestar import Response, get, post

from fissile.domain.members.invitations import invitation_of
from fissile.flows.invite_promoter import invite_promoter
from fissile.kernel.ids import public_id
from fissile.views import promoter as views
from fissile.web.asker import PageRequest, asker_of
from fissile.web.page import go, page

_PROMOTER = {"roles": ("promoter",)}


@get("/promoter/invitation", opt=_PROMOTER)
async def invitation(request: PageRequest) -> Response[str]:
    """The link, what it means, and what the invited have sold."""
    asker = asker_of(request)
    assert asker.member_id is not None, "the page is for promoters"
    async with asker.house.db.reading() as connection:
        found = await invitation_of(connection, promoter_id=asker.member_id)
        invited = await views.invited_by(connection, promoter_id=asker.member_id)
    link = f"{asker.house.settings.base_url}/promote?from={public_id('inv', found)}" if found else None
    return page(asker, "promoter/invitation.html", link=link, invited=invited)


@post("/promoter/invitation", status_code=303, opt=_PROMOTER)
async def send_invitation(request: PageRequest) -> Response[None]:
    """Make the link."""
    asker = asker_of(request)
    await invite_promoter(asker.house.db, actor=asker.actor, at=asker.at, rng=asker.rng)
    return go("/promoter/invitation")


HANDLERS = (invitation, send_invitation)
