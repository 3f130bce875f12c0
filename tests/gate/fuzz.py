"""
Fuzz the Gate, led by coverage: texts and raw lines read and judged, rulebooks loaded.

``python -m tests.gate.fuzz SECONDS FOLDER``; what crashes or takes longer than ten seconds is written into the folder,
and is tried again by ``python -m tests.gate.fuzz 0 FOLDER/FILE``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["fissile.domain.gate"]):
    from fissile.domain.gate.facts import aligned, keep_in, read
    from fissile.domain.gate.lines import BadLine, Judge
    from fissile.domain.gate.model import Post
    from fissile.domain.gate.rulebooks import shelf
    from fissile.domain.gate.rulebooks.compile import compile_rulebook
    from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
    from fissile.domain.gate.rulebooks.model import ACTIONS, SURFACES
    from fissile.domain.gate.verdicts import judge, to_json

SEEDS = Path(__file__).parent / "data" / "dev_samples.jsonl"
SHIPPED = Path(shelf.__file__).parent / "shipped"
BOOKS = ("house@2026-01-01", "wechat@2018-05-18", "wechat@2025-10-23", "xiaohongshu@2025-03-12")
LENGTH_MAX = 6_000


def try_text(data: bytes) -> None:
    """Read and judge a text: lone surrogates, NUL and all."""
    text = data[1:].decode("utf-8", "surrogateescape" if data[0] & 1 else "replace")
    facts = read(text)
    found = (facts.codes, facts.links, facts.contacts, facts.inducements, facts.disguises, facts.cues)
    for start, end in [(fact.start, fact.end) for kind in found for fact in kind]:
        assert 0 <= start < end <= len(text)
    reading, origins = aligned(text)
    assert reading == facts.normalised
    assert len(origins) == len(reading)
    surface = SURFACES[data[0] % len(SURFACES)]
    for label in BOOKS:
        post = Post(text=text, surface=surface)
        verdict = judge(post=post, facts=facts, rulebook=shelf.shipped(label))
        assert verdict.verdict in ACTIONS
        told = to_json(verdict)
        assert told == to_json(judge(post=post, facts=read(text), rulebook=shelf.shipped(label)))
        json.loads(told)


def try_line(data: bytes) -> None:
    """Answer a line as the command line does."""
    judging = Judge(rulebook=shelf.shipped(BOOKS[data[0] % len(BOOKS)]), surface="moments", read=read)
    answer = judging.answer(number=1 + data[0] % 2, raw=data[1:])
    if not isinstance(answer, BadLine):
        assert json.loads(answer)["verdict"] in ACTIONS


def try_rulebook(data: bytes) -> None:
    """Load a rulebook that is shipped, with something put in the place of something."""
    texts = [one.read_text(encoding="utf-8") for one in sorted(SHIPPED.glob("house*.toml"))]
    text = texts[data[0] % len(texts)]
    at = int.from_bytes(data[1:3], "big") % len(text)
    text = text[:at] + data[4:].decode("utf-8", "replace") + text[at + data[3] :]
    told = "nothing"
    try:
        compile_rulebook(text=text, name="fuzzed.toml", read=read, words={})
    except RulebookMistakesError as error:
        told = error.as_text()
    assert told


TARGETS = (try_text, try_text, try_line, try_rulebook)


def try_one(data: bytes) -> None:
    """What the fuzzer calls: the first byte chooses what is tried."""
    if len(data) > 5:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def write_seeds(folder: Path) -> None:
    """Write the samples of the share formats as texts and as lines, and a change of a rulebook."""
    for number, line in enumerate(SEEDS.read_bytes().splitlines()):
        text = str(json.loads(line)["text"]).encode("utf-8", "surrogatepass")
        (folder / f"text-{number}").write_bytes(b"\0\0" + text)
        (folder / f"line-{number}").write_bytes(b"\2\0" + json.dumps({"id": number, "text": text.decode()}).encode())
    (folder / "rulebook").write_bytes(b"\3\0\1\0\7when = \"codes.exists(c, c.kind == 'passphrase')\"")


def main(seconds: str, folder: str) -> None:
    """Fuzz for some seconds, or, for 0, try one file again."""
    if seconds == "0":
        try_one(Path(folder).read_bytes())
        return
    keep_in(Path(folder))
    seeds = Path(folder) / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    write_seeds(seeds)
    for label in BOOKS:  # before the clock runs: compiling takes seconds once
        shelf.shipped(label)
    arguments = [
        sys.argv[0],
        str(seeds),
        f"-max_total_time={seconds}",
        f"-max_len={LENGTH_MAX}",
        "-timeout=10",
        "-rss_limit_mb=2000",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup(arguments, try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
