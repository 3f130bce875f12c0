"""The pages as one Litestar application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import Message, Scope
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)

from fissile.api import asking
from fissile.api.problems import status_of
from fissile.flows.extend_session import extend_session
from fissile.infra.secrets import secret_named
from fissile.kernel.errors import Refusal
from fissile.web import (
    account,
    addresses,
    attribution,
    cart,
    channels,
    checkout,
    gate_paste,
    invitations,
    invoices,
    mail,
    manage_attribution,
    manage_catalogue,
    manage_import,
    manage_money,
    manage_orders,
    manage_payouts,
    manage_people,
    manage_refunds,
    manage_shipping,
    orders,
    overview,
    payouts,
    posters,
    promoter,
    refusals,
    sandbox,
    sandbox_payouts,
    share_kit,
    share_numbers,
    shop,
    visits,
)
from fissile.web.asker import Asker, Form, PageRequest, asker_of, look
from fissile.web.errors import FormExpired, NotAllowed, PageNotFound, SignInNeeded, SomethingBroke, UploadTooLarge
from fissile.web.page import STATIC, refused_page
from fissile.web.words import every_language

if TYPE_CHECKING:
    from fissile.flows.house import House

_log = logging.getLogger("fissile.web")
# Reading a form holds the event loop for everybody, up to 1.5 s a megabyte: only files are larger than this.
_FORM_BYTES = 64 * 1024
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


def create_app(house: House) -> Litestar:
    """Return the pages of this house; the fast endpoints stand in front of it (``web/serve.py``)."""
    every_language()
    headers = _security_headers(https=house.settings.base_url.startswith("https://"))

    async def before_send(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers, *_cookies(scope)]

    return Litestar(
        route_handlers=[
            static,
            *shop.HANDLERS,
            *cart.HANDLERS,
            *addresses.HANDLERS,
            *checkout.HANDLERS,
            *orders.HANDLERS,
            *invoices.HANDLERS,
            *account.HANDLERS,
            *mail.HANDLERS,
            *promoter.HANDLERS,
            *attribution.HANDLERS,
            *share_kit.HANDLERS,
            *share_numbers.HANDLERS,
            *posters.HANDLERS,
            *channels.HANDLERS,
            *visits.HANDLERS,
            *payouts.HANDLERS,
            *gate_paste.HANDLERS,
            *sandbox.HANDLERS,
            *sandbox_payouts.HANDLERS,
            *refusals.HANDLERS,
            *overview.HANDLERS,
            *manage_catalogue.HANDLERS,
            *manage_import.HANDLERS,
            *manage_orders.HANDLERS,
            *manage_refunds.HANDLERS,
            *invitations.HANDLERS,
            *manage_money.HANDLERS,
            *manage_payouts.HANDLERS,
            *manage_people.HANDLERS,
            *manage_attribution.HANDLERS,
            *manage_shipping.HANDLERS,
            nothing_here,
        ],
        before_request=gate,
        before_send=[before_send],
        exception_handlers={
            Refusal: tell_refusal,
            HTTPException: tell_http_error,
            Exception: tell_failure,
        },
        lifespan=[_keep_secrets(house)],
        request_max_body_size=_FORM_BYTES,
        multipart_form_part_limit=50,
        openapi_config=None,
        logging_config=None,
    )


def _keep_secrets(house: House) -> Any:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        at, rng = datetime.now(UTC), SystemRandom()
        async with house.db.transaction() as connection:
            app.state.form_secret = await secret_named(connection, name="forms", at=at, rng=rng)
            app.state.guest_secret = await secret_named(connection, name="guest-links", at=at, rng=rng)
        app.state.house = house
        app.state.posters = posters.Drawn()
        yield

    return lifespan


def _cookies(scope: Scope) -> list[tuple[bytes, bytes]]:
    asker = scope["state"].get("asker")
    if not isinstance(asker, Asker):
        return []
    lines = list(asker.cookies)
    if asker.visitor_is_new:
        lines.append(
            asking.cookie_line(
                name=asking.VISITOR_COOKIE,
                value=str(asker.visitor_id),
                seconds=asking.VISITOR_SECONDS,
                secure=asker.secure,
            )
        )
    return [(b"set-cookie", line.encode()) for line in lines]


async def gate(request: PageRequest) -> Response[Any] | None:
    """
    Let a request through to its handler: find out who asks, whether they may, and whether a form is ours.

    Every handler stands behind it. Handlers name the roles that may enter in ``opt``; those without are open.

    :raises SignInNeeded, NotAllowed: if the page is not for them
    :raises FormExpired: if a form has no token of this person or comes from another site
    """
    if request.route_handler.opt.get("bare"):
        return None
    asker = await look(request)
    request.scope["state"]["asker"] = asker
    _let_in(asker, roles=request.route_handler.opt.get("roles"))
    if asker.session is not None and asker.session.extend_due:
        await extend_session(asker.house.db, session_token=asker.session_token, at=asker.at)
        asker.set_session(asker.session_token)
    if request.method == "POST":
        request.scope["state"]["form"] = await _own_form(request, asker)
    if str(request.query_params.get("lang", "")) in asking.LOCALES:
        asker.set_cookie(name=asking.LOCALE_COOKIE, value=asker.words.locale, seconds=asking.VISITOR_SECONDS)
    return None


def _let_in(asker: Asker, *, roles: tuple[str, ...] | None) -> None:
    if roles is None:
        return
    if asker.session is None:
        raise SignInNeeded()
    if roles and not asker.has(*roles):
        raise NotAllowed()


async def _own_form(request: PageRequest, asker: Asker) -> Form:
    headers = request.headers
    if not asking.same_origin(
        origin=headers.get("origin", ""),
        base_url=asker.house.settings.base_url,
        host=headers.get("host", ""),
    ):
        raise FormExpired()
    form = Form(await _fields(request))
    if not asker.form_token_holds(form.get("_form")):
        raise FormExpired()
    return form


async def _fields(request: PageRequest) -> dict[str, Any]:
    # Where files may be sent, only the parts of a multipart form are few enough to be read at that size.
    if request.content_type[0] != "multipart/form-data" and len(await request.body()) > _FORM_BYTES:
        raise UploadTooLarge()
    try:
        return dict(await request.form())
    except (LookupError, ValueError):
        raise FormExpired() from None  # parts in another charset than they say; browsers send none


def tell_refusal(request: PageRequest, refusal: Refusal) -> Response[Any]:
    """Answer a refusal: the way to sign in, or a page with its sentence."""
    asker = asker_of(request)
    if isinstance(refusal, SignInNeeded):
        wanted = asker.path if request.method == "GET" else "/"
        return Response(None, status_code=303, headers={"Location": f"/sign-in?next={quote(wanted)}"})
    return refused_page(asker, refusal, status=status_of(refusal.code), back=_back(request))


def tell_http_error(request: PageRequest, error: HTTPException) -> Response[Any]:
    """Answer what the framework refused: no such page, a wrong method, a body that is too large."""
    if error.status_code >= 500:
        return tell_failure(request, error)
    refusal = UploadTooLarge() if error.status_code == 413 else PageNotFound()
    return refused_page(asker_of(request), refusal, status=error.status_code, back="/")


def tell_failure(request: PageRequest, error: Exception) -> Response[Any]:
    """Answer a fault of ours, after writing it to the log."""
    _log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return refused_page(asker_of(request), SomethingBroke(), status=500, back="/")


def _back(request: PageRequest) -> str:
    """Where the person came from, if it was a page of ours."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host", "") or not came.path:
        return "/"
    return asking.safe_path(came.path + (f"?{came.query}" if came.query else ""), otherwise="/")


def _security_headers(*, https: bool) -> list[tuple[bytes, bytes]]:
    policy = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .script_src("'self'")
        .style_src("'self'")
        .img_src("'self'", "data:")
        .connect_src("'self'")
        .form_action("'self'")
        .base_uri("'none'")
        .frame_ancestors("'none'")
    )
    secure = Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        permissions=PermissionsPolicy().geolocation().camera().microphone(),
        referrer=ReferrerPolicy().same_origin(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        hsts=StrictTransportSecurity().max_age(31_536_000) if https else None,
    )
    return [(name.lower().encode(), value.encode()) for name, value in secure.header_items()]


@get("/static/{version:str}/{name:str}", opt={"bare": True})
async def static(name: FromPath[str]) -> Response[bytes]:
    """The style sheet, the script and the icon."""
    if name not in STATIC:
        return Response(b"", status_code=404)
    kind = _MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(STATIC[name], media_type=kind, headers={"Cache-Control": _FOR_EVER})


@get("/{rest:path}")
async def nothing_here(rest: FromPath[str]) -> Response[str]:
    """Every address that no page has."""
    raise PageNotFound()
