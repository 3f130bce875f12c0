"""Decisions about refunds: which lines they give back, and whether they may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fissile.domain.orders.errors import (
    RefundAmount,
    RefundLineTooLarge,
    RefundLineTwice,
    RefundLineUnknown,
    RefundNothing,
    RefundQuantityTooLarge,
)
from fissile.domain.orders.model import RefundableLine, RefundLine
from fissile.kernel.money import MINOR_MAX, Money


def spread(*, amount: Money, lines: Sequence[RefundableLine]) -> tuple[RefundLine, ...]:
    """
    Divide an amount over the lines (the shipping is one of them) in proportion to what is left of each.

    The parts are exactly the amount, and none is more than what is left, because the amount is not more than the
    whole that is left. Lines that get nothing are left out.
    """
    left = [line.left_minor for line in lines]
    assert 0 < amount.minor <= sum(left), "more than is left was refused before"
    parts = amount.allocate(left)
    return tuple(
        RefundLine(line_no=line.line_no, amount_minor=part.minor)
        for line, part in zip(lines, parts, strict=True)
        if part.minor
    )


def check_lines(*, asked: Sequence[RefundLine], lines: Sequence[RefundableLine], currency: str) -> None:
    """
    Check that each line that is asked for can be given back; in the order asked.

    :raises RefundNothing: if there is none, or one with neither amount nor quantity
    :raises RefundLineTwice, RefundLineUnknown: if a line is named twice, or is none of the order
    :raises RefundAmount: if an amount or quantity is below zero or beyond any order
    :raises RefundLineTooLarge, RefundQuantityTooLarge: if more is asked than is left of a line
    """
    by_no = {line.line_no: line for line in lines}
    seen: set[int] = set()
    if not asked:
        raise RefundNothing()
    for one in asked:
        if one.line_no in seen:
            raise RefundLineTwice(line=one.line_no)
        seen.add(one.line_no)
        if (line := by_no.get(one.line_no)) is None:
            raise RefundLineUnknown(line=one.line_no)
        for number in (one.amount_minor, one.quantity):
            if not 0 <= number <= MINOR_MAX:
                raise RefundAmount(given=number, most=MINOR_MAX)
        if not one.amount_minor and not one.quantity:
            raise RefundNothing()
        if one.amount_minor > line.left_minor:
            raise RefundLineTooLarge(
                asked=_shown(one.amount_minor, currency), title=line.title, left=_shown(line.left_minor, currency)
            )
        if one.quantity > line.left_quantity:
            raise RefundQuantityTooLarge(asked=one.quantity, title=line.title, left=line.left_quantity)


def whole_pieces(*, asked: Sequence[RefundLine], lines: Sequence[RefundableLine]) -> tuple[RefundLine, ...]:
    """
    Return the lines of a refund that leaves nothing of an order: all pieces that are left go with it.

    A line whose money was given back before comes in with its pieces alone.
    """
    given = {one.line_no: one for one in asked}
    whole = []
    for line in lines:
        one = given.get(line.line_no, RefundLine(line_no=line.line_no, amount_minor=0))
        if one.amount_minor or line.left_quantity:
            whole.append(replace(one, quantity=line.left_quantity))
    return tuple(whole)


def _shown(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).major():f} {currency}"
