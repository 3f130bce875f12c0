"""``fissile member``: people and their roles, the first operator among them."""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime

import click

from fissile.cli.context import open_database
from fissile.domain.members.model import SCOPES_BY_ROLE
from fissile.flows.grant_role import grant_role
from fissile.flows.sign_up import sign_up
from fissile.infra.events import HOUSE
from fissile.kernel.ids import parse_public_id, public_id


@click.group()
def member() -> None:
    """Make members who can sign in, and give them roles."""


@member.command()
@click.argument("email")
@click.option("--name", required=True, help="How the pages call the member.")
@click.option("--role", type=click.Choice(list(SCOPES_BY_ROLE)), default="buyer", show_default=True)
@click.option("--merchant", metavar="mch_…", help="Whose staff it is, with --role merchant_staff.")
@click.option("--locale", type=click.Choice(["en", "zh_CN"]), default="en", show_default=True)
def add(email: str, name: str, role: str, merchant: str | None, locale: str) -> None:
    """
    Make a member with a password that is asked for (or read from stdin, if that is no terminal), and print its id.

    The first operator of a shop is made so; operators give further roles on the page “Members”.
    """
    password = _password()
    click.echo(asyncio.run(_add(email, password=password, name=name, role=role, merchant=merchant, locale=locale)))


@member.command()
@click.argument("member_id", metavar="mem_…")
@click.option("--role", type=click.Choice(list(SCOPES_BY_ROLE)), required=True)
@click.option("--merchant", metavar="mch_…", help="Whose staff it is, with --role merchant_staff.")
def grant(member_id: str, role: str, merchant: str | None) -> None:
    """Give a member a role."""
    asyncio.run(_grant(member_id, role=role, merchant=merchant))


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked


async def _add(email: str, *, password: str, name: str, role: str, merchant: str | None, locale: str) -> str:
    at, rng = datetime.now(UTC), random.SystemRandom()
    merchant_id = parse_public_id("mch", merchant) if merchant else None
    async with open_database() as db:
        signed = await sign_up(
            db, email=email, password=password, display_name=name, locale=locale, visitor_id=None, at=at, rng=rng
        )
        if role != "buyer":
            await grant_role(
                db, member_id=signed.member_id, role=role, merchant_id=merchant_id, actor=HOUSE, at=at, rng=rng
            )
    return public_id("mem", signed.member_id)


async def _grant(member_id: str, *, role: str, merchant: str | None) -> None:
    async with open_database() as db:
        await grant_role(
            db,
            member_id=parse_public_id("mem", member_id),
            role=role,
            merchant_id=parse_public_id("mch", merchant) if merchant else None,
            actor=HOUSE,
            at=datetime.now(UTC),
            rng=random.SystemRandom(),
        )
