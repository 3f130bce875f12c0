"""Verdicts: what a rulebook says of a post, by what was read in it. Same facts and rulebook, same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fissile.domain.gate.model import FACTS_OF_A_KIND, Code, Dropped, Facts, Link, Post
from fissile.domain.gate.rulebooks.matching import covers, forms_of
from fissile.domain.gate.rulebooks.model import ACTIONS, FORMS, SURFACES
from fissile.domain.gate.rulebooks.vocabulary import HISTORY

if TYPE_CHECKING:
    from fissile.domain.gate.rulebooks.model import Rule, Rulebook

DEFAULT_SURFACE: Final = "moments"
"""A post that does not say where it is to stand is judged as one in Moments."""

_STRENGTH = {action: number for number, action in enumerate(ACTIONS)}
_BOUNDLESS = frozenset({"text", "reading", "text_size", "sender", "community", "thread"})
_QUIET_MAX = 10_000
_KEY_SHOWN = 64
_INT64 = 2**63


class Decided(msgspec.Struct, frozen=True):
    """A rule that matched. ``action`` is ``review`` where the rule could not be answered; a notice says why."""

    id: str
    clause: str
    action: str


class Technique(msgspec.Struct, frozen=True):
    """A contact or a disguise, as verdicts show it."""

    technique: str
    start: int
    end: int


class Category(msgspec.Struct, frozen=True):
    """An inducement, as verdicts show it."""

    category: str
    start: int
    end: int


class Picture(msgspec.Struct, frozen=True):
    """A QR code in a picture."""

    image: str
    payload: str
    box: tuple[int, int, int, int]


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the Gate could not look at or answer, so that nobody takes silence for a pass."""

    code: str
    message: str
    names: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    allow, limit, review or block, with everything that it rests on.

    The keys are those of the Gate's output lines; ``notices`` stands there only if there are any.
    """

    verdict: str
    rules: tuple[Decided, ...]
    origin: tuple[str, ...]
    codes: tuple[Code, ...]
    links: tuple[Link, ...]
    qr: tuple[Picture, ...]
    contacts: tuple[Technique, ...]
    inducements: tuple[Category, ...]
    disguises: tuple[Technique, ...]
    cluster: str | None
    rulebook: str
    reader: str
    notices: tuple[Notice, ...] = ()


class PostWrong(ValueError):
    """The post names a surface or form that does not exist, or tells history of the wrong type."""


def judge(*, post: Post, facts: Facts, rulebook: Rulebook) -> Verdict:
    """
    Return what the rulebook says of a post in which ``facts`` were read.

    The strongest rule decides, block > review > limit > allow; all that matched are listed in the order of the
    rulebook. A rule that runs out of its budget, or fails as by a division by zero, counts as review.

    :raises PostWrong: if surface, form or history are none that exist
    """
    surface = post.surface or DEFAULT_SURFACE
    if surface not in _SURFACES:
        raise PostWrong(f"there is no surface “{_shown(surface)}”; one of: {', '.join(SURFACES)}")
    if post.form and post.form not in _FORMS:
        raise PostWrong(f"there is no form “{_shown(post.form)}”; one of: {', '.join(FORMS)}")
    if key := _quiet_key(post, facts, surface, rulebook):
        known = rulebook.quiet.get(key)
        if known is None:
            known = _judge(post, facts, rulebook, surface)
            if len(rulebook.quiet) < _QUIET_MAX:
                rulebook.quiet[key] = known
        assert isinstance(known, Verdict), "only verdicts are kept"
        return known
    return _judge(post, facts, rulebook, surface)


def to_json(verdict: Verdict) -> bytes:
    """Return the canonical bytes of a verdict; half characters in what was read are shown as U+FFFD."""
    try:
        return _ENCODER.encode(verdict)
    except UnicodeEncodeError:
        return _ENCODER.encode(_whole(msgspec.to_builtins(verdict)))


def sentence(*, verdict: Verdict, rulebook: Rulebook, language: str) -> str:
    """Return what the sender is told, in ``zh``, else in English: the decision and the clause, as we sum it up."""
    chinese = language == "zh"
    told = (_SENTENCES_ZH if chinese else _SENTENCES_EN)[verdict.verdict]
    deciding = [one for one in verdict.rules if one.action == verdict.verdict]
    if verdict.verdict == "allow" or not deciding:
        return told
    clause = rulebook.rule(deciding[0].id).clause
    summary = clause.summary(language=language)
    if chinese:
        return f"{told}依据：{rulebook.network} {rulebook.version} 规则“{clause.number}”（概述）：{summary}"
    return f"{told} By {rulebook.network}, rules of {rulebook.version}, clause “{clause.number}” (summary): {summary}"


_SENTENCES_EN: Final = {
    "allow": "This may be published here.",
    "limit": "This is shown to you and to members of the same community only.",
    "review": "This waits for a reviewer.",
    "block": "This may not be published here.",
}
_SENTENCES_ZH: Final = {
    "allow": "可以在此发布。",
    "limit": "仅你和同一社群的成员可见。",
    "review": "需等待人工审核。",
    "block": "不能在此发布。",
}
_REASONS: Final = {
    "budget_exceeded": "These rules did not end within their budget, so a person has to look.",
    "condition_failed": "These rules could not be answered for this post, so a person has to look.",
}
_SURFACES = frozenset(SURFACES)
_FORMS = frozenset(FORMS)
_HISTORY = {field.name: bool if field.type == "bool" else int for field in HISTORY}
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = msgspec.json.Encoder()


def _shown(word: str) -> str:
    return _SURROGATE.sub("\ufffd", word[:_KEY_SHOWN])


def _quiet_key(post: Post, facts: Facts, surface: str, rulebook: Rulebook) -> tuple[str, ...]:
    """
    Return what alone can tell apart the verdicts of posts in which nothing was found; empty if that is not so.

    Most posts are of this kind. Their verdict is kept, which is safe because a condition says what it reads.
    """
    if facts.codes or facts.links or facts.contacts or facts.inducements or facts.disguises or post.facts:
        return ()
    if facts.origin or facts.dropped != _NOTHING_DROPPED:
        return ()
    reads = rulebook.reads.get(surface)
    if reads is None:
        rules = rulebook.by_surface[surface]
        reads = rulebook.reads[surface] = frozenset().union(*(rule.condition.reads for rule in rules))
    if not _BOUNDLESS.isdisjoint(reads):
        return ()
    if not facts.cues:  # then the forms are those that surface and form say
        return (surface, post.surface, post.form, facts.reader)
    if "cues" in reads:
        return ()
    return (surface, post.surface, post.form, facts.reader, *forms_of(post=post, facts=facts))


_NOTHING_DROPPED = Dropped()


def _judge(post: Post, facts: Facts, rulebook: Rulebook, surface: str) -> Verdict:
    notices = list(_notices(post, facts))
    links = _with_partners(facts.links[:FACTS_OF_A_KIND], rulebook)
    if links is not facts.links:
        facts = msgspec.structs.replace(facts, links=links)
    decided: list[Decided] = []
    undecided: dict[str, list[str]] = {}
    post = post if post.surface else msgspec.structs.replace(post, surface=surface)
    for rule, reason in _matched(post, facts, rulebook, surface):
        decided.append(Decided(rule.id, rule.clause.number, "review" if reason else rule.action))
        if reason:
            undecided.setdefault(reason, []).append(rule.id)
    notices += [Notice(reason, _REASONS[reason], tuple(ids)) for reason, ids in undecided.items()]
    return Verdict(
        verdict=max((one.action for one in decided), key=_STRENGTH.__getitem__, default="allow"),
        rules=tuple(decided),
        origin=facts.origin,
        codes=facts.codes[:FACTS_OF_A_KIND],
        links=links,
        qr=(),
        contacts=tuple(Technique(one.technique, one.start, one.end) for one in facts.contacts[:FACTS_OF_A_KIND]),
        inducements=tuple(Category(one.category, one.start, one.end) for one in facts.inducements[:FACTS_OF_A_KIND]),
        disguises=tuple(Technique(one.technique, one.start, one.end) for one in facts.disguises[:FACTS_OF_A_KIND]),
        cluster=None,
        rulebook=rulebook.label,
        reader=facts.reader,
        notices=tuple(notices),
    )


def _matched(post: Post, facts: Facts, rulebook: Rulebook, surface: str) -> Iterator[tuple[Rule, str]]:
    """Yield the rules that match, and those that cannot be answered with the reason why."""
    # CEL is loaded when the first rulebook is compiled, never by who only imports this module.
    from fissile.domain.gate.rulebooks.language import UndecidedError, bind

    everybody = (facts, forms_of(post=post, facts=facts))
    strangers = everybody
    if rulebook.partners or any(link.partner for link in facts.links):
        theirs = _without_partners(facts, rulebook)
        strangers = (theirs, forms_of(post=post, facts=theirs))
    for rule in rulebook.by_surface[surface]:
        seen, forms = strangers if "partners" in rule.exempt else everybody
        if not covers(rule.covers, surface=surface, forms=forms):
            continue
        reads = rule.condition.reads
        nothing = rule.condition.on_nothing
        if nothing is not None and not any(getattr(seen, kind) for kind in reads):
            if nothing:
                yield rule, ""
            continue
        try:
            if rule.condition.holds(bind(post=post, facts=seen, forms=forms, reads=reads)):
                yield rule, ""
        except UndecidedError as error:
            yield rule, error.reason


def _notices(post: Post, facts: Facts) -> Iterator[Notice]:
    unknown = []
    for name, value in post.facts.items():
        kind = _HISTORY.get(name)
        if kind is None:
            unknown.append(_shown(name))
        elif type(value) is not kind or (kind is int and not -_INT64 <= value < _INT64):
            raise PostWrong(f"facts.{name} is to be {'true or false' if kind is bool else 'a whole number'}")
    if unknown:
        message = f"These facts are not known here and were not used; known are: {', '.join(_HISTORY)}."
        yield Notice("facts_unknown", message, tuple(sorted(unknown)))
    counts = msgspec.structs.asdict(facts.dropped)
    over = tuple(name for name in counts if counts[name] or len(getattr(facts, name)) > FACTS_OF_A_KIND)
    if over:
        yield Notice("facts_dropped", f"Of each kind {FACTS_OF_A_KIND} are shown; of these there are more.", over)


def _with_partners(links: tuple[Link, ...], rulebook: Rulebook) -> tuple[Link, ...]:
    hosts = tuple(host for partner in rulebook.partners for host in partner.hosts)
    if not hosts:
        return links
    return tuple(
        msgspec.structs.replace(link, partner=True)
        if any(link.host == host or link.host.endswith(f".{host}") for host in hosts)
        else link
        for link in links
    )


def _without_partners(facts: Facts, rulebook: Rulebook) -> Facts:
    """Return the facts without partners' links and codes, and what is left of the origin."""
    platforms = {platform for partner in rulebook.partners for platform in partner.platforms}
    links = tuple(one for one in facts.links if not one.partner and one.platform not in platforms)
    codes = tuple(one for one in facts.codes if one.platform not in platforms)
    left = {one.platform for one in links} | {one.platform for one in codes}
    origin = tuple(one for one in facts.origin if one in left)
    return msgspec.structs.replace(facts, links=links, codes=codes, origin=origin)


def _whole(value: Any) -> Any:
    """Return what was read without half characters; a text handed over by a program may hold some."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(one) for one in value]
    return value
