"""Every fact that a condition may use, with its type and a sentence; docs/gate.md is held equal to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fissile.domain.gate.model import FACTS_OF_A_KIND
from fissile.domain.gate.rulebooks.model import FORMS, SURFACES

TEXT_MAX: Final = 16_384
"""So many code points of ``text`` and ``reading`` are shown to conditions."""
FIELD_MAX: Final = 512
"""So many code points of every other string are shown to conditions."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a fact: its type in CEL, what it says, and the words it may hold where they are few."""

    name: str
    type: str
    says: str
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fact:
    """A name of the rule language. With ``fields`` it is a message, and a list of them if ``many``."""

    name: str
    type: str
    says: str
    fields: tuple[Field, ...] = ()
    many: bool = False
    words: frozenset[str] = frozenset()


_WHERE = Field("where", "string", "the text, or the picture, that it was found in; “text” for the text")
CLASSES: Final = frozenset({"shop", "short_link", "app_jump", "netdisk", "unknown"})
KINDS: Final = frozenset({"passphrase", "short_link", "long_link", "qr_payload", "search_number"})

HISTORY: Final = (
    Field("posts_24h", "int", "posts of the sender in the last 24 hours"),
    Field("posts_30d", "int", "posts of the sender in the last 30 days"),
    Field("violations_180d", "int", "posts of the sender in the last half year that were blocked"),
    Field("account_age_days", "int", "days since the sender joined"),
    Field("same_text_accounts", "int", "other accounts that posted nearly the same text"),
    Field("domains_180d", "int", "domains that the sender linked to in the last half year"),
    Field("adversarial", "bool", "the sender was found to work round the rules with many domains or accounts"),
)
"""What the caller of the Gate may know and tell; what is not told is 0 or false, and ``has(history.x)`` is false."""

FACTS: Final = (
    Fact(
        "codes",
        "list(Code)",
        "special identification codes and passphrases",
        fields=(
            Field("kind", "string", "how the code is carried", KINDS),
            Field(
                "platform", "string", "the app that reads it, “unknown” where only the anatomy tells that it is a code"
            ),
            Field("code", "string", "what the receiving app would read, delimiters left off"),
            _WHERE,
        ),
        many=True,
    ),
    Fact(
        "links",
        "list(Link)",
        "addresses, written out or disguised ones too",
        fields=(
            Field("url", "string", "the plain reading"),
            Field("host", "string", "the host in lower case"),
            Field("class", "string", "what kind of host it is", CLASSES),
            Field("platform", "string", "whose host it is; empty where it is in no table"),
            Field("partner", "bool", "the host belongs to a partner of this rulebook"),
            _WHERE,
        ),
        many=True,
    ),
    Fact(
        "contacts",
        "list(Contact)",
        "hints to go on in private elsewhere",
        fields=(Field("technique", "string", "how the hint is given"), _WHERE),
        many=True,
    ),
    Fact(
        "inducements",
        "list(Inducement)",
        "wording that presses the reader to share, help, follow or download, neither denied nor quoted",
        fields=(Field("category", "string", "what it presses the reader to"), _WHERE),
        many=True,
    ),
    Fact(
        "disguises",
        "list(Disguise)",
        "ways of writing that hide a word, a code or a link",
        fields=(Field("technique", "string", "how it is hidden"), _WHERE),
        many=True,
    ),
    Fact(
        "cues",
        "list(CueWord)",
        "words that tell the reader to copy, open, search or tap",
        fields=(Field("word", "string", "its plain form"),),
        many=True,
    ),
    Fact(
        "dropped",
        "Dropped",
        f"how many facts of each kind were found beyond the {FACTS_OF_A_KIND} that are kept",
        fields=tuple(
            Field(name, "int", f"{name} beyond the {FACTS_OF_A_KIND} kept")
            for name in ("codes", "links", "contacts", "inducements", "disguises", "cues")
        ),
    ),
    Fact("history", "History", "what the caller knows of the sender", fields=HISTORY),
    Fact("origin", "list(string)", "the platforms of codes and links, each once"),
    Fact("text", "string", f"the text as given, at most {TEXT_MAX} code points of it"),
    Fact("reading", "string", f"its plain reading, at most {TEXT_MAX} code points of it"),
    Fact("text_size", "int", "the length of the whole text in code points"),
    Fact("surface", "string", "where it is to be published", words=frozenset(SURFACES)),
    Fact("form", "string", "the form that the sender says it has; empty if unsaid", words=frozenset({*FORMS, ""})),
    Fact("forms", "list(string)", "the form said and the forms found", words=frozenset(FORMS)),
    Fact("sender", "string", "the account that posts; empty if unsaid"),
    Fact("community", "string", "the community it is posted to; empty if unsaid"),
    Fact("thread", "string", "the thread it belongs to; empty if unsaid"),
)

FUNCTIONS: Final = {
    "_&&_": "a && b",
    "_||_": "a || b",
    "!_": "!a",
    "_?_:_": "a ? b : c",
    "_==_": "a == b",
    "_!=_": "a != b",
    "_<_": "a < b",
    "_<=_": "a <= b",
    "_>_": "a > b",
    "_>=_": "a >= b",
    "@in": "a in [b, c]",
    "_+_": "a + b, of numbers",
    "_-_": "a - b",
    "-_": "-a",
    "_*_": "a * b",
    "_/_": "a / b",
    "_%_": "a % b",
    "_[_]": "list[0]",
    "size": "size(list), size(text)",
    "contains": "text.contains('…')",
    "startsWith": "text.startsWith('…')",
    "endsWith": "text.endsWith('…')",
    "matches": "text.matches('…'), RE2, the expression written out",
}
"""The functions of the rule language as CEL calls them, and as authors write them. Besides: has(history.x), and the
macros exists, exists_one, all and filter over a list."""
