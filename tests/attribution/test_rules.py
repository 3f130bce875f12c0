"""Who brought the buyer: both sides of each boundary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from fissile.domain.attribution.model import Rule, Touch
from fissile.domain.attribution.rules import TOUCHES_MAX, credit

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = Rule(window=timedelta(days=15))
ANNA, BEN = UUID(int=1), UUID(int=2)


def a_touch(*, ago: timedelta, share: int = 1, promoter: UUID = ANNA, is_open: bool = True) -> Touch:
    """A touch some time before the order."""
    return Touch(UUID(int=share), promoter, AT - ago, is_open)


class TestCredit:
    def test_nobody_without_touches(self) -> None:
        decided = credit(touches=[], rule=RULE, buyer_id=None, at=AT)

        assert (decided.winner, decided.reason, decided.touches) == (None, "no_touch", ())

    def test_the_window_includes_its_first_moment(self) -> None:
        on_edge = a_touch(ago=timedelta(days=15))

        assert credit(touches=[on_edge], rule=RULE, buyer_id=None, at=AT).winner == on_edge

    def test_a_moment_before_the_window_is_too_early(self) -> None:
        early = a_touch(ago=timedelta(days=15, microseconds=1))

        decided = credit(touches=[early], rule=RULE, buyer_id=None, at=AT)

        assert (decided.winner, decided.reason) == (None, "no_valid_touch")
        assert [one.reason for one in decided.touches] == ["outside_window"]

    def test_the_last_touch_wins(self) -> None:
        first, last = a_touch(ago=timedelta(days=2)), a_touch(ago=timedelta(days=1), share=2, promoter=BEN)

        decided = credit(touches=[last, first], rule=RULE, buyer_id=None, at=AT)

        assert decided.winner == last
        assert [(one.touch, one.won, one.reason) for one in decided.touches] == [
            (last, True, "last_touch"),
            (first, False, "earlier_touch"),
        ]

    def test_at_the_same_moment_the_younger_share_wins(self) -> None:
        old, young = a_touch(ago=timedelta(0), share=1), a_touch(ago=timedelta(0), share=2, promoter=BEN)

        assert credit(touches=[young, old], rule=RULE, buyer_id=None, at=AT).winner == young

    def test_ones_own_purchase_passes_the_credit_on(self) -> None:
        own, before = a_touch(ago=timedelta(hours=1)), a_touch(ago=timedelta(hours=2), share=2, promoter=BEN)

        decided = credit(touches=[own, before], rule=RULE, buyer_id=ANNA, at=AT)

        assert decided.winner == before
        assert [one.reason for one in decided.touches] == ["self_purchase", "last_touch"]

    def test_a_purchase_with_ones_own_cookie_is_ones_own(self) -> None:
        opened = Touch(UUID(int=1), ANNA, AT - timedelta(hours=1), own=True)
        given_with_the_order = a_touch(ago=timedelta(0))

        decided = credit(touches=[opened, given_with_the_order], rule=RULE, buyer_id=None, at=AT)

        assert (decided.winner, [one.reason for one in decided.touches]) == (None, ["self_purchase"])

    def test_unless_the_rule_allows_it(self) -> None:
        own = a_touch(ago=timedelta(hours=1))
        allowing = Rule(window=RULE.window, self_purchase=True)

        assert credit(touches=[own], rule=allowing, buyer_id=ANNA, at=AT).winner == own

    def test_a_closed_share_does_not_win(self) -> None:
        closed = a_touch(ago=timedelta(0), is_open=False)

        assert credit(touches=[closed], rule=RULE, buyer_id=None, at=AT).winner is None

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(1, 4), st.booleans()), max_size=80))
    def test_one_winner_at_most_and_nobody_valid_is_later(
        self, given_touches: list[tuple[int, int, int, bool]]
    ) -> None:
        touches = [
            a_touch(ago=timedelta(days=days), share=share, promoter=UUID(int=promoter), is_open=is_open)
            for days, share, promoter, is_open in given_touches
        ]

        decided = credit(touches=touches, rule=RULE, buyer_id=ANNA, at=AT)

        assert sum(one.won for one in decided.touches) == (decided.winner is not None)
        assert len(decided.touches) <= TOUCHES_MAX
        if decided.winner is not None:
            later = [one for one in decided.touches if one.touch.touched_at > decided.winner.touched_at]
            assert all(one.reason != "earlier_touch" for one in later)


class TestRule:
    def test_its_name_tells_its_version_and_window(self) -> None:
        assert RULE.name == "last-touch@1 15d"
