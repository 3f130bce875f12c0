"""Values made from cached ones: as good as what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

KEPT_MAX = 10_000


class Derived(Generic[Key, Value]):
    """
    Keeps what was made from cached objects, for as long as the caches give out the very same objects.

    So it needs no dropping of its own: a changed offer is another object, and what was made from the old one is
    made anew.
    """

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept: dict[Key, tuple[tuple[object, ...], Value]] = {}
        self._kept_max = kept_max

    def get(self, key: Key, sources: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """Return the value of a key, made anew if one of its sources is another object than before."""
        kept = self._kept.get(key)
        if kept is not None and len(kept[0]) == len(sources):
            for known, source in zip(kept[0], sources, strict=True):
                if known is not source:
                    break
            else:
                return kept[1]
        value = make()
        if len(self._kept) >= self._kept_max:
            self._kept.clear()
        self._kept[key] = (sources, value)
        return value
