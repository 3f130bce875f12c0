"""Measures the reader class by class. ``python -m tests.gate.facts.quality`` writes tests/gate/data/quality.json."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fissile.domain.gate.facts import read
from fissile.domain.gate.model import Facts
from tests.gate.facts.making import TECHNIQUES, disguised, hard_negatives, positives

DATA = Path(__file__).parent.parent / "data"
ROOT = Path(__file__).parents[3]
PROMOTING = frozenset({"shop", "short_link", "app_jump"})
HELD_OUT = 70_001
"""The seed of the texts that quality is measured on; tuning uses small seeds."""


def is_found(facts: Facts) -> bool:
    """Return whether there is a code or a promotion link."""
    return bool(facts.codes) or any(link.cls in PROMOTING for link in facts.links)


def has_code(facts: Facts, code: str | None) -> bool:
    """Return whether the exact code is named, where there is one to name."""
    return code is None or any(found.code == code for found in facts.codes)


def has_platform(facts: Facts, platform: str | None, code: str | None) -> bool:
    """Return whether the platform is named on the code, or on a link where there is no code."""
    if platform is None:
        return True
    if code is not None:
        return any(found.platform == platform for found in facts.codes if found.code == code)
    return platform in facts.origin


def labelled() -> list[dict[str, Any]]:
    """Return the labelled texts of both files."""
    rows = []
    for name in ("dev_samples.jsonl", "labelled.jsonl"):
        rows += [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]
    return rows


def is_right(row: dict[str, Any]) -> bool:
    """Return whether the reader finds in a labelled text what its label says, and nothing in an ordinary one."""
    facts = read(row["text"])
    if row["kind"] == "contact_diversion":
        return bool(facts.contacts)
    if row["label"] == "inducement":
        return any(wording.category == row["category"] for wording in facts.inducements)
    if row["label"] == "benign":
        return not (is_found(facts) or facts.contacts or facts.inducements)
    return (
        is_found(facts) and has_code(facts, row["code"]) and has_platform(facts, row["platform"], row["code"])
    )  # fmt: skip


def _class_of(row: dict[str, Any]) -> str:
    if row["label"] in {"benign", "inducement"}:
        return f"{row['label']}: {row['category']}"
    return f"{row['label']}: {row['platform'] or 'unknown'}"


def of_labelled() -> dict[str, list[int]]:
    """Return, for each class, how many are right of how many."""
    right: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for row in labelled():
        all_of[_class_of(row)] += 1
        right[_class_of(row)] += is_right(row)
    return {name: [right[name], all_of[name]] for name in sorted(all_of)}


def of_made(number: int = 600, seed: int = HELD_OUT) -> dict[str, list[int]]:
    """Return, for each maker, how many were found, named exactly, and their platform too, of how many."""
    counts: dict[str, list[int]] = {}
    for sample in positives(seed, number):
        count = counts.setdefault(sample.group, [0, 0, 0, 0])
        facts = read(sample.text)
        platform = None if sample.platform == "unknown" else sample.platform
        hits = is_found(facts), has_code(facts, sample.code), has_platform(facts, platform, sample.code), True
        for place, hit in enumerate(hits):
            count[place] += hit
    return dict(sorted(counts.items()))


def of_techniques(number: int = 150, seed: int = HELD_OUT) -> dict[str, list[int]]:
    """Return, for each technique applied to share texts, how many were found and named exactly, of how many."""
    samples = positives(seed + 1, number)
    counts = {}
    for technique in TECHNIQUES:
        count = [0, 0, 0]
        for place, sample in enumerate(samples):
            text = disguised(technique, seed + place, sample.text, sample)
            if text != sample.text:
                facts = read(text)
                for at, hit in enumerate((is_found(facts), has_code(facts, sample.code), True)):
                    count[at] += hit
        counts[technique] = count
    return counts


def of_hard(number: int = 1_200, seed: int = HELD_OUT) -> dict[str, list[int]]:
    """Return, for each class of hard negative, how many were wrongly hit, of how many."""
    return _wrongly_hit((sample.group, sample.text) for sample in hard_negatives(seed + 2, number))


def of_ordinary() -> dict[str, list[int]]:
    """Return, for each source of ordinary texts, how many were wrongly hit, of how many."""
    return _wrongly_hit(ordinary())


def _wrongly_hit(texts: Iterable[tuple[str, str]]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for group, text in texts:
        count = counts.setdefault(group, [0, 0])
        count[0] += is_found(read(text))
        count[1] += 1
    return dict(sorted(counts.items()))


def ordinary() -> Iterator[tuple[str, str]]:
    """Give what the repository carries (catalogues, documents, messages) and, where it stands beside, shared data."""
    for language in ("zh", "en"):
        for path in sorted((ROOT / "src/fissile/demo" / f"catalogue_{language}").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    yield from ((f"catalogue-{language}", cell) for cell in row.values() if cell and len(cell) > 3)
    for path in sorted((ROOT / "src/fissile/web/locale").glob("*/LC_MESSAGES/*.po")):
        for line in path.read_text("utf-8").splitlines():
            text = line.partition('"')[2].rpartition('"')[0]
            if line.startswith(("msgstr", "msgid")) and len(text) > 3:
                yield "messages", text
    for path in sorted((*ROOT.glob("docs/**/*.md"), *ROOT.glob("src/fissile/domain/*/*.py"))):
        if "gate" not in path.parts:
            yield from (("lines", line) for line in path.read_text("utf-8").splitlines() if len(line) > 12)
    yield from _shared()


def _shared() -> Iterator[tuple[str, str]]:
    invoices = ROOT.parent / "shared/data/orders-online-retail/online_retail_2010-12_to_2011-06.csv.gz"
    if invoices.exists():
        with gzip.open(invoices, "rt", encoding="utf-8") as lines:
            seen: set[str] = set()
            for row in csv.DictReader(lines):
                name = row.get("Description") or ""
                if name not in seen:
                    seen.add(name)
                    yield "invoice-lines", " ".join(map(str, row.values()))
    products = ROOT.parent / "shared/data/catalogue-zh/products.csv"
    if products.exists():
        with products.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield from (("product-names", cell) for cell in row.values() if cell and len(cell) > 3)


def measured() -> dict[str, dict[str, list[int]]]:
    """Return all measures but the ordinary texts, whose number depends on what stands beside the repository."""
    return {
        "labelled [right, all]": of_labelled(),
        "made [found, exact, platform, all]": of_made(),
        "techniques [found, exact, all]": of_techniques(),
        "hard [wrongly hit, all]": of_hard(),
    }


if __name__ == "__main__":
    content = json.dumps(measured(), ensure_ascii=False, indent=1)
    (DATA / "quality.json").write_text(content + "\n", "utf-8")
