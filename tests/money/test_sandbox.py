"""The sandbox signs like a real gateway; forged, late, altered and doubled messages are told apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from fissile.flows.confirm_refund import confirm_refund
from fissile.flows.return_refunds import return_refunds
from fissile.infra.gateways.model import GatewayAway, GatewayMessage, WebhookForged, WebhookTooOld, WebhookUnreadable
from fissile.infra.gateways.sandbox import messages
from fissile.infra.gateways.sandbox.gateway import WEBHOOK_PATH, Sandbox, open_sandbox
from fissile.infra.gateways.sandbox.messages import SignedMessage
from fissile.kernel.ids import Chance, new_id
from tests.money.conftest import Shop

SECRET = "5e" * 32


@pytest.fixture
def order_id(at: datetime, rng: Chance) -> UUID:
    return new_id(at=at, rng=rng)


@pytest.fixture
def signed(order_id: UUID, at: datetime) -> SignedMessage:
    return messages.sign(
        secret=SECRET,
        message_id=order_id,
        kind="payment.succeeded",
        order_id=order_id,
        payment_id=messages.payment_id_of(order_id=order_id),
        refund_id=None,
        amount_minor=1_000,
        currency="CNY",
        at=at,
    )


def read(message: SignedMessage, *, now: datetime, secret: str = SECRET) -> GatewayMessage:
    return messages.verify(secret=secret, headers=message.headers, body=message.body, now=now)


class TestVerify:
    def test_returns_what_was_signed(self, signed: SignedMessage, order_id: UUID, at: datetime) -> None:
        message = read(signed, now=at)

        assert (message.gateway, message.kind, message.order_id) == ("sandbox", "payment.succeeded", order_id)
        assert (message.amount_minor, message.currency, message.occurred_at) == (1_000, "CNY", at)
        assert message.payment_id == messages.payment_id_of(order_id=order_id)

    def test_takes_header_names_in_any_case(self, signed: SignedMessage, at: datetime) -> None:
        loud = replace(signed, headers={name.upper(): value for name, value in signed.headers.items()})

        assert read(loud, now=at) == read(signed, now=at)

    def test_refuses_another_secret(self, signed: SignedMessage, at: datetime) -> None:
        with pytest.raises(WebhookForged):
            read(signed, now=at, secret="5f" * 32)

    def test_refuses_an_altered_body(self, signed: SignedMessage, at: datetime) -> None:
        with pytest.raises(WebhookForged):
            read(replace(signed, body=signed.body.replace(b"1000", b"1")), now=at)

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    @pytest.mark.parametrize("given", ["", "7", "v1,", "é", "99999999999999999999"])
    def test_refuses_an_altered_header(self, signed: SignedMessage, at: datetime, name: str, given: str) -> None:
        with pytest.raises(WebhookForged):
            read(replace(signed, headers=signed.headers | {name: given}), now=at)

    def test_refuses_a_body_that_is_no_text(self, signed: SignedMessage, at: datetime) -> None:
        with pytest.raises(WebhookForged):
            read(replace(signed, body=b"\xff"), now=at)

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_takes_the_last_second_of_the_window(self, signed: SignedMessage, at: datetime, seconds: int) -> None:
        assert read(signed, now=at + timedelta(seconds=seconds)).amount_minor == 1_000

    @pytest.mark.parametrize("seconds", [-301, 301])
    def test_refuses_what_is_outside_the_window(self, signed: SignedMessage, at: datetime, seconds: int) -> None:
        with pytest.raises(WebhookTooOld):
            read(signed, now=at + timedelta(seconds=seconds))

    @pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"type": "payment.invented"}', b"\x00"])
    def test_tells_a_signed_message_that_is_none(self, signed: SignedMessage, at: datetime, body: bytes) -> None:
        named, stamp = signed.headers["webhook-id"], int(at.timestamp())
        signature = messages._signature(SECRET, named, stamp, body)

        with pytest.raises(WebhookUnreadable):
            read(SignedMessage(signed.headers | {"webhook-signature": signature}, body), now=at)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'"amount_minor":1000', b'"amount_minor":0'),
            (b'"amount_minor":1000', b'"amount_minor":-1000'),
            (b'"amount_minor":1000', b'"amount_minor":1000000000000001'),
            (b'"CNY"', b'"ZZZ"'),
            (b'"sbx_', b'"\\u0000'),
            (b"payment.succeeded", b"refund.succeeded"),
        ],
    )
    def test_tells_a_signed_message_that_no_ledger_takes(
        self, signed: SignedMessage, at: datetime, old: bytes, new: bytes
    ) -> None:
        body = signed.body.replace(old, new)
        signature = messages._signature(SECRET, signed.headers["webhook-id"], int(at.timestamp()), body)
        assert body != signed.body

        with pytest.raises(WebhookUnreadable):
            read(SignedMessage(signed.headers | {"webhook-signature": signature}, body), now=at)

    def test_takes_one_right_signature_of_several(self, signed: SignedMessage, at: datetime) -> None:
        several = f"v1,AAAA v2,x {signed.headers['webhook-signature']}"

        assert read(replace(signed, headers=signed.headers | {"webhook-signature": several}), now=at).currency == "CNY"


class TestPaymentIdOf:
    def test_is_the_same_for_an_order_and_another_for_another(self, order_id: UUID, at: datetime, rng: Chance) -> None:
        again, other = messages.payment_id_of(order_id=order_id), new_id(at=at, rng=rng)

        assert again == messages.payment_id_of(order_id=order_id)
        assert again != messages.payment_id_of(order_id=other)


class Listener:
    """An HTTP server that takes webhooks as they come over the wire."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, SignedMessage]] = []
        self.status = 204

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(headers["content-length"]))
        self.taken.append((head[0].split(" ")[1], SignedMessage(headers, body)))
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[tuple[Listener, str]]:
    listening = Listener()
    server = await asyncio.start_server(listening.serve, "127.0.0.1", 0)
    yield listening, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


