"""Who the rulebook is: its name, its version by announcement, its dates, what it amends, languages and sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime

from fissile.domain.gate.rulebooks.checks.draft import Draft
from fissile.domain.gate.rulebooks.mistakes import Mistake

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LANGUAGES = ("zh", "en")


def check(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with the head of the rulebook."""
    source = draft.source
    name = draft.string(("name",))
    if name is not None and not NAME.fullmatch(name):
        yield source.mistake(
            ("name",), f"“{name}” is no name.", "small letters, digits and -, as in wechat or my-rules"
        )
    yield from _dates(draft)
    languages = draft.value(("languages",))
    if isinstance(languages, list):
        for language in _LANGUAGES:
            if language not in languages:
                yield source.mistake(("languages",), f"The language {language} is missing.", 'languages = ["zh", "en"]')
        for path, one in draft.items(("languages",)):
            if isinstance(one, str) and one not in _LANGUAGES:
                yield source.mistake(path, f"There are no sentences in {one}.", 'languages = ["zh", "en"]')
    for path, one in draft.items(("assumed",)):
        if one not in ("announced", "in_force"):
            yield source.mistake(path, f"{one} cannot be assumed.", "one of: announced, in_force")


def _dates(draft: Draft) -> Iterator[Mistake]:
    source = draft.source
    announced, in_force = draft.value(("announced",)), draft.value(("in_force",))
    version, amends = draft.string(("version",)), draft.string(("amends",))
    if _is_date(announced):
        if version is not None and version != announced.isoformat():
            hint = f'version = "{announced.isoformat()}"'
            yield source.mistake(("version",), f"The version {version} is not the day of the announcement.", hint)
        if _is_date(in_force) and in_force < announced:
            hint = "change the one that is wrong; announced is when it was published"
            yield source.mistake(("in_force",), f"It is in force on {in_force}, before it is announced.", hint)
    if amends:
        try:
            earlier = date.fromisoformat(amends)
        except ValueError:
            yield source.mistake(("amends",), f"“{amends}” is no version.", 'amends = "2018-05-18"')
        else:
            if _is_date(announced) and earlier >= announced:
                yield source.mistake(
                    ("amends",), f"It amends {amends}, which is not earlier.", "name the version before it"
                )


def _is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
