"""``fissile bench``: measured figures."""

from __future__ import annotations

import importlib
import json
from typing import Any

import click

from fissile.infra.settings import from_environment

_SECONDS = click.option(
    "--seconds", type=click.FloatRange(0.5, 600), default=5.0, show_default=True, help="How long each part is measured."
)


@click.group()
def bench() -> None:
    """Measure; each benchmark prints one JSON object with its figure, the limit of the same run, and the ratio."""


@bench.command()
@_SECONDS
def resolve(seconds: float) -> None:
    """Shares opened, each a durable visit: POST /api/shares/resolve and GET /s/{token}."""
    _print("resolve", seconds=seconds)


@bench.command()
@_SECONDS
def orders(seconds: float) -> None:
    """Durable orders of one hot product over 64 connections."""
    _print("orders", seconds=seconds)


@bench.command()
@_SECONDS
@click.option("--rounds", type=click.IntRange(1, 1000), default=20, show_default=True)
def crowd(seconds: float, rounds: int) -> None:
    """500 buyers at once for 50 units, again and again: exactly 50 are sold; --seconds is for the limit."""
    _print("crowd", seconds=seconds, rounds=rounds)


@bench.command()
@click.option("--products", type=click.IntRange(300, 1_000_000), default=100_000, show_default=True)
@click.option("--orders", type=click.IntRange(400, 10_000_000), default=1_000_000, show_default=True)
def pages(products: int, orders: int) -> None:
    """Server time of each page of a large shop; making the shop takes some minutes."""
    _print("pages", products=products, orders=orders)


@bench.command()
@_SECONDS
def ledger(seconds: float) -> None:
    """Transfers posted in batches, beside bare inserts of the same rows."""
    _print("ledger", seconds=seconds)


@bench.command()
@_SECONDS
def attribution(seconds: float) -> None:
    """Orders of one buyer with the links of 2,000 promoters, beside the same buyer with one."""
    _print("attribution", seconds=seconds)


@bench.command()
@_SECONDS
def posters(seconds: float) -> None:
    """Posters drawn as JPEG from a kept template, beside bare Pillow; every fiftieth is read back."""
    _print("posters", seconds=seconds)


@bench.command()
@_SECONDS
def accounts(seconds: float) -> None:
    """A promoter's 50,000 accounts: list, search, a change of all, import."""
    _print("accounts", seconds=seconds)


@bench.command()
@_SECONDS
def gate(seconds: float) -> None:
    """Texts judged a second, ordinary and disguised, and verdicts over HTTP, beside bare Hyperscan."""
    _print("gate", seconds=seconds)


def _print(name: str, **arguments: Any) -> None:
    # Imported when it is called: the others' parts are not needed.
    measure = importlib.import_module(f"fissile.bench.{name}").measure
    click.echo(json.dumps(measure(settings=from_environment(), **arguments), ensure_ascii=False))
