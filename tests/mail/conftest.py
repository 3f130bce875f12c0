"""A mail server on this machine that behaves as a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from fissile.infra.settings import Settings


class Post:
    """What arrived, and how the next letters are answered: a reply, ``drop``, or ``slow``."""

    def __init__(self) -> None:
        self.arrived: list[EmailMessage] = []
        self.answers: list[str] = []
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if "nobody@" in address:
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 kept"
        if answer == "slow":
            await asyncio.sleep(1)
            return "250 late"
        if answer.startswith("2") or answer == "drop":
            self.arrived.append(message_from_bytes(envelope.content, policy=default))
        if answer == "drop":
            server.transport.abort()
            return "250 nobody hears it"
        return answer

    def settings(self, **changes: Any) -> Settings:
        given: dict[str, Any] = {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_tls": "none",
            "mail_from": "shop@example.org",
            "shop_name": "Tea & 茶",
        }
        return Settings(**{**given, **changes})


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """The server."""
    post = Post()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(post, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    yield post
    server.close()
