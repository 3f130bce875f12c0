"""
Special identification codes and passphrases.

A run of letters and digits is weak evidence; the pair of delimiters around it, the words that tell the reader to carry
the text into another app, the name of the app and a short link beside it decide. They are scored together, so that a
code of an app in no table is found as well, with the platform ``unknown``.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from fissile.domain.gate.facts.alphabet import is_hanzi
from fissile.domain.gate.facts.chance import is_of_words, looks_drawn
from fissile.domain.gate.facts.cues import Cue
from fissile.domain.gate.facts.links import Address
from fissile.domain.gate.facts.reading import Reading
from fissile.domain.gate.facts.tables import Table, table

_MOST_CUES = 32
"""So many cue words are weighed against each other; a text with more is not read more carefully by anyone."""
ENOUGH = 6
"""So many points make a code; see ``_points``."""

_RUN = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{7,20}(?![0-9A-Za-z])")
_MINI_PROGRAM = re.compile(
    r"#\s?([^\s#:/]{1,12})\s?:\s?/{1,2}\s?([^\s/#]{1,24}?)\s?/\s?([0-9A-Za-z]{8,20})(?![0-9A-Za-z])"
)
_ALIPAY_SHORT = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]:/\d{1,2}#\s?[A-Za-z]:/\s?[A-Za-z]\s[A-Z]{2}\d{3,4}\s\$\d{3}\$?(?!\d)"
)
_NUMBER = re.compile(r"(?<![0-9A-Za-z.])\d(?:[ ·-]?\d){5,8}(?! ?[0-9A-Za-z]|\.\d)")
_STREWN_NUMBER = re.compile(r"(?<![0-9A-Za-z.])\d(?:[^0-9A-Za-z\s\u4e00-\u9fff]{1,2}\d){5,8}(?![0-9A-Za-z])")
_SPOKEN_NUMBER = re.compile("[零〇一二三四五六七八九]{6,9}")
_SPOKEN = str.maketrans("零〇一二三四五六七八九", "00123456789")
_SEARCH_BY_SOUND = re.compile("[馊艘叟嗖][^0-9零〇一二三四五六七八九]{0,4}$")
_REWARD = re.compile("领|红包|券|首页|福利|现金|打开|复制")
_HELP_CODE = re.compile(r"(?<![0-9A-Za-z.])[67](?:[ ·-]?\d){7}(?! ?[0-9A-Za-z]|\.\d)")
_ROOM = re.compile(r"#\s?([0-9A-Za-z]{5,12})\s?#")
_SEPARATED = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{1,9}(?:[^0-9A-Za-z]{1,3}[0-9A-Za-z]{1,9}){1,19}(?![0-9A-Za-z])")
_WORDS = re.compile(r"(?:[A-Z]?[a-z]+)+|[A-Z]+|[0-9]+|[A-Za-z]?[a-z]*[0-9]+")
_SINGLES = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Za-z](?:[^0-9A-Za-z]{1,3}[0-9A-Za-z](?![0-9A-Za-z])){6,15}(?![0-9A-Za-z])"
)
# The blocks of currency signs, symbols and emoji.
_MAY_DELIMIT = re.compile(
    "[$\xa2-\xb4\u058f\u060b\u0e3f\u17db\u20a0-\u20cf\u2100-\u2bff\u3000-\u303f\u3200-\u33ff\ufdfc\ufe69\uff04\uffe0-\uffe6\U0001f000-\U0001faff]"
)
_LONG_RUN = re.compile("[0-9A-Za-z]{6}")
_QUOTED = re.compile(r"[“「『【《\"(（]([^“”「」『』【】《》\"()（）\n]{4,40})[”」』】》\")）]")


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A code with its place in ``Reading.clean``; ``delimiter`` is what stands before it, if it is one."""

    kind: str
    platform: str
    code: str
    start: int
    end: int
    delimiter: str = ""
    is_split: bool = False


@dataclass(frozen=True, slots=True)
class Shapes:
    """The platforms of codes by length and delimiter, of a platforms' table."""

    rows: tuple[tuple[str, frozenset[int], frozenset[str]], ...]
    names: dict[str, str]

    def platform(self, length: int, delimiter: str) -> str | None:
        for platform, lengths, delimiters in self.rows:
            if length in lengths and delimiter in delimiters:
                return platform
        return None


