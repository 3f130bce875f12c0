"""Quality as numbers: every class is at least as good as quality.json says, and as good as we promise."""

from __future__ import annotations

import json

import pytest

from tests.gate.facts.quality import DATA, measured, of_ordinary


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, list[int]]]:
    return measured()


class TestQuality:
    def test_no_class_falls(self, now: dict[str, dict[str, list[int]]]) -> None:
        kept = json.loads((DATA / "quality.json").read_text("utf-8"))

        fallen = [
            f"{measure} / {name}: {counts} was {kept[measure][name]}"
            for measure, classes in now.items()
            for name, counts in classes.items()
            if name in kept[measure] and _worse(measure, counts, kept[measure][name])
        ]

        assert not fallen
        assert {measure: set(classes) for measure, classes in kept.items()} == {
            measure: set(classes) for measure, classes in now.items()
        }

    def test_codes_and_promotion_links_are_found(self, now: dict[str, dict[str, list[int]]]) -> None:
        found, exact, _, every = _sum(now["made [found, exact, platform, all]"])

        assert found >= 0.99 * every
        assert exact >= 0.97 * every

    def test_each_technique_keeps_the_verdict(self, now: dict[str, dict[str, list[int]]]) -> None:
        for name, (found, exact, every) in now["techniques [found, exact, all]"].items():
            assert found >= 0.95 * every, name
            assert exact >= 0.85 * every, name

    def test_hard_negatives_are_left_alone(self, now: dict[str, dict[str, list[int]]]) -> None:
        hit, every = _sum(now["hard [wrongly hit, all]"])

        assert hit <= 0.01 * every


class TestOrdinary:
    def test_ordinary_texts_are_left_alone(self) -> None:
        hit, every = _sum(of_ordinary())

        assert every >= 5_000
        assert hit <= 0.0005 * every


def _worse(measure: str, counts: list[int], kept: list[int]) -> bool:
    if measure.startswith("hard"):
        return counts[0] > kept[0]
    return any(
        new * old_all < old * counts[-1] for new, old, old_all in zip(counts, kept, [kept[-1]] * 9, strict=False)
    )


def _sum(classes: dict[str, list[int]]) -> list[int]:
    return [sum(column) for column in zip(*classes.values(), strict=True)]
