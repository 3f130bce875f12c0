"""
Addresses: plain, without scheme, in letters of other shapes, written out (点, 。, h t t p), percent-encoded, IDN.

A host is looked up on label borders only: ``3.cn`` is not the end of ``163.cn``.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from fissile.domain.gate.facts.alphabet import FOLD
from fissile.domain.gate.facts.chance import looks_drawn
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import Table, table

Row = dict[str, Any]

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,62})"
_URL = re.compile(
    rf"(?:(?P<scheme>h(?:tt|xx)ps?) ?: ?/{{1,2}} ?(?:[^\s/@]{{1,60}}@)?|(?<![A-Za-z0-9@%._/-]))"
    rf"(?P<host>(?:{_LABEL}\.){{1,8}}[a-z][a-z0-9-]{{1,30}})(?![a-z0-9-])"
    r"(?::\d{2,5})?(?P<path>[/?#][0-9A-Za-z._~/?#@&=%+!:*;-]*)?",
    re.IGNORECASE,
)
_OWN_SCRIPT_URL = re.compile(
    r"https?://(?P<host>[^\s/\\?#:，。、！？；：“”（）()<>\"'`|]{1,80}\.[^\W\d_]{2,20})(?P<path>[/?#][0-9A-Za-z._~/?#@&=%+!:*;-]*)?",
    re.IGNORECASE,
)
_APP_SCHEME = re.compile(
    r"(?<![A-Za-z0-9.])([a-z][a-z0-9.+-]{2,24})://([^\s，。！？；（）()<>\"'【】]*)", re.IGNORECASE
)
_TAIL = ".,;:!?*~-"
_PERCENT = re.compile(
    r"%[2-7][0-9A-Fa-f]|%[Cc][2-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
)
_DOTS = {
    "点": ".",
    "點": ".",
    "。": ".",
    "｡": ".",
    "·": ".",
    "・": ".",
    "•": ".",
    "‧": ".",
    "∙": ".",
    "⋅": ".",
    "◦": ".",
    "۔": ".",
    "店": ".",
    "典": ".",
    "电": ".",
    "丶": ".",
    "奌": ".",
    "，": ".",
    "、": ".",
    "\\": "/",
}
_DOT_WORDS = re.compile(
    r"[(\[{（【<]\s?(?:\.|dot|点|。)\s?[)\]}）】>]|(?<=[\sa-z0-9])dot(?=[\sa-z0-9])|斜杠|冒号|小数点", re.IGNORECASE
)
_WORD_SIGNS = {"斜杠": "/", "冒号": ":"}
_SCHEME_BEFORE = re.compile(r"h[^0-9a-z\s]{0,3}(?:tt|xx)ps?:/{0,2}$|(?<![a-z])ttps?:/{0,2}$", re.IGNORECASE)
_JOINTS = "/.?=&@#"
_PATH = re.compile(r"[/?#][0-9A-Za-z._~/?#@&=%+!:*;-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """A link with its place in ``Reading.clean``, and, if its shape or table gives one, its code with its place."""

    url: str
    host: str
    cls: str
    platform: str | None
    kind: str
    start: int
    end: int
    code: str | None = None
    code_start: int = 0
    code_end: int = 0
    technique: str | None = None
    by_anatomy: bool = False


class _Stream:
    """A reading of ``clean`` in which one sign may stand for several or for one farther on."""

    __slots__ = ("firsts", "lasts", "text")

    def __init__(self, text: str, firsts: list[int] | None = None, lasts: list[int] | None = None) -> None:
        self.text = text
        self.firsts = firsts
        self.lasts = lasts

    def span(self, first: int, last: int) -> tuple[int, int]:
        if self.firsts is None or self.lasts is None:
            return first, last
        start, end = self.firsts[first], self.lasts[last - 1]
        return (start, end) if start < end else (self.firsts[last - 1], self.lasts[first])

    def has_gap_before(self, place: int) -> bool:
        if place == 0:
            return True
        if self.firsts is None or self.lasts is None:
            return False
        return self.firsts[place] != self.lasts[place - 1]


@dataclass(frozen=True, slots=True)
class Hosts:
    """The links of a platforms' table by host and scheme."""

    rows: dict[str, Row]
    schemes: dict[str, Row]
    quiet: frozenset[str]
    spaced: re.Pattern[str]
    """Known hosts whose labels are held apart by something else than dots, with a path behind."""
    backwards: re.Pattern[str]
    """Known hosts written from their end."""

    def row(self, host: str) -> Row | None:
        """Return the row of the longest known end of a host, cut at a dot."""
        labels = host.split(".")
        for place in range(len(labels) - 1):
            row = self.rows.get(".".join(labels[place:]))
            if row is not None:
                return None if row["class"] in _QUIETABLE and self.quiet.intersection(labels) else row
        return None


