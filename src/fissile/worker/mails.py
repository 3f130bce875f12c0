"""The worker's mails: sent beside the other sweeps, so that a slow mail server holds up nothing else."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

import structlog

from fissile.flows.send_mails import send_mails
from fissile.infra.database import Database
from fissile.infra.mail import Letter, send_letter
from fissile.infra.secrets import secret_named
from fissile.infra.settings import Settings
from fissile.kernel.ids import Chance
from fissile.web.notice_words import letter_of

_log = structlog.get_logger()
MAILS = 20  # at a time


class Mails:
    """One round of mails at a time, in a task of its own."""

    def __init__(self, db: Database, settings: Settings, *, rng: Chance) -> None:
        self._db, self._settings, self._rng = db, settings, rng
        self._round: asyncio.Task[int] | None = None

    async def sweep(self, at: datetime) -> int:
        """Begin a round unless one is under way; what broke the last one is raised here."""
        if self._round is not None and not self._round.done():
            return 0
        last, self._round = self._round, asyncio.create_task(self.send(at))
        if last is not None:
            last.result()
        return 0

    async def send(self, at: datetime) -> int:
        """Send what is due; without a mail server it is written to the log."""
        async with self._db.transaction() as connection:
            link = await secret_named(connection, name="mail-links", at=at, rng=self._rng)
            guest = await secret_named(connection, name="guest-links", at=at, rng=self._rng)
        write = partial(letter_of, settings=self._settings, link_secret=link, guest_secret=guest)
        send = partial(send_letter, settings=self._settings) if self._settings.smtp_host else _log_letter
        return await send_mails(self._db, write=write, send=send, at=at, limit=MAILS)


async def _log_letter(letter: Letter) -> str:
    _log.info("mail", to=letter.to, subject=letter.subject, text=letter.text)
    return "written to the log"
