"""Orders as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from fissile.domain.shipping.model import NO_CHARGE, Charge
from fissile.kernel.money import Money

OrderState = Literal["placed", "paid", "shipped", "completed", "cancelled", "expired", "refunded"]
ORDER_STATES: tuple[OrderState, ...] = get_args(OrderState)

QUANTITY_MAX = 10_000
LINES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """One line as it will be charged, and how its money will be divided."""

    sku_id: UUID
    product_id: UUID
    title: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    sku_version: int
    tax_rate_ppm: int = 0
    tax_minor: int = 0  # contained in the amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order would cost now; shown = charged, or the buyer is asked again."""

    merchant_id: UUID
    currency: str
    lines: tuple[QuoteLine, ...]
    shipping: Charge = NO_CHARGE

    @property
    def goods(self) -> Money:
        """The sum of the lines, their tax contained."""
        return Money(sum(line.amount_minor for line in self.lines), self.currency)

    @property
    def total(self) -> Money:
        """The sum of the lines and the shipping."""
        return Money(self.goods.minor + self.shipping.minor, self.currency)

    @property
    def taxes(self) -> tuple[tuple[int, Money], ...]:
        """The tax contained in the lines, by rate in parts per million, the highest first; rates of 0 left out."""
        found: dict[int, int] = {}
        for line in self.lines:
            if line.tax_rate_ppm:
                found[line.tax_rate_ppm] = found.get(line.tax_rate_ppm, 0) + line.tax_minor
        return tuple((rate, Money(found[rate], self.currency)) for rate in sorted(found, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to send it to; about a person, so it stands apart from the order."""

    name: str
    phone: str = ""
    email: str = ""
    address: str = ""
    country: str = ""  # two letters of ISO 3166-1, where the address is given with its parts
    region: str = ""  # a code of ISO 3166-2, where it is one

    @property
    def place(self) -> tuple[str, str] | None:
        """Country and region, by which shipping is priced; None if the address names no country."""
        return (self.country, self.region) if self.country else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """The answer to a placement; ``replayed`` tells that the key was known and this is the first answer again."""

    id: UUID
    total: Money
    state: OrderState
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCheckout:
    """Orders placed together, one a merchant; ``checkout_id`` is None where there is only one."""

    checkout_id: UUID | None
    orders: tuple[PlacedOrder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """A line of an order about to be settled."""

    line_no: int
    sku_id: UUID
    quantity: int
    amount_minor: int
    tax_minor: int
    fee_minor: int
    commission_minor: int
    second_commission_minor: int
    commission_plan_version_id: UUID | None
    hold_seconds: int

    @property
    def base_minor(self) -> int:
        """What commissions and fee are reckoned from: the goods without their tax."""
        return self.amount_minor - self.tax_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableOrder:
    """What settling needs to know of an order."""

    id: UUID
    merchant_id: UUID
    state: OrderState
    currency: str
    total_minor: int
    shipping_minor: int
    credit_promoter_id: UUID | None
    credit_share_id: UUID | None
    second_promoter_id: UUID | None
    lines: tuple[PaidLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPayment:
    """A payment as its gateway reports it."""

    gateway: str
    gateway_payment_id: str
    order_id: UUID
    amount_minor: int
    currency: str
    paid_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOrder:
    """An order whose row this transaction has locked."""

    id: UUID
    merchant_id: UUID
    member_id: UUID | None
    visitor_id: UUID
    state: OrderState
    currency: str
    total_minor: int
    refunded_minor: int
    shipping_minor: int
    shipping_refunded_minor: int
    paid_at: datetime | None
    completed_at: datetime | None
    after_sale_days: int

    @property
    def left(self) -> Money:
        """What of it was paid and not yet refunded."""
        paid = self.total_minor if self.paid_at is not None else 0
        return Money(paid - self.refunded_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money owed back to a buyer (posted), or back (returned), and the payment it belongs to."""

    id: UUID
    order_id: UUID
    payment_id: UUID
    gateway: str
    gateway_payment_id: str
    amount: Money
    reason: str
    state: Literal["posted", "returned"]
    posted_at: datetime
    returned_at: datetime | None
    request_hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """What is to be given back of a line (0: the shipping), in minor units and in pieces; a piece may cost nothing."""

    line_no: int
    amount_minor: int
    quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundableLine:
    """A line of an order, or its shipping, with what of it was refunded before."""

    line_no: int
    sku_id: UUID | None
    title: str
    amount_minor: int
    quantity: int
    refunded_minor: int
    refunded_quantity: int

    @property
    def left_minor(self) -> int:
        """What of it was paid and not yet refunded."""
        return self.amount_minor - self.refunded_minor

    @property
    def left_quantity(self) -> int:
        """How many pieces were not yet refunded."""
        return self.quantity - self.refunded_quantity