def hosts(platforms: Table) -> Hosts:
    """Index the links of a platforms' table."""
    rows = {host: _compiled(row) for row in platforms["link"] for host in row["hosts"]}
    schemes = {scheme: row for row in platforms["scheme"] for scheme in row["schemes"]}
    return Hosts(rows, schemes, frozenset(platforms["quiet"]["labels"]), _spaced(rows), _written_backwards(rows))


_QUIETABLE = frozenset({"shop", "app_jump"})
_BETWEEN_LABELS = r"(?:[^0-9A-Za-z\u4e00-\u9fff\n/]{1,3}|\s?[点點店典电丶奌]\s?)"
_BETWEEN_PATH = r"(?:[^0-9A-Za-z\u4e00-\u9fff\n]{1,3}|\s?斜[杠线]\s?)"


def _spaced(rows: dict[str, Row]) -> re.Pattern[str]:
    hosts = sorted((host for host, row in rows.items() if row["class"] != "netdisk"), key=len, reverse=True)
    written = "|".join(_BETWEEN_LABELS.join(map(re.escape, host.split("."))) for host in hosts)
    return re.compile(
        rf"(?<![0-9A-Za-z.-])(?P<host>{written})(?P<slash>{_BETWEEN_PATH})(?P<path>(?=[^\s]*[0-9A-Z])[0-9A-Za-z._~/?#@&=%-]{{5,}})",
        re.IGNORECASE,
    )


def _written_backwards(rows: dict[str, Row]) -> re.Pattern[str]:
    ends = sorted({re.escape(host[::-1]) for host, row in rows.items() if row["class"] in {"short_link", "shop"}})
    return re.compile(rf"[0-9A-Za-z]/(?:{'|'.join(ends)})(?![0-9A-Za-z-])", re.IGNORECASE)


def _compiled(row: Row) -> Row:
    patterns: Row = {name: re.compile(row[name]) for name in ("path", "code") if name in row}
    return {**row, **patterns}


@cache
def _parameters() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern) for name, pattern in table("anatomy")["parameters"].items()}


@cache
def _endings() -> frozenset[str]:
    return frozenset(table("anatomy")["hosts"]["endings"].split())


def find(reading: Reading, known: Hosts, *, is_called: bool) -> list[Address]:
    """
    Return the addresses of a text in order.

    ``is_called``: whether the text tells its reader to copy, open or tap; then a short address of an unknown host
    with a drawn path counts as a short link.
    """
    clean = reading.clean
    found = list(_in_stream(_Stream(clean), known, is_called, None))
    if _PERCENT.search(clean):
        found = _joined(found, _in_stream(_decoded(clean), known, is_called, "percent-encoding"))
    if is_written_out(reading):
        found = _joined(found, _in_tight(_tight(clean), known, is_called))
        found = _joined(found, _in_spaced(clean, known, is_called))
    if known.backwards.search(clean):
        found = _joined(found, _in_stream(_backwards(clean), known, is_called, "reversed"))
    found += _in_own_script(clean, known, is_called, found)
    found += _of_apps(clean, known)
    return sorted(found, key=lambda link: link.start)


_WRITTEN_OUT = re.compile(
    r"[0-9a-z]\s{0,3}(?:[点點店典电。｡·・•‧∙⋅◦۔丶奌，、]|[(\[{（【<]\s?(?:\.|dot|点|。)|\sdot\s|\sdot|dot\s|小数点)\s{0,3}[\W_]{0,3}[a-z]"
    r"|[0-9a-z][\s\W_]{1,3}\.[\s\W_]{0,3}[a-z]|[0-9a-z]\.[\s\W_]{1,3}[a-z]|:\s{0,2}\\|[a-z]\\[0-9a-z]"
    r"|t[^0-9a-z]{1,3}t[^0-9a-z]{1,3}p|\.[^0-9a-z\s]{1,2}c|\.\s?c[\s\W]{1,3}[no]|[a-z0-9][^\x00-\x7f]{1,2}[a-z0-9]{1,3}\.[a-z]{2}"
    r"|斜杠|[0-9a-z]\s[a-z]{1,9}\.(?:c|t)|[a-z](?:[^0-9a-z.\n][^0-9a-z\n]{0,2}|\.[^0-9a-z\n]{1,2})(?:cn|com|tv|co)(?:[^0-9a-z]|$)|\.c[^0-9a-z\s]{1,2}o|h[^0-9a-z]{1,3}t?tps?:|(?:^|[^h])ttps?:",
    re.IGNORECASE,
)


