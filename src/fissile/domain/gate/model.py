"""What the Gate reads in a text, and the line that asks about it. Positions are Unicode code points of the text as
given, the end excluded; ``where`` names the text or the picture that the fact was found in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

FACTS_OF_A_KIND = 256
"""At most so many facts of a kind are kept of one text; the rest are counted in ``Dropped``."""


class Code(msgspec.Struct, frozen=True, gc=False):
    """
    A special identification code or passphrase.

    ``code`` is what the receiving app would read: separators, invisible, full-width and look-alike letters undone,
    case and 0/O kept, delimiters left off. ``start`` and ``end`` span the code and not its delimiters.
    ``kind`` is ``passphrase``, ``short_link``, ``long_link``, ``qr_payload`` or ``search_number``.
    ``platform`` is ``unknown`` where the anatomy tells that it is a code but not for which app.
    """

    kind: str
    platform: str
    code: str
    start: int
    end: int
    where: str = "text"


class Link(msgspec.Struct, frozen=True, gc=False):
    """
    An address. ``url`` is its plain reading, ``host`` is lower case, IDN in Unicode.

    ``cls`` (``class`` in JSON) is ``shop``, ``short_link``, ``app_jump``, ``netdisk`` or ``unknown``; ``platform`` is
    ``None`` where the host is in no table. ``partner`` is left false by the reader: the rulebook's partner list says.
    """

    url: str
    host: str
    cls: str = msgspec.field(name="class")
    platform: str | None
    partner: bool
    start: int
    end: int
    where: str = "text"


class Contact(msgspec.Struct, frozen=True, gc=False):
    """A hint to go on in private elsewhere: ``technique`` says how it is given."""

    technique: str
    start: int
    end: int
    where: str = "text"


class Inducement(msgspec.Struct, frozen=True, gc=False):
    """Wording that presses the reader to share, help, follow or download, neither denied nor quoted."""

    category: str
    start: int
    end: int
    where: str = "text"


class Disguise(msgspec.Struct, frozen=True, gc=False):
    """A way of writing that hides a word, a code or a link from a plain reader."""

    technique: str
    start: int
    end: int
    where: str = "text"


class CueWord(msgspec.Struct, frozen=True, gc=False):
    """A word that tells the reader to copy, open, search or tap; ``word`` is its plain form."""

    word: str
    start: int
    end: int


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """How many facts of each kind were found beyond ``FACTS_OF_A_KIND``."""

    codes: int = 0
    links: int = 0
    contacts: int = 0
    inducements: int = 0
    disguises: int = 0
    cues: int = 0


class Facts(msgspec.Struct, frozen=True):
    """
    Everything that the reader found in one text, each kind in order of its place.

    ``origin`` are the platforms of codes and links, sorted, each once. ``normalised`` is the plain reading of the
    text, for people to see. ``reader`` is the version of the code and its tables.
    """

    codes: tuple[Code, ...] = ()
    links: tuple[Link, ...] = ()
    contacts: tuple[Contact, ...] = ()
    inducements: tuple[Inducement, ...] = ()
    disguises: tuple[Disguise, ...] = ()
    cues: tuple[CueWord, ...] = ()
    origin: tuple[str, ...] = ()
    normalised: str = ""
    dropped: Dropped = Dropped()
    reader: str = ""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """
    One line that asks for a verdict.

    ``posted_at`` is the moment as the line gives it (ISO 8601); ``facts`` is history that the caller knows.
    """

    text: str = ""
    id: str = ""
    surface: str = ""
    form: str = ""
    sender: str = ""
    community: str = ""
    thread: str = ""
    posted_at: str = ""
    facts: Mapping[str, Any] = msgspec.field(default_factory=dict)
