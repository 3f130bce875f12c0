"""How a refusal is answered: RFC 9457 problem details, with one table of statuses for every refusal there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fissile.kernel.errors import Refusal

MEDIA_TYPE = "application/problem+json"
DEFAULT_STATUS = 409

# By code, in the order of statuses. A refusal that is not named here is a conflict with the state of the shop.
STATUS: dict[str, int] = {
    # The request itself is wrong.
    "body_cut_off": 400,
    "idempotency_key_missing": 400,
    "idempotency_key_unusable": 400,
    "malformed_body": 400,
    "webhook_unreadable": 400,
    # Nobody we know asks.
    "key_refused": 401,
    "sign_in_needed": 401,
    "sign_in_refused": 401,
    "webhook_forged": 401,
    "webhook_too_old": 401,
    # Whoever asks may not do this.
    "form_expired": 403,
    "not_allowed": 403,
    "not_your_merchant": 403,
    "not_your_order": 403,
    "not_your_share": 403,
    "payout_account_not_yours": 403,
    "origin_refused": 403,
    "own_roles": 403,
    "role_not_allowed": 403,
    "same_person": 403,
    "scope_missing": 403,
    # There is no such thing, or no longer.
    "binding_not_found": 404,
    "category_unknown": 404,
    "code_not_found": 404,
    "endpoint_unknown": 404,
    "invoice_unknown": 404,
    "key_not_found": 404,
    "member_not_found": 404,
    "merchant_not_found": 404,
    "message_unknown": 404,
    "order_unknown": 404,
    "page_not_found": 404,
    "payout_item_unknown": 404,
    "payout_unknown": 404,
    "plan_target_not_found": 404,
    "policy_merchant_not_found": 404,
    "product_unknown": 404,
    "rulebook_unknown": 404,
    "share_unknown": 404,
    "statement_unknown": 404,
    "sku_unknown": 404,
    "address_unknown": 404,
    "request_unknown": 404,
    "unknown_id": 404,
    "unknown_picture": 404,
    "link_spent": 410,
    "share_expired": 410,
    "share_revoked": 410,
    "share_target_gone": 410,
    "method_not_allowed": 405,
    # It cannot be taken as it is.
    "file_too_large": 413,
    "picture_too_large": 413,
    "request_too_large": 413,
    "too_many_posts": 413,
    "upload_too_large": 413,
    "media_type_refused": 415,
    "address_field_odd": 422,
    "address_field_too_long": 422,
    "address_incomplete": 422,
    "address_needed": 422,
    "after_sale_days_out_of_range": 422,
    "cart_quantity": 422,
    "country_unknown": 422,
    "guest_order_too_large": 422,
    "not_shipped_there": 422,
    "phone_odd": 422,
    "region_needed": 422,
    "region_unknown": 422,
    "request_reason": 422,
    "too_many_zones": 422,
    "zone_amount_out_of_range": 422,
    "zone_region_doubled": 422,
    "zone_region_unknown": 422,
    "zones_missing": 422,
    "bad_account_number": 422,
    "bad_amount": 422,
    "bad_bracket": 422,
    "bad_calendar": 422,
    "bad_card_number": 422,
    "bad_gateway_account": 422,
    "bad_iban": 422,
    "bad_payout_terms": 422,
    "bad_routing_number": 422,
    "bank_missing": 422,
    "holder_missing": 422,
    "payout_method_unknown": 422,
    "payout_reason_missing": 422,
    "result_file_unreadable": 422,
    "result_sum_differs": 422,
    "bad_cell": 422,
    "bad_choice": 422,
    "bad_cursor": 422,
    "bad_date": 422,
    "bad_display_name": 422,
    "bad_email": 422,
    "bad_expiry": 422,
    "bad_key_name": 422,
    "bad_number": 422,
    "bad_quantity": 422,
    "binding_reason_missing": 422,
    "code_mistyped": 422,
    "column_doubled": 422,
    "columns_missing": 422,
    "contact_missing": 422,
    "currency_mismatch": 422,
    "document_too_long": 422,
    "empty_order": 422,
    "field_too_long": 422,
    "form_unknown": 422,
    "letters_missing": 422,
    "network_unknown": 422,
    "rulebook_version_unknown": 422,
    "surface_unknown": 422,
    "file_damaged": 422,
    "file_empty": 422,
    "file_missing": 422,
    "file_not_text": 422,
    "idempotency_key_reused": 422,
    "invalid_body": 422,
    "map_unreadable": 422,
    "map_wrong": 422,
    "message_differs": 422,
    "no_file_chosen": 422,
    "nothing_to_pay": 422,
    "password_too_long": 422,
    "password_too_short": 422,
    "password_too_weak": 422,
    "payout_key_reused": 422,
    "picture_broken": 422,
    "plan_amount_out_of_range": 422,
    "plan_hold_out_of_range": 422,
    "plan_kind_mixed": 422,
    "plan_kind_unknown": 422,
    "plan_scope_incomplete": 422,
    "plan_scope_unknown": 422,
    "plan_state_unknown": 422,
    "post_unusable": 422,
    "policy_binding_unknown": 422,
    "policy_level_unknown": 422,
    "policy_model_unknown": 422,
    "policy_not_ended": 422,
    "policy_state_unknown": 422,
    "policy_window_out_of_range": 422,
    "rate_out_of_range": 422,
    "reason_missing": 422,
    "refund_differs": 422,
    "refund_key_reused": 422,
    "refund_partial": 422,
    "refund_too_large": 422,
    "role_needs_merchant": 422,
    "several_merchants": 422,
    "share_key_reused": 422,
    "sku_ambiguous": 422,
    "stock_unchanged": 422,
    "too_many_lines": 422,
    "total_too_large": 422,
    "unknown_currency": 422,
    "unknown_locale": 422,
    "unknown_role": 422,
    "unknown_scope": 422,
    # Later.
    "too_many_guest_orders": 429,
    "too_many_requests": 429,
    "busy": 503,
    "database_away": 503,
    "passwords_busy": 503,
    # Our own install.
}

# What RFC 9457 and we ourselves put into every problem: a fact of the same name is told as given_NAME.
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "code"})


class Problem(msgspec.Struct, kw_only=True):
    """Why a request was refused (RFC 9457). Further members are the facts of the refusal."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str


