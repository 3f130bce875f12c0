"""Mails that are owed go out: claimed in one transaction, sent, their end written in another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from fissile.domain.notices.model import OwedMail, Tried
from fissile.domain.notices.operations import claim_mails, end_try
from fissile.infra.database import Database
from fissile.infra.mail import Letter, MailLater, MailRefused, MailUnknown


async def send_mails(
    db: Database,
    *,
    write: Callable[[OwedMail], Letter],
    send: Callable[[Letter], Awaitable[str]],
    at: datetime,
    limit: int,
) -> int:
    """
    Send up to ``limit`` mails that are due and return how many were tried.

    A mail is claimed before it goes out. A worker that is killed in between leaves a claim, and after
    ``notices.model.CLAIM`` it is tried again as one whose outcome is unknown: once more with the same Message-ID is
    better than never. One whose outcome is known is never sent again. The house calls it.
    """
    async with db.transaction() as connection:
        mails = await claim_mails(connection, at=at, limit=limit)
    for mail in mails:
        tried = await _tried(write(mail), send)
        async with db.transaction() as connection:
            await end_try(connection, mail=mail, tried=tried, at=at)
    return len(mails)


async def _tried(letter: Letter, send: Callable[[Letter], Awaitable[str]]) -> Tried:
    try:
        return Tried("sent", await send(letter))
    except MailLater as error:
        return Tried("later", str(error))
    except MailRefused as error:
        return Tried("refused", str(error))
    except MailUnknown as error:
        return Tried("unknown", str(error))
