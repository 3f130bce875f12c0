"""The demo's address book, cart, shipping terms, and a request to give an order back."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import func, select

from fissile.domain.addresses.queries import addresses_of
from fissile.domain.addresses.rules import check_address
from fissile.domain.aftersales.errors import RequestOpen
from fissile.domain.aftersales.tables import after_sale_requests
from fissile.domain.carts.model import Owner
from fissile.domain.catalogue.tables import merchants, sku_stock, skus
from fissile.domain.orders.tables import orders
from fissile.domain.shipping.model import Zone
from fissile.domain.shipping.queries import terms_for
from fissile.flows.ask_return import ask_return
from fissile.flows.change_address import keep_address
from fissile.flows.change_cart import add_to_cart
from fissile.flows.change_shipping import change_shipping
from fissile.flows.house import House
from fissile.infra.events import Actor

_BOOK = (
    ("王一诺", "13800138000", "CN", "浙江", "杭州市 西湖区", "文三路 90 号 2 幢 501", "310012"),
    ("王建国", "010-62770000", "CN", "北京", "海淀区", "中关村大街 1 号", "100080"),
    ("Yinuo Wang", "+49 89 1234567", "DE", "DE-BY", "München", "Türkenstraße 5", "80333"),
)


async def show_checkout(house: House, *, buyer: Actor, operator: Actor, at: datetime) -> None:
    """Give the demo's buyer an address book and a cart of several merchants, and the smallest merchant its terms."""
    rng = random.Random("fissile demo checkout")
    assert buyer.member_id is not None, "the buyer is a member"
    async with house.db.reading() as connection:
        book = await addresses_of(connection, member_id=buyer.member_id)
        found = await connection.execute(
            select(merchants.c.id, func.array_agg(skus.c.id).label("sku_ids"), func.count().label("size"))
            .join(skus, skus.c.merchant_id == merchants.c.id)
            .join(sku_stock, sku_stock.c.sku_id == skus.c.id)
            .where(skus.c.price_minor > 0, sku_stock.c.on_hand - sku_stock.c.reserved > 5)
            .group_by(merchants.c.id)
            .order_by(func.count(), merchants.c.id)
        )
        shops = found.all()
        returned = (await connection.execute(select(func.count()).select_from(after_sale_requests))).scalar_one()
        sent = select(orders.c.id, orders.c.member_id, orders.c.visitor_id).where(orders.c.state == "shipped")
        guest = (await connection.execute(sent.where(orders.c.member_id.is_(None)).limit(1))).first()
        known = await terms_for(connection, merchant_id=shops[0].id) if shops else None
    for name, phone, country, region, city, street, postcode in _BOOK[len(book) :]:
        address = check_address(
            name=name, phone=phone, country=country, region=region, city=city, street=street, postcode=postcode
        )
        await keep_address(
            house.db,
            member_id=buyer.member_id,
            address_id=None,
            address=address,
            is_default=False,
            actor=buyer,
            at=at,
            rng=rng,
        )
    if not book:
        for shop in shops[:3]:
            owner, sku_id = Owner(buyer.member_id, is_member=True), min(shop.sku_ids)
            await add_to_cart(house, owner=owner, sku_id=sku_id, quantity=2, actor=buyer, at=at)
    if shops and known is None:
        zone = Zone(regions=("*",), base_minor=800, free_from_minor=9900)
        await change_shipping(
            house.db, merchant_id=shops[0].id, zones=[zone], after_sale_days=14, actor=operator, at=at, rng=rng
        )
    if guest is not None and not returned:
        try:
            await ask_return(
                house.db,
                order_id=guest.id,
                kind="return",
                reason="颜色和图片不一样。",
                actor=None,
                visitor_id=guest.visitor_id,
                at=at + timedelta(seconds=1),
                rng=rng,
            )
        except RequestOpen:
            return  # it was asked before the demo was broken off
