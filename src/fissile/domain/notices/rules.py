"""Decisions about notices: which address can be written to, when a mail is tried again."""

from __future__ import annotations

from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from fissile.domain.notices.model import WAITS


def good_address(given: str) -> str | None:
    """Return an address as a mail server takes it, or None if it is none: line ends and lists of them are not."""
    try:
        return validate_email(given.strip(), check_deliverability=False).normalized if len(given) <= 320 else None
    except EmailNotValidError:
        return None


def next_try(*, attempts: int, at: datetime) -> datetime | None:
    """Return when a mail that was tried ``attempts`` times is due again; None: it is given up."""
    return at + WAITS[attempts - 1] if attempts <= len(WAITS) else None
