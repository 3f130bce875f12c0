"""The clock's work: gateways are asked to send back what is owed to buyers."""

from __future__ import annotations

from datetime import datetime

import structlog

from fissile.domain.orders.operations import owed_refunds
from fissile.infra.database import Database
from fissile.infra.gateways.model import Gateway, GatewayAway, RefundRequest

_log = structlog.get_logger()


async def return_refunds(db: Database, *, gateway: Gateway, at: datetime, limit: int = 100) -> int:
    """
    Ask a gateway to send the money of posted refunds back; return how many it was asked for. The house calls it.

    Nothing changes here: a refund is returned when the gateway says so by its signed webhook, and until then it is
    asked for again by every sweep, by the same refund id, which gateways treat as the same request. The gateway is
    asked outside of any transaction. One that cannot be reached ends the sweep; the next one goes on.
    """
    async with db.reading() as connection:
        owed = await owed_refunds(connection, gateway=gateway.name, limit=limit)
    asked = 0
    for refund in owed:
        try:
            await gateway.refund(
                RefundRequest(
                    refund_id=refund.id,
                    order_id=refund.order_id,
                    payment_id=refund.gateway_payment_id,
                    amount_minor=refund.amount.minor,
                    currency=refund.amount.currency,
                ),
                at=at,
            )
        except GatewayAway as error:
            _log.warning("gateway_away", gateway=gateway.name, reason=str(error), left=len(owed) - asked)
            break
        asked += 1
    return asked
