"""Posters over HTTP: drawn off the event loop, kept by what is on them, asked again for each time they are shown."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from babel.dates import format_date
from litestar import Response, get
from litestar.params import FromPath
from sqlalchemy.engine import RowMapping

from fissile.api.asking import LOCALES
from fissile.api.problems import status_of
from fissile.domain.catalogue.queries import picture_file
from fissile.domain.shares.errors import ShareExpired, SharePaused, ShareRevoked, ShareTargetGone, ShareUnknown
from fissile.domain.shares.queries import share_of
from fissile.domain.shares.rules import check_open, link_of
from fissile.infra.batcher import Busy
from fissile.infra.posters import LettersMissing, Poster, draw_jpeg, draw_png, draw_svg, written
from fissile.infra.posters.letters import is_covered
from fissile.infra.posters.model import template
from fissile.kernel.errors import Refusal
from fissile.views import share_kit as views
from fissile.web.asker import PageRequest
from fissile.web.marking import later as _
from fissile.web.words import Words, words_of

if TYPE_CHECKING:
    from fissile.infra.settings import Settings

_FORMATS: Final[Mapping[str, tuple[str, Callable[[Poster], bytes]]]] = {
    "jpg": ("image/jpeg", draw_jpeg),
    "png": ("image/png", draw_png),
    "svg": ("image/svg+xml", draw_svg),
}
_KEPT_BYTES: Final = 32 * 2**20
_AT_ONCE: Final = 2
_WAITING_MAX: Final = 200
# A poster changes with its price, its picture, its promoter's name, and when its share is paused: ask before showing.
_ASK_AGAIN: Final = "public, no-cache"
_MARK = _("Ad")
_FROM = _("from %(price)s")
_BY = _("Recommended by %(name)s")
_HINT = _("Scan the code, or press and hold it")
_UNTIL = _("Until %(day)s")


class Drawn:
    """
    The posters that were drawn, the least used dropped beyond 32 MB; two are drawn at once, in threads.

    Whoever asks for one that is being drawn waits for it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._drawing: dict[str, asyncio.Future[bytes]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def get(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """
        Return the poster of a key, made by ``make`` if it is not there.

        :raises Busy: if too many wait already
        """
        if (known := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return known
        if (running := self._drawing.get(key)) is None:
            if len(self._drawing) >= _WAITING_MAX:
                raise Busy(retry_after=1)
            running = self._drawing[key] = asyncio.ensure_future(self._draw(key, make))
        return await asyncio.shield(running)

    async def _draw(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            async with self._turn:
                content = await make()
        finally:
            del self._drawing[key]
        self._kept[key] = content
        self._bytes += len(content)
        while self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        return content


@get("/poster/{token:str}/{name:str}", opt={"bare": True})
async def poster(request: PageRequest, token: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """
    The poster of a share, ``zh_CN`` or ``en`` as ``.jpg``, ``.png`` or ``.svg``; with ``?save=1`` as a file to keep.

    One whose share opens no more says so in place of its code.
    """
    locale, _, kind = name.partition(".")
    if locale not in LOCALES or kind not in _FORMATS:
        return _told(ShareUnknown(given=f"{token}/{name}"[:40]), words_of("en"))
    words = words_of(locale)
    house = request.app.state.house
    async with house.db.reading() as connection:
        share = await views.shown_share_of(connection, token=token[:40].replace("\x00", ""))
    if share is None:
        return _told(ShareUnknown(given=token[:40]), words)
    closed = _closed(share, at=datetime.now(UTC))
    try:
        content = content_of(share, words=words, settings=house.settings, closed=closed)
    except LettersMissing as refusal:
        return _told(refusal, words)
    media_type, draw = _FORMATS[kind]
    picture_id: UUID | None = share["picture_id"]

    async def make() -> bytes:
        picture = None
        if picture_id is not None:
            async with house.db.reading() as connection:
                found = await picture_file(connection, picture_id=picture_id, size="page")
            picture = found.content if found else None
        wanted = Poster(
            kind=share["target_kind"],
            texts=content,
            picture=picture,
            payload=None if closed else link_of(house.settings.base_url, token, form="poster"),
        )
        return await asyncio.to_thread(draw, wanted)

    key = _key(share, content, kind=kind, base_url=house.settings.base_url)
    headers = {"ETag": f'"{key}"', "Cache-Control": "no-store" if closed else _ASK_AGAIN}
    if request.query_params.get("save"):
        headers["Content-Disposition"] = f'attachment; filename="poster-{token}-{locale}.{kind}"'
    if not closed and f'"{key}"' in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    try:
        drawn = await request.app.state.posters.get(key, make)
    except Busy as refusal:
        return _told(refusal, words)
    return Response(
        drawn, media_type=media_type, headers=headers, status_code=status_of(closed.code) if closed else 200
    )


def content_of(share: RowMapping, *, words: Words, settings: Settings, closed: Refusal | None) -> dict[str, str]:
    """
    Return the texts of a share's poster in one language, in letters that can be drawn.

    :param closed: why the share opens no more; it stands where the code would
    :raises LettersMissing: if the title cannot be drawn
    """
    title = written(share["title"], needed=True).text
    texts = {
        "mark": words.say(_MARK),
        "title": title,
        "promoter": _named(_BY, share["promoter"], words),
        "shop": written(settings.shop_name).text,
    }
    if share["picture_id"] is None:
        texts["initial"] = title[0]
    if share["target_kind"] == "shop":
        texts["detail"] = _products(share["products"], words)
    elif share["lowest"] is not None:
        price = price_text(share["lowest"], share["currency"], words=words)
        texts["price"] = price if share["highest"] == share["lowest"] else words.say(_FROM, price=price)
    if share["expires_at"] is not None:
        # A share ends with its last day: the moment of its expiry is no longer within.
        last = share["expires_at"] - timedelta(microseconds=1)
        texts["expiry"] = words.say(_UNTIL, day=format_date(last, "long", locale=words.babel))
    if closed:
        texts["closed"] = words.refusal(closed)
    else:
        texts["hint"] = words.say(_HINT)
    return texts


def price_text(minor: int, currency: str, *, words: Words) -> str:
    """Return a price as it is written in the language; with the currency's code where its sign cannot be drawn."""
    shown = words.money(minor, currency)
    if all(is_covered(sign) or sign.isspace() for sign in shown):
        return shown
    return f"{currency} {words.plain_money(minor, currency)}"


def _named(msgid: str, name: str | None, words: Words) -> str:
    shown = written(name or "").text
    return words.say(msgid, name=shown) if shown else ""


def _products(count: int, words: Words) -> str:
    if count > views.PRODUCTS_COUNTED:
        return words.say(_("more than %(num)s products"), num=words.number(views.PRODUCTS_COUNTED))
    return words.catalogue.ngettext("%(num)s product", "%(num)s products", count) % {"num": count}


def _closed(share: RowMapping, *, at: datetime) -> Refusal | None:
    try:
        check_open(share_of(share), at=at)
    except (ShareRevoked, SharePaused, ShareExpired) as refusal:
        return refusal
    return None if share["offered"] else ShareTargetGone()


def _key(share: RowMapping, content: Mapping[str, str], *, kind: str, base_url: str) -> str:
    """Return what a poster is known by: everything that is drawn on it. Pictures never change under their ids."""
    parts = (kind, template(share["target_kind"]).name, share["token"], base_url, str(share["picture_id"]))
    found = hashlib.sha256("\x00".join([*parts, *(f"{key}\x1f{content[key]}" for key in sorted(content))]).encode())
    return found.hexdigest()[:32]


def _told(refusal: Refusal, words: Words) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    if (seconds := refusal.details.get("retry_after")) is not None:
        headers["Retry-After"] = str(seconds)
    return Response(
        words.refusal(refusal).encode(),
        status_code=status_of(refusal.code),
        media_type="text/plain; charset=utf-8",
        headers=headers,
    )


HANDLERS: tuple[Any, ...] = (poster,)
