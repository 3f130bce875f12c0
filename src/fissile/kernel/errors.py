"""What every refusal is: a sentence for a person, a code for a program, the facts behind it."""

from __future__ import annotations

import re
from typing import Any, ClassVar


class Refusal(Exception):
    """The request was refused."""

    # A subclass's docstring is its message; ``{names}`` in it are filled from the keyword arguments.
    code: ClassVar[str] = "refusal"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.message)

    @classmethod
    def template(cls) -> str:
        """Return the sentence with its ``{names}`` unfilled: the key by which it is translated."""
        return " ".join((cls.__doc__ or cls.__name__).split())

    @property
    def message(self) -> str:
        """The sentence for a person, in English, filled with the facts."""
        return self.template().format(**self.details)


def refusal_classes() -> list[type[Refusal]]:
    """Return every refusal that has been imported, sorted by code: the reference and the API table use it."""
    found: dict[str, type[Refusal]] = {}
    waiting: list[type[Refusal]] = list(Refusal.__subclasses__())
    while waiting:
        cls = waiting.pop()
        found[cls.code] = cls
        waiting.extend(cls.__subclasses__())
    return [found[code] for code in sorted(found)]
