"""
The cheap pass: which of the dear detectors a text needs, told by one scan over its bytes.

The patterns are broad on purpose: missing one here is missing it for good, a needless stir costs only time.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from fissile.domain.gate.facts.alphabet import heard_as, pairs, sound, traditional
from fissile.domain.gate.facts.tables import table, version

CODE, LINK, INDUCEMENT, CONTACT, ODD = 1, 2, 4, 8, 16
EVERYTHING = CODE | LINK | INDUCEMENT | CONTACT

_RUN = "[0-9A-Za-z]"
_NOT_RUN = "[^0-9A-Za-z]"
_HANZI = r"[\xe4-\xe9][\x80-\xbf]{2}"
# Up to four signs that are neither hanzi nor ASCII letters nor digits: bytes of UTF-8 without those that begin a hanzi.
_GAP = r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xe3\xea-\xff]{0,12}"
_CARRYING = ("拷贝", "粘贴", "长按", "口令", "暗号", "识别码")
_CARRYING_WIDE = ("复制", "搜索")  # a code beside them stirs by itself, but a sentence of hanzi or a number does not
_PRESSING = (
    "转发",
    "分享",
    "集赞",
    "助力",
    "砍价",
    "砍刀",
    "拼团",
    "拼单",
    "成团",
    "参团",
    "开团",
    "关注",
    "回复",
    "点一下",
    "点下",
    "点一点",
    "必转",
    "速转",
    "转疯",
    "疯转",
    "扩散",
    "测测",
    "测试",
    "抽签",
    "求签",
    "摇签",
    "占卜",
    "下载",
    "加速",
    "集卡",
    "集福",
    "碎片",
    "锦鲤",
    "朋友圈",
    "投票",
    "邀请",
    "不转",
    "帮我",
    "还差",
    "只差",
    "福卡",
    "五福",
    "测算",
    "性格",
    "运势",
    "前世",
    "桃花",
    "安装",
    "抢票",
    "算算",
    "看看你",
    "点链接",
    "点个链接",
    "点进去",
    "转到",
    "转给",
    "跳转",
    "点赞",
    "投个票",
    "投一票",
    "砍一",
    "砍到",
    "砍下",
    "帮忙",
    "测一测",
    "新年签",
    "抽一",
    "抽支",
    "抽个",
    "中国人",
    "扫码",
    "集满",
    "集够",
    "集齐",
    "个团",
    "拼成",
    "就差",
    "差一",
    "都转",
    "就转",
    "定要转",
    "来测",
    "人格",
    "拉新",
    "打开app",
    "星座",
    "助我",
)
_CONTACTING = (
    "微信",
    "薇",
    "威信",
    "徽",
    "扣扣",
    "企鹅",
    "主页",
    "签名",
    "简介",
    "头像",
    "个签",
    "置顶",
    "绿泡泡",
    "私我",
    "滴滴我",
    "小窗",
    "加微",
    "加威",
    "微我",
    "昵称",
    "蔻蔻",
    "溦",
    "葳",
    "巍信",
    "加维",
    "私信我",
    "私聊我",
    "卫星",
    "围信",
    "维信",
    "围心",
    "主业",
    "q群",
    "扣群",
    "电报",
    "滴我",
)


def _one_of(signs: str) -> str:
    """Return a pattern over bytes for one of these signs."""
    tails: dict[bytes, set[int]] = {}
    for sign in signs:
        data = sign.encode("utf-8")
        tails.setdefault(data[:-1], set()).add(data[-1])
    rows = [_hex(head) + "[" + "".join(f"\\x{tail:02x}" for tail in sorted(last)) + "]" for head, last in tails.items()]
    return "(?:" + "|".join(rows) + ")"


def _hex(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _between(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


def _spoken(word: str, *, wide: bool) -> str:
    """Return a pattern for a word with signs put between; ``wide``: in all its sounds and in pinyin."""
    parts = []
    for sign in word:
        if wide:
            parts.append(f"(?:{_one_of(heard_as(sign))}|{sound(sign)})")
        else:
            alike = [seen for seen, read in (*traditional().items(), *pairs("lookalike").items()) if read == sign]
            parts.append(_one_of("".join([sign, *alike])))
    return _GAP.join(parts)


def _any(words: Sequence[str]) -> str:
    return "|".join(_spoken(word, wide=False) for word in words)


def _mixed_runs() -> str:
    """Return a pattern for runs of seven letters or more in which a small letter or a digit precedes a capital."""
    rows = [(before, 5 - before) for before in range(6)]
    return "|".join(f"{_RUN * before}[a-z0-9][A-Z]{_RUN * after}" for before, after in rows)


def _patterns() -> list[tuple[int, str]]:
    endings = "|".join(ending for ending in table("anatomy")["hosts"]["endings"].split() if ending.isascii())
    all_hosts = {host for row in table("platforms")["link"] for host in row["hosts"]}
    hosts = "|".join(host.replace(".", r"\.") for host in sorted(all_hosts) if host.count(".") == 1)
    last_two = sorted({".".join(host.split(".")[-2:]) for host in all_hosts})
    apart = "|".join(
        _NOT_RUN.join(("", *host.split("."))).removeprefix(_NOT_RUN).replace(_NOT_RUN, _NOT_RUN + "{1,7}")
        for host in last_two
    )
    backwards = "|".join(re.escape(host[::-1]) for host in last_two)
    foreign = _one_of("".join(pairs("letters")))
    currency = _one_of("$¢£¤¥₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿￠￡￥￦﷼฿")
    dot = _one_of("点點店典电。｡·・•‧∙⋅◦۔丶奌，、")
    opening, closing = _one_of("([{（【<"), _one_of(")]}）】>")
    emoji = r"(?:\xf0\x9f[\x8c-\xab][\x80-\xbf]|\xe2[\x98-\x9e][\x80-\xbf])(?:\xef\xb8\x8f)?"
    part = _one_of("氵扌钅亻讠訁纟糹忄犭礻衤艹辶丬⺡⺘囗")
    wide = _one_of(_between(0xFF10, 0xFF19) + _between(0xFF21, 0xFF3A) + _between(0xFF41, 0xFF5A))
    unseen = _one_of(
        "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u200b\u200c\u200e\u200f\u2800\u3164\ufeff\uffa0"
        + _between(0x202A, 0x202E)
        + _between(0x2060, 0x206F)
    )
    joining = _one_of("\u200d" + _between(0xFE00, 0xFE0F) + _between(0x300, 0x36F) + _between(0x20D0, 0x20EF))
    boxed = _one_of(_between(0x249C, 0x24E9) + _between(0x1D400, 0x1D7FF) + _between(0x1F110, 0x1F189))
    numbered = _one_of(_between(0x2460, 0x2473) + _between(0x24EA, 0x24FF) + _between(0x2776, 0x2793))
    flags = r"\xf0\x9f\x87[\xa6-\xbf]"
    kana = r"\xe3(?:[\x81-\x83][\x80-\xbf]|\x84[\x85-\xaf]|\x86[\xa0-\xbf]|\x87[\xb0-\xbf])"
    gap = _NOT_RUN + "{1,9}"
    searches, spoken = _one_of("搜馊艘叟嗖"), _one_of("零〇一二三四五六七八九")
    messengers = "[vV]|[wW]ei ?xin|[tT][gG]|[tT]elegram|[wW]hats[aA]pp"
    apart_id = r"[^0-9A-Za-z\n]{0,9}[0-9a-zA-Z:]"
    return [
        (CODE, _mixed_runs()),
        (CODE, f"{currency}[^$\\n]{{6,90}}(?:{currency}|[%!])|{currency} ?{_RUN}{{8,16}} ?[:/]"),
        (CODE, "#[^#:/ \\n]{1,36}(?::|\\xef\\xbc\\x9a) ?/"),
        (CODE, f"{searches}.{{0,24}}(?:[0-9]|{spoken})"),
        (CODE, f"{_hex('口令'.encode())}[^0-9A-Za-z]{{0,4}}{_RUN}{{10}}"),
        (CODE, "(?:^|[^0-9A-Za-z.])[67](?:[ .-]?[0-9]){7}(?:$|[^0-9A-Za-z])"),
        (CODE, f"(?:{_RUN}[^0-9A-Za-z.,]{{1,4}}){{7}}{_RUN}"),
        (CODE, f"[a-zA-Z]:/[0-9]{{1,2}}#|[Cc]opy th|{emoji} ?{_RUN}{{8,16}} ?{emoji}"),
        *((CODE, _spoken(word, wide=True)) for word in _CARRYING_WIDE),
        (CODE, _any(_CARRYING)),
        (LINK, r"://|:\s?[/\\]{2}|%2[EeFf]|%3[Aa]"),
        (LINK, rf"[0-9A-Za-z-]\.(?:{endings})(?:[^A-Za-z0-9_-]|$)"),
        (LINK, rf"(?:^|[^0-9A-Za-z])(?:[0-9A-Za-z-]{{1,20}}\.)?(?:{hosts})(?:[^A-Za-z0-9-]|$)"),
        (LINK, f"{_RUN} ?(?:{dot}|dot| dot |{opening} ?(?:\\.|dot|{dot}) ?{closing}) ?[a-z]"),
        (LINK, f"[hH]{gap}[tT]{gap}[tT]|{_RUN} ?\\.\\s(?:[ct]|[a-z]{{1,9}} ?\\.)|{_RUN} \\. ?[a-z]|\\.[cC]{gap}[no]"),
        (LINK, f"(?:^|[^0-9A-Za-z])(?:{apart}){_NOT_RUN}{{1,7}}[0-9A-Za-z]"),
        (LINK, f"[0-9A-Za-z]/(?:{backwards})(?:[^0-9A-Za-z]|$)"),
        (LINK, r"[0-9a-zA-Z] ?[a-z]{0,9}\.c[^\x00-\x7f]{3,8}o|%[Ee]3%80%82"),
        (LINK, r"\.[^\x00-\x7f]{2,8}[cC]|[a-z]\\[a-z0-9]|" + _hex("斜杠".encode())),
        (LINK, r"[a-z0-9][^\x00-\x7f]{2,8}[a-z0-9]{1,6}\.[a-z]{2}"),
        *((INDUCEMENT, _any(_PRESSING[place : place + 12])) for place in range(0, len(_PRESSING), 12)),
        *((INDUCEMENT, _spoken(word, wide=True)) for word in ("转发", "砍一刀")),
        *((CONTACT, _any(_CONTACTING[place : place + 12])) for place in range(0, len(_CONTACTING), 12)),
        (CONTACT, _one_of("加➕+＋家佳") + ".{0,9}(?:[vVwWqQ]|" + _one_of("➕❤薇微威维卫围胃徽葳溦巍") + ")"),
        (CONTACT, f"(?:[vVwWxXqQ]|{_one_of('微薇威')}){_NOT_RUN}{{0,4}}{_hex('我'.encode())}"),
        (CONTACT, f"(?:[wWvV][^0-9A-Za-z\\n]{{0,7}}[xX]|[qQ][qQ]|(?:^|[^0-9A-Za-z])(?:{messengers})){apart_id}"),
        (CONTACT, f"(?:{_one_of('薇威微扣')}){_NOT_RUN}{{1,9}}[0-9a-zA-Z]|[dD][dDmM]{_hex('我'.encode())}"),
        (INDUCEMENT, f"{_hex('集'.encode())}[0-9]"),
        (ODD, unseen),
        (ODD, f"(?:{_RUN}|{_HANZI}){joining}|\\xef\\xb8[\\x80-\\x8f]{_RUN}{{2}}"),
        (ODD, f"{wide}(?:{wide}|{_one_of('．／')}|.{{0,4}}{_RUN})|{_RUN}{wide}"),
        (ODD, f"{boxed}|(?:{flags}){{3}}|(?:{numbered}[^\\xe4-\\xe9]{{0,3}}){{3}}"),
        (ODD, f"(?:[0-9A-Za-z./]|{_HANZI}|{currency}){foreign}|{foreign}(?:[0-9A-Za-z./]|{_HANZI}|{currency})"),
        (ODD, f"{part}{_HANZI}|" + "|".join(map(_hex, _split_parts()))),
        (ODD, f"{_HANZI}(?:{kana}){{1,2}}[^0-9A-Za-z]{{0,6}}{_HANZI}"),
    ]  # fmt: skip


def _split_parts() -> list[bytes]:
    rows = table("lookalikes")["split"]
    parts = [pair.split("=")[0] for pair in rows["pairs"]]
    return [part.encode("utf-8") for part in parts if part not in rows["ordinary"]]


class Stir:
    """
    One compiled scan. Making it takes a moment and some memory, so ``stirred`` makes it at first need.

    :param kept: a file that keeps what was compiled; written if it is not there or of another make
    """

    def __init__(self, kept: Path | None = None) -> None:
        import hyperscan  # here, so that a process which asks nothing of the Gate does not carry it

        self._bits: list[int] = []
        # The scanner lets go of the interpreter, and one scratch serves one scan at a time.
        self._own = threading.local()
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        if kept is None or not self._load(kept):
            self._compile()
            if kept is not None:
                self._keep(kept)

    def _compile(self) -> None:
        import hyperscan

        rows = _patterns()
        self._bits = [bit for bit, _ in rows]
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
        self._database.compile(
            expressions=[pattern.encode("ascii") for _, pattern in rows],
            ids=list(range(len(rows))),
            elements=len(rows),
            flags=[flags] * len(rows),
        )

    def _load(self, kept: Path) -> bool:
        """Take what the file keeps, if it is whole and was made for this processor; otherwise it is made anew."""
        import hyperscan

        try:
            head, _, packed = kept.read_bytes().partition(b"\n")
            digest, *bits = head.split(b" ")
            if digest != hashlib.sha256(packed).hexdigest().encode():
                return False
            self._database = hyperscan.loadb(packed, mode=hyperscan.HS_MODE_BLOCK)
            self._database.scratch = hyperscan.Scratch(self._database)
            self._bits = [int(bit) for bit in bits]
        except (OSError, ValueError, hyperscan.HyperscanError):
            return False
        return True

    def _keep(self, kept: Path) -> None:
        """Write the file beside its place and move it there: whoever reads meanwhile sees a whole one."""
        import hyperscan

        packed = hyperscan.dumpb(self._database)
        head = b" ".join([hashlib.sha256(packed).hexdigest().encode(), *(b"%d" % bit for bit in self._bits)])
        with suppress(OSError):  # a folder that cannot be written costs the time of making it again, nothing else
            kept.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=kept.parent, delete=False) as file:
                file.write(head + b"\n" + packed)
            Path(file.name).replace(kept)

    def scan(self, text: str) -> int:
        """Return the bits of what stirs."""
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:  # lone surrogates: they stand for nothing, and the scanner needs bytes
            data = text.encode("utf-8", "replace")
        return self.scan_bytes(data)

    def scan_bytes(self, data: bytes) -> int:
        """Return the bits of what stirs in UTF-8."""
        hits: list[int] = []
        try:
            scratch = self._own.scratch
        except AttributeError:
            scratch = self._own.scratch = self._database.scratch.clone()
        self._database.scan(data, match_event_handler=_hear, context=hits, scratch=scratch)
        bits = 0
        for place in hits:
            bits |= self._bits[place]
        return bits


def _hear(place: int, start: int, end: int, flags: int, hits: Any) -> None:
    hits.append(place)


_FOLDER: list[Path] = []


def keep_in(folder: Path) -> None:
    """Keep the compiled scan in a folder from now on: edges say which one, before the first text is read."""
    _FOLDER[:] = [folder]


@cache
def _stir() -> Stir:
    return Stir(_FOLDER[0] / f"stir-{_make()}" if _FOLDER else None)


def _make() -> str:
    """Return what a compiled scan depends on, as a name: its tables, its code, the compiler."""
    code = b"".join((files("fissile.domain.gate.facts") / name).read_bytes() for name in ("stir.py", "alphabet.py"))
    return hashlib.sha256(f"{version()} {installed('hyperscan')} ".encode() + code).hexdigest()[:16]


def stirred(text: str) -> int:
    """Return which detectors a text needs: 0 for most of the ordinary ones."""
    return _stir().scan(text)
