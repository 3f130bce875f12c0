"""Members, roles, sign-in, sessions, API keys."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from fissile.infra.schema import metadata, moment, uid, words

ROLES = ("buyer", "promoter", "merchant_staff", "operator", "payout_officer", "reviewer", "auditor")
_ROLE_LIST = ", ".join(f"'{role}'" for role in ROLES)

members = Table(
    "members",
    metadata,
    uid("id", primary_key=True),
    words("state"),
    moment("created_at"),
    CheckConstraint("state IN ('active', 'closed')", name="state"),
)

# About a person: erased without touching anything else.
member_profiles = Table(
    "member_profiles",
    metadata,
    uid("member_id", ForeignKey("members.id"), primary_key=True),
    words("display_name"),
    words("locale"),
)

member_logins = Table(
    "member_logins",
    metadata,
    uid("member_id", ForeignKey("members.id"), primary_key=True),
    words("email", unique=True),  # lower case
    words("password_hash"),  # argon2id
    moment("changed_at"),
    CheckConstraint("email = lower(email)", name="lower"),
)

member_roles = Table(
    "member_roles",
    metadata,
    uid("member_id", ForeignKey("members.id"), primary_key=True),
    words("role", primary_key=True),
    uid("merchant_id", ForeignKey("merchants.id"), nullable=True),  # of merchant staff only
    moment("granted_at"),
    CheckConstraint(f"role IN ({_ROLE_LIST})", name="role"),
    CheckConstraint("(role = 'merchant_staff') = (merchant_id IS NOT NULL)", name="merchant"),
)

# A visitor is a random first-party cookie; tied to the member at sign-in or checkout.
visitor_members = Table(
    "visitor_members",
    metadata,
    uid("visitor_id", primary_key=True),
    uid("member_id", ForeignKey("members.id"), primary_key=True),
    moment("tied_at"),
)
Index("visitor_members_member_id_idx", visitor_members.c.member_id)  # every visitor of a buyer

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary(), primary_key=True),  # SHA-256 of the cookie
    uid("member_id", ForeignKey("members.id")),
    words("form_secret"),
    moment("created_at"),
    moment("expires_at"),
)
Index("sessions_expires_at_idx", sessions.c.expires_at)  # the sweep
Index("sessions_member_id_idx", sessions.c.member_id)  # sign out everywhere

api_keys = Table(
    "api_keys",
    metadata,
    uid("id", primary_key=True),
    words("role"),
    Column("scopes", ARRAY(Text(collation="C")), nullable=False),
    uid("member_id", ForeignKey("members.id"), nullable=True),
    Column("secret_hash", LargeBinary(), nullable=False),
    words("name"),
    moment("created_at"),
    moment("revoked_at", nullable=True),
    CheckConstraint(f"role IN ({_ROLE_LIST})", name="role"),
)
Index("api_keys_member_id_idx", api_keys.c.member_id, postgresql_where=text("member_id IS NOT NULL"))

promoter_invitations = Table(
    "promoter_invitations",
    metadata,
    uid("id", primary_key=True),
    uid("promoter_id", ForeignKey("members.id"), unique=True),
    moment("made_at"),
    comment="The one invitation of a promoter; its public id is the code in the link.",
)

promoter_inviters = Table(
    "promoter_inviters",
    metadata,
    uid("member_id", ForeignKey("members.id"), primary_key=True),
    uid("inviter_id", ForeignKey("members.id")),
    words("via"),
    uid("decided_by", nullable=True),  # the operator, where it was not an invitation
    moment("invited_at"),
    CheckConstraint("member_id <> inviter_id", name="self"),
    CheckConstraint("via IN ('invitation', 'operator')", name="via"),
    CheckConstraint("(via = 'operator') = (decided_by IS NOT NULL)", name="decided"),
    comment="Who invited a promoter: set once, append-only; a trigger refuses cycles.",
)
Index("promoter_inviters_inviter_id_idx", promoter_inviters.c.inviter_id)  # whom a promoter has invited
