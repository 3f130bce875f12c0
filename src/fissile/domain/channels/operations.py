"""Writing channels: rows of files and forms, one change, changes of many, removal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, DateTime, Text, Uuid

from fissile.domain.channels.errors import ChannelChanged, NameEmptied, SelectionChanged, TooManyChannels
from fissile.domain.channels.model import BulkChange, Channel, Difference, Draft, Filter, Stamp, Tally
from fissile.domain.channels.queries import channel_of, condition, typed
from fissile.domain.channels.rules import CHANNELS_MAX, handle_key, search_text
from fissile.domain.channels.tables import channels
from fissile.infra.searching import search_vector
from fissile.kernel.ids import Chance, new_id

DIFFERENCES_MAX = 200  # are kept for people; counts are complete
_CHUNK = 5_000
_EMPTIED_SHOWN = 40

_KNOWN = text("""
SELECT c.id, c.promoter_id, c.kind, c.network, c.handle, c.handle_key, c.name, c.tags, c.size, c.state, c.owner_id,
       c.notes, c.version
  FROM unnest(:kinds, :networks, :keys) AS k (kind, network, handle_key)
  -- LIMIT 1 keeps it a look-up for each key: while a first file loads, statistics know nothing of the list.
  CROSS JOIN LATERAL (
    SELECT * FROM channels c
     WHERE c.promoter_id = :promoter_id AND c.kind = k.kind AND c.network = k.network AND c.handle_key = k.handle_key
     LIMIT 1
  ) c
 ORDER BY c.id
""").bindparams(
    *(bindparam(name, type_=ARRAY(Text())) for name in ("kinds", "networks", "keys")),
    bindparam("promoter_id", type_=Uuid()),
)
_WORDS = ("kinds", "networks", "handles", "keys", "names", "tags", "states", "notes", "lexemes", "texts")
_ADD = text("""
INSERT INTO channels (id, promoter_id, kind, network, handle, handle_key, name, tags, size, state, owner_id, notes,
                      search, search_text, created_at, changed_at)
SELECT id, :promoter_id, kind, network, handle, handle_key, name, string_to_array(tags, ','), size, state, owner_id,
       notes, array_to_tsvector(string_to_array(lexemes, ' ')), search_text, :at, :at
  FROM unnest(:ids, :kinds, :networks, :handles, :keys, :names, :tags, :sizes, :states, :owners, :notes, :lexemes,
              :texts)
         AS n (id, kind, network, handle, handle_key, name, tags, size, state, owner_id, notes, lexemes, search_text)
ON CONFLICT (promoter_id, kind, network, handle_key) DO NOTHING
RETURNING id, kind, state
""").bindparams(
    *(bindparam(name, type_=ARRAY(Text())) for name in _WORDS),
    *(bindparam(name, type_=ARRAY(Uuid())) for name in ("ids", "owners")),
    bindparam("sizes", type_=ARRAY(BigInteger())),
    bindparam("promoter_id", type_=Uuid()),
    bindparam("at", type_=DateTime(timezone=True)),
)
_RENAME = text("""
UPDATE channels c
   SET name = n.name, search_text = n.search_text, search = array_to_tsvector(string_to_array(n.lexemes, ' ')),
       version = c.version + 1, changed_at = :at
  FROM unnest(:ids, :names, :texts, :lexemes) AS n (id, name, search_text, lexemes) WHERE c.id = n.id
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid())),
    *(bindparam(name, type_=ARRAY(Text())) for name in ("names", "texts", "lexemes")),
    bindparam("at", type_=DateTime(timezone=True)),
)
# One statement: the rows are locked in the order of their ids, changed where the change makes a difference, and told
# by the states between which they moved. The first two columns are what the selection was before.
_CHANGE_MANY = """
WITH old AS MATERIALIZED (
  SELECT c.id, c.state, c.version FROM channels c WHERE {where} ORDER BY c.id FOR UPDATE
), new AS (
  UPDATE channels c
     SET state = CASE WHEN :new_state = '' THEN c.state ELSE :new_state END, tags = {tags}, version = c.version + 1,
         changed_at = :at
    FROM old WHERE c.id = old.id AND ((:new_state <> '' AND c.state <> :new_state) OR c.tags <> {tags})
  RETURNING old.state AS was, c.state AS is_now
)
SELECT (SELECT count(*) FROM old) AS found, (SELECT coalesce(sum(version), 0)::bigint FROM old) AS versions,
       was, is_now, count(was) AS n
  FROM (SELECT NULL AS was, NULL AS is_now UNION ALL SELECT was, is_now FROM new) moved GROUP BY was, is_now
"""
_TAGS = """ARRAY(SELECT DISTINCT one FROM unnest(array_append(array_remove(c.tags, NULLIF(:remove_tag, '')), :add_tag))
                AS one (one) WHERE one <> '' ORDER BY one)"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that could not be taken, and why."""

    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Applied:
    """What rows did to the promoter's list."""

    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


