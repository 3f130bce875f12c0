"""What the fields of a channel may hold, and how it is found: values in, values out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from fissile.domain.channels.errors import BadChannelField
from fissile.domain.channels.model import KINDS, STATES, USABLE, BulkChange, ChannelState, Draft, Kind
from fissile.infra.networks import NETWORKS, network_of
from fissile.infra.searching import fold

COLUMNS = ("network", "handle", "name", "kind", "tags", "size", "owner", "state", "notes")
NEEDED = ("network", "handle")
CHANNELS_MAX = 200_000  # of one promoter
SIZE_MAX = 10_000_000_000
TAGS_MAX = 20
LENGTHS = {"network": 60, "handle": 100, "name": 100, "kind": 20, "owner": 100, "state": 20, "notes": 500}
TAG_MAX = 40
_TAGS_CELL_MAX = 1_000
_KINDS = {"account": "account", "账号": "account", "community": "community", "group": "community", "群": "community"}
_STATES = {
    "active": "active",
    "resting": "resting",
    "blocked": "blocked",
    "closed": "closed",
    "正常": "active",
    "休整": "resting",
    "被封": "blocked",
    "已停用": "closed",
}
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)
# Marks that turn the reading direction of what stands around them: a name could make its row say another thing.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINING = frozenset("\u200c\u200d")  # emoji and Persian are written with them


def draft_of(cells: Mapping[str, str], *, line: int = 0) -> Draft:
    """
    Return what a row or a form says, each field judged by itself; "" leaves what is there unchanged.

    :raises BadChannelField: with the column and the reason of the first that is wrong
    """
    line_of = {name: _line(name, cells.get(name, "")) for name in COLUMNS}
    network = network_of(line_of["network"])
    if network is None:
        known = ", ".join(NETWORKS)
        reason = f"“{line_of['network'][:40]}” is no network that is known here; write one of {known}"
        raise BadChannelField(column="network", reason=reason if line_of["network"] else "it is empty")
    handle = line_of["handle"].removeprefix("@").strip()
    if not handle:
        raise BadChannelField(column="handle", reason="it is empty")
    return Draft(
        line=line,
        kind=_kind(line_of["kind"]),
        network=network,
        handle=handle,
        name=line_of["name"] or None,
        tags=tags_of(line_of["tags"]) if line_of["tags"] else None,
        size=_size(line_of["size"]),
        state=_state(line_of["state"]),
        owner=line_of["owner"].removeprefix("@").strip() or None,
        notes=line_of["notes"] or None,
    )


def tags_of(given: str) -> tuple[str, ...]:
    """
    Return the tags of a cell, sorted; they are parted by commas or semicolons, Western or Chinese.

    :raises BadChannelField: if one is too long or there are too many
    """
    tags = sorted({tag for part in re.split("[,;，；、]", _line("tags", given)) if (tag := part.strip())})
    if len(tags) > TAGS_MAX:
        raise BadChannelField(column="tags", reason=f"there are {len(tags)}, at most {TAGS_MAX} are taken")
    for tag in tags:
        if len(tag) > TAG_MAX:
            raise BadChannelField(column="tags", reason=f"“{tag[:20]}…” has more than {TAG_MAX} characters")
    return tuple(tags)


def bulk_change(*, state: str, add_tag: str, remove_tag: str, find: str, put: str) -> BulkChange:
    """
    Return a change of many, each field judged by itself.

    Names are replaced in a step of their own: what a filter shows by its words changes with them.

    :raises BadChannelField: if one is wrong
    """
    if find and (state or add_tag or remove_tag):
        raise BadChannelField(column="name", reason="replace pieces of names in a step of their own")
    added, removed = tags_of(add_tag), tags_of(remove_tag)
    if len(added) > 1 or len(removed) > 1:
        raise BadChannelField(column="tags", reason="give one tag at a time")
    return BulkChange(
        state=_state(state) or "",
        add_tag=added[0] if added else "",
        remove_tag=removed[0] if removed else "",
        find=_line("name", find),
        put=_line("name", put),
    )


def handle_key(handle: str) -> str:
    """Return what a handle is compared by: two that differ in case or width are one."""
    return fold(handle)


def search_text(*, name: str, handle: str) -> str:
    """Return what a channel is searched in."""
    return fold(f"{name}\n{handle}")


def is_usable(state: str) -> bool:
    """Return whether a new share may name a channel in this state."""
    return state in USABLE


def _line(column: str, given: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(given.split()))
    limit = LENGTHS.get(column, _TAGS_CELL_MAX)
    if len(text) > limit:
        raise BadChannelField(column=column, reason=f"it has {len(text)} characters, at most {limit} are taken")
    for letter in text:
        kind = unicodedata.category(letter)
        if letter in _TURNING or kind in ("Cc", "Cs", "Co") or (kind == "Cf" and letter not in _JOINING):
            raise BadChannelField(column=column, reason="it has control characters or marks that nobody sees")
    return text


def _kind(given: str) -> Kind:
    kind = _KINDS.get(given.lower(), given.lower()) if given else "account"
    for one in KINDS:
        if one == kind:
            return one
    raise BadChannelField(column="kind", reason=f"“{given[:20]}” is neither account nor community")


def _state(given: str) -> ChannelState | None:
    if not given:
        return None
    state = _STATES.get(given.lower())
    for one in STATES:
        if one == state:
            return one
    raise BadChannelField(column="state", reason=f"“{given[:20]}” is none of {', '.join(STATES)}")


def _size(given: str) -> int | None:
    if not given:
        return None
    if not _WHOLE.fullmatch(given) or int(given) > SIZE_MAX:
        raise BadChannelField(column="size", reason=f"“{given[:20]}” is no whole number of followers or members")
    return int(given)
