"""docs/reference/openapi.json, as the running application serves it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fissile.api.endpoint import Request
from fissile.api.openapi import PATH
from fissile.flows.house import House
from fissile.infra.database import Database
from fissile.infra.settings import Settings
from fissile.web.main import endpoints


def page() -> str:
    """Return the document of a house that nobody opens: no database is needed for it."""
    return json.dumps(asyncio.run(_served()), indent=1, ensure_ascii=False) + "\n"


async def _served() -> Any:
    house = House(db=Database(url="postgresql://fissile@/fissile"), settings=Settings())
    described = next(one for one in endpoints(house) if one.path == PATH)
    answer = await described.handler(Request({"type": "http", "path": PATH}, _nothing))
    return json.loads(answer.body)


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
