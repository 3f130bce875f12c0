"""The inbox, links that came by mail, and how mails went."""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.problems import status_of
from fissile.domain.notices.errors import LinkSpent
from fissile.flows.ask_for_proof import ask_for_proof
from fissile.flows.confirm_email import confirm_email
from fissile.flows.read_inbox import read_inbox
from fissile.flows.recover_password import recover_password
from fissile.infra.rate_limits import RateLimits
from fissile.infra.secrets import secret_named
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import UnknownId, parse_public_id
from fissile.views import notices as views
from fissile.web.asker import Asker, PageRequest, asker_of, client_of, form_of
from fissile.web.notice_words import SAYS, path_of, proof_token, said
from fissile.web.page import go, page
from fissile.web.query import cursor, cut


@get("/inbox", opt={"roles": ()})
async def inbox(request: PageRequest) -> Response[Any]:
    """What the member was told."""
    asker = asker_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    async with asker.house.db.reading() as connection:
        read = await views.inbox(
            connection, member_id=asker.member_id, before=cursor(request, "before", prefix="ntc"), limit=views.PAGE + 1
        )
    found, more = cut(read, size=views.PAGE, prefix="ntc")
    told = [
        (
            one,
            *said(asker.words, kind=one["kind"], data=one["data"]),
            path_of(kind=one["kind"], subject_id=one["subject_id"]),
        )
        for one in found
    ]
    return page(asker, "account/inbox.html", told=told, more=more)


@post("/inbox/read", status_code=303, opt={"roles": ()})
async def send_read(request: PageRequest) -> Response[None]:
    """Mark what was shown as read."""
    asker, form = asker_of(request), form_of(request)
    newest = parse_public_id("ntc", form.get("newest"))
    await read_inbox(asker.house.db, actor=asker.actor, newest=newest, at=asker.at)
    return go("/inbox")


@get("/operator/mail", opt={"roles": ("operator", "auditor")})
async def mail(request: PageRequest) -> Response[Any]:
    """Mails and how they went: refused and given-up ones with the server's words."""
    asker = asker_of(request)
    async with asker.house.db.reading() as connection:
        read = await views.mails(connection, before=cursor(request, "before", prefix="ntc"), limit=views.PAGE + 1)
    found, more = cut(read, size=views.PAGE, prefix="ntc")
    return page(asker, "operator/mail.html", mails=found, more=more, says=SAYS)


@get("/forgot")
async def forgot(request: PageRequest) -> Response[Any]:
    """The form that asks for a link."""
    return page(asker_of(request), "account/forgot.html", sent=False, sentence="")


@post("/forgot", status_code=200)
async def send_forgot(request: PageRequest) -> Response[Any]:
    """Send a link to the address if a member has it; the answer is the same if nobody has."""
    asker, email = asker_of(request), form_of(request).get("email")
    try:
        limits = RateLimits(asker.house.db)
        await limits.hit("sign_up_address", client_of(request), asker.at)
        await limits.hit("password_reset_email", email.strip().lower(), asker.at)
        await ask_for_proof(asker.house.db, email=email, purpose="password", at=asker.at, rng=asker.rng)
    except Refusal as refusal:
        sentence = asker.words.refusal(refusal)
        return page(asker, "account/forgot.html", status=status_of(refusal.code), sent=False, sentence=sentence)
    return page(asker, "account/forgot.html", sent=True, sentence="")


@get("/reset/{token:str}")
async def reset(request: PageRequest, token: FromPath[str]) -> Response[Any]:
    """The form for a new password."""
    asker = asker_of(request)
    await _proof(asker, token, purpose="password")
    return page(asker, "account/reset.html", token=token, sentence="")


@post("/reset/{token:str}", status_code=303)
async def send_reset(request: PageRequest, token: FromPath[str]) -> Response[Any]:
    """Set the new password."""
    asker, form = asker_of(request), form_of(request)
    proof_id = await _proof(asker, token, purpose="password")
    password = str(form.fields.get("password", ""))
    try:
        await recover_password(asker.house.db, proof_id=proof_id, password=password, at=asker.at, rng=asker.rng)
    except LinkSpent:
        raise
    except Refusal as refusal:
        sentence = asker.words.refusal(refusal)
        return page(asker, "account/reset.html", status=status_of(refusal.code), token=token, sentence=sentence)
    return go("/sign-in", note="password-set")


@get("/confirm/{token:str}")
async def confirm(request: PageRequest, token: FromPath[str]) -> Response[Any]:
    """The button that proves the address: programs that look at links in mails press none."""
    asker = asker_of(request)
    await _proof(asker, token, purpose="email")
    return page(asker, "account/confirm.html", token=token)


@post("/confirm/{token:str}", status_code=303)
async def send_confirm(request: PageRequest, token: FromPath[str]) -> Response[None]:
    """Prove the address."""
    asker = asker_of(request)
    await confirm_email(asker.house.db, proof_id=await _proof(asker, token, purpose="email"), at=asker.at)
    return go("/", note="email-proved")


async def _proof(asker: Asker, token: str, *, purpose: str) -> UUID:
    """Return the row that a link names, if its signature is ours."""
    try:
        proof_id = parse_public_id("prf", token.partition(".")[0])
    except UnknownId:
        raise LinkSpent from None
    async with asker.house.db.transaction() as connection:
        secret = await secret_named(connection, name="mail-links", at=asker.at, rng=asker.rng)
    wanted = proof_token(secret=secret, purpose=purpose, proof_id=proof_id)
    if not hmac.compare_digest(wanted.encode(), token.encode("utf-8", "surrogatepass")):
        raise LinkSpent
    return proof_id


HANDLERS = (inbox, send_read, mail, forgot, send_forgot, reset, send_reset, confirm, send_confirm)