async def put_drafts(
    connection: AsyncConnection, *, promoter_id: UUID, drafts: Sequence[Draft], at: datetime, rng: Chance
) -> Applied:
    """
    Add what is new by (kind, network, handle) and change what differs; no two of the drafts have the same key.

    Accounts come first, so that communities of the same set find their owners.

    :raises TooManyChannels: if the promoter would have more than can be
    """
    applied = Applied()
    for kind in ("account", "community"):
        todo = [one for one in drafts if one.kind == kind]
        # What somebody else adds between our look and our insert is there at the second look.
        for _ in range(2):
            todo = await _put(connection, promoter_id, todo, applied, at=at, rng=rng) if todo else []
        assert not todo, "what was there at the insert is found by the next look"
    if applied.loaded:
        count = select(func.count()).select_from(channels).where(channels.c.promoter_id == promoter_id)
        if (await connection.execute(count)).scalar_one() > CHANNELS_MAX:
            raise TooManyChannels(limit=CHANNELS_MAX)
    return applied


async def _put(
    connection: AsyncConnection,
    promoter_id: UUID,
    drafts: list[Draft],
    applied: Applied,
    *,
    at: datetime,
    rng: Chance,
) -> list[Draft]:
    """Put drafts of one kind; return those that somebody else has just added."""
    owners = await _owners(connection, promoter_id, drafts)
    known = await _known(connection, promoter_id, drafts)
    new: list[tuple[UUID, Draft]] = []
    for draft in drafts:
        key = (draft.network, handle_key(draft.handle))
        owner_id = owners.get((draft.network, handle_key(draft.owner))) if draft.owner else None
        if draft.owner and (draft.kind == "account" or owner_id is None):
            reason = (
                "only a community has an owner"
                if draft.kind == "account"
                else f"you have no account “{draft.owner[:40]}” on this network"
            )
            applied.faults.append(Fault(draft.line, "owner", reason))
        elif key in known:
            await change_one(connection, before=known[key], draft=draft, owner_id=owner_id, applied=applied, at=at)
        else:
            new.append((new_id(at=at, rng=rng), draft))
    if not new:
        return []
    added = await _add(connection, promoter_id, new, owners, at=at)
    for row in added.values():
        applied.tally.count(kind=row[0], n=1)
        applied.tally.move(state=row[1], n=1)
    applied.tally.versions += len(added)
    applied.loaded += len(added)
    return [draft for id, draft in new if id not in added]


async def _known(
    connection: AsyncConnection, promoter_id: UUID, drafts: Iterable[Draft]
) -> dict[tuple[str, str], Channel]:
    asked = [(one.kind, one.network, handle_key(one.handle)) for one in drafts]
    kinds, networks, keys = zip(*asked, strict=True)
    values = {"kinds": list(kinds), "networks": list(networks), "keys": list(keys), "promoter_id": promoter_id}
    found = (await connection.execute(_KNOWN, values)).mappings()
    return {(row["network"], row["handle_key"]): channel_of(row) for row in found}


async def _owners(
    connection: AsyncConnection, promoter_id: UUID, drafts: Iterable[Draft]
) -> dict[tuple[str, str], UUID]:
    keys = {handle_key(one.owner) for one in drafts if one.owner}
    if not keys:
        return {}
    statement = select(channels.c.network, channels.c.handle_key, channels.c.id).where(
        channels.c.promoter_id == promoter_id, channels.c.kind == "account", channels.c.handle_key.in_(keys)
    )
    return {(row.network, row.handle_key): row.id for row in await connection.execute(statement)}


async def _add(
    connection: AsyncConnection,
    promoter_id: UUID,
    new: Sequence[tuple[UUID, Draft]],
    owners: dict[tuple[str, str], UUID],
    *,
    at: datetime,
) -> dict[UUID, tuple[str, str]]:
    searched = [search_text(name=one.name or one.handle, handle=one.handle) for _, one in new]
    values = {
        "promoter_id": promoter_id,
        "at": at,
        "ids": [id for id, _ in new],
        "kinds": [one.kind for _, one in new],
        "networks": [one.network for _, one in new],
        "handles": [one.handle for _, one in new],
        "keys": [handle_key(one.handle) for _, one in new],
        "names": [one.name or one.handle for _, one in new],
        "tags": [",".join(one.tags or ()) for _, one in new],
        "sizes": [one.size for _, one in new],
        "states": [one.state or "active" for _, one in new],
        "owners": [owners.get((one.network, handle_key(one.owner))) if one.owner else None for _, one in new],
        "notes": [one.notes or "" for _, one in new],
        "lexemes": [" ".join(search_vector(one)) for one in searched],
        "texts": searched,
    }
    return {row.id: (row.kind, row.state) for row in await connection.execute(_ADD, values)}


