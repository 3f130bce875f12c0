"""The web process: fast endpoints in front of the pages, over one open house."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import msgspec

from fissile import __version__
from fissile.api import orders, payments, shares, verdicts
from fissile.api.endpoint import FastEndpoint, Request, Response, json_response
from fissile.api.front import Front
from fissile.api.openapi import document_endpoint
from fissile.flows.house import House
from fissile.infra.agents import warm_up
from fissile.infra.batcher import DatabaseAway
from fissile.infra.database import Database
from fissile.infra.logs import set_up_logs
from fissile.infra.server import reach_database
from fissile.infra.settings import from_environment
from fissile.web.app import create_app

TARGET = "fissile.web.main:create"
_ABOUT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Fissile", "version": __version__, "description": "Self-hosted social commerce."},
    "paths": {},
}


class Health(msgspec.Struct):
    """Whether the database answers; ``waiting`` counts requests that wait for it."""

    status: str
    version: str
    waiting: int


def endpoints(house: House) -> tuple[FastEndpoint, ...]:
    """Return every fast endpoint, the description of them included."""

    async def health(_: Request) -> Response:
        try:
            async with asyncio.timeout(5), house.db.reading():
                waiting = house.orders.waiting + house.visits.waiting + house.payments.waiting
                return json_response(Health("ok", __version__, waiting))
        except TimeoutError as error:
            raise DatabaseAway(retry_after=1) from error

    ours: Sequence[FastEndpoint] = (
        *shares.endpoints(house),
        *orders.endpoints(house),
        *payments.endpoints(house),
        *verdicts.endpoints(house),
        FastEndpoint(
            method="GET",
            path="/health",
            summary="Whether the house is open.",
            handler=health,
            answer=Health,
            problems=(DatabaseAway,),
        ),
    )
    return (*ours, document_endpoint(lambda: _ABOUT, ours))


def front(house: House) -> Front:
    """Return the whole web application of a house that opens with it."""
    startup = [house.start, _know_agents, _keep_for_good]
    return Front(endpoints(house), create_app(house), startup=startup, shutdown=[house.close])


async def _know_agents() -> None:
    """Compile what tells people and machines apart: the first visitor does not wait for it."""
    await asyncio.to_thread(warm_up)


async def _keep_for_good() -> None:
    """Let the collector forget what start-up made: walking it took tens of milliseconds of everybody's time."""
    gc.collect()
    gc.freeze()


def create() -> Front:
    """Return the application of this process's settings; the server calls it."""
    settings = from_environment()
    set_up_logs(settings.log_level)
    return front(House(db=Database(url=reach_database(settings), pool=settings.database_pool), settings=settings))