def is_written_out(reading: Reading) -> bool:
    """Return whether some of it may be an address with its dots or letters written apart."""
    return _WRITTEN_OUT.search(reading.clean) is not None


def _in_stream(stream: _Stream, known: Hosts, is_called: bool, technique: str | None) -> Iterator[Address]:
    for match in _URL.finditer(stream.text):
        host = match["host"].lower()
        row = known.row(_in_unicode(host))
        first, last = match.span()
        if row is None and not match["scheme"] and not _is_bare_host(host, match["path"]):
            continue
        path_at = match.start("path") if match["path"] else last
        yield _address(stream, host, first, path_at, last, row, is_called, technique)


def _is_bare_host(host: str, path: str | None) -> bool:
    """Return whether something without a scheme, of an unknown host, is an address."""
    if path and _parameters()["certain"].search(path):
        return True
    labels = host.split(".")
    if labels[-1] not in _endings() or (not any(label.isalpha() or "-" in label for label in labels[:-1]) and not path):
        return False
    return labels[0] == "www" or bool(path) or labels[-1] in {"com", "cn", "net", "org"}


def _in_unicode(host: str) -> str:
    """Return a host with its IDN labels in Unicode, letters that are taken for Latin ones undone."""
    if "xn--" not in host:
        return host
    labels = []
    for label in host.split("."):
        if label.startswith("xn--"):
            with suppress(UnicodeError):  # not an IDN label after all: it stands as it is
                label = label[4:].encode("ascii").decode("punycode").translate(FOLD)
        labels.append(label)
    return ".".join(labels).lower()


def _address(
    stream: _Stream,
    host: str,
    first: int,
    path_at: int,
    last: int,
    row: Row | None,
    is_called: bool,
    technique: str | None,
) -> Address:
    text = stream.text
    while last > path_at + 1 and text[last - 1] in _TAIL and text[last - 2] != "=":
        last -= 1
    path = text[path_at:last]
    start, end = stream.span(first, last)
    url = _plain_url(text[first:path_at], path)
    host = _in_unicode(host)
    if technique is None and "xn--" in text[first:path_at].lower():
        technique = "idn-host"
    code = _code_in(path, row)
    cls, platform, by_anatomy = _class_of(host, path, row, is_called)
    kind = row["kind"] if row else "short_link"
    found = Address(url, host, cls, platform, kind, start, end, technique=technique, by_anatomy=by_anatomy)
    if code is None or cls == "unknown":
        return found
    code_start, code_end = stream.span(path_at + code[1], path_at + code[2])
    return Address(url, host, cls, platform, kind, start, end, code[0], code_start, code_end, technique, by_anatomy)


def _plain_url(front: str, path: str) -> str:
    front = front.lower().replace(" ", "").replace("hxxp", "http")
    if front.startswith("http") and "://" not in front:
        front = front.replace(":/", "://", 1)
    return front + path


def _class_of(host: str, path: str, row: Row | None, is_called: bool) -> tuple[str, str | None, bool]:
    if row is not None:
        if "path" not in row or row["path"].search(path):
            return row["class"], row["platform"], False
        return "unknown", row["platform"], False
    if _parameters()["certain"].search(path) or (is_called and _is_short_link(host, path)):
        return "short_link", None, True
    return "unknown", None, False


def _is_short_link(host: str, path: str) -> bool:
    """Return whether it has the shape of a short link: a short host, and at its end letters drawn by chance."""
    parts = path.split("?")[0].strip("/").split("/")
    return (
        len(host) <= 16
        and len(parts) <= 3
        and all(len(part) <= 8 for part in parts[:-1])
        and 5 <= len(parts[-1]) <= 16
        and looks_drawn(parts[-1].replace("h.", "").replace("_", "").replace("-", "")) >= 2
    )


