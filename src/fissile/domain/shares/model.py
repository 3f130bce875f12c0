"""A share, and the forms it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

Form = Literal["link", "code"]
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
    """A promoter's invitation to one target; link and code are two forms of the same token."""

    id: UUID
    token: str
    promoter_id: UUID
    target_kind: Literal["product"]
    target_id: UUID
    channel: str  # a note in the promoter's own words; where it is shared says channel_kind
    state: ShareState
    version: int
    created_at: datetime
    expires_at: datetime | None
    channel_kind: ChannelKind = "none"
    channel_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a pasted text held: the token and the form in which it stood."""

    token: str
    form: Form