async def change_one(
    connection: AsyncConnection,
    *,
    before: Channel,
    draft: Draft,
    owner_id: UUID | None,
    applied: Applied,
    at: datetime,
) -> None:
    """Change what a draft says of a channel; where it says the same, nothing is written."""
    said: dict[str, object] = {
        "name": draft.name,
        "tags": draft.tags,
        "size": draft.size,
        "state": draft.state,
        "owner_id": owner_id,
        "notes": draft.notes,
    }
    values = {name: one for name, one in said.items() if one is not None and one != getattr(before, name)}
    if not values:
        applied.unchanged += 1
        return
    await write_one(connection, before=before, values=values, tally=applied.tally, at=at)
    applied.updated += 1
    for name, value in values.items():
        if len(applied.differences) < DIFFERENCES_MAX:
            column = "owner" if name == "owner_id" else name
            was, now = ("", draft.owner or "") if column == "owner" else (_told(getattr(before, name)), _told(value))
            applied.differences.append(Difference(draft.line, before.handle, column, was, now))


async def write_one(
    connection: AsyncConnection, *, before: Channel, values: dict[str, object], tally: Tally, at: datetime
) -> None:
    """
    Write fields of a channel as it was read, and count it as one change.

    :raises ChannelChanged: if somebody else has changed it since it was read
    """
    changed = dict(values)
    if "tags" in changed:
        changed["tags"] = list(values["tags"])  # type: ignore[call-overload]
    if "name" in changed:
        searched = search_text(name=str(values["name"]), handle=before.handle)
        changed |= {"search_text": searched, "search": func.array_to_tsvector(_array(search_vector(searched)))}
    statement = (
        update(channels)
        .where(channels.c.id == before.id, channels.c.version == before.version)
        .values(**changed, version=channels.c.version + 1, changed_at=at)
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise ChannelChanged()
    tally.versions += 1
    if (state := values.get("state")) is not None:
        tally.move(state=before.state, n=-1)
        tally.move(state=str(state), n=1)


async def change_many(
    connection: AsyncConnection,
    *,
    promoter_id: UUID,
    chosen: Filter,
    change: BulkChange,
    seen: Stamp,
    at: datetime,
) -> tuple[int, Tally]:
    """
    Change all that a selection means; return how many were changed, and what moved.

    :raises SelectionChanged: if it is another selection than was seen: other rows, or rows in other versions
    :raises NameEmptied: if a name would be left empty
    """
    where, values = condition(chosen, promoter_id=promoter_id)
    if change.find:
        renamed = await _rename(connection, where=where, values=values, change=change, seen=seen, at=at)
        return renamed, Tally(versions=renamed)
    tally = Tally()
    given = values | {
        "new_state": change.state,
        "add_tag": change.add_tag,
        "remove_tag": change.remove_tag,
        "at": at,
    }
    sql = _CHANGE_MANY.format(where=where, tags=_TAGS)
    statement = typed(sql, values).bindparams(
        *(bindparam(name, type_=Text()) for name in ("new_state", "add_tag", "remove_tag")),
        bindparam("at", type_=DateTime(timezone=True)),
    )
    moved = (await connection.execute(statement, given)).all()
    if Stamp(moved[0].found, moved[0].versions) != seen:
        raise SelectionChanged(seen=seen.count, found=moved[0].found)
    changed = 0
    for row in moved:
        changed += row.n
        if row.was != row.is_now:
            tally.move(state=row.was, n=-row.n)
            tally.move(state=row.is_now, n=row.n)
    tally.versions += changed
    return changed, tally


async def _rename(
    connection: AsyncConnection,
    *,
    where: str,
    values: dict[str, object],
    change: BulkChange,
    seen: Stamp,
    at: datetime,
) -> int:
    sql = f"SELECT c.id, c.name, c.handle, c.version FROM channels c WHERE {where} ORDER BY c.id FOR UPDATE"
    found = (await connection.execute(typed(sql, values), values)).all()
    if Stamp(len(found), sum(row.version for row in found)) != seen:
        raise SelectionChanged(seen=seen.count, found=len(found))
    new = [(row, " ".join(row.name.replace(change.find, change.put).split())) for row in found]
    new = [(row, name) for row, name in new if name != row.name]
    if emptied := [row.name for row, name in new if not name]:
        raise NameEmptied(count=len(emptied), example=emptied[0][:_EMPTIED_SHOWN])
    for start in range(0, len(new), _CHUNK):
        part = new[start : start + _CHUNK]
        texts = [search_text(name=name, handle=row.handle) for row, name in part]
        await connection.execute(
            _RENAME,
            {
                "ids": [row.id for row, _ in part],
                "names": [name for _, name in part],
                "texts": texts,
                "lexemes": [" ".join(search_vector(one)) for one in texts],
                "at": at,
            },
        )
    return len(new)


async def remove_one(connection: AsyncConnection, *, channel: Channel) -> Tally:
    """Erase a channel that is locked; its communities lose their owner. Shares keep its id, which names nobody."""
    orphans = (
        update(channels)
        .where(channels.c.owner_id == channel.id)
        .values(owner_id=None, version=channels.c.version + 1)
        .returning(channels.c.id)
    )
    tally = Tally(versions=len((await connection.execute(orphans)).all()) - channel.version)
    await connection.execute(delete(channels).where(channels.c.id == channel.id))
    tally.count(kind=channel.kind, n=-1)
    tally.move(state=channel.state, n=-1)
    return tally


def _array(lexemes: list[str]) -> object:
    return bindparam(None, lexemes, type_=ARRAY(Text()))


def _told(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
