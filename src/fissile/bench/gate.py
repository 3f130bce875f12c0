"""
``fissile bench gate``: texts judged a second in one process, beside the same texts through bare Hyperscan.

The ordinary mix: 95 of 100 texts are cells of the demo catalogues, five are share texts made from a seed. End to end: a
JSON line in, a verdict's line out. ``code_only`` is the share texts alone. The API answers one post a request over 16
connections. Long texts are not in the mix; no text comes twice within a run through it.
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from collections.abc import Sequence
from importlib import resources
from typing import Any

from fissile.bench.ground import audit_of, bench_ground
from fissile.bench.load import request_bytes, run_load
from fissile.bench.report import peak_mb, report
from fissile.domain.gate.facts import keep_in, read
from fissile.domain.gate.facts.stir import Stir
from fissile.domain.gate.lines import Judge
from fissile.domain.gate.rulebooks import shelf
from fissile.infra.settings import Settings

CONNECTIONS = 16
_TEXTS = 4_000
_SHARES = (
    "【{title}】，复制这条信息￥{code}￥后打开👉手淘👈",
    "【淘宝】https://m.tb.cn/h.{code}?tk={code} CZ3457 「{title}」点击链接直接打开 或者 淘宝搜索直接打开",
    "椱ァ製这段描述€{code}€后咑閞淘♂寳♀ {title}",
    "7.53 复制打开抖音，看看【{title}】 https://v.douyin.com/{code}/ 03/14 gBt:/",
    "{title} u。jd。com/{code} 句号换成点",
)
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def ordinary_texts() -> list[str]:
    """Return the cells of the demo catalogues that hold words, each once."""
    found: dict[str, None] = {}
    for language in ("zh", "en"):
        for file in sorted(resources.files("fissile.demo").joinpath(f"catalogue_{language}").iterdir(), key=str):
            if file.name.endswith(".csv"):
                rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
                found |= {cell: None for row in rows for cell in row.values() if _is_words(cell)}
    return list(found)


def _is_words(cell: str | None) -> bool:
    return cell is not None and len(cell) > 3 and "://" not in cell


def share_texts(number: int, *, rng: random.Random) -> list[str]:
    """Return share texts of five kinds, each with a code of its own."""
    titles = ordinary_texts()
    return [
        rng.choice(_SHARES).format(
            title=rng.choice(titles)[:24], code="".join(rng.choice(_LETTERS) for _ in range(10)) + "7"
        )
        for _ in range(number)
    ]


def mixed_texts(*, rng: random.Random) -> list[str]:
    """Return the ordinary mix."""
    plain = ordinary_texts()
    # A number behind each, so that no two are the same text to anything that remembers.
    ordinary = [f"{rng.choice(plain)} {place}" for place in range(_TEXTS * 95 // 100)]
    texts = [*ordinary, *share_texts(_TEXTS - len(ordinary), rng=rng)]
    rng.shuffle(texts)
    return texts


class Asked:
    """Traffic: one post after the other on each connection."""

    def __init__(self, *, host: str) -> None:
        headers = {"Content-Type": "application/json"}
        self._requests = [
            request_bytes(
                "POST",
                "/api/gate/verdicts",
                host=host,
                headers=headers,
                body=json.dumps({"text": text}, ensure_ascii=False).encode(),
            )
            for text in mixed_texts(rng=random.Random(5))
        ]
        self._sent = 0

    def request(self, connection: int) -> bytes:
        self._sent += 1
        return self._requests[self._sent % len(self._requests)]

    def response(self, connection: int, status: int, head: bytes, body: bytes) -> None:
        assert status == 200, f"{status}: {body!r}"

    def result(self) -> None:
        return None


def asked_traffic(host: str) -> Asked:
    """Make :class:`Asked`; named as ``fissile.bench.gate:asked_traffic``."""
    return Asked(host=host)


def measure(*, settings: Settings, seconds: float) -> dict[str, Any]:
    """Return the report of this benchmark."""
    started = time.perf_counter()
    keep_in(settings.home / "cache")
    rulebook = shelf.shipped(shelf.choose(name=shelf.DEFAULT).label)
    judge = Judge(rulebook=rulebook, surface="moments", read=read)
    judge.answer(number=2, raw=b'{"text":"a"}')
    first = time.perf_counter() - started
    mixed = mixed_texts(rng=random.Random(5))
    lines, codes = _lines(mixed), _lines(share_texts(_TEXTS // 4, rng=random.Random(6)))
    bare = [text.encode() for text in mixed]
    scanner = Stir(settings.home / "cache" / "stir-bench")
    before = _rate(bare, scanner.scan_bytes, seconds=seconds / 2)
    figure = _rate(lines, lambda raw: judge.answer(number=2, raw=raw), seconds=seconds)
    code_only = _rate(codes, lambda raw: judge.answer(number=2, raw=raw), seconds=seconds)
    after = _rate(bare, scanner.scan_bytes, seconds=seconds / 2)
    peak = peak_mb(os.getpid())
    with bench_ground(settings=settings) as ground, ground.serving() as served:
        host = served.url.removeprefix("http://")
        for span in (min(4.0, seconds), seconds):  # the first one warms up
            api = run_load(
                url=served.url,
                connections=CONNECTIONS,
                seconds=span,
                make_traffic="fissile.bench.gate:asked_traffic",
                arguments={"host": host},
            )
        audit = audit_of(ground)
    return report(
        name="gate",
        figure=figure,
        unit="texts/s judged, ordinary mix, one core",
        p50_ms=1000 / figure,
        p99_ms=_p99_ms(lines, judge),
        limit=(before + after) / 2,
        limit_name="the same texts one by one through bare Hyperscan",
        peak_mb=peak,
        seconds=seconds,
        audit=audit,
        code_only=round(code_only),
        first_read_s=round(first, 2),
        api=round(api.per_second),
        api_p50_ms=round(api.p50_ms, 2),
        api_p99_ms=round(api.p99_ms, 2),
        connections=CONNECTIONS,
    )


def _lines(texts: Sequence[str]) -> list[bytes]:
    return [json.dumps({"id": place, "text": text}, ensure_ascii=False).encode() for place, text in enumerate(texts)]


def _rate(items: Sequence[bytes], work: Any, *, seconds: float) -> float:
    """Return how many items a second the work takes; the clock is looked at once in 100."""
    done, started = 0, time.process_time()
    while True:
        for first in range(0, len(items), 100):
            for item in items[first : first + 100]:
                work(item)
            done += len(items[first : first + 100])
            spent = time.process_time() - started
            if spent >= seconds:
                return done / spent


def _p99_ms(lines: Sequence[bytes], judge: Judge) -> float:
    spent = []
    for raw in lines:
        started = time.perf_counter()
        judge.answer(number=2, raw=raw)
        spent.append(time.perf_counter() - started)
    return sorted(spent)[len(spent) * 99 // 100] * 1000
