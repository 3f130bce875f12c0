"""What notices say, in both languages: one line for the inbox and the subject, one paragraph, one link."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from uuid import UUID

from fissile.api import asking
from fissile.domain.notices.model import OwedMail
from fissile.infra.mail import Letter
from fissile.infra.settings import Settings
from fissile.kernel.ids import public_id
from fissile.web.marking import later as _
from fissile.web.words import Words, words_of

# Kind → (title, sentence). A kind that is not here is told by the last one.
SAYS: dict[str, tuple[str, str]] = {
    "sign_up_proof": (
        _("Confirm your e-mail address"),
        _("Open the link to confirm that this address is yours. If you made no account, do nothing."),
    ),
    "password_reset": (
        _("Set a new password"),
        _("Open the link within an hour to set a new password. If you did not ask for it, do nothing."),
    ),
    "password_changed": (
        _("Your password was changed"),
        _("Everybody who was signed in with the old one is out. If it was not you, write to the shop at once."),
    ),
    "order_placed": (_("Your order is placed"), _("Its total is %(amount)s. Pay it before the time runs out.")),
    "order_paid": (_("Your payment has arrived"), _("We received %(amount)s. The merchant prepares your goods.")),
    "payment_returned": (_("Your payment goes back"), _("%(amount)s could not pay the order and goes back to you.")),
    "order_shipped": (_("Your order is on its way"), _("The merchant has shipped it.")),
    "order_refunded": (_("Your refund is on its way"), _("%(amount)s goes back to you.")),
    "order_partly_refunded": (_("A part of your order goes back"), _("%(amount)s goes back to you.")),
    "order_link": (_("The link to your order"), _("Open the link to see your order. If you did not ask, do nothing.")),
    "commission_released": (_("A commission is released"), _("%(amount)s will be part of your next payout.")),
    "payout_paid": (_("Your payout is paid"), _("%(amount)s is on its way to you.")),
    "payout_failed": (_("Your payout did not arrive"), _("%(amount)s came back. Check your payout account.")),
    "appeal_decided": (_("Your appeal is decided"), _("Sign in to read the decision and its reason.")),
    "other": (_("There is news for you"), _("Sign in to read it.")),
}
_ORDERS = (
    "order_placed",
    "order_paid",
    "payment_returned",
    "order_shipped",
    "order_refunded",
    "order_partly_refunded",
    "order_link",
)


def said(words: Words, *, kind: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and sentence of a notice in this language."""
    title, sentence = SAYS.get(kind, SAYS["other"])
    amount = words.money(int(data["amount_minor"]), data["currency"]) if "amount_minor" in data else ""
    return words.say(title), words.say(sentence, amount=amount)


def path_of(*, kind: str, subject_id: UUID | None) -> str:
    """Return the page that a notice is about."""
    if kind in _ORDERS and subject_id is not None:
        return f"/o/{public_id('ord', subject_id)}"
    return "/promoter/earnings" if kind in ("commission_released", "payout_paid", "payout_failed") else "/inbox"


def proof_token(*, secret: str, purpose: str, proof_id: UUID) -> str:
    """Return what stands in a link that proves something: the row's id and a signature of it and its purpose."""
    return f"{public_id('prf', proof_id)}.{asking.signed(secret=secret, words=f'{purpose}:{proof_id}')}"


def letter_of(mail: OwedMail, *, settings: Settings, link_secret: str, guest_secret: str) -> Letter:
    """Return a mail in its receiver's language; the links in it are signed where they open more than a page."""
    words = words_of(mail.locale if mail.locale in asking.LOCALES else "en")
    title, sentence = said(words, kind=mail.kind, data=mail.data)
    path = path_of(kind=mail.kind, subject_id=mail.subject_id)
    if mail.kind == "sign_up_proof" and mail.subject_id:
        path = f"/confirm/{proof_token(secret=link_secret, purpose='email', proof_id=mail.subject_id)}"
    elif mail.kind == "password_reset" and mail.subject_id:
        path = f"/reset/{proof_token(secret=link_secret, purpose='password', proof_id=mail.subject_id)}"
    elif mail.kind in _ORDERS and mail.subject_id:
        # Good as long from the mail on as a link of the shop is from its page on; see Asker.guest_key.
        day = int(mail.owed_at.timestamp()) // 86_400 + settings.guest_link_days
        path += f"?k={day:x}-{asking.signed(secret=guest_secret, words=f'order:{mail.subject_id}:{day:x}')}"
    link, shop = settings.base_url + path, settings.shop_name
    host = settings.mail_from.rpartition("@")[2] or "localhost"
    html = (
        f'<!doctype html><html lang="{words.tag}"><body><h1>{escape(title)}</h1><p>{escape(sentence)}</p>'
        f'<p><a href="{escape(link)}">{escape(link)}</a></p><p>{escape(shop)}</p></body></html>'
    )
    return Letter(
        to=mail.address,
        subject=f"{title} · {shop}",
        text=f"{title}\n\n{sentence}\n\n{link}\n\n-- \n{shop}\n",
        html=html,
        message_id=f"<{mail.notice_id}@{host}>",
        written_at=mail.owed_at,
    )
