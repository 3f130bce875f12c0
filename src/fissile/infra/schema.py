"""The one MetaData, and the few column kinds that every table is made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Text, Uuid
from sqlalchemy.types import UserDefinedType

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


class XID8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


def uid(name: str, *args: Any, **kwargs: Any) -> Column[Any]:
    """A UUIDv7 made in Python, never by the database."""
    kwargs.setdefault("nullable", False)
    return Column(name, Uuid(), *args, **kwargs)


def words(name: str, *args: Any, **kwargs: Any) -> Column[Any]:
    """Text in byte order: the same on every machine, whatever its locales."""
    kwargs.setdefault("nullable", False)
    return Column(name, Text(collation="C"), *args, **kwargs)


def moment(name: str, *args: Any, **kwargs: Any) -> Column[Any]:
    """A moment in UTC, handed in by the edge."""
    kwargs.setdefault("nullable", False)
    return Column(name, DateTime(timezone=True), *args, **kwargs)


def number(name: str, *args: Any, **kwargs: Any) -> Column[Any]:
    """A whole number; money ends in ``_minor`` (minor units), rates in ``_ppm`` (parts per million)."""
    kwargs.setdefault("nullable", False)
    return Column(name, BigInteger(), *args, **kwargs)
