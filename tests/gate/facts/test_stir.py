"""The cheap pass: what it keeps between starts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fissile.domain.gate.facts.stir import Stir

TEXTS = ("复制￥AXG4bZGYwFa￥打开淘宝", "转发领红包", "m-tb-cn/h.Kq3XzLm", "今天天气不错", "\ud800", "")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stir, Path]:
    file = tmp_path_factory.mktemp("cache") / "deep" / "stir"
    return Stir(file), file


class TestKeptScan:
    def test_hears_what_the_fresh_one_hears(self, fresh: tuple[Stir, Path]) -> None:
        made, file = fresh

        assert [Stir(file).scan(text) for text in TEXTS] == [made.scan(text) for text in TEXTS]
        assert [bool(made.scan(text)) for text in TEXTS] == [True, True, True, False, False, False]

    def test_is_made_anew_if_its_file_is_damaged(self, fresh: tuple[Stir, Path], tmp_path: Path) -> None:
        made, file = fresh
        damaged = tmp_path / "stir"
        damaged.write_bytes(file.read_bytes()[:-9] + b"different")

        assert [Stir(damaged).scan(text) for text in TEXTS] == [made.scan(text) for text in TEXTS]
        assert damaged.read_bytes() == file.read_bytes()

    def test_is_asked_by_many_threads_at_once(self, fresh: tuple[Stir, Path]) -> None:
        stir = Stir(fresh[1])
        long = "今天天气不错 " * 3_000 + TEXTS[0]

        with ThreadPoolExecutor(4) as threads:
            heard = list(threads.map(stir.scan, [long] * 400))

        assert heard == [stir.scan(long)] * 400
