"""Pinyin of Chinese characters, from the small one of the library's two dictionaries."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType


def pinyin(text: str) -> str:
    """
    Return the toned pinyin of a text's Chinese characters, apart by blanks; the rest stays as it is.

    The dictionary of single characters is enough for an order and takes 14 MB; with that of phrases it is 57.
    """
    library = _library()
    return " ".join(part.strip() for part in library.lazy_pinyin(text, style=library.Style.TONE3))


@cache
def _library() -> ModuleType:
    # The library asks the environment, once, when it is imported: late, for a shop without Chinese needs none.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    import pypinyin

    return pypinyin
