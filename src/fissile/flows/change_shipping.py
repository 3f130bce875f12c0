"""Staff change what sending costs, and how long goods may be given back: a new version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fissile.domain.catalogue.errors import NotYourMerchant
from fissile.domain.members.rules import require
from fissile.domain.shipping.model import Terms, Zone
from fissile.domain.shipping.operations import add_terms
from fissile.domain.shipping.queries import zone_row
from fissile.domain.shipping.rules import check_terms
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id


async def change_shipping(
    db: Database,
    *,
    merchant_id: UUID,
    zones: Sequence[Zone],
    after_sale_days: int | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> Terms:
    """
    Write the next version of a merchant's terms; it decides orders placed from now on, others keep theirs.

    Who: operators, and staff of the merchant. For the terms and their units see :class:`Zone`.

    :raises RoleNotAllowed, NotYourMerchant: if the actor may not
    :raises ZonesMissing, TooManyZones, ZoneRegionDoubled, ZoneAmountOutOfRange, AfterSaleDaysOutOfRange: if the terms
        will not do
    :raises TermsChangedMeanwhile: if somebody else changed them in this very moment
    """
    require(actor, {"operator", "merchant_staff"})
    if not (actor.roles & {"operator", "house"} or merchant_id in actor.merchant_ids):
        raise NotYourMerchant(name=actor.name)
    check_terms(zones=zones, after_sale_days=after_sale_days)
    async with db.transaction() as connection:
        made = await add_terms(
            connection,
            terms_id=new_id(at=at, rng=rng),
            merchant_id=merchant_id,
            zones=zones,
            after_sale_days=after_sale_days,
            made_by=actor.member_id,
            at=at,
        )
        data = {"merchant": str(merchant_id), "version": made.version, "after_sale_days": after_sale_days}
        await record_events(connection, happened=[Event("shipping.changed", made.id, data)], actor=actor, at=at)
        await record_act(
            connection,
            act="change_shipping",
            subject=public_id("mch", merchant_id),
            detail={"version": made.version, "zones": [zone_row(zone) for zone in zones]},
            actor=actor,
            at=at,
            rng=rng,
        )
    return made