def _code_in(path: str, row: Row | None) -> tuple[str, int, int] | None:
    """Return the code in path and query with its place in them."""
    wrapped = _parameters()["wrapped"].search(path)
    if wrapped:
        code = _unwrapped(wrapped[1])
        if code:
            return code, *wrapped.span(1)
    if row is not None:
        pattern = row.get("code")
    else:
        pattern = _parameters()["code"] if _parameters()["certain"].search(path) else None
    match = pattern.search(path) if pattern else None
    return (match[1], *match.span(1)) if match else None


def _unwrapped(wrapped: str) -> str | None:
    """Return the code in ``sp_tk=``: base64 of delimiter, code, delimiter."""
    plain = wrapped.replace("%3D", "=").replace("%3d", "=").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    match = re.fullmatch(r"\W?([0-9A-Za-z]{8,16})\W?", content)
    return match[1] if match else None


def _in_spaced(clean: str, known: Hosts, is_called: bool) -> Iterator[Address]:
    """Known hosts with anything but dots between their labels: m-tb-cn/…, m tb cn/…"""
    for match in known.spaced.finditer(clean):
        host = ".".join(re.findall(r"[0-9a-z-]*[0-9a-z]", match["host"].lower()))
        if host not in known.rows:
            host = ".".join(re.findall(r"[0-9a-z]+", match["host"].lower()))
        if host not in known.rows or match["host"].lower() == host:
            continue
        front, path = match.span("host"), match.start("path")
        text = f"{host}/{match['path']}"
        firsts = [*[front[0]] * len(host), front[1], *range(path, match.end())]
        lasts = [*[front[1]] * len(host), path, *range(path + 1, match.end() + 1)]
        stream = _Stream(text, firsts, lasts)
        yield _address(stream, host, 0, len(host), len(text), known.rows[host], is_called, "link-written-out")


def _backwards(clean: str) -> _Stream:
    """Read the whole from its end; its places run backwards, too."""
    last = len(clean)
    return _Stream(clean[::-1], [last - 1 - place for place in range(last)], [last - place for place in range(last)])


def _decoded(clean: str) -> _Stream:
    """Read percent-encoded signs as what they stand for; full stops of other scripts are dots here."""
    parts: list[str] = []
    firsts: list[int] = []
    at = 0
    for match in _PERCENT.finditer(clean):
        sign = bytes.fromhex(match.group().replace("%", "")).decode("utf-8", "replace")
        parts += [clean[at : match.start()], "." if sign in "。．｡" else sign]
        firsts += [*range(at, match.start()), match.start()]
        at = match.end()
    parts.append(clean[at:])
    firsts += range(at, len(clean))
    return _Stream("".join(parts), firsts, [*firsts[1:], len(clean)])


def _tight(clean: str) -> _Stream:
    """Read written-out dots as dots, and leave out what may be put between letters: blanks, kana, emoji, symbols."""
    words = {match.start(): (match.group(), match.end()) for match in _DOT_WORDS.finditer(clean)}
    signs: list[str] = []
    firsts: list[int] = []
    lasts: list[int] = []
    skip_to = 0
    for place, sign in enumerate(clean):
        if place < skip_to:
            continue
        if place in words:
            word, skip_to = words[place]
            signs.append(_WORD_SIGNS.get(word, "."))
            firsts.append(place)
            lasts.append(skip_to)
            continue
        kept = _DOTS.get(sign) or ("" if _falls_away(sign) else sign)
        if kept:
            signs.append(kept)
            firsts.append(place)
            lasts.append(place + 1)
    return _Stream("".join(signs), firsts, lasts)


class _Away(dict[str, bool]):
    def __missing__(self, sign: str) -> bool:
        place = ord(sign)
        is_kana = 0x3040 <= place <= 0x312F or 0x31A0 <= place <= 0x31FF
        is_symbol = not sign.isascii() and unicodedata.category(sign) in {"So", "Sk", "Sm", "Cs", "Co"}
        self[sign] = answer = sign.isspace() or is_kana or is_symbol
        return answer


_AWAY = _Away()


def _falls_away(sign: str) -> bool:
    return _AWAY[sign]


_TIGHT_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}\.[a-z]{2,7}", re.IGNORECASE)


def _in_tight(stream: _Stream, known: Hosts, is_called: bool) -> Iterator[Address]:
    for match in _TIGHT_HOST.finditer(stream.text):
        cut = _cut_host(stream, match.start(), match.end(), known)
        if cut is None:
            continue
        first, path_at, row, has_scheme = cut
        host = stream.text[first:path_at].lower()
        last = _path_end(stream, path_at)
        if has_scheme:
            before = _SCHEME_BEFORE.search(stream.text, max(0, first - 10), first)
            first = before.start() if before else first
        start, end = stream.span(first, path_at)
        if row is None and end - start == path_at - first and not has_scheme:
            continue
        yield _address(stream, host, first, path_at, last, row, is_called, "link-written-out")


