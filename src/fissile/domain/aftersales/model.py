"""Parcels and requests as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote
from uuid import UUID

REASON_MAX = 400
REQUESTS_MAX = 5  # of one order: a refused one may be asked again, not for ever

RequestKind = Literal["refund", "return"]
RequestState = Literal["asked", "accepted", "refused", "withdrawn"]
KINDS = ("refund", "return")


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who carries parcels; ``link`` is the address of its page for a number, "" if it has none that can be linked."""

    code: str
    name: str
    name_zh: str
    link: str


# Data, not rules: add a line. {number} is filled with the tracking number. Where a carrier's own page wants more than
# a number, the page of kuaidi100 knows the carrier by it.
_KUAIDI = "https://www.kuaidi100.com/chaxun?nu={number}"
CARRIERS = {
    one.code: one
    for one in (
        Carrier("sf", "SF Express", "顺丰速运", _KUAIDI),
        Carrier("zto", "ZTO Express", "中通快递", _KUAIDI),
        Carrier("yto", "YTO Express", "圆通速递", _KUAIDI),
        Carrier("sto", "STO Express", "申通快递", _KUAIDI),
        Carrier("yunda", "Yunda Express", "韵达速递", _KUAIDI),
        Carrier("jd", "JD Logistics", "京东物流", _KUAIDI),
        Carrier("ems", "China Post EMS", "中国邮政", _KUAIDI),
        Carrier("dhl", "DHL", "DHL", "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}"),
        Carrier("ups", "UPS", "UPS", "https://www.ups.com/track?tracknum={number}"),
        Carrier("fedex", "FedEx", "FedEx", "https://www.fedex.com/fedextrack/?trknbr={number}"),
        Carrier("usps", "USPS", "USPS", "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}"),
    )
}


def tracking_link(*, carrier: str, number: str) -> str:
    """Return the address where a parcel can be followed; "" if the carrier has no page or there is no number."""
    known = CARRIERS.get(carrier)
    if known is None or not known.link or not number:
        return ""
    return known.link.replace("{number}", quote(number, safe=""))


def window_end(*, completed_at: datetime | None, after_sale_days: int) -> datetime | None:
    """Return when an order can no longer be given back; None while it is not completed: it always can."""
    return None if completed_at is None else completed_at + timedelta(days=after_sale_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRequest:
    """A request whose row this transaction has locked."""

    id: UUID
    order_id: UUID
    kind: RequestKind
    state: RequestState
