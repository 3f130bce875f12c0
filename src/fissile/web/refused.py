"""Which HTTP status a page answers a refusal with; everything unnamed is a rule of the shop: 422."""

from __future__ import annotations

from fissile.kernel.errors import Refusal

STATUS: dict[str, int] = {
    "page_not_found": 404,
    "unknown_picture": 404,
    "unknown_id": 404,
    "sign_in_needed": 403,
    "not_allowed": 403,
    "form_expired": 403,
}
_ENDINGS = (
    ("not_found", 404),
    ("unknown", 404),
    ("not_allowed", 403),
    ("forbidden", 403),
    ("too_many_attempts", 429),
    ("rate_limited", 429),
    ("queue_full", 503),
)


def status_of(refusal: Refusal) -> int:
    """Return the status for a refusal: by its code, else by how the code ends."""
    if refusal.code in STATUS:
        return STATUS[refusal.code]
    return next((status for ending, status in _ENDINGS if refusal.code.endswith(ending)), 422)
