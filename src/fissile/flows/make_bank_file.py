"""A bank's file of an approved payout: downloaded once or often, it is the same bytes and is sent once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.members.rules import require
from fissile.domain.payouts import operations
from fissile.domain.payouts.account_operations import details_of
from fissile.domain.payouts.errors import NoBankFile, PayoutDetailsErased
from fissile.domain.payouts.results import file_rows
from fissile.domain.payouts.rules import OFFICERS
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.infra.tabular import csv_line
from fissile.kernel.ids import Chance, new_id, public_id

_KNOWN = text("SELECT id, sha256 FROM payout_files WHERE batch_id = :batch AND bank = :bank")
_IN_FILE = text("""
SELECT s.item_id FROM payout_sendings s
  JOIN payout_items i ON i.id = s.item_id
  JOIN payout_account_details d ON d.version_id = i.account_version_id
 WHERE s.batch_id = :batch AND s.method = 'file' AND d.bank = :bank
   AND CASE WHEN CAST(:file AS uuid) IS NULL THEN s.state = 'owed' ELSE s.file_id = :file END
 ORDER BY s.item_id FOR UPDATE OF s
""")
_WAS_IN = text("SELECT item_id FROM payout_sendings WHERE file_id = :file ORDER BY item_id")


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file as it goes to the bank; ``sha256`` is that of ``content``."""

    name: str
    content: bytes
    sha256: bytes


async def make_bank_file(
    db: Database, *, batch_id: UUID, bank: str, actor: Actor, at: datetime, rng: Chance
) -> BankFile:
    """
    Return the file of a batch for one bank; a payout officer calls it.

    The first time its items change from owed to sent; later it is made again from the same rows, byte for byte.
    Items whose account changed since are held and left out. Amounts are what arrives, in major units; a cell that
    would start a formula in a spreadsheet has an apostrophe in front.

    :raises RoleNotAllowed: if the actor is no payout officer
    :raises PayoutUnknown: if there is no such batch
    :raises NoBankFile: if there is nothing to be paid at this bank
    :raises PayoutDetailsErased: if details that stood in it were erased since
    """
    require(actor, OFFICERS)
    async with db.transaction() as connection:
        items = {item.id: item for item in await operations.items_of(connection, batch_id=batch_id)}
        await operations.lock_batch(connection, batch_id=batch_id, items=())
        known = (await connection.execute(_KNOWN, {"batch": batch_id, "bank": bank})).first()
        held = [] if known else await operations.hold_stale(connection, batch_id=batch_id, at=at)
        found = await connection.execute(
            _IN_FILE, {"batch": batch_id, "bank": bank, "file": known.id if known else None}
        )
        chosen = [items[row.item_id] for row in found]
        if known is not None and len(chosen) != len((await connection.execute(_WAS_IN, {"file": known.id})).all()):
            raise PayoutDetailsErased()
        if not chosen:
            raise NoBankFile()
        versions = [item.account_version_id for item in chosen if item.account_version_id is not None]
        details = await details_of(connection, version_ids=versions)
        number = public_id("pob", batch_id)
        rows = file_rows(
            [(item, details[item.account_version_id]) for item in chosen if item.account_version_id is not None],
            reference=number,
        )
        content = "".join(csv_line(row) for row in rows).encode()
        made = BankFile(f"{number}-{_plain(bank)}.csv", content, hashlib.sha256(content).digest())
        if known is not None:
            assert made.sha256 == known.sha256, "items and account versions never change"
            return made
        file = {
            "id": new_id(at=at, rng=rng),
            "batch_id": batch_id,
            "bank": bank,
            "items": len(chosen),
            "total_minor": sum(item.net.minor for item in chosen),
            "sha256": made.sha256,
            "made_by": actor.member_id,
            "made_at": at,
        }
        await operations.put_into_file(connection, file=file, item_ids=[item.id for item in chosen], at=at)
        await _tell(connection, file, item_ids=[item.id for item in chosen], held=held, actor=actor, at=at, rng=rng)
    return made


async def _tell(
    connection: AsyncConnection,
    file: dict[str, Any],
    *,
    item_ids: list[UUID],
    held: list[tuple[UUID, str]],
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    happened = [Event("payout_item.held", one, {"reason": reason}) for one, reason in held]
    happened += [Event("payout_item.sent", one, {"file": str(file["id"])}) for one in item_ids]
    await record_events(connection, happened=happened, actor=actor, at=at)
    await record_act(
        connection,
        act="make_bank_file",
        subject=public_id("pob", file["batch_id"]),
        detail={"items": file["items"], "total_minor": file["total_minor"], "sha256": file["sha256"].hex()},
        actor=actor,
        at=at,
        rng=rng,
    )


def _plain(bank: str) -> str:
    """Return a bank's name as part of a file's name."""
    return (
        "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in bank)[:40].strip("-") or "bank"
    )