def shapes(platforms: Table) -> Shapes:
    """Index the shapes and the names of the apps of a platforms' table."""
    rows = tuple(
        (row["platform"], frozenset(row["lengths"]), frozenset({*row["delimiters"], *row.get("also", ())}))
        for row in platforms["shape"]
    )
    names = {name: row["platform"] for row in platforms["app"] for name in row["names"]}
    return Shapes(rows, names)


@dataclass(frozen=True, slots=True)
class Context:
    """What the rest of the text says: how strongly it tells to carry it into another app, and which."""

    cues: tuple[Cue, ...]
    links: tuple[Address, ...]
    has_tag: bool
    is_report: bool
    strength: int
    app: str | None
    tagged: str | None

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(cue.group for cue in self.cues)


@cache
def _anatomy() -> dict[str, Any]:
    anatomy = table("anatomy")
    mates: dict[str, set[str]] = {}
    for pair in anatomy["brackets"]["pairs"]:
        mates.setdefault(pair[0], set()).add(pair[1])
    return {
        "tag": re.compile(anatomy["tag"]["pattern"]),
        "report": re.compile("|".join(map(re.escape, anatomy["report"]["words"]))),
        "help": re.compile("|".join(anatomy["help"]["words"])),
        "other": re.compile(
            "(?:" + "|".join(map(re.escape, anatomy["other"]["words"])) + r")[^0-9A-Za-z\n￥¥€₤₳₴¢]{0,6}$"
        ),
        "mates": mates,
        "hanzi": frozenset(anatomy["brackets"]["hanzi"]),
        "strong": frozenset(name for name, row in anatomy["cues"].items() if row["strong"]),
    }  # fmt: skip


def context(reading: Reading, cues: list[Cue], links: list[Address]) -> Context:
    """Weigh cue words, apps and links of a text."""
    anatomy = _anatomy()
    groups = {cue.group for cue in cues}
    apps = [cue for cue in cues if cue.group == "app"]
    strength = 2 * bool(groups & {"copy", "press", "english"})
    strength += 2 * ("passphrase" in groups or any(app.word.endswith("口令") for app in apps))
    strength += bool(groups & {"open"}) + bool(groups & {"tap", "search"}) + bool(groups & {"message"}) + bool(apps)
    strength += any(link.cls in {"short_link", "app_jump"} for link in links)
    strength += any(not cue.is_plain and cue.group in {"copy", "open", "app", "passphrase"} for cue in cues)
    return Context(
        cues=tuple(cues),
        links=tuple(links),
        has_tag=anatomy["tag"].search(reading.clean) is not None,
        is_report=anatomy["report"].search(reading.simple) is not None,
        strength=strength,
        app=_app_to_open(cues),
        tagged=_app_in_brackets(reading, apps),
    )


def _app_to_open(cues: list[Cue]) -> str | None:
    """Return the platform of the app that the reader is told to open: the nearest one to such a word."""
    ways = [cue for cue in cues if cue.group in {"open", "search", "passphrase", "copy"}][:_MOST_CUES]
    apps = [cue for cue in cues if cue.platform][:_MOST_CUES]
    specific = [cue for cue in apps if cue.word.endswith("口令") and cue.word != "淘口令"]
    if specific:
        return specific[0].platform
    if not apps:
        return None
    if not ways:
        return apps[0].platform

    def distance(app: Cue) -> int:
        return min((app.start - way.end) if app.start >= way.end else 3 * (way.start - app.end) + 4 for way in ways) - (
            100 if any(way.group == "open" and 0 <= app.start - way.end <= 4 for way in ways) else 0
        )

    return min(apps, key=distance).platform


def _app_in_brackets(reading: Reading, apps: list[Cue]) -> str | None:
    """Return the platform of an app whose name alone stands in brackets, as share texts begin: 【淘宝】."""
    for app in apps:
        before, after = reading.clean[app.start - 1 : app.start], reading.clean[app.end : app.end + 1]
        if before + after in {"【】", "「」", "[]"}:
            return app.platform
    return None


