"""The share kit: a promoter's shares, and for each one what to copy, what to save, and what the network says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from litestar import Response, get, post
from litestar.params import FromPath
from sqlalchemy.engine import RowMapping

from fissile.api.asking import LOCALES
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.mistakes import Mistake, RulebookMistakesError
from fissile.domain.gate.rulebooks.model import SURFACES
from fissile.domain.shares.errors import FormUnknown, NetworkUnknown, RulebookVersionUnknown, SurfaceUnknown
from fissile.domain.shares.model import FORMS, Form, ShareState
from fissile.domain.shares.queries import share_of
from fissile.domain.shares.rules import code_of, link_of, target_path, texts_of
from fissile.flows.change_share import change_share
from fissile.flows.preflight_share import Preflight, preflight_share
from fissile.infra.posters import LettersMissing, written
from fissile.kernel.ids import parse_public_id, public_id
from fissile.kernel.money import Money
from fissile.views import promoter as promoting
from fissile.views import share_kit as views
from fissile.views import shop
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.chart import Bar, bars
from fissile.web.earning import earning_of
from fissile.web.errors import PageNotFound
from fissile.web.labels import LABELS
from fissile.web.page import go, page
from fissile.web.query import choice, cursor, cut, word

if TYPE_CHECKING:
    from fissile.domain.gate.rulebooks.model import Rulebook

DAYS: Final = 30
_PROMOTER = {"roles": ("promoter",)}
_DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the promoter chose in the kit; ``version`` is empty for the rules that are in force today."""

    network: str
    version: str
    surface: str
    form: Form
    locale: str
    by_code: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rulebook was asked, or what is wrong with the draft; ``edition`` is None for a draft."""

    edition: shelf.Edition | None
    preflight: Preflight | None
    mistakes: Sequence[Mistake] = ()


@get("/promoter/shares", opt=_PROMOTER)
async def my_shares(request: PageRequest) -> Response[str]:
    """The promoter's shares with visits, orders and earnings; narrowed by state, target, channel and words."""
    asker = asker_of(request)
    assert asker.member_id is not None, "a promoter is a member"
    state = choice(request, "state", among=LABELS["share_now"])
    kind = choice(request, "kind", among=LABELS["target"])
    words, channel = word(request, "q"), word(request, "channel")
    async with asker.house.db.reading() as connection:
        channels = await promoting.channels_of(connection, promoter_id=asker.member_id)
        read = await promoting.shares_of(
            connection,
            promoter_id=asker.member_id,
            before=cursor(request, "before", prefix="shr"),
            at=asker.at,
            kind=kind,
            state=state,
            channel=channel or None,
            words=words,
            limit=promoting.PAGE + 1,
        )
    found, more = cut(read, size=promoting.PAGE, prefix="shr")
    return page(
        asker,
        "promoter/shares.html",
        shares=found,
        more=more,
        channels=channels,
        chosen={"q": words, "state": state or "", "kind": kind or "", "channel": channel},
    )


@get("/promoter/shares/{share:str}", opt=_PROMOTER)
async def one_share(request: PageRequest, share: FromPath[str]) -> Response[str]:
    """
    One share: what to copy and to save in the form that is chosen, pre-flight, card, numbers, pause and revoke.

    :raises FormUnknown, NetworkUnknown, SurfaceUnknown, RulebookVersionUnknown: if a choice is none that exists
    """
    asker = asker_of(request)
    chosen = _choice_of({name: word(request, name) for name in _NAMES}, asker=asker)
    shown = await _own_share(asker, share)
    edition = _edition(chosen, asker=asker)
    rulebook = await asyncio.to_thread(shelf.shipped, edition.label)
    return await _kit(asker, shown, chosen=chosen, edition=edition, rulebook=rulebook)


@post("/promoter/shares/{share:str}/preflight", status_code=200, opt=_PROMOTER)
async def ask_draft(request: PageRequest, share: FromPath[str]) -> Response[str]:
    """The same page, judged by a draft of a rulebook that the form holds; its mistakes are told with their lines."""
    asker, form = asker_of(request), form_of(request)
    chosen = _choice_of({name: form.get(name) for name in _NAMES}, asker=asker)
    shown = await _own_share(asker, share)
    draft = form.get(_DRAFT)
    try:
        rulebook = await asyncio.to_thread(shelf.compiled, data=draft.encode("utf-8", "replace"), name=_DRAFT)
    except RulebookMistakesError as error:
        return await _kit(asker, shown, chosen=chosen, draft=draft, mistakes=error.mistakes)
    return await _kit(asker, shown, chosen=chosen, draft=draft, rulebook=rulebook)


@post("/promoter/shares/{share:str}/state", status_code=303, opt=_PROMOTER)
async def send_state(request: PageRequest, share: FromPath[str]) -> Response[None]:
    """Pause, resume or revoke a share."""
    asker, form = asker_of(request), form_of(request)
    state = form.get("state")
    if state not in LABELS["share"]:
        raise PageNotFound()
    await change_share(
        asker.house.db,
        share_id=parse_public_id("shr", share),
        state=cast(ShareState, state),
        actor=asker.actor,
        at=asker.at,
    )
    return go(f"/promoter/shares/{share}", note=f"share-{state}")


_NAMES: Final = ("network", "version", "surface", "form", "text", "carry")


