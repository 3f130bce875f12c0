"""A share, and the forms it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

Form = Literal["link", "code", "comment", "poster"]
FORMS: Final[tuple[Form, ...]] = ("link", "code", "comment", "poster")
TargetKind = Literal["product", "shop"]
ShareState = Literal["active", "paused", "revoked"]
OpenerKind = Literal["person", "preview", "bot", "prefetch"]
ChannelKind = Literal["account", "community", "offline", "none"]


class Opener(NamedTuple):
    """
    Who opened a share, as far as the request told: nothing in it names anybody.

    ``agent`` is the name of a machine; the others are a person's, "" where unknown. ``referrer`` is a site's name.
    """

    kind: OpenerKind = "person"
    agent: str = ""
    referrer: str = ""
    device: str = "unknown"
    os: str = ""
    browser: str = ""
    app: str = ""


SOMEBODY = Opener()
"""A person of whom nothing else is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A promoter's invitation to one target, a product or a merchant's shop; its forms are four ways to one token."""

    id: UUID
    token: str
    promoter_id: UUID
    target_kind: TargetKind
    target_id: UUID
    channel: str  # a note in the promoter's own words; where it is shared says channel_kind
    state: ShareState
    version: int
    created_at: datetime
    expires_at: datetime | None
    channel_kind: ChannelKind = "none"
    channel_id: UUID | None = None
    # What credit asks of a share that is given with an order; only reading by token fills it in.
    merchant_id: UUID | None = None  # whose product it leads to
    promoter_open: bool = True  # False: the promoter's account is closed


@dataclass(frozen=True, slots=True)
class FormText:
    """
    What a promoter publishes in one form: a post, the first comment under it, and what the poster's QR code holds.

    A form without comment or poster has an empty text there.
    """

    form: Form
    post: str
    comment: str = ""
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a pasted text held: the token and the form in which it stood."""

    token: str
    form: Form