def find(reading: Reading, context: Context, shapes: Shapes) -> list[Passphrase]:
    """Return the passphrases of a text; codes inside links are not among them."""
    clean = reading.clean
    found: list[Passphrase] = []
    taken = [(link.start, link.end) for link in context.links]

    def add(code: Passphrase) -> None:
        if not any(start < code.end and code.start < end for start, end in taken):
            found.append(code)
            taken.append((code.start, code.end))

    if "#" in clean:
        for code in _mini_programs(clean, shapes):
            add(code)
        for match in _ALIPAY_SHORT.finditer(clean):
            add(Passphrase("passphrase", context.app or "alipay", match.group(), *match.span()))
    for code in _runs(clean, context, shapes):
        add(code)
    for code in _separated(reading, context, shapes):
        add(code)
    for code in _numbers(reading, context):
        add(code)
    if not found and not any(link.code for link in context.links):
        found += _sentences(reading, context)
    return sorted(found, key=lambda code: code.start)


def _mini_programs(clean: str, shapes: Shapes) -> Iterator[Passphrase]:
    for match in _MINI_PROGRAM.finditer(clean):
        if match[1].isascii() and match[1].lower() not in {"app", "mp"}:
            continue
        kind = "".join(filter(is_hanzi, match[1]))
        platform = shapes.names.get(match[2], "wechat_miniprogram" if kind == "小程序" else "unknown")
        yield Passphrase("passphrase", platform, match[3], *match.span(3), delimiter="/")


@lru_cache(maxsize=4096)
def _kind_of_sign(sign: str) -> str:
    """Return which kind of delimiter a sign may be."""
    if not sign:
        return "edge"
    if sign.isspace():
        return "blank"
    category = unicodedata.category(sign)
    if sign in "`^":  # Markdown's sign for code, and powers
        return "sign"
    if category == "Sc":
        return "currency"
    if category in {"So", "Sk"}:
        return "emoji"
    if is_hanzi(sign):
        return "hanzi"
    return "sign"


def _delimiters(clean: str, start: int, end: int) -> tuple[int, str]:
    """
    Return the weight of what stands before and after a run, and the sign before it: 4 for a pair that hardly anyone
    else uses, 2 for brackets and pairs of symbols, 1 for half a pair.
    """
    before_at, after_at = start - 1, end
    while before_at >= 0 and clean[before_at] in " \t" and start - before_at <= 2:
        before_at -= 1
    while after_at < len(clean) and clean[after_at] in " \t" and after_at - end < 2:
        after_at += 1
    before = clean[before_at] if before_at >= 0 else ""
    after = clean[after_at : after_at + 1]
    kinds = _kind_of_sign(before), _kind_of_sign(after)
    if before == after == "$" and (start - before_at > 1) != (after_at > end):
        return 0, ""  # “$HOME and $PATH”: the second one opens
    if kinds == ("currency", "currency") or (kinds[0] == "currency" and after in {"%", "!"}):
        return (3 if before == after == "$" else 4), before
    if "currency" in kinds and after in {"/", ":"}:
        return 3, before
    if kinds == ("emoji", "emoji"):
        return (4 if before == after else 3), before
    if after in _anatomy()["mates"].get(before, ()):
        return 2, before
    if kinds == ("hanzi", "hanzi") and before_at == start - 1 and after_at == end:
        if before == after:
            return 3, before
        if before in _anatomy()["hanzi"] and after in _anatomy()["hanzi"]:
            return 2, before
        return 0, ""
    if before and before == after and kinds[0] == "sign" and before not in ",，.。、;；_-`":
        return 2, before
    if clean.startswith(("://", ":/", "//"), after_at):
        return 2, before
    if before == "/" and after in {"", "\n", "/", " "}:
        return 1, before
    if {before or "\n", after or "\n"} == {"\n"} and start - before_at == 1:
        return 1, ""
    return 0, ""


def _is_tag_beside(clean: str, start: int, end: int) -> bool:
    return any(
        match.end() <= start or match.start() >= end
        for match in _anatomy()["tag"].finditer(clean, max(0, start - 12), end + 16)
    )


