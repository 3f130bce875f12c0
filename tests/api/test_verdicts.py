"""POST /api/gate/verdicts: the same bytes as the command line, one or many, by whom, and what is refused."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from fissile.api.front import Front
from fissile.api.verdicts import endpoints
from fissile.cli.gate_command import gate
from fissile.domain.members.model import SCOPES_BY_ROLE
from fissile.flows.house import House
from fissile.flows.new_api_key import new_api_key
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.settings import Settings

PATH = "/api/gate/verdicts"
JSON = {"content-type": "application/json"}
CODE = "复制这条信息￥zjHn0ofLJFg￥后打开👉手淘👈"


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nothing stands behind")


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    front = Front(endpoints(House(db=db, settings=Settings())), _nothing)
    transport = httpx.ASGITransport(app=front)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def _key(db: Database, *, role: str, scopes: list[str] | None = None) -> dict[str, str]:
    at, rng = datetime.now(UTC), random.Random(3)
    made = await new_api_key(db, role=role, name="gate", scopes=scopes, member_id=None, actor=HOUSE, at=at, rng=rng)
    return {"authorization": f"Bearer {made.text}"}


def _told(text: str, *options: str) -> str:
    return CliRunner().invoke(gate, ["check", *options], input=text).stdout


class TestOnePost:
    async def test_gets_the_bytes_of_the_command_line(self, client: httpx.AsyncClient) -> None:
        post = {"id": 7, "text": CODE, "surface": "group"}

        answer = await client.post(PATH, params={"rulebook": "wechat", "as_of": "2018-05-20"}, json=post)

        assert answer.status_code == 200
        assert answer.text == _told(json.dumps(post), "--rulebook", "wechat", "--as-of", "2018-05-20").rstrip("\n")
        assert answer.json()["verdict"] == "block"

    async def test_stands_where_the_query_says(self, client: httpx.AsyncClient) -> None:
        asked = {"rulebook": "wechat@2018-05-21"}

        in_a_group = await client.post(PATH, params={**asked, "surface": "group"}, json={"text": CODE})
        in_moments = await client.post(PATH, params=asked, json={"text": CODE})

        assert (in_a_group.json()["verdict"], in_moments.json()["verdict"]) == ("allow", "block")

    @pytest.mark.parametrize("body", [b'{"id":1}', b'{"text":3}', b"{nope", b'{"text":"\xff"}', b"", b"3"])
    async def test_that_cannot_be_judged_is_refused(self, client: httpx.AsyncClient, body: bytes) -> None:
        answer = await client.post(PATH, content=body, headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == (422, "post_unusable")

    async def test_of_a_megabyte_is_judged(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(PATH, json={"text": "好" * 300_000 + CODE})

        assert [code["code"] for code in answer.json()["codes"]] == ["zjHn0ofLJFg"]

    async def test_again_gives_the_same_bytes(self, client: httpx.AsyncClient) -> None:
        first, again = [await client.post(PATH, json={"text": CODE}, headers={"idempotency-key": "a"}) for _ in "12"]

        assert first.content == again.content


class TestBatch:
    async def test_of_a_thousand_keeps_order_and_places(self, client: httpx.AsyncClient) -> None:
        posts: list[Any] = [{"id": n, "text": CODE if n % 2 else "好"} for n in range(998)]
        posts[10:10] = [3, {"id": "x"}]

        answer = await client.post(PATH, json=posts)

        found = answer.json()
        assert len(found) == 1_000
        assert found[10]["line"] == 11
        assert found[10]["error"] == "line_wrong"
        assert found[11] == {"line": 12, "error": "line_wrong", "message": "the line needs text or images", "id": "x"}
        judged = [one for one in found if "verdict" in one]
        assert [one["id"] for one in judged] == list(range(998))
        assert [bool(one["codes"]) for one in judged[:4]] == [False, True, False, True]

    async def test_gets_the_bytes_of_the_command_line(self, client: httpx.AsyncClient) -> None:
        posts = [{"text": CODE}, {"text": ""}, {"id": 2}, {"text": "a", "surface": "nowhere"}]

        answer = await client.post(PATH, json=posts)

        lines = _told("\n".join(map(json.dumps, posts))).splitlines()
        assert answer.text == f"[{','.join(lines)}]"

    async def test_with_half_a_character_or_bad_bytes_inside(self, client: httpx.AsyncClient) -> None:
        body = b'[{"text":"\xff\xfe"},{"text":"ok"}]'

        answer = await client.post(PATH, content=body, headers=JSON)

        assert [set(one) & {"error", "verdict"} for one in answer.json()] == [{"error"}, {"verdict"}]

    @pytest.mark.parametrize("body", [b"[1", b"[" * 100_000, b'["\xff"', b"[]]"])
    async def test_that_is_no_json_is_refused_whole(self, client: httpx.AsyncClient, body: bytes) -> None:
        answer = await client.post(PATH, content=body, headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")

    async def test_of_more_is_refused(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(PATH, json=[{"text": ""}] * 1_001)

        assert (answer.status_code, answer.json()["given"]) == (413, 1_001)

    async def test_lets_others_in_between(self, client: httpx.AsyncClient) -> None:
        await client.post(PATH, json={"text": CODE})
        batch = asyncio.ensure_future(client.post(PATH, json=[{"text": CODE * 8}] * 1_000))
        await asyncio.sleep(0)

        small = await client.post(PATH, json={"text": "好"})

        assert small.status_code == 200
        assert not batch.done()
        await batch


class TestWhoAsks:
    async def test_a_key_needs_the_scope(self, client: httpx.AsyncClient, db: Database) -> None:
        without = await _key(db, role="reviewer", scopes=["shares:read"])

        answer = await client.post(PATH, json={"text": ""}, headers=without)

        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")

    @pytest.mark.parametrize("given", ["Bearer fsl_nobody", "Basic YTpi", "Bearer"])
    async def test_an_unknown_key_is_refused(self, client: httpx.AsyncClient, given: str) -> None:
        answer = await client.post(PATH, json={"text": ""}, headers={"authorization": given})

        assert (answer.status_code, answer.json()["code"]) == (401, "key_refused")

    async def test_a_large_batch_needs_a_key(self, client: httpx.AsyncClient, db: Database) -> None:
        posts = [{"text": "好" * 1_000}] * 400

        stranger = await client.post(PATH, json=posts)
        known = await client.post(PATH, json=posts, headers=await _key(db, role="reviewer"))

        assert (stranger.status_code, known.status_code) == (413, 200)

    def test_who_publishes_or_reviews_may_ask(self) -> None:
        for role in ("promoter", "merchant_staff", "operator", "reviewer", "auditor"):
            assert "gate:read" in SCOPES_BY_ROLE[role]


class TestChoice:
    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("rulebook=nobody", 404),
            ("rulebook=wechat@1999-01-01", 404),
            ("rulebook=wechat&as_of=2001-01-01", 404),
            ("as_of=yesterday", 422),
            ("as_of=2020-01-01&in_force=2020-01-01", 422),
            ("rulebook=wechat@2018-05-18&as_of=2020-01-01", 422),
            ("surface=moon", 422),
        ],
    )
    async def test_of_what_is_not_there_is_refused(self, client: httpx.AsyncClient, query: str, status: int) -> None:
        answer = await client.post(f"{PATH}?{query}", json={"text": ""})

        assert answer.status_code == status

    async def test_by_effect(self, client: httpx.AsyncClient) -> None:
        asked = {"rulebook": "wechat", "in_force": "2018-05-28"}

        assert (await client.post(PATH, params=asked, json={"text": CODE})).json()["verdict"] == "allow"
