"""Notices as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Outcome = Literal["sent", "later", "refused", "unknown"]
# A mail is tried again after these, then given up: about a day and a half in all.
WAITS = tuple(timedelta(minutes=n) for n in (1, 5, 15, 60, 180, 360, 720, 900))
# Who claimed a mail this long ago and said nothing was killed: what became of it is unknown.
CLAIM = timedelta(minutes=10)
# What happened longer ago is shown in the inbox and no longer mailed: nobody wants old news after an outage.
MAILED_WITHIN = timedelta(days=3)
PROOF_LIFE = {"email": timedelta(days=3), "password": timedelta(hours=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    Something that somebody is told: a member in the inbox, an address by mail, or both.

    ``key`` makes it owed once. ``data`` holds ids, counts and amounts that its words are filled with, nothing about a
    person. ``address`` is empty where it is not mailed.
    """

    id: UUID
    key: str
    kind: str
    member_id: UUID | None
    subject_id: UUID | None
    data: Mapping[str, Any]
    address: str
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedMail:
    """A mail that one worker has claimed; ``attempts`` counts this one too."""

    notice_id: UUID
    kind: str
    subject_id: UUID | None
    data: Mapping[str, Any]
    address: str
    locale: str
    attempts: int
    owed_at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mail server answered, or did not."""

    outcome: Outcome
    reply: str