def _points(clean: str, run: str, start: int, end: int, context: Context) -> tuple[int, str]:
    """Return how many points a run has for being a code, and its delimiter."""
    weight, delimiter = _delimiters(clean, start, end)
    if weight < 3 and any(
        (cue.group == "passphrase" or cue.word.endswith("口令")) and 0 <= start - cue.end <= 3 for cue in context.cues
    ):
        weight = 3
    drawn = looks_drawn(run)
    if weight == 0 and context.strength < 5 and is_of_words(run):
        return 0, ""
    points = weight + drawn
    points += min(context.strength, 5)
    points += 1 if len(run) == 11 else 0 if 10 <= len(run) <= 16 else -2
    if weight and _is_tag_beside(clean, start, end):
        points += 2
    leads = context.app and len(run) == 11 and drawn == 3 and not clean[:start].rpartition("\n")[2].strip()
    if weight <= 1 and context.strength < (2 if leads else 3):
        points += 2 if drawn == 3 and _is_alone(clean, run) else -4
    if weight == 2 and context.strength == 0:
        points -= 2
    if weight == 4 and len(run) in {10, 11, 14, 16} and not _WORDS.fullmatch(run):
        points += 1
    elif drawn == 0:
        points -= 5 if run.isdigit() or run.isalpha() else 3
    if drawn == 1 and weight < 4:
        points -= 2
    if delimiter == "$" and context.strength == 0 and drawn < 3:
        points -= 3
    if _is_something_else(clean, start, context):
        points -= 6
    return points, delimiter


def _is_alone(clean: str, run: str) -> bool:
    """Return whether the text is nothing but a drawn run as long as most codes are."""
    return len(run) == 11 and any(map(str.isdigit, run)) and clean.strip() == run


def _is_something_else(clean: str, start: int, context: Context) -> bool:
    """Return whether the words before a run say what it is: a password, an order number …"""
    if "copy" in context.groups and "open" in context.groups and context.app:
        return False
    before = clean[max(0, start - 24) : start].lower()
    return _anatomy()["other"].search(before) is not None or before.endswith(("=", "_", "\\"))


def _runs(clean: str, context: Context, shapes: Shapes) -> Iterator[Passphrase]:
    for match in _RUN.finditer(clean):
        run, (start, end) = match.group(), match.span()
        if run.isdigit() or (end - start > 16 and context.strength < 4):
            continue
        inner = _inside_hanzi_or_word(clean, start, end)
        points, delimiter = _points(clean, run, start, end, context)
        if points >= ENOUGH and not inner:
            yield Passphrase("passphrase", _platform(context, shapes, len(run), delimiter), run, start, end, delimiter)


def _inside_hanzi_or_word(clean: str, start: int, end: int) -> bool:
    """Return whether a run is a part of something longer: an address, a path, a name in code."""
    before, after = clean[start - 1 : start], clean[end : end + 1]
    return (before in {"@", "_", "\\", "."} and after != before) or (after in {"_", "@"} and before != after) or (
        after in {".", "-"} and clean[end + 1 : end + 2].isalnum() and clean[end + 1 : end + 2].isascii()
    ) or (before == "-" and clean[start - 2 : start - 1].isalnum())  # fmt: skip


def _platform(context: Context, shapes: Shapes, length: int, delimiter: str) -> str:
    if context.tagged:
        return context.tagged
    by_shape = shapes.platform(length, delimiter)
    if context.app:
        return context.app
    if by_shape:
        return by_shape
    by_link = [link.platform for link in context.links if link.platform and link.cls == "short_link"]
    if by_link:
        return by_link[0]
    kind = _kind_of_sign(delimiter[:1])
    kind = "bracket" if delimiter and delimiter in _anatomy()["mates"] else kind
    return shapes.platform(length, kind) or "unknown"


def _separated(reading: Reading, context: Context, shapes: Shapes) -> Iterator[Passphrase]:
    """Codes whose letters are set apart by blanks, symbols, emoji or line ends."""
    clean = reading.clean
    for first, last, delimiter in _spans_between_delimiters(clean):
        inner = clean[first:last]
        run = "".join(sign for sign in inner if sign.isascii() and sign.isalnum())
        if len(run) == len(inner.strip()) or not 8 <= len(run) <= 16 or any(map(is_hanzi, inner)):
            continue
        drawn = looks_drawn(run)
        is_right = len(run) in {10, 11, 12, 14, 16} and drawn >= 1
        if delimiter == "$" and context.strength < 2:
            continue
        if (drawn == 3 and len(run) >= 10 and _is_even(inner)) or (is_right and context.strength >= 2):
            place = first + next(at for at, sign in enumerate(inner) if sign.isascii() and sign.isalnum())
            end = last - next(at for at, sign in enumerate(reversed(inner)) if sign.isascii() and sign.isalnum())
            platform = _platform(context, shapes, len(run), delimiter)
            yield Passphrase("passphrase", platform, run, place, end, delimiter, is_split=True)
    if context.strength + context.has_tag < 3 and "小程序" not in clean:
        return
    for match in _SINGLES.finditer(clean):
        run = "".join(filter(str.isalnum, match.group()))
        enough = 1 if len(run) in {10, 11, 14, 15, 16} else 2
        if looks_drawn(run) >= enough and not any(map(is_hanzi, match.group())):
            platform = _platform(context, shapes, len(run), "")
            if platform == "unknown" and "小程序" in clean:
                platform = "wechat_miniprogram"
            yield Passphrase("passphrase", platform, run, *match.span(), is_split=True)
    for match in _SEPARATED.finditer(clean):
        part = _drawn_part(match.group())
        if part is not None and not any(map(is_hanzi, match.group()[part[1] : part[2]])):
            run, start, end = part
            start, end = match.start() + start, match.start() + end
            platform = _platform(context, shapes, len(run), "")
            yield Passphrase("passphrase", platform, run, start, end, is_split=True)


