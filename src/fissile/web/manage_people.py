"""Members and their roles, and the log of administrative acts."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.flows.grant_role import grant_role
from fissile.flows.revoke_role import revoke_role
from fissile.kernel.ids import parse_public_id
from fissile.views import goods
from fissile.views import people as views
from fissile.web.asker import PageRequest, asker_of, form_of
from fissile.web.errors import PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, cut, word

_OPERATOR = {"roles": ("operator",)}


@get("/operator/members", opt={"roles": ("operator", "auditor")})
async def members(request: PageRequest) -> Response[str]:
    """Members with their roles."""
    asker = asker_of(request)
    words, role = word(request, "q"), choice(request, "role", among=LABELS["role"])
    async with asker.house.db.reading() as connection:
        read = await views.members(
            connection,
            words=words,
            role=role,
            before=cursor(request, "before", prefix="mem"),
            limit=views.PAGE + 1,
        )
    found, more = cut(read, size=views.PAGE, prefix="mem")
    return page(asker, "operator/members.html", members=found, more=more, words=words, role=role)


@get("/operator/members/{member:str}", opt={"roles": ("operator", "auditor")})
async def member(request: PageRequest, member: FromPath[str]) -> Response[str]:
    """One member; roles are granted and taken away here."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        found = await views.member(connection, member_id=parse_public_id("mem", member))
        if found is None:
            raise PageNotFound()
        merchants = await goods.merchants(connection)
    return page(
        asker,
        "operator/member.html",
        member=found,
        merchants=merchants,
        may_write=asker.has("operator") and found["id"] != asker.member_id,
    )


@post("/operator/members/{member:str}/grant", status_code=303, opt=_OPERATOR)
async def send_grant(request: PageRequest, member: FromPath[str]) -> Response[None]:
    """Grant a role."""
    asker, form = asker_of(request), form_of(request)
    merchant = form.get("merchant")
    await grant_role(
        asker.house.db,
        member_id=parse_public_id("mem", member),
        role=form.get("role"),
        merchant_id=parse_public_id("mch", merchant) if merchant else None,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/members/{member}", note="role")


@post("/operator/members/{member:str}/revoke", status_code=303, opt=_OPERATOR)
async def send_revoke(request: PageRequest, member: FromPath[str]) -> Response[None]:
    """Take a role away."""
    asker, form = asker_of(request), form_of(request)
    merchant = form.get("merchant")
    await revoke_role(
        asker.house.db,
        member_id=parse_public_id("mem", member),
        role=form.get("role"),
        merchant_id=parse_public_id("mch", merchant) if merchant else None,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
    )
    return go(f"/operator/members/{member}", note="role-gone")


@get("/operator/audit", opt={"roles": ("operator", "auditor")})
async def audit(request: PageRequest) -> Response[str]:
    """The log of administrative acts, newest first."""
    asker = asker_of(request)
    before = word(request, "before")
    async with asker.house.db.reading() as connection:
        read = await views.acts(
            connection, before=parse_public_id("act", before) if before else None, limit=views.PAGE + 1
        )
    found, more = cut(read, size=views.PAGE, prefix="act")
    return page(asker, "operator/audit.html", acts=found, more=more)


HANDLERS = (members, member, send_grant, send_revoke, audit)
