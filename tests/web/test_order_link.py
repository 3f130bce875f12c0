"""A guest who lost the link asks for it: a mail is owed, and its link opens the order."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from fissile.domain.notices.operations import claim_mails
from fissile.kernel.ids import parse_public_id
from fissile.web.notice_words import letter_of
from tests.web.conftest import Shop, send


async def test_the_mailed_link_opens_the_order(shop: Shop) -> None:
    order = shop.ids["paid order"]
    async with shop.house.db.transaction() as connection:
        given = {"id": parse_public_id("ord", order)}
        await connection.execute(text("UPDATE orders SET member_id = NULL WHERE id = :id"), given)
        await connection.execute(text("UPDATE order_contacts SET email = 'mei@x.example' WHERE order_id = :id"), given)
    guest = shop.browser()

    await send(guest, page="/find-order", to="/find-order", order=order, contact="other@x.example")
    await send(guest, page="/find-order", to="/find-order", order=order, contact="Mei@x.example")

    async with shop.house.db.transaction() as connection:
        (mail,) = await claim_mails(connection, at=datetime.now(UTC), limit=10)
    letter = letter_of(
        mail, settings=shop.house.settings, link_secret="unused", guest_secret=shop.app.state.guest_secret
    )
    link = next(line for line in letter.text.splitlines() if "/o/" in line)
    assert letter.to == "mei@x.example"
    assert (await guest.get(link)).status_code == 200
