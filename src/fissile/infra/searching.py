"""How text is searched and sorted, whatever it names: values in, values out."""

from __future__ import annotations

import re
import unicodedata

from fissile.infra.pinyin import pinyin

_LEXEME_MAX = 16
SEARCHED_MAX = 15_000  # times 16 letters of 4 bytes: as much as a tsvector can hold
_QUERY_MAX = 100
# Scripts that are written without blanks between words: kana, Han, Hangul, and their compatibility forms.
_CJK = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
_RUNS = re.compile(rf"(?P<cjk>{_CJK.pattern}+)|(?P<word>(?:(?!{_CJK.pattern})[^\W_])+)")


def fold(text: str) -> str:
    """Return text as it is compared: NFKC, lower case, without what no database takes."""
    plain = text.replace("\x00", " ").encode("utf-8", "ignore").decode()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).lower())


def search_vector(text: str) -> list[str]:
    """
    Return the lexemes of a text, sorted: of words of scripts that separate them each end (``shirt``, ``hirt``,
    ``irt`` …: so every part of a word begins a lexeme), and of Chinese, Japanese and Korean every character and
    every pair. A lexeme has at most 16 letters.
    """
    lexemes: set[str] = set()
    for run in _RUNS.finditer(fold(text)):
        if run["cjk"]:
            lexemes.update(_pieces(run["cjk"]))
        else:
            word = run["word"]
            lexemes.update(word[start : start + _LEXEME_MAX] for start in range(len(word)))
    return sorted(lexemes)


def search_terms(text: str) -> list[str]:
    """Return the folded terms of a query; each must stand somewhere in the text. Cut at 100 characters."""
    return list(dict.fromkeys(fold(text[:_QUERY_MAX]).split()))


def search_query(text: str) -> str:
    """
    Return the tsquery (as text) that narrows down what can contain every term; "" if none can be narrowed.

    It lets through every text that holds the terms, wherever in it, and some that do not: ``position()`` decides.
    """
    return " & ".join(sorted({piece for term in search_terms(text) for piece in _term_pieces(term)}))


def _term_pieces(term: str) -> list[str]:
    pieces: list[str] = []
    for run in _RUNS.finditer(term):
        if run["cjk"]:
            # A pair implies its characters.
            pieces.extend(_quoted(one) for one in _pieces(run["cjk"]) if len(one) == 2 or len(run["cjk"]) == 1)
            continue
        # Only the last word of a term may go on behind it; what was cut may, too.
        goes_on = run.end() == len(term) or len(run["word"]) > _LEXEME_MAX
        pieces.append(_quoted(run["word"][:_LEXEME_MAX]) + (":*" if goes_on else ""))
    return pieces


def _pieces(run: str) -> list[str]:
    return [*run, *(run[i : i + 2] for i in range(len(run) - 1))]


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def sort_key(text: str) -> str:
    """Return what a name is listed by: pinyin of its Chinese characters, the rest folded."""
    folded = fold(text)
    return pinyin(folded) if _CJK.search(folded) else folded
