"""The system's chance, read in handfuls: an id costs no system call."""

from __future__ import annotations

import os

_BYTES = 4096


class SystemChance:
    """As unguessable as ``random.SystemRandom``, for one process: what a fork inherits is thrown away."""

    def __init__(self) -> None:
        self._handful = b""
        self._used = 0
        os.register_at_fork(after_in_child=self._throw_away)

    def getrandbits(self, k: int, /) -> int:
        """Return ``k`` bits of chance."""
        size = (k + 7) // 8
        begin = self._used
        end = begin + size
        if end > len(self._handful):
            self._handful, begin, end = os.urandom(max(size, _BYTES)), 0, size
        self._used = end
        return int.from_bytes(self._handful[begin:end], "big") >> (size * 8 - k)

    def _throw_away(self) -> None:
        self._handful, self._used = b"", 0