def _is_even(inner: str) -> bool:
    """Return whether the signs between are all alike, as when somebody puts them there, unlike words in a sentence."""
    between = {gap.strip() for gap in re.findall(r"[^0-9A-Za-z]+", inner.strip())}
    pieces = re.findall(r"[0-9A-Za-z]+", inner)
    return len(between) <= 3 and not any(
        piece.isalpha() and len(piece) > 3 and looks_drawn(piece) == 0 for piece in pieces
    )


def _spans_between_delimiters(clean: str) -> Iterator[tuple[int, int, str]]:
    """Give what stands between two neighbouring signs of currency, or between the same two emoji."""
    marks = [
        (match.start(), match.group())
        for match in _MAY_DELIMIT.finditer(clean)
        if _kind_of_sign(match.group()) in {"currency", "emoji"}
    ]
    currencies = [mark for mark in marks if _kind_of_sign(mark[1]) == "currency"]
    for (first, sign), (last, _) in itertools.pairwise(currencies):
        if 9 <= last - first <= 90:
            yield first + 1, last, sign
    for first, sign in currencies:
        last = clean.find("%", first + 9, first + 60)
        if last > 0:
            yield first + 1, last, sign
    by_sign: dict[str, list[int]] = {}
    for place, sign in marks:
        by_sign.setdefault(sign, []).append(place)
    for sign, places in by_sign.items():
        if _kind_of_sign(sign) != "emoji":
            continue
        for first, last in itertools.pairwise(places):
            if 9 <= last - first <= 60:
                yield first + 1, last, sign


def _drawn_part(row: str) -> tuple[str, int, int] | None:
    """Return the part of a row of separated pieces that is a drawn code of usual length, with its place in it."""
    pieces = [(match.group(), *match.span()) for match in re.finditer(r"[0-9A-Za-z]+", row)]
    singles = sum(len(piece[0]) <= 2 for piece in pieces)
    best: tuple[str, int, int] | None = None
    for first in range(len(pieces)):
        run = ""
        for piece, _, end in pieces[first:]:
            run += piece
            if len(run) > 16:
                break
            is_whole = first == 0 and end == len(row)
            if run == piece or len(run) not in ({10, 11, 14, 15, 16} if is_whole else {11}):
                continue
            if looks_drawn(run) == 3 and (best is None or is_whole):
                best = run, pieces[first][1], end
    if best is None or any(looks_like_word(piece) for piece in re.findall(r"[0-9A-Za-z]+", row[best[1] : best[2]])):
        return None
    if singles < len(pieces) // 2 and re.fullmatch(r"[A-Z]{2}\d{3,4}", pieces[-1][0]) and best[2] == len(row):
        return None
    return best


def looks_like_word(piece: str) -> bool:
    """Return whether a piece of four letters or more is a word rather than drawn letters."""
    return len(piece) >= 4 and piece.isalpha() and (piece.islower() or piece.istitle() or piece.isupper())


