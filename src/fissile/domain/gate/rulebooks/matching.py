"""Which posts a rule covers: by surface, and by the forms that are said and found."""

from __future__ import annotations

from fissile.domain.gate.model import Facts, Post
from fissile.domain.gate.rulebooks.model import FORMS, Covers

_COMMENTS = frozenset({"moments-comment", "group-reply"})
_COPY = frozenset({"复制", "拷贝", "长按"})
_OPEN = frozenset({"打开", "启动", "进入", "前往"})


def forms_of(*, post: Post, facts: Facts) -> tuple[str, ...]:
    """
    Return the forms that a post has: the one its sender says, and those that are found in it.

    What is found counts beside what is said, so that a code that calls itself a link is still a code; a text that is to
    be copied, to open an app with it, is one too. A comment is one by its surface; what was found in a picture makes a
    poster.
    """
    found = {post.form} if post.form else set()
    if facts.codes or (facts.cues and _is_to_be_copied(facts)):
        found.add("code")
    if facts.links:
        found.add("link")
    if post.surface in _COMMENTS:
        found.add("comment")
    if any(one.where != "text" for one in facts.codes) or any(one.where != "text" for one in facts.links):
        found.add("poster")
    return tuple(form for form in FORMS if form in found)


def _is_to_be_copied(facts: Facts) -> bool:
    words = {one.word for one in facts.cues}
    return not _COPY.isdisjoint(words) and not _OPEN.isdisjoint(words)


def covers(covered: Covers, *, surface: str, forms: tuple[str, ...]) -> bool:
    """Return whether a rule is about such a post; without surfaces or forms it is about all of them."""
    if covered.surfaces and surface not in covered.surfaces:
        return False
    return not covered.forms or not covered.forms.isdisjoint(forms)
