"""Reading channels: which are meant, one by its id, pages of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, TypeEngine, Uuid

from fissile.domain.channels.model import USABLE, Channel, Filter, Stamp
from fissile.infra.searching import search_query, search_terms

_COLUMNS = "id, promoter_id, kind, network, handle, name, tags, size, state, owner_id, notes, version"
_ONE = "SELECT {columns} FROM channels WHERE id = :id"


def condition(chosen: Filter, *, promoter_id: UUID | None) -> tuple[str, dict[str, object]]:
    """Return the SQL condition on ``channels c`` of a filter, and its values; ``promoter_id`` None: anybody's."""
    parts, values = ["true"], dict[str, object]()
    if promoter_id is not None:
        parts.append("c.promoter_id = :promoter_id")
        values["promoter_id"] = promoter_id
    for name in ("kind", "network", "state"):
        if (wanted := getattr(chosen, name)) is not None:
            parts.append(f"c.{name} = :{name}")
            values[name] = wanted
    if chosen.tag:
        parts.append("c.tags @> ARRAY[CAST(:tag AS text)]")
        values["tag"] = chosen.tag
    if chosen.ids is not None:
        parts.append("c.id = ANY (:ids)")
        values["ids"] = list(chosen.ids)
    if query := search_query(chosen.words):
        parts.append("c.search @@ CAST(:query AS tsquery)")
        values["query"] = query
    if terms := search_terms(chosen.words):
        parts.append(
            """NOT EXISTS (SELECT FROM unnest(CAST(:terms AS text[])) AS term
                            WHERE position((term COLLATE "C") IN c.search_text) = 0)"""
        )
        values["terms"] = terms
    return " AND ".join(parts), values


def typed(sql: str, values: dict[str, object]) -> TextClause:
    """Return a statement whose arrays and ids are bound as what they are."""
    statement = text(sql)
    kinds: dict[str, TypeEngine[Any]] = {
        "ids": ARRAY(Uuid()),
        "terms": ARRAY(Text()),
        "usable": ARRAY(Text()),
        "promoter_id": Uuid(),
    }
    return statement.bindparams(*(bindparam(name, type_=kind) for name, kind in kinds.items() if name in values))


async def page_of(
    connection: AsyncConnection, *, promoter_id: UUID | None, chosen: Filter, before: UUID | None, limit: int
) -> list[Channel]:
    """Return one page of channels, the newest first, from ``before`` on."""
    where, values = condition(chosen, promoter_id=promoter_id)
    if before is not None:
        where += " AND c.id < CAST(:before AS uuid)"
        values["before"] = before
    sql = f"SELECT {_COLUMNS} FROM channels c WHERE {where} ORDER BY c.id DESC LIMIT :limit"
    found = await connection.execute(typed(sql, values), values | {"limit": limit})
    return [channel_of(row) for row in found.mappings()]


async def stamp_of(connection: AsyncConnection, *, promoter_id: UUID | None, chosen: Filter) -> Stamp:
    """Return how many channels a filter means, and the sum of their versions."""
    where, values = condition(chosen, promoter_id=promoter_id)
    sql = f"SELECT count(*) AS n, coalesce(sum(c.version), 0)::bigint AS versions FROM channels c WHERE {where}"
    row = (await connection.execute(typed(sql, values), values)).one()
    return Stamp(row.n, row.versions)


async def channel_by_id(connection: AsyncConnection, *, channel_id: UUID, lock: str = "") -> Channel | None:
    """Return a channel; ``lock`` "FOR UPDATE" holds it for a change, "FOR SHARE" as it is."""
    statement = text(f"{_ONE.format(columns=_COLUMNS)} {lock}").bindparams(bindparam("id", type_=Uuid()))
    row = (await connection.execute(statement, {"id": channel_id})).mappings().one_or_none()
    return channel_of(row) if row else None


def channel_of(row: RowMapping) -> Channel:
    """Return the channel in a row."""
    values = {name.strip(): row[name.strip()] for name in _COLUMNS.split(",")}
    return Channel(**values | {"tags": tuple(values["tags"])})


async def usable_channels(
    connection: AsyncConnection, *, promoter_id: UUID, words: str, limit: int = 20
) -> list[Channel]:
    """Return the newest of a promoter's channels that a new share may name and whose name or handle holds the words."""
    where, values = condition(Filter(words=words), promoter_id=promoter_id)
    values["usable"] = list(USABLE)
    sql = f"""
SELECT {_COLUMNS} FROM channels c WHERE {where} AND c.state = ANY (:usable) ORDER BY c.id DESC LIMIT :limit"""
    found = await connection.execute(typed(sql, values), values | {"limit": limit})
    return [channel_of(row) for row in found.mappings()]


async def count_of(connection: AsyncConnection, *, promoter_id: UUID | None, chosen: Filter) -> int:
    """Return how many channels a filter means."""
    where, values = condition(chosen, promoter_id=promoter_id)
    statement = typed(f"SELECT count(*) FROM channels c WHERE {where}", values)
    return int((await connection.execute(statement, values)).scalar_one())
