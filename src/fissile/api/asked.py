"""Who asks the API: a program by its key, a signed-in member by the session, or a visitor by the cookie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from fissile.api.asking import SESSION_COOKIE, VISITOR_COOKIE, VISITOR_SECONDS
from fissile.api.endpoint import Header, Request, cookie_header
from fissile.domain.members.queries import key_actor, session_actor
from fissile.domain.members.rules import require_scope
from fissile.infra.events import Actor
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import Chance, new_id

if TYPE_CHECKING:
    from fissile.flows.house import House


class KeyRefused(Refusal):
    """This API key is unknown or was revoked: make a new one with “fissile key new --role …”."""


class OriginRefused(Refusal):
    """A request with a session's cookie must come from this site's own pages: use an API key instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The asker; ``scope`` is whose idempotency keys these are, ``cookies`` go with the answer."""

    actor: Actor | None
    visitor_id: UUID
    visitor_is_new: bool
    scope: str
    cookies: tuple[Header, ...]

    @property
    def member_id(self) -> UUID | None:
        """The member behind the key or the session."""
        return self.actor.member_id if self.actor else None


async def ask(house: House, request: Request, *, scope: str, at: datetime, rng: Chance) -> Asked:
    """
    Return who asks; a key must have the scope, anybody else may do what a visitor may.

    :raises KeyRefused: if there is a key, but not a good one
    :raises ScopeMissing: if the key may not do this
    :raises OriginRefused: if a session's cookie comes from another site's page
    """
    visitor_id, is_new, cookies = visitor(house, request, at=at, rng=rng)
    if (given := request.header(b"authorization")) is not None:
        kind, _, text = given.partition(" ")
        async with house.db.reading() as connection:
            key = await key_actor(connection, key_text=text.strip(), at=at) if kind.lower() == "bearer" else None
        if key is None:
            raise KeyRefused()
        require_scope(key.scopes, scope)
        return Asked(key.actor, visitor_id, is_new, f"key:{key.key_id}", cookies)
    if (token := request.cookie(SESSION_COOKIE)) is not None:
        _check_origin(house, request)
        async with house.db.reading() as connection:
            session = await session_actor(connection, session_token=token, at=at)
        if session is not None:
            return Asked(session.actor, visitor_id, is_new, f"member:{session.actor.member_id}", cookies)
    return Asked(None, visitor_id, is_new, "anybody", cookies)


def visitor(house: House, request: Request, *, at: datetime, rng: Chance) -> tuple[UUID, bool, tuple[Header, ...]]:
    """Return the visitor's id, whether it was made just now, and the cookie to send if so."""
    if (given := request.cookie(VISITOR_COOKIE)) is not None:
        try:
            return UUID(given), False, ()
        except ValueError:
            pass  # not one of ours: a new one takes its place
    made = new_id(at=at, rng=rng)
    cookie = cookie_header(VISITOR_COOKIE, str(made), max_age_seconds=VISITOR_SECONDS, secure=house.secure)
    return made, True, (cookie,)


def _check_origin(house: House, request: Request) -> None:
    origin = request.header(b"origin")
    if origin and origin.partition("://")[2] not in (
        house.settings.base_url.partition("://")[2],
        request.header(b"host") or "",
    ):
        raise OriginRefused()
