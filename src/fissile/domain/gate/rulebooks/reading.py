"""From the values of a rulebook's text to its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fissile.domain.gate.rulebooks.language import Condition
from fissile.domain.gate.rulebooks.model import (
    SURFACES,
    Clause,
    Covers,
    Example,
    Ladder,
    Partner,
    Rule,
    Rulebook,
    Rung,
    Scan,
    Source,
)


def covers_of(given: Any) -> Covers:
    """Return what a rule covers; what is no table covers all, and the shape check tells it."""
    if not isinstance(given, Mapping):
        return Covers()
    return Covers(_words(given.get("surfaces")), _words(given.get("forms")))


def example_of(given: Any) -> Example:
    """Return an example that is written as a text or as a table."""
    if isinstance(given, str):
        return Example(given)
    fields = given if isinstance(given, Mapping) else {}
    return Example(*(one if isinstance(one := fields.get(key, ""), str) else "" for key in ("text", "surface", "form")))


def rulebook_of(values: Mapping[str, Any], *, conditions: Mapping[int, Condition]) -> Rulebook:
    """Return the rulebook of values in which no check found a mistake."""
    rules = tuple(_rule(one, condition=conditions[index]) for index, one in enumerate(values["rules"]))
    return Rulebook(
        name=values["name"],
        network=values["network"],
        version=values["version"],
        announced=values["announced"],
        in_force=values["in_force"],
        amends=values.get("amends", ""),
        assumed=tuple(values.get("assumed", ())),
        languages=tuple(values["languages"]),
        sources=tuple(Source(**one) for one in values["sources"]),
        rules=rules,
        ladders=tuple(_ladder(one) for one in values.get("ladders", ())),
        partners=tuple(_partner(one) for one in values.get("partners", ())),
        by_surface={
            surface: tuple(one for one in rules if not one.covers.surfaces or surface in one.covers.surfaces)
            for surface in SURFACES
        },
    )


def _rule(given: Mapping[str, Any], *, condition: Condition) -> Rule:
    clause = given["clause"]
    return Rule(
        id=given["id"],
        clause=Clause(clause["number"], clause["summary_zh"], clause["summary_en"], tuple(clause.get("quoted", ()))),
        covers=covers_of(given.get("covers", {})),
        condition=condition,
        action=given["action"],
        severity=given["severity"],
        exempt=tuple(given.get("exempt", ())),
        ladder=given.get("ladder", ""),
        unblock=given.get("unblock", ""),
        scans=tuple(Scan(one["surface"], one["form"], one["since"], one["source"]) for one in given.get("scans", ())),
        must_match=tuple(example_of(one) for one in given["must_match"]),
        must_not_match=tuple(example_of(one) for one in given["must_not_match"]),
    )


def _ladder(given: Mapping[str, Any]) -> Ladder:
    rungs = tuple(
        Rung(one["count"], tuple(one["effects"]), one.get("hours"), one.get("adversarial", False))
        for one in given["rungs"]
    )
    return Ladder(given["id"], given.get("window_days"), rungs)


def _partner(given: Mapping[str, Any]) -> Partner:
    return Partner(given["name"], tuple(given.get("hosts", ())), tuple(given.get("platforms", ())))


def _words(given: Any) -> frozenset[str]:
    return frozenset(one for one in given if isinstance(one, str)) if isinstance(given, list) else frozenset()