def _cut_host(stream: _Stream, first: int, last: int, known: Hosts) -> tuple[int, int, Row | None, bool] | None:
    """Return where a host starts and ends in a row of signs that may hold more, on borders of labels and gaps."""
    text = stream.text.lower()[first:last] if len(stream.text) < 4096 else stream.text[first:last].lower()
    ends = [last] + [place for place in range(last - 1, max(last - 5, first), -1) if text[place - first - 1].isalpha()]
    for end in ends:
        if end < len(stream.text) and not _ends_here(stream, end):
            continue
        labels_from = [0] + [place + 1 for place, sign in enumerate(text[: end - first]) if sign == "."]
        gaps = [place for place in range(1, min(40, end - first)) if stream.has_gap_before(first + place)]
        for place in sorted({*labels_from, *gaps}):
            row = known.rows.get(text[place : end - first])
            if row is not None:
                begin = _with_subdomains(text, place, gaps)
                return first + begin, end, known.row(text[begin : end - first]), True
    before = _SCHEME_BEFORE.search(stream.text, max(0, first - 10), first)
    if before and last - first >= 4:
        return first, last, known.row(text), True
    return None


def _ends_here(stream: _Stream, end: int) -> bool:
    sign = stream.text[end]
    return not (sign.isascii() and (sign.isalnum() or sign in "-.")) or stream.has_gap_before(end)


def _with_subdomains(text: str, place: int, gaps: list[int]) -> int:
    """Go back over the labels before a known host as long as nothing stands between."""
    while place > 1 and text[place - 1] == ".":
        back = text.rfind(".", 0, place - 1) + 1
        inner = [gap for gap in gaps if back < gap < place - 1]
        if inner and all(gap - 1 not in gaps and gap + 1 not in gaps for gap in inner):
            return max(inner)
        place = back
    return place


def _path_end(stream: _Stream, path_at: int) -> int:
    """Return where the path ends: at a gap before or after a whole word, when it is not written letter by letter."""
    match = _PATH.match(stream.text, path_at)
    if match is None:
        return path_at
    last = match.end()
    if stream.firsts is None:
        return last
    gaps = [place for place in range(path_at, last) if stream.has_gap_before(place)]
    bounds = [path_at, *gaps, last]
    for before, at, after in zip(bounds, bounds[1:], bounds[2:], strict=False):
        is_joined = stream.text[at - 1] in _JOINTS or stream.text[at] in _JOINTS
        if not is_joined and (after - at >= 4 or at - before >= 6):
            return at
    return last


def _joined(found: list[Address], more: Iterator[Address]) -> list[Address]:
    """Add links that another reading shows, in the place of unknown ones that they overlap."""
    for link in more:
        clash = [other for other in found if other.start < link.end and link.start < other.end]
        is_fuller = all(other.cls == "unknown" or _covers(link, other) for other in clash)
        if not clash or (link.cls != "unknown" and is_fuller):
            found = [other for other in found if other not in clash]
            found.append(link)
    return found


def _covers(link: Address, other: Address) -> bool:
    return link.start <= other.start and other.end <= link.end and link.end - link.start > other.end - other.start


def _in_own_script(clean: str, known: Hosts, is_called: bool, found: list[Address]) -> list[Address]:
    if "://" not in clean:
        return []
    taken = [(link.start, link.end) for link in found]
    more = []
    for match in _OWN_SCRIPT_URL.finditer(clean):
        first, last = match.span()
        if match["host"].isascii() or any(start < last and first < end for start, end in taken):
            continue
        path_at = match.start("path") if match["path"] else last
        host = match["host"].lower()
        more.append(_address(_Stream(clean), host, first, path_at, last, known.row(host), is_called, None))
    return more


def _of_apps(clean: str, known: Hosts) -> list[Address]:
    found = []
    for match in _APP_SCHEME.finditer(clean) if "://" in clean else ():
        row = known.schemes.get(match[1].lower())
        if row is not None:
            host = match[2].split("/")[0].split("?")[0].lower()
            found.append(Address(match.group(), host, row["class"], row["platform"], row["kind"], *match.span()))
    return found