def _choice_of(given: dict[str, str], *, asker: Asker) -> Choice:
    """Return what was chosen; what was left out is the house's default."""
    network = given["network"] or shelf.DEFAULT
    networks = sorted({one.name for one in shelf.editions()})
    if network not in networks:
        raise NetworkUnknown(given=network[:40], known=", ".join(networks))
    surface = given["surface"] or "moments"
    if surface not in SURFACES:
        raise SurfaceUnknown(given=surface[:40], known=", ".join(SURFACES))
    form = given["form"] or "link"
    if form not in FORMS:
        raise FormUnknown(given=form[:40])
    versions = [one.version for one in shelf.editions() if one.name == network]
    if given["version"] and given["version"] not in versions:
        raise RulebookVersionUnknown(given=given["version"][:40], known=", ".join(versions))
    locale = given["text"] if given["text"] in LOCALES else asker.words.locale
    return Choice(network, given["version"], surface, form, locale, given["carry"] != "link")


def _edition(chosen: Choice, *, asker: Asker) -> shelf.Edition:
    """Return the version that was chosen, else the one in force today; before any is, the one announced last."""
    if chosen.version:
        return shelf.choose(name=f"{chosen.network}@{chosen.version}")
    try:
        return shelf.choose(name=chosen.network, in_force=asker.at.date())
    except shelf.NoSuchRulebookError:
        return shelf.choose(name=chosen.network)


async def _own_share(asker: Asker, share: str) -> RowMapping:
    async with asker.house.db.reading() as connection:
        shown = await views.shown_share(connection, share_id=parse_public_id("shr", share))
    if shown is None or shown["promoter_id"] != asker.member_id:
        raise PageNotFound()
    return shown


async def _kit(
    asker: Asker,
    shown: RowMapping,
    *,
    chosen: Choice,
    edition: shelf.Edition | None = None,
    rulebook: Rulebook | None = None,
    draft: str = "",
    mistakes: Sequence[Mistake] = (),
) -> Response[str]:
    assert asker.member_id is not None, "a promoter is a member"
    settings = asker.house.settings
    price = None if shown["lowest"] is None else Money(shown["lowest"], shown["currency"])
    texts = texts_of(
        token=shown["token"],
        title=shown["title"],
        price=price,
        shop=settings.shop_name,
        base_url=settings.base_url,
        locale=chosen.locale,
        by_code=chosen.by_code,
    )
    judged = None
    if rulebook is not None:
        language = "zh" if asker.words.locale == "zh_CN" else "en"
        judged = await asyncio.to_thread(preflight_share, texts=texts, rulebook=rulebook, language=language)
    until = datetime.combine(asker.at.date() + timedelta(days=1), time(), tzinfo=UTC)
    since = until - timedelta(days=DAYS)
    async with asker.house.db.reading() as connection:
        total = await promoting.share(connection, share_id=shown["id"])
        earning = None
        if shown["target_kind"] == "product":
            offers = await shop.offers(connection, product_id=shown["target_id"])
            plans = await promoting.plans_for(connection, product_ids=[shown["target_id"]])
            earning = earning_of(plans.get(shown["target_id"]), offers=offers)
        by = {
            grouping: await views.brought(
                connection,
                promoter_id=asker.member_id,
                share_id=shown["id"],
                by=grouping,
                since=since,
                until=until,
            )
            for grouping in ("day", "form")
        }
    return page(
        asker,
        "promoter/share.html",
        status=422 if mistakes else 200,
        share=shown,
        total=total,
        public_share=public_id("shr", shown["id"]),
        target=target_path(share_of(shown)),
        earning=earning,
        expired=shown["expires_at"] is not None and shown["expires_at"] <= asker.at,
        chosen=chosen,
        text=next(one for one in texts if one.form == chosen.form),
        link=link_of(settings.base_url, shown["token"]),
        code=code_of(shown["token"]),
        poster_refused=_poster_refused(asker, shown),
        letters_missing=written(shown["title"]).missing,
        forms=FORMS,
        surfaces=SURFACES,
        networks=sorted({one.name for one in shelf.editions()}),
        editions=[one for one in reversed(shelf.editions()) if one.name == chosen.network],
        today=asker.at.date(),
        asked=Asked(edition, judged, mistakes),
        answer=judged.answers.get((chosen.surface, chosen.form)) if judged else None,
        grounds=_grounds(judged) if judged else [],
        draft=draft,
        by=by,
        chart=visits_by_day(by["day"], asker=asker, since=since),
        days=DAYS,
    )


def _poster_refused(asker: Asker, shown: RowMapping) -> str:
    """Return why there is no poster of this share; empty if there is one."""
    try:
        written(shown["title"], needed=True)
    except LettersMissing as refusal:
        return asker.words.refusal(refusal)
    return ""


def _grounds(judged: Preflight) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Return each rule that decided somewhere: verdict, clause, its summary, and where (surface and form)."""
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for (surface, form), one in judged.answers.items():
        for reason in one.reasons:
            found.setdefault((one.verdict, reason.clause, reason.summary), []).append((surface, form))
    return [(*key, places) for key, places in found.items()]


def visits_by_day(lines: Sequence[views.Brought], *, asker: Asker, since: datetime) -> list[Any]:
    """Return the bars of visits a day for the days from ``since`` on, days without any included."""
    known = {one.key: one.visits for one in lines}
    days = [since + timedelta(days=number) for number in range((asker.at - since).days + 1)]
    return bars(
        [
            Bar(
                value=(visits := known.get(f"{day:%Y-%m-%d}", 0)),
                name=asker.words.day(day),
                told=f"{asker.words.day(day)}: {asker.words.number(visits)}",
            )
            for day in days
        ]
    )


HANDLERS = (my_shares, one_share, ask_draft, send_state)
