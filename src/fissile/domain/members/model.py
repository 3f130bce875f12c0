"""Members as values: who is signed in, what a role may do, how tokens are made and kept."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fissile.infra.events import Actor
from fissile.kernel.ids import Chance, public_id

LOCALES = ("zh_CN", "en")
SESSION_LIFE = timedelta(days=30)
SESSION_EXTEND_AFTER = timedelta(days=1)  # of its life used up: so a row is written once a day at most

SCOPES = (
    "catalogue:read",
    "catalogue:write",
    "shares:read",
    "shares:write",
    "orders:read",
    "orders:write",
    "refunds:write",
    "payouts:write",
    "ledger:read",
    "members:write",
    "audit:read",
    "gate:read",
)
# What a key of the role has if nothing else is asked for, and the most that it can have.
SCOPES_BY_ROLE: dict[str, tuple[str, ...]] = {
    "buyer": ("catalogue:read", "shares:read", "orders:read", "orders:write"),
    "promoter": ("catalogue:read", "shares:read", "shares:write", "gate:read"),
    "merchant_staff": ("catalogue:read", "catalogue:write", "orders:read", "orders:write", "gate:read"),
    "operator": SCOPES,
    "payout_officer": ("payouts:write", "ledger:read"),
    "reviewer": ("catalogue:read", "shares:read", "shares:write", "gate:read"),
    "auditor": ("catalogue:read", "shares:read", "orders:read", "ledger:read", "audit:read", "gate:read"),
}
# Keys that act for the shop and for nobody. Payout officers are not here: two people approve a payout.
ROLES_WITHOUT_MEMBER = frozenset({"operator", "reviewer", "auditor"})
# An operator resets passwords of members who have no other roles than these.
ROLES_HELPED_BY_OPERATOR = frozenset({"buyer", "promoter", "merchant_staff"})

KEY_PREFIX = "fsl"
_TOKEN_LETTERS = 43  # 32 bytes in base64 without padding


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that was just opened; ``session_token`` is the cookie's value and is kept nowhere."""

    member_id: UUID
    session_token: str
    form_secret: str


@dataclass(frozen=True, slots=True)
class SessionActor:
    """Who a session cookie belongs to; if ``extend_due``, the edge calls ``flows.extend_session``."""

    actor: Actor
    display_name: str
    locale: str
    form_secret: str
    extend_due: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key that was just made; ``text`` is shown once and is kept nowhere."""

    id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class KeyActor:
    """Who an API key belongs to, and what it may do."""

    actor: Actor
    scopes: frozenset[str]
    key_id: UUID


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose key it is: a member's, or the shop's (None)."""

    key_id: UUID
    member_id: UUID | None


@dataclass(frozen=True, slots=True)
class Login:
    """What sign-in compares with."""

    member_id: UUID
    password_hash: str
    state: str


def member_actor(
    *,
    member_id: UUID,
    roles: frozenset[str] = frozenset(),
    merchant_ids: frozenset[UUID] = frozenset(),
) -> Actor:
    """Return a member as the one who acts; named by id, for the audit log outlives a person's name."""
    return Actor(member_id=member_id, name=public_id("mem", member_id), roles=roles, merchant_ids=merchant_ids)


def new_token(*, rng: Chance) -> str:
    """Return 256 random bits as 43 letters that may stand in a cookie or a header."""
    return base64.urlsafe_b64encode(rng.getrandbits(256).to_bytes(32)).rstrip(b"=").decode("ascii")


def token_hash(*, token: str) -> bytes:
    """Return what is kept of a token: SHA-256 is enough, for nobody guesses 256 bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def key_text(*, key_id: UUID, secret: str) -> str:
    """Return a key as its owner writes it: ``fsl_<id>_<secret>``."""
    return f"{public_id(KEY_PREFIX, key_id)}_{secret}"


def split_key_text(*, text: str) -> tuple[str, str] | None:
    """Return the id part (``fsl_…``) and the secret, or None if the text has not the form of a key."""
    head, secret = text[: len(KEY_PREFIX) + 27], text[len(KEY_PREFIX) + 28 :]
    if text != f"{head}_{secret}" or len(secret) != _TOKEN_LETTERS:
        return None
    return head, secret
