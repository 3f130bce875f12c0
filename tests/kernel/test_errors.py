"""Refusals: a sentence, a code, the facts; and the list of all of them."""

from __future__ import annotations

import string

import pytest

from fissile.kernel.errors import Refusal, refusal_classes
from tools.reference.errors import import_everything

import_everything()
OURS = [one for one in refusal_classes() if one.__module__.startswith("fissile.")]


class CouponUsedUp(Refusal):
    """
    The coupon {coupon} has been claimed {times} times:
    there is none left.
    """


class TestRefusal:
    def test_is_a_sentence_with_its_facts(self) -> None:
        refusal = CouponUsedUp(coupon="SPRING", times=3)

        assert str(refusal) == "The coupon SPRING has been claimed 3 times: there is none left."
        assert refusal.details == {"coupon": "SPRING", "times": 3}

    def test_has_the_code_of_its_name(self) -> None:
        assert CouponUsedUp.code == "coupon_used_up"
        assert Refusal.code == "refusal"

    def test_keeps_the_sentence_unfilled_for_translators(self) -> None:
        assert CouponUsedUp.template() == "The coupon {coupon} has been claimed {times} times: there is none left."

    def test_without_a_fact_of_its_sentence_is_a_mistake(self) -> None:
        with pytest.raises(KeyError, match="times"):
            CouponUsedUp(coupon="SPRING")


class TestEveryRefusal:
    @pytest.mark.parametrize("one", OURS, ids=lambda one: one.code)
    def test_says_a_whole_sentence(self, one: type[Refusal]) -> None:
        said = one.template()

        assert one.__doc__ != Refusal.__doc__
        assert said.endswith((".", "!", "?", "}"))
        assert all(name is None or name.isidentifier() for _, name, _, _ in string.Formatter().parse(said))

    def test_has_a_code_of_its_own(self) -> None:
        names = [one.__name__ for one in _all_below(Refusal) if one.__module__.startswith("fissile.")]

        assert sorted(set(names)) == sorted(names), "two refusals of one name are one code: programs cannot tell them"


def _all_below(cls: type[Refusal]) -> list[type[Refusal]]:
    return [one for below in cls.__subclasses__() for one in (below, *_all_below(below))]
