"""Signing up, in and out, the language, becoming a promoter."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post

from fissile.api import asking
from fissile.api.problems import status_of
from fissile.domain.members.model import member_actor
from fissile.flows.ask_for_proof import ask_for_proof
from fissile.flows.become_promoter import become_promoter
from fissile.flows.change_cart import merge_cart
from fissile.flows.sign_in import sign_in
from fissile.flows.sign_out import sign_out
from fissile.flows.sign_up import sign_up
from fissile.infra.rate_limits import RateLimits
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id
from fissile.web.asker import Asker, PageRequest, asker_of, client_of, form_of
from fissile.web.page import go, page
from fissile.web.query import word


@get("/sign-in")
async def sign_in_page(request: PageRequest) -> Response[Any]:
    """The form to sign in."""
    asker = asker_of(request)
    wanted = asking.safe_path(word(request, "next"), otherwise="/")
    if asker.session:
        return go(wanted)
    return page(asker, "account/sign_in.html", wanted=wanted, email="", sentence="")


@post("/sign-in", status_code=303)
async def send_sign_in(request: PageRequest) -> Response[Any]:
    """Open a session."""
    asker, form = asker_of(request), form_of(request)
    email, wanted = form.get("email"), asking.safe_path(form.get("next"), otherwise="/")
    try:
        limits = RateLimits(asker.house.db)
        await limits.hit("sign_in_address", client_of(request), asker.at)
        await limits.hit("sign_in_email", email.lower(), asker.at)
        opened = await sign_in(
            asker.house.db,
            email=email,
            password=str(form.fields.get("password", "")),
            visitor_id=asker.visitor_id,
            at=asker.at,
            rng=asker.rng,
            old_session_token=asker.session_token or None,
        )
    except Refusal as refusal:
        return page(
            asker,
            "account/sign_in.html",
            status=status_of(refusal.code),
            wanted=wanted,
            email=email,
            sentence=asker.words.refusal(refusal),
        )
    await _bring_cart(asker, opened.member_id)
    asker.set_session(opened.session_token)
    return go(wanted, note="signed-in")


@get("/sign-up")
async def sign_up_page(request: PageRequest) -> Response[Any]:
    """The form to become a member."""
    asker = asker_of(request)
    wanted = asking.safe_path(word(request, "next"), otherwise="/")
    if asker.session:
        return go(wanted)
    return page(asker, "account/sign_up.html", wanted=wanted, email="", name="", sentence="")


@post("/sign-up", status_code=303)
async def send_sign_up(request: PageRequest) -> Response[Any]:
    """Make a member and open a session."""
    asker, form = asker_of(request), form_of(request)
    email, name = form.get("email"), form.get("name")
    wanted = asking.safe_path(form.get("next"), otherwise="/")
    try:
        await RateLimits(asker.house.db).hit("sign_up_address", client_of(request), asker.at)
        opened = await sign_up(
            asker.house.db,
            email=email,
            password=str(form.fields.get("password", "")),
            display_name=name,
            locale=asker.words.locale,
            visitor_id=asker.visitor_id,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        return page(
            asker,
            "account/sign_up.html",
            status=status_of(refusal.code),
            wanted=wanted,
            email=email,
            name=name,
            sentence=asker.words.refusal(refusal),
        )
    await _bring_cart(asker, opened.member_id)
    await ask_for_proof(asker.house.db, email=email, purpose="email", at=asker.at, rng=asker.rng)
    asker.set_session(opened.session_token)
    return go(wanted, note="welcome")


async def _bring_cart(asker: Asker, member_id: UUID) -> None:
    """What the visitor had in the cart comes along."""
    await merge_cart(asker.house.db, visitor_id=asker.visitor_id, actor=member_actor(member_id=member_id), at=asker.at)


@post("/sign-out", status_code=303)
async def send_sign_out(request: PageRequest) -> Response[None]:
    """End the session."""
    asker = asker_of(request)
    if asker.session:
        await sign_out(asker.house.db, session_token=asker.session_token, at=asker.at)
    asker.set_cookie(name=asking.SESSION_COOKIE, value="", seconds=0)
    return go("/", note="signed-out")


@post("/language", status_code=303)
async def language(request: PageRequest) -> Response[None]:
    """Keep the language that the person chose and return to the page."""
    asker, form = asker_of(request), form_of(request)
    wanted = asking.locale_of(wanted=(form.get("lang"),), accept_language="", default=asker.words.locale)
    asker.set_cookie(name=asking.LOCALE_COOKIE, value=wanted, seconds=asking.VISITOR_SECONDS)
    return go(asking.safe_path(form.get("next"), otherwise="/"))


@get("/promote")
async def promote(request: PageRequest) -> Response[Any]:
    """What a promoter does and gets, and the button to become one."""
    asker = asker_of(request)
    if asker.has("promoter"):
        return go("/promoter/products")
    return page(asker, "account/promote.html", invitation=request.query_params.get("from", "")[:60])


@post("/promote", status_code=303, opt={"roles": ()})
async def send_promote(request: PageRequest) -> Response[None]:
    """Become a promoter."""
    asker, form = asker_of(request), form_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    given = form.get("invitation")
    await become_promoter(
        asker.house.db,
        member_id=asker.member_id,
        invitation_id=parse_public_id("inv", given) if given else None,
        at=asker.at,
        rng=asker.rng,
    )
    return go("/promoter/products", note="promoter")


HANDLERS = (
    sign_in_page,
    send_sign_in,
    sign_up_page,
    send_sign_up,
    send_sign_out,
    language,
    promote,
    send_promote,
)
