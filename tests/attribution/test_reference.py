"""The arithmetic against an independent answer: 8,193 conversions over twelve channels."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from fissile.domain.attribution.model import BUILT_IN, Basket, Touch
from fissile.domain.attribution.rules import credit
from fissile.kernel.ids import named_id

# As ChannelAttribution's heuristic models compute them; see data/SOURCE.md.
FIRST = {
    "alpha": 1876,
    "beta": 1346,
    "epsilon": 37,
    "eta": 1712,
    "gamma": 83,
    "iota": 1692,
    "kappa": 42,
    "lambda": 571,
    "mi": 2,
    "theta": 815,
    "zeta": 17,
}
LAST = {
    "alpha": 2604,
    "beta": 432,
    "delta": 1,
    "epsilon": 296,
    "eta": 2194,
    "gamma": 47,
    "iota": 1363,
    "kappa": 115,
    "lambda": 745,
    "mi": 2,
    "theta": 334,
    "zeta": 60,
}
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def paths() -> Iterator[tuple[list[str], int]]:
    file = Path(__file__).parent / "data" / "paths_1.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            yield row["path"].split(" > "), int(row["total_conversions"])


@pytest.mark.parametrize(("model", "expected"), [("first_touch", FIRST), ("last_touch", LAST)])
def test_credits_add_up_to_the_reference(model: Literal["first_touch", "last_touch"], expected: dict[str, int]) -> None:
    policy = replace(BUILT_IN, model=model, window_days=365)
    basket = Basket(merchant_id=UUID(int=1), product_ids=frozenset(), buyer_id=None, at=AT)
    channels = {named_id("channel", name): name for name in {*FIRST, *LAST}}
    found: Counter[str] = Counter()

    for path, conversions in paths():
        touches = [
            Touch(UUID(int=1 + place), named_id("channel", name), moment, moment)
            for place, name in enumerate(path)
            for moment in (AT - timedelta(minutes=len(path) - place),)
        ]
        decided = credit(touches=touches, policy=policy, basket=basket)
        assert decided.promoter_id is not None
        found[channels[decided.promoter_id]] += conversions

    assert +found == expected
    assert found.total() == 8193
