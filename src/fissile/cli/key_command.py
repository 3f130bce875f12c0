"""``fissile key``: keys for programs."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import click

from fissile.cli.context import open_database, say
from fissile.domain.members.model import ROLES_WITHOUT_MEMBER, SCOPES_BY_ROLE
from fissile.flows.add_member import add_member
from fissile.flows.new_api_key import new_api_key
from fissile.flows.revoke_api_key import revoke_api_key
from fissile.infra.events import HOUSE
from fissile.kernel.ids import parse_public_id


@click.group()
def key() -> None:
    """Make and revoke API keys."""


@key.command()
@click.option("--role", type=click.Choice(list(SCOPES_BY_ROLE)), required=True, help="What the key may do.")
@click.option(
    "--member",
    metavar="mem_…",
    help="Whose key it is. Without it: the shop's own, or of a new member where the role acts for somebody.",
)
@click.option("--name", default="made on the command line", show_default=True, help="A name to know it by.")
def new(role: str, member: str | None, name: str) -> None:
    """Print a new key, used as 'Authorization: Bearer KEY'. It is shown once."""
    asyncio.run(_new(role=role, member=member, name=name))


async def _new(*, role: str, member: str | None, name: str) -> None:
    at, rng = datetime.now(UTC), random.SystemRandom()
    async with open_database() as db:
        member_id = parse_public_id("mem", member) if member else None
        if member_id is None and role not in ROLES_WITHOUT_MEMBER:
            member_id = await add_member(db, display_name=name, locale="en", role=role, actor=HOUSE, at=at, rng=rng)
        made = await new_api_key(
            db,
            role=role,
            scopes=None,
            name=name,
            member_id=member_id,
            actor=HOUSE,
            at=at,
            rng=rng,
        )
    click.echo(made.text)


@key.command()
@click.argument("key_id", metavar="key_…")
def revoke(key_id: str) -> None:
    """Revoke a key by its id (the first part of its text)."""
    asyncio.run(_revoke(key_id))


async def _revoke(given: str) -> None:
    async with open_database() as db:
        await revoke_api_key(
            db,
            key_id=parse_public_id("key", given),
            actor=HOUSE,
            at=datetime.now(UTC),
            rng=random.SystemRandom(),
        )
    say("The key is revoked.")
