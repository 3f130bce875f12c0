"""What pages read from the address: cursors, filters, the note of the form before."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any
from uuid import UUID

from fissile.kernel.ids import parse_public_id, public_id
from fissile.web.asker import PageRequest


def word(request: PageRequest, name: str, *, most: int = 200) -> str:
    """Return a parameter, without blanks around it and of at most ``most`` letters."""
    return str(request.query_params.get(name, "")).strip().replace("\x00", "")[:most]


def choice(request: PageRequest, name: str, *, among: Container[str]) -> str | None:
    """Return a parameter if it is one of ``among``."""
    given = word(request, name)
    return given if given in among else None


def cursor(request: PageRequest, name: str, *, prefix: str) -> UUID | None:
    """
    Return the id that a "more" link named, or None on the first page.

    :raises UnknownId: if it is no such id
    """
    given = word(request, name)
    return parse_public_id(prefix, given) if given else None


def cut(rows: Sequence[Any], *, size: int, prefix: str, by: str = "id") -> tuple[Sequence[Any], str | None]:
    """Return the rows of one page, of the one more than its size that were read, and the cursor of the next."""
    if len(rows) <= size:
        return rows, None
    return rows[:size], public_id(prefix, rows[size - 1][by])
