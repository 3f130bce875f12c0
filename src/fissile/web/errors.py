"""What pages refuse by themselves."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class PageNotFound(Refusal):
    """There is no such page, or it is not for you."""


class SignInNeeded(Refusal):
    """Sign in to see this page."""


class NotAllowed(Refusal):
    """Your account may not see this page."""


class FormExpired(Refusal):
    """This form is no longer valid: go back, reload the page and send it again."""


class BadNumber(Refusal):
    """“{given}” is not a number that fits here."""


class NoFileChosen(Refusal):
    """Choose a file or paste the rows."""


class UploadGone(Refusal):
    """The file that was checked is no longer here: send it again."""


class UnknownPicture(Refusal):
    """There is no such picture."""


class SomethingBroke(Refusal):
    """Something went wrong on our side. Nothing was half-done; please try again."""


class UploadTooLarge(Refusal):
    """What you sent is larger than this page takes: split the file."""


class ContactMissing(Refusal):
    """Give a name, and a phone number or an e-mail address, so that the shop can reach you."""


class FieldTooLong(Refusal):
    """One of the fields is longer than {most} characters: shorten it."""


class BadDate(Refusal):
    """“{given}” is not a date: write it like 2026-01-31."""
