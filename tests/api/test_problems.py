"""The table of statuses."""

from __future__ import annotations

import importlib
import pkgutil
from http import HTTPStatus

import pytest

import fissile
from fissile.api.endpoint import IdempotencyKeyUnusable
from fissile.api.problems import DEFAULT_STATUS, STATUS, problem_for, retry_after, status_of
from fissile.infra.batcher import DatabaseAway
from fissile.kernel.errors import Refusal, refusal_classes

# Modules whose import does something: the command line's entry and the migrations' script.
_NOT_IMPORTED = ("fissile.migrations.env", "fissile.__main__")


def _every_refusal() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(fissile.__path__, "fissile."):
        if module.name not in _NOT_IMPORTED and ".versions" not in module.name:
            importlib.import_module(module.name)
    # Tests make refusals of their own.
    return [one for one in refusal_classes() if one.__module__.startswith("fissile.")]


class TestStatus:
    def test_is_a_refusal_for_every_refusal_and_later_means_later(self) -> None:
        refusals = _every_refusal()

        assert len(refusals) > 10
        for refusal in refusals:
            status = status_of(refusal.code)
            assert 400 <= HTTPStatus(status) < 500 or status == 503, refusal
            assert (status in {429, 503}) == ("{retry_after}" in refusal.template()), refusal

    def test_has_no_refusal_two_classes_share(self) -> None:
        waiting, seen = list(Refusal.__subclasses__()), dict[str, type[Refusal]]()
        while waiting:
            one = waiting.pop()
            waiting += one.__subclasses__()
            if one.__module__.startswith("fissile."):
                assert seen.setdefault(one.code, one) is one, one

    def test_is_a_conflict_where_the_table_is_silent(self) -> None:
        assert "no_such_code" not in STATUS
        assert status_of("no_such_code") == DEFAULT_STATUS == 409


class TestProblemFor:
    def test_tells_the_sentence_and_the_facts(self) -> None:
        assert problem_for(IdempotencyKeyUnusable(limit_characters=255)) == (
            400,
            {
                "type": "/docs/errors#idempotency_key_unusable",
                "title": "Idempotency key unusable",
                "status": 400,
                "detail": "An Idempotency-Key has 1 to 255 visible ASCII characters.",
                "code": "idempotency_key_unusable",
                "limit_characters": 255,
            },
        )

    @pytest.mark.parametrize(
        ("refusal", "expected"),
        [(DatabaseAway(retry_after=5), "5"), (IdempotencyKeyUnusable(limit_characters=255), None)],
    )
    def test_says_when_to_come_again_if_the_refusal_does(self, refusal: Refusal, expected: str | None) -> None:
        assert retry_after(problem_for(refusal)[1]) == expected
