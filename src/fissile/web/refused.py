"""Which HTTP status a page answers a refusal with; everything unnamed is a field or a rule that does not fit: 422."""

from __future__ import annotations

from fissile.kernel.errors import Refusal

STATUS: dict[str, int] = {
    # It is not theirs, or not for them.
    "form_expired": 403,
    "not_a_promoter": 403,
    "not_allowed": 403,
    "not_your_merchant": 403,
    "not_your_order": 403,
    "not_your_share": 403,
    "own_roles": 403,
    "role_not_allowed": 403,
    "same_person": 403,
    "sign_in_needed": 403,
    "sign_in_refused": 403,
    # There is no such thing, or no longer.
    "page_not_found": 404,
    "unknown_id": 404,
    "unknown_picture": 404,
    "share_expired": 410,
    "share_revoked": 410,
    "share_target_gone": 410,
    # Somebody or something else was quicker.
    "idempotency_key_reused": 409,
    "offer_kept_changing": 409,
    "order_state_differs": 409,
    "payout_key_reused": 409,
    "payout_overdrawn": 409,
    "payout_state_differs": 409,
    "plan_changed_meanwhile": 409,
    "quote_changed": 409,
    "refund_key_reused": 409,
    "share_key_reused": 409,
    "sold_out": 409,
    "upload_gone": 409,
    "upload_too_large": 413,
    # Later.
    "too_many_requests": 429,
    "gateway_away": 502,
    "busy": 503,
    "database_away": 503,
    "passwords_busy": 503,
}
# OrderUnknown, MemberNotFound and their like, whichever module they are of.
_MISSING = ("_not_found", "_unknown")


def status_of(refusal: Refusal) -> int:
    """Return the status for a refusal: by its code, 404 for what does not exist, else 422."""
    missing = 404 if refusal.code.endswith(_MISSING) else 422
    return STATUS.get(refusal.code, missing)
