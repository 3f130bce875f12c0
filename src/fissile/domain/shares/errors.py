"""What can be wrong with a share, a code or a link."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class CodeNotFound(Refusal):
    """There is no code or share link in this text that belongs to this shop: copy the whole message and paste it."""


class CodeMistyped(Refusal):
    """The code “{given}” has a wrong letter: compare it with the original, or copy it instead of typing."""


class ShareUnknown(Refusal):
    """The share “{given}” does not exist here: the link may belong to another shop."""


class ShareExpired(Refusal):
    """This share expired on {expired_on}: ask whoever sent it for a new one."""


class ShareRevoked(Refusal):
    """This share was withdrawn: ask whoever sent it for a new one."""


class SharePaused(Refusal):
    """This share is paused at the moment: try again later, or ask whoever sent it."""


class ShareTargetGone(Refusal):
    """What was shared is no longer offered."""


class NotYourShare(Refusal):
    """This share belongs to another promoter."""


class BadExpiry(Refusal):
    """A share must expire in the future: {given} is past."""


class FormUnknown(Refusal):
    """There is no form “{given}”: choose link, code, comment or poster."""


class NetworkUnknown(Refusal):
    """There is no rulebook for a network “{given}”: choose one of {known}."""


class SurfaceUnknown(Refusal):
    """There is no surface “{given}”: choose one of {known}."""


class RulebookVersionUnknown(Refusal):
    """There is no version “{given}” of these rules: choose one of {known}."""


class ShareKeyReused(Refusal):
    """This request key was used for another share: send a new key."""