class TestSandbox:
    async def test_sends_the_same_payment_however_often_the_button_is_pressed(
        self, listener: tuple[Listener, str], order_id: UUID, at: datetime, rng: Chance
    ) -> None:
        listening, url = listener
        sandbox = Sandbox(secret=SECRET, base_url=url, rng=rng)

        for _ in range(2):
            await sandbox.pay(order_id=order_id, amount_minor=5, currency="CNY", outcome="paid", at=at)
        await sandbox.pay(order_id=order_id, amount_minor=5, currency="CNY", outcome="failed", at=at)

        assert [path for path, _ in listening.taken] == [WEBHOOK_PATH] * 3
        heard = [sandbox.verify(headers=one.headers, body=one.body, now=at) for _, one in listening.taken]
        assert [one.kind for one in heard] == ["payment.succeeded", "payment.succeeded", "payment.failed"]
        assert len({one.payment_id for one in heard}) == 1
        assert len({one.message_id for one in heard}) == 3

    async def test_says_that_nobody_took_the_webhook(
        self, listener: tuple[Listener, str], order_id: UUID, at: datetime, rng: Chance
    ) -> None:
        listening, url = listener
        listening.status = 503

        with pytest.raises(GatewayAway, match="503"):
            await Sandbox(secret=SECRET, base_url=url, rng=rng).pay(
                order_id=order_id, amount_minor=5, currency="CNY", outcome="paid", at=at
            )

    async def test_keeps_its_secret_in_the_installation(
        self, shop: Shop, order_id: UUID, signed: SignedMessage
    ) -> None:
        one = await open_sandbox(shop.db, base_url="http://127.0.0.1:1", at=shop.at, rng=shop.rng)
        other = await open_sandbox(shop.db, base_url="http://127.0.0.1:1/", at=shop.at, rng=shop.rng)

        assert one._secret == other._secret
        assert other.pay_url(order_id=order_id).startswith("http://127.0.0.1:1/sandbox/pay/ord_")
        with pytest.raises(WebhookForged):
            one.verify(headers=signed.headers, body=signed.body, now=shop.at)


class TestReturnRefunds:
    async def test_asks_again_until_the_webhook_has_come(self, shop: Shop, listener: tuple[Listener, str]) -> None:
        listening, url = listener
        sandbox = Sandbox(secret=SECRET, base_url=url, rng=shop.rng)
        order = await shop.paid()
        refund = await shop.refund(order)

        asked = [await return_refunds(shop.db, gateway=sandbox, at=shop.at) for _ in range(2)]
        for _, one in listening.taken:
            heard = sandbox.verify(headers=one.headers, body=one.body, now=shop.at)
            assert (heard.kind, heard.refund_id, heard.order_id) == ("refund.succeeded", refund.id, order.id)
            await confirm_refund(
                shop.db,
                gateway=heard.gateway,
                message_id=heard.message_id,
                body_hash=heard.body_hash,
                refund_id=refund.id,
                amount=refund.amount,
                at=shop.at,
                rng=shop.rng,
            )
        asked.append(await return_refunds(shop.db, gateway=sandbox, at=shop.at))

        assert asked == [1, 1, 0]
        assert (await shop.balances())["refund_payable"] == (10_000, 10_000, 0, 0)

    async def test_leaves_everything_owed_if_the_gateway_is_away(self, shop: Shop) -> None:
        await shop.refund(await shop.paid())
        away = Sandbox(secret=SECRET, base_url="http://127.0.0.1:1", rng=shop.rng)

        assert await return_refunds(shop.db, gateway=away, at=shop.at) == 0
        assert await shop.column("SELECT state FROM refunds") == ["posted"]
