"""Whether an order can still be given back: values in, values out."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.aftersales.errors import AfterSaleOver, NotPaidYet, RequestReason, RequestUnknown
from fissile.domain.aftersales.model import KINDS, REASON_MAX, window_end
from fissile.domain.orders.model import LockedOrder


def check_window(order: LockedOrder, *, at: datetime) -> None:
    """
    Check that an order can be given back at this moment: it is paid, and its window is open.

    The window opens with the payment and ends ``after_sale_days`` after completion, its last moment excluded.

    :raises NotPaidYet: if nothing of it was paid, or it is closed
    :raises AfterSaleOver: if the window has ended
    """
    if order.state not in ("paid", "shipped", "completed"):
        raise NotPaidYet(state=order.state)
    end = window_end(completed_at=order.completed_at, after_sale_days=order.after_sale_days)
    if end is not None and at >= end:
        raise AfterSaleOver(ended=f"{end:%Y-%m-%d %H:%M} UTC")


def check_words(*, kind: str, reason: str) -> str:
    """
    Return the reason of a request without blanks around it.

    :raises RequestUnknown: if the kind is none
    :raises RequestReason: if the reason is empty or too long
    """
    if kind not in KINDS:
        raise RequestUnknown()
    tidy = reason.replace("\x00", " ").strip()
    if not 1 <= len(tidy) <= REASON_MAX:
        raise RequestReason(most=REASON_MAX)
    return tidy
