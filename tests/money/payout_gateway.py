"""A payout gateway on loopback that speaks the sandbox's protocol, keeps its own books, and fails as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

SECRET = "between us"


@dataclass
class PayoutServer:
    """
    ``faults`` are taken one a request, then everything goes well:

    ok · taken (paid later, by :meth:`settle`) · refused (nothing moves) · lost (the request does not get in) ·
    silent (it is done, but nobody answers) · broken (it is done, the answer is a 500) · garbled (done, no JSON).
    """

    port: int = 0
    faults: deque[str] = field(default_factory=deque)
    books: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paid(self) -> int:
        """All money that has really gone out and is out."""
        return sum(one["amount_minor"] for one in self.books.values() if one["state"] == "paid")

    def settle(self, state: str) -> None:
        """Let what was only taken end as paid or failed."""
        for one in self.books.values():
            if one["state"] == "taken":
                one["state"] = state

    def bounce(self) -> None:
        """Let everything that was paid come back."""
        for one in self.books.values():
            if one["state"] == "paid":
                one.update(state="returned", reason="account_gone")

    def forget(self) -> None:
        """Lose its memory, as gateways do with old keys; what was paid stays paid elsewhere."""
        self.books.clear()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            method, path, _ = lines[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            assert headers["authorization"] == f"Bearer {SECRET}"
            key = path.rsplit("/", 1)[1]
            self.requests.append((method, key))
            fault = self.faults.popleft() if self.faults else "ok"
            if fault == "lost":
                return
            status, answer = self._answer(method, key, json.loads(body) if body else {}, fault)
            if fault == "silent":
                await reader.read()  # until the other side gives up
                return
            if fault == "broken":
                status, answer = 500, {}
            content = b"<html>" if fault == "garbled" else json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status} x\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content
            )
            await writer.drain()
        finally:
            writer.close()

    def _answer(self, method: str, key: str, asked: dict[str, Any], fault: str) -> tuple[int, dict[str, Any]]:
        known = self.books.get(key)
        if method == "GET":
            return (404, {}) if known is None else (200, _told(known))
        if known is None:
            state = {"taken": "taken", "refused": "failed"}.get(fault, "paid")
            reason = "no_such_account" if state == "failed" else ""
            known = self.books[key] = {**asked, "state": state, "reason": reason, "reference": f"ref-{len(self.books)}"}
            return 201, _told(known)
        same = all(known[name] == asked[name] for name in ("account", "amount_minor", "currency"))
        return (200, _told(known)) if same else (409, {})


def _told(known: dict[str, Any]) -> dict[str, Any]:
    return {name: known[name] for name in ("state", "reference", "amount_minor", "currency", "reason")}
