"""The words for states and kinds that the database stores as single words, and the notes after a form."""

from __future__ import annotations

from fissile.web.marking import later as _
from fissile.web.words import Words

LABELS: dict[str, dict[str, str]] = {
    "order": {
        "placed": _("Waiting for payment"),
        "paid": _("Paid"),
        "shipped": _("Shipped"),
        "completed": _("Completed"),
        "cancelled": _("Cancelled"),
        "expired": _("Expired"),
        "refunded": _("Refunded"),
    },
    "share": {"active": _("Active"), "paused": _("Paused"), "revoked": _("Revoked")},
    "listing": {"listed": _("Listed"), "unlisted": _("Not listed")},
    "commission": {
        "held": _("On hold"),
        "released": _("Released"),
        "paid": _("Paid out"),
        "taken_back": _("Taken back"),
    },
    "refund": {"posted": _("Owed to the buyer"), "returned": _("Money returned")},
    "batch": {"made": _("Waiting for approval"), "paid": _("Paid out"), "dropped": _("Dropped")},
    "touch": {"won": _("Won"), "lost": _("Did not win")},
    "reason": {
        "last_touch": _("the last opening of a share before the order"),
        "earlier_touch": _("another share was opened later"),
        "outside_window": _("the opening was too long before the order"),
        "self_purchase": _("promoters earn nothing on what they buy themselves"),
        "share_not_open": _("the share was paused, revoked or expired at that moment"),
        "no_touch": _("the buyer had opened no share"),
        "no_valid_touch": _("no opening fulfilled the rule"),
    },
    "transfer": {
        "payment": _("Payment"),
        "payment owed back": _("Payment that is owed back"),
        "merchant's part": _("Merchant's part"),
        "platform's part": _("Platform's part"),
        "promoter's part": _("Promoter's part"),
        "inviter's part": _("Inviter's part"),
        "hold over": _("The hold is over"),
        "refund": _("Refund"),
        "refund before release": _("Refund before release"),
        "refund after release": _("Refund after release"),
        "held again after a refund": _("Held again after a refund"),
        "refund returned": _("Refund returned by the gateway"),
        "payout made": _("Payout batch made"),
        "payout approved": _("Payout approved"),
        "payout dropped": _("Payout dropped"),
    },
    "form": {"link": _("Link"), "code": _("Code")},
    "channel": {
        "chat": _("Chat"),
        "group": _("Group"),
        "moments": _("Moments"),
        "feed": _("Feed"),
        "profile": _("Profile"),
        "offline": _("Offline"),
        "other": _("Elsewhere"),
    },
    "role": {
        "buyer": _("Buyer"),
        "promoter": _("Promoter"),
        "merchant_staff": _("Merchant staff"),
        "operator": _("Operator"),
        "payout_officer": _("Payout officer"),
        "reviewer": _("Reviewer"),
        "auditor": _("Auditor"),
    },
    "scope": {
        "platform": _("Whole platform"),
        "merchant": _("Merchant"),
        "category": _("Category"),
        "product": _("Product"),
    },
    "plan": {"open": _("Open"), "ended": _("Ended")},
    "plan_kind": {"percent": _("Per cent of the line"), "flat": _("Fixed amount a piece")},
    "payee": {
        "promoter": _("Promoter"),
        "inviter": _("Inviter"),
        "merchant": _("Merchant"),
        "platform": _("Platform"),
    },
    "account": {
        "gateway_clearing": _("Payment gateway"),
        "order_holding": _("Held for orders"),
        "merchant_payable": _("Owed to merchant"),
        "commission_payable": _("Owed to promoter"),
        "platform_fee": _("Platform fee"),
        "refund_payable": _("Owed as refunds"),
        "payout_clearing": _("Payouts"),
    },
    "phase": {
        "single": _("Posted at once"),
        "pending": _("Pending"),
        "post": _("Pending one posted"),
        "void": _("Pending one voided"),
    },
    "movement": {
        "received": _("Received"),
        "sold": _("Sold"),
        "returned": _("Returned"),
        "corrected": _("Corrected"),
    },
    "payment": {
        "settled": _("Paid the order"),
        "late": _("Too late, given back"),
        "doubled": _("Paid twice, given back"),
        "differs": _("Another amount, given back"),
    },
}

NOTES: dict[str, str] = {
    "saved": _("Saved."),
    "signed-in": _("You are signed in."),
    "signed-out": _("You are signed out."),
    "welcome": _("Welcome. Your account is ready."),
    "promoter": _("You are a promoter now. Pick a product and share it."),
    "share-made": _("Your share is ready. Copy it into a chat."),
    "share-active": _("The share is active again."),
    "share-paused": _("The share is paused: it opens for nobody until you resume it."),
    "share-revoked": _("The share is revoked for good."),
    "order-placed": _("Your order is placed. Pay it before the time runs out."),
    "paid": _("Payment received. Thank you."),
    "payment-failed": _("The payment failed. Nothing was charged; you can try again."),
    "shipped": _("The order is shipped."),
    "completed": _("The order is completed."),
    "cancelled": _("The order is cancelled and its stock is free again."),
    "refunded": _("The refund is posted. The gateway is told next."),
    "stock": _("The stock is corrected."),
    "batch-made": _("The batch is made. Another payout officer has to approve it."),
    "batch-paid": _("The batch is approved and paid out."),
    "batch-dropped": _("The batch is dropped; its commissions wait for the next one."),
    "plan": _("The new version of the plan is in force."),
    "role": _("The role is granted."),
    "role-gone": _("The role is taken away."),
    "opened": _("The code was recognised. This is what was shared with you."),
}


def label(words: Words, *, kind: str, value: str) -> str:
    """Return the word for a stored state in the reader's language; an unknown one as it is stored."""
    return words.say(LABELS[kind].get(value, value))