def _numbers(reading: Reading, context: Context) -> Iterator[Passphrase]:
    """Numbers to search for in an app, help codes, numbers in the way of the official example: #482013# copy, open."""
    clean, groups = reading.clean, context.groups
    searches = "search" in groups or _SEARCH_BY_SOUND.search(clean, 0, _first_digit(clean)) is not None
    if searches and context.app and not context.is_report and _REWARD.search(reading.simple):
        for pattern in (_NUMBER, _STREWN_NUMBER, _SPOKEN_NUMBER):
            for match in pattern.finditer(clean):
                near = {cue.group for cue in context.cues if 0 <= match.start() - cue.end <= 8}
                if near & {"search", "passphrase"} or _SEARCH_BY_SOUND.search(clean, 0, match.start()):
                    number = _digits(match.group().translate(_SPOKEN))
                    yield Passphrase("passphrase", context.app, number, *match.span(), is_split=pattern != _NUMBER)
    if _anatomy()["help"].search(reading.simple) and not context.is_report:
        for match in _HELP_CODE.finditer(clean):
            if _is_help_number(clean, match.start(), match.end(), context):
                yield Passphrase("passphrase", context.app or "pdd", _digits(match.group()), *match.span())
    if {"copy", "open"} <= groups or {"press", "open"} <= groups:
        for match in _ROOM.finditer(clean):
            yield Passphrase("passphrase", context.app or "unknown", match[1], *match.span(1), delimiter="#")


def _first_digit(clean: str) -> int:
    return next((place for place, sign in enumerate(clean) if sign.isdigit() or sign in "零〇一二三四五六七八九"), 0)


def _digits(row: str) -> str:
    return "".join(filter(str.isdigit, row))


def _is_help_number(clean: str, start: int, end: int, context: Context) -> bool:
    near = clean[max(0, start - 18) : start] + " " + clean[end : end + 12]
    if re.search("电话|手机|座机|号码牌|订单|单号|热线|拨打|打给|致电|账号|群号|QQ|学号|工号|元|价格|身份", near):
        return False
    words = "".join(filter(str.isalnum, near))
    return _anatomy()["help"].search(words) is not None or context.app == "pdd"


def _sentences(reading: Reading, context: Context) -> list[Passphrase]:
    """
    Passphrases without any letter or digit of ASCII: a sentence that the app recognises as a whole.

    There must be the order to copy and to open a named app, and nothing that speaks *about* passphrases.
    """
    clean = reading.clean
    carries = ({"copy", "press"} & context.groups) and ({"open", "passphrase", "search"} & context.groups)
    if not (carries and context.app) or context.is_report or len(clean) > 200:
        return []
    if any(link.cls != "unknown" for link in context.links) or not _is_order(context) or _LONG_RUN.search(clean):
        return []
    for match in _QUOTED.finditer(clean):
        inner = match[1].strip()
        covered = any(cue.start < match.end(1) and match.start(1) < cue.end for cue in context.cues)
        if not covered and sum(map(is_hanzi, inner)) >= 4:
            first = match.start(1) + match[1].index(inner)
            return [Passphrase("passphrase", context.app, inner, first, first + len(inner), match.group()[0])]
    start = len(clean) - len(clean.lstrip())
    end = len(clean.rstrip())
    first, last = _beside_the_order(clean[start:end], start, context)
    written = reading.text[slice(*reading.span(first, last))]
    return [Passphrase("passphrase", context.app, written, first, last)]


def _is_order(context: Context) -> bool:
    """Return whether copying and opening stand close together, as an order to the reader."""
    copies = [cue for cue in context.cues if cue.group in {"copy", "press"}][:_MOST_CUES]
    opens = [cue for cue in context.cues if cue.group in {"open", "passphrase", "app", "search"}][:_MOST_CUES]
    return any(abs(one.start - two.start) <= 24 for one in copies for two in opens if one is not two)


def _beside_the_order(text: str, offset: int, context: Context) -> tuple[int, int]:
    """Return the sentence before the order to copy it, or behind its colon, or the whole where neither stands there."""
    orders = [cue for cue in context.cues if cue.group in {"copy", "press", "open"} and cue.start >= offset]
    first = min((cue.start for cue in orders), default=offset)
    head = text[: first - offset].rstrip("，,。:：;；!！ \n")
    if sum(map(is_hanzi, head)) >= 4:
        return offset, offset + len(head)
    last = max((cue.end for cue in orders), default=offset) - offset
    colon = text.find(":", last)
    if colon >= 0 and sum(map(is_hanzi, text[colon:])) >= 4:
        begin = colon + 1 + len(text[colon + 1 :]) - len(text[colon + 1 :].lstrip())
        return offset + begin, offset + len(text)
    return offset, offset + len(text)