class FieldError(msgspec.Struct, kw_only=True):
    """One place of the body that is wrong; ``pointer`` is a JSON Pointer (RFC 6901) as a fragment."""

    pointer: str
    detail: str


class InvalidBody(Refusal):
    """The body does not fit: {summary}."""

    def __init__(self, *, errors: Sequence[FieldError]) -> None:
        super().__init__(summary="; ".join(f"{one.pointer}: {one.detail}" for one in errors), errors=list(errors))


def status_of(code: str) -> int:
    """Return the HTTP status by which a refusal of this code is answered."""
    return STATUS.get(code, DEFAULT_STATUS)


def problem_for(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """
    Return the status and the members of the problem that tell a refusal; the edge adds ``instance``.

    The facts of the refusal stand beside the members of RFC 9457, ``summary`` only inside the sentence.
    """
    status = status_of(refusal.code)
    return status, {
        **_members(code=refusal.code, status=status, detail=refusal.message),
        **{_member(name): value for name, value in refusal.details.items() if name != "summary"},
    }


def problem_of_failure() -> tuple[int, dict[str, Any]]:
    """Return the status and the members that tell a failure of ours, without its insides."""
    detail = "Something failed on our side; it is in the log under the request id. Try again later."
    return 500, _members(code="internal_error", status=500, detail=detail)


def retry_after(members: dict[str, Any]) -> str | None:
    """Return the value of the Retry-After header for a problem that says when to come again, in seconds."""
    seconds = members.get("retry_after")
    return None if seconds is None else str(seconds)


def _members(*, code: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"/docs/errors#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }


def _member(name: str) -> str:
    return f"given_{name}" if name in _RESERVED else name
