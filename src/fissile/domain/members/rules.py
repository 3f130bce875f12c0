"""What members may be called, which passwords will do, and who may do what."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from fissile.domain.members.errors import (
    BadDisplayName,
    BadEmail,
    BadKeyName,
    KeyNeedsMember,
    NoScopes,
    OwnRoles,
    PasswordTooLong,
    PasswordTooShort,
    PasswordTooWeak,
    RoleNeedsMerchant,
    RoleNotAllowed,
    ScopeMissing,
    UnknownLocale,
    UnknownRole,
    UnknownScope,
)
from fissile.domain.members.model import (
    LOCALES,
    ROLES_HELPED_BY_OPERATOR,
    ROLES_WITHOUT_MEMBER,
    SCOPES_BY_ROLE,
)
from fissile.infra.events import Actor
from fissile.kernel.ids import public_id

NAME_LENGTH_MAX = 60
PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200
PASSWORD_SCORE_MIN = 2  # zxcvbn, 0 to 4: more than a million guesses
_ZXCVBN_LENGTH_MAX = 72  # its time grows faster than the length; a strong beginning is a strong password


def require(actor: Actor, roles: Collection[str]) -> None:
    """
    State who may call a flow: those with one of ``roles``, and always the house itself.

    :raises RoleNotAllowed: if the actor has none of them
    """
    if "house" not in actor.roles and actor.roles.isdisjoint(roles):
        raise RoleNotAllowed(needed=", ".join(sorted(roles)) or "house")


def require_scope(scopes: Collection[str], scope: str) -> None:
    """
    State which scope a key needs.

    :raises ScopeMissing: if it is not among the key's ``scopes``
    """
    if scope not in scopes:
        raise ScopeMissing(scope=scope)


def require_self(actor: Actor, member_id: UUID | None, roles: Collection[str]) -> None:
    """
    State that a member does this for themself, or someone with one of ``roles`` (or the house) does.

    :raises RoleNotAllowed: if it is neither
    """
    if member_id is None or actor.member_id != member_id:
        require(actor, roles)


def require_reset(actor: Actor, *, member_id: UUID, member_roles: Collection[str]) -> None:
    """
    State who sets a password: the member, the house, or an operator for those who hold no office.

    An operator who could set an officer's password would be both of the two people that a payout needs.

    :raises RoleNotAllowed: if it is none of them
    """
    helped = ROLES_HELPED_BY_OPERATOR.issuperset(member_roles)
    require_self(actor, member_id, ("operator",) if helped else ())


def check_role_change(*, actor: Actor, member_id: UUID, role: str, merchant_id: UUID | None) -> None:
    """
    Check a grant or a revocation: by an operator, of a known role, for somebody else.

    :raises RoleNotAllowed: if the actor is no operator
    :raises OwnRoles: if the actor is the member
    :raises UnknownRole: if there is no such role
    :raises RoleNeedsMerchant: if merchant staff come without a merchant, or another role with one
    """
    require(actor, {"operator"})
    if actor.member_id == member_id:
        raise OwnRoles
    check_role(role=role)
    if (role == "merchant_staff") != (merchant_id is not None):
        raise RoleNeedsMerchant


def check_role(*, role: str) -> None:
    """
    Check that there is such a role.

    :raises UnknownRole: if there is none
    """
    if role not in SCOPES_BY_ROLE:
        raise UnknownRole(given=role[:60], known=", ".join(SCOPES_BY_ROLE))


def check_key(*, actor: Actor, role: str, member_id: UUID | None) -> None:
    """
    Check who makes which key: a member for themself, an operator for the shop, the house for anyone.

    No operator makes keys that act for another member: it would be signing with their name.

    :raises UnknownRole: if there is no such role
    :raises KeyNeedsMember: if keys of the role act for a member and none is named
    :raises RoleNotAllowed: if the actor may not make it
    """
    check_role(role=role)
    if member_id is None and role not in ROLES_WITHOUT_MEMBER:
        raise KeyNeedsMember(role=role)
    require_self(actor, member_id, ("operator",) if member_id is None else ())
    if member_id is not None:
        require(actor, {role})  # a program that has one role must not make a key with another


def key_scopes(*, role: str, asked: Iterable[str] | None) -> tuple[str, ...]:
    """
    Return the scopes of a new key, sorted: those asked for, or all of its role if None.

    :raises NoScopes: if the list is empty
    :raises UnknownScope: if one is not of the role
    """
    if asked is None:
        return tuple(sorted(SCOPES_BY_ROLE[role]))
    wanted = sorted(set(asked))
    if not wanted:
        raise NoScopes
    for scope in wanted:
        if scope not in SCOPES_BY_ROLE[role]:
            raise UnknownScope(given=scope[:60], role=role, known=", ".join(SCOPES_BY_ROLE[role]))
    return tuple(wanted)


def normal_email(*, email: str) -> str:
    """
    Return the address as it is kept and found: syntax checked, lower case. Nobody is asked over the network.

    :raises BadEmail: if it is no address
    """
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise BadEmail(given=email[:60]) from None


def normal_display_name(*, display_name: str) -> str:
    """
    Return the name without blanks around it.

    :raises BadDisplayName: if it is empty, longer than 60 characters or has control characters
    """
    name = unicodedata.normalize("NFC", display_name).strip()
    if not _is_line(name):
        raise BadDisplayName(length_max=NAME_LENGTH_MAX)
    return name


def normal_key_name(*, name: str) -> str:
    """
    Return a key's name without blanks around it.

    :raises BadKeyName: if it is empty, longer than 60 characters or has control characters
    """
    given = name.strip()
    if not _is_line(given):
        raise BadKeyName(length_max=NAME_LENGTH_MAX)
    return given


def check_locale(*, locale: str) -> None:
    """
    Check that the shop speaks the language.

    :raises UnknownLocale: if it does not
    """
    if locale not in LOCALES:
        raise UnknownLocale(given=locale[:60])


def check_password_length(*, password: str) -> None:
    """
    Check the length of a new password: 10 to 200 characters.

    :raises PasswordTooShort: if it is shorter
    :raises PasswordTooLong: if it is longer
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise PasswordTooShort(length_min=PASSWORD_LENGTH_MIN)
    if len(password) > PASSWORD_LENGTH_MAX:
        raise PasswordTooLong(length_max=PASSWORD_LENGTH_MAX)


def check_password_strength(*, password: str, about: Iterable[str]) -> None:
    """
    Check that a new password is not easily guessed; takes some 50 ms, so not on the event loop.

    ``about`` are words that an attacker would try for this person: name, e-mail address, its parts.

    :raises PasswordTooWeak: if zxcvbn scores it below 2, with its hint
    """
    from zxcvbn import zxcvbn  # 60 ms and 10 MB that a process without sign-ups need not spend

    verdict = zxcvbn(password[:_ZXCVBN_LENGTH_MAX], user_inputs=[word for word in about if word])
    if verdict["score"] < PASSWORD_SCORE_MIN:
        feedback = verdict["feedback"]
        hint = " ".join(one for one in (feedback["warning"], *feedback["suggestions"]) if one)
        raise PasswordTooWeak(hint=hint)


def words_about(*, email: str, display_name: str) -> list[str]:
    """Return the words that a person's password should not be made of."""
    return [email, *email.replace("@", ".").split("."), display_name, *display_name.split()]


def member_name(member_id: UUID) -> str:
    """Return a member's id as people see it."""
    return public_id("mem", member_id)


def _is_line(text: str) -> bool:
    return 0 < len(text) <= NAME_LENGTH_MAX and not any(unicodedata.category(one)[0] == "C" for one in text)
