"""The person behind one request, worked out once: session, visitor, language, rights, and the form's token."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from litestar import Request

from fissile.api import asking
from fissile.domain.members.model import SESSION_LIFE, SessionActor
from fissile.domain.members.queries import session_actor
from fissile.infra.events import Actor
from fissile.kernel.ids import new_id
from fissile.web.errors import BadNumber, FormExpired
from fissile.web.words import Words, words_of

if TYPE_CHECKING:
    from fissile.flows.house import House

PageRequest = Request[Any, Any, Any]


class Asker:
    """Who asks, when, in which language; read from the request's headers and one look at the session."""

    def __init__(
        self,
        *,
        house: House,
        at: datetime,
        rng: random.Random,
        words: Words,
        visitor_id: UUID,
        visitor_is_new: bool,
        session: SessionActor | None,
        session_token: str,
        form_secret: str,
        guest_secret: str,
        path: str,
        note: str,
    ):
        self.house = house
        self.at = at
        self.rng = rng
        self.words = words
        self.visitor_id = visitor_id
        self.visitor_is_new = visitor_is_new
        self.session = session
        self.session_token = session_token
        self.form_secret = form_secret
        self.guest_secret = guest_secret
        self.path = path
        self.note = note  # names what the form before has done
        self.cookies: list[str] = []  # Set-Cookie lines of the answer

    @property
    def actor(self) -> Actor:
        """The signed-in actor; pages that use it need a role."""
        assert self.session is not None, "the page's rule has let only signed-in people in"
        return self.session.actor

    @property
    def member_id(self) -> UUID | None:
        """The signed-in member, or None."""
        return self.session.actor.member_id if self.session else None

    @property
    def roles(self) -> frozenset[str]:
        """The roles of the signed-in member."""
        return self.session.actor.roles if self.session else frozenset()

    @property
    def secure(self) -> bool:
        """Whether cookies may travel over https only."""
        return self.house.settings.base_url.startswith("https://")

    @property
    def scope(self) -> str:
        """Whose idempotency keys these are."""
        return f"member:{self.member_id}" if self.member_id else f"visitor:{self.visitor_id}"

    def has(self, *roles: str) -> bool:
        """Return whether the person has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def set_cookie(self, *, name: str, value: str, seconds: int) -> None:
        """Send a cookie with the answer."""
        self.cookies.append(asking.cookie_line(name=name, value=value, seconds=seconds, secure=self.secure))

    def set_session(self, token: str) -> None:
        """Send the session's cookie, good for as long as the session."""
        self.set_cookie(name=asking.SESSION_COOKIE, value=token, seconds=int(SESSION_LIFE.total_seconds()))

    def form_token(self) -> str:
        """Return what proves that a form came from a page of this person."""
        secret = self.session.form_secret if self.session else self.form_secret
        return asking.signed(secret=secret, words=self._form_words())

    def form_token_holds(self, given: str) -> bool:
        """Return whether a form's token is this person's."""
        secret = self.session.form_secret if self.session else self.form_secret
        return asking.signature_holds(secret=secret, words=self._form_words(), given=given)

    def _form_words(self) -> str:
        return "form" if self.session else f"form:{self.visitor_id}"

    def guest_key(self, id: UUID) -> str:
        """
        Return the key that opens an order, or orders placed together, without signing in.

        It names the day on which it ends and is signed (HMAC-SHA256): nobody can guess one, or make one last longer.
        """
        day = self._day() + self.house.settings.guest_link_days
        return f"{day:x}-{asking.signed(secret=self.guest_secret, words=f'order:{id}:{day:x}')}"

    def guest_key_holds(self, id: UUID, given: str) -> bool:
        """Return whether the key opens this order, today."""
        day, _, signature = given.partition("-")
        if not asking.signature_holds(secret=self.guest_secret, words=f"order:{id}:{day}", given=signature):
            return False
        return int(day, 16) >= self._day()  # the day was ours: it is signed

    def _day(self) -> int:
        return int(self.at.timestamp()) // 86_400


async def look(request: PageRequest) -> Asker:
    """Return who asks: the headers, and one look at the session if there is a cookie of one."""
    token = asking.cookies_of(request.headers.get("cookie", "")).get(asking.SESSION_COOKIE, "")
    if not token:
        return _asker(request, session=None, session_token="")
    async with request.app.state.house.db.reading() as connection:
        session = await session_actor(connection, session_token=token, at=datetime.now(UTC))
    return _asker(request, session=session, session_token=token)


def client_of(request: PageRequest) -> str:
    """Return the address that the request came from; only limits use it, and keep it hidden."""
    return request.client.host if request.client else ""


def asker_of(request: PageRequest) -> Asker:
    """Return who asks, as found out before the handler ran; a stranger where no handler was reached."""
    asker = request.scope["state"].get("asker")
    return asker if isinstance(asker, Asker) else _asker(request, session=None, session_token="")


def _asker(request: PageRequest, *, session: SessionActor | None, session_token: str) -> Asker:
    house: House = request.app.state.house
    cookies = asking.cookies_of(request.headers.get("cookie", ""))
    known = asking.visitor_of(cookies)
    at, rng = datetime.now(UTC), random.SystemRandom()
    locale = asking.locale_of(
        wanted=(
            str(request.query_params.get("lang", "")),
            cookies.get(asking.LOCALE_COOKIE, ""),
            session.locale if session else "",
        ),
        accept_language=request.headers.get("accept-language", ""),
        default=house.settings.locale,
    )
    return Asker(
        house=house,
        at=at,
        rng=rng,
        words=words_of(locale),
        visitor_id=known or new_id(at=at, rng=rng),
        visitor_is_new=known is None,
        session=session,
        session_token=session_token,
        form_secret=request.app.state.form_secret,
        guest_secret=request.app.state.guest_secret,
        path=request.scope["path"],
        note=str(request.query_params.get("note", ""))[:40],
    )


class Form:
    """The fields of one sent form, already known to come from our own page."""

    def __init__(self, fields: dict[str, Any]):
        self.fields = fields

    def get(self, name: str, otherwise: str = "") -> str:
        """Return a field without the blanks around it, and without zero characters, which no database takes."""
        value = self.fields.get(name, otherwise)
        return value.replace("\x00", "").strip() if isinstance(value, str) else otherwise

    def whole(self, name: str, *, low: int, high: int) -> int:
        """
        Return a field that holds a whole number from ``low`` to ``high``.

        :raises BadNumber: if it does not
        """
        return whole(self.get(name), low=low, high=high)

    @property
    def key(self) -> str:
        """
        The idempotency key that the page put into the form.

        :raises FormExpired: if it is missing or of another shape
        """
        value = self.get("_key")
        if not (16 <= len(value) <= 64 and value.isascii() and value.replace("-", "").isalnum()):
            raise FormExpired()
        return value


def whole(given: str, *, low: int, high: int) -> int:
    """
    Return the whole number that a person wrote.

    :raises BadNumber: if it is none, or outside ``low`` to ``high``
    """
    try:
        value = int(given)
    except ValueError:
        raise BadNumber(given=given[:40]) from None
    if not low <= value <= high:
        raise BadNumber(given=given[:40])
    return value


def form_of(request: PageRequest) -> Form:
    """Return the form of this request, checked before the handler ran."""
    form = request.scope["state"]["form"]
    assert isinstance(form, Form), "the gate before every handler puts it there"
    return form
