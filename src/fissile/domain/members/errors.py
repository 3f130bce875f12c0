"""What can be refused to members, each with its sentence."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class BadEmail(Refusal):
    """“{given}” is not an e-mail address: write it like name@example.com."""


class EmailTaken(Refusal):
    """There is a member with this e-mail address already: sign in instead."""


class BadDisplayName(Refusal):
    """A name has 1 to {length_max} characters and no control characters."""


class UnknownLocale(Refusal):
    """“{given}” is not a language of this shop: use zh_CN or en."""


class PasswordTooShort(Refusal):
    """A password has at least {length_min} characters: a few words in a row make a good one."""


class PasswordTooLong(Refusal):
    """A password has at most {length_max} characters."""


class PasswordTooWeak(Refusal):
    """This password is easily guessed. {hint}"""


class SignInRefused(Refusal):
    """E-mail address and password do not belong together: check both and try again."""


class MemberClosed(Refusal):
    """This membership was closed: write to the shop if that is a mistake."""


class MemberNotFound(Refusal):
    """There is no member {member}."""


class RoleNotAllowed(Refusal):
    """This needs one of the roles {needed}."""


class ScopeMissing(Refusal):
    """This API key lacks the scope {scope}: make one that has it."""


class UnknownRole(Refusal):
    """“{given}” is not a role: use one of {known}."""


class RoleNeedsMerchant(Refusal):
    """Staff belong to one merchant, and nobody else does: name a merchant for merchant_staff only."""


class MerchantNotFound(Refusal):
    """There is no merchant {merchant}."""


class StaffElsewhere(Refusal):
    """This member is staff of another merchant: take that role away first."""


class OwnRoles(Refusal):
    """Nobody changes their own roles: ask another operator."""


class RoleNotHeld(Refusal):
    """Member {member} does not have the role {role}, so no key can."""


class KeyNeedsMember(Refusal):
    """A key with the role {role} acts for one member: name the member."""


class UnknownScope(Refusal):
    """“{given}” is not a scope of the role {role}: use {known}."""


class NoScopes(Refusal):
    """A key without scopes can do nothing: name at least one."""


class BadKeyName(Refusal):
    """The name of a key has 1 to {length_max} characters and no control characters."""


class KeyNotFound(Refusal):
    """There is no API key {key}."""


class InvitationUnknown(Refusal):
    """This invitation is none of this shop: ask whoever sent it for the link again, or join without one."""


class OwnInvitation(Refusal):
    """This is your own invitation: send it to somebody else."""


class InviterNoPromoter(Refusal):
    """Only an active promoter can have invited somebody: {member} is none."""


class InvitedNoPromoter(Refusal):
    """Only a promoter can have an inviter: {member} is none."""


class InviterSetAlready(Refusal):
    """Who invited {member} is set already, and set once for all."""


class InvitationCycle(Refusal):
    """{inviter} was invited by {member}, directly or by others: nobody can stand above themselves."""
