"""Turn values into an answer: templates in the asker's language, redirects after a form, error pages."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID, uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response

from fissile.api.endpoint import location
from fissile.domain.shares import rules as shares
from fissile.infra.pictures import size_in
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import public_id
from fissile.web.asker import Asker
from fissile.web.labels import LABELS, NOTES, label
from fissile.web.navigation import OPERATOR, PROMOTER, menu
from fissile.web.words import words_of

STATIC = {
    name: (resources.files("fissile.web") / "static" / name).read_bytes()
    for name in ("fissile.css", "enhance.js", "icon.svg")
}
_VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in STATIC.items()}


def page(asker: Asker, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """Return a page in the asker's language; everything in it that is not markup of ours is escaped."""
    text = (
        _environment(asker.words.locale)
        .get_template(template)
        .render(ask=asker, settings=asker.house.settings, path=asker.path, note=asker.note, **values)
    )
    headers = {
        "Content-Language": asker.words.tag,
        "Cache-Control": "private, no-store",
        "Vary": "Cookie, Accept-Language",
    }
    return Response(text, media_type=MediaType.HTML, status_code=status, headers=headers)


def go(path: str, *, note: str = "") -> Response[None]:
    """Return the redirect that follows a form: the browser asks for ``path`` with GET."""
    assert not note or note in NOTES, "every note has its text"
    if note:
        path += ("&" if "?" in path else "?") + f"note={note}"
    return Response(None, status_code=303, headers={"Location": location(path)[1].decode("ascii")})


def refused_page(asker: Asker, refusal: Refusal, *, status: int, back: str) -> Response[str]:
    """Return the page that tells a refusal in the asker's language, and when to come again if it says so."""
    told = page(asker, "error.html", status=status, refusal=refusal, sentence=asker.words.refusal(refusal), back=back)
    if (seconds := refusal.details.get("retry_after")) is not None:
        told.headers["Retry-After"] = str(seconds)
    return told


def asset(name: str) -> str:
    """Return the address of a static file; it changes with its contents, so it may be kept for ever."""
    return f"/static/{_VERSIONS[name]}/{name}"


def _initial(title: str) -> str:
    """Return what stands for a product without a picture: the first letter of its title, a digit only if need be."""
    return next((one for one in title if one.isalpha()), title[:1]) or "·"


@cache
def _environment(locale: str) -> Environment:
    words = words_of(locale)
    environment = Environment(
        loader=PackageLoader("fissile.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words.catalogue, newstyle=True)  # type: ignore[attr-defined]
    helpers: Mapping[str, Any] = {
        "asset": asset,
        "code_of": shares.code_of,
        "initial": _initial,
        "tint": lambda title: zlib.crc32(title.encode()) % 6,
        "fresh_key": lambda: str(uuid4()),
        "label": lambda kind, value: label(words, kind=kind, value=value),
        "labels": LABELS,
        "menu": menu,
        "operator_tabs": OPERATOR,
        "promoter_tabs": PROMOTER,
        "note_text": lambda note: words.say(NOTES.get(note, "")),
        "picture_size": lambda one: size_in("page", width=one["width"], height=one["height"]),
        "public": public_id,
        "uuid": UUID,
        "w": words,
    }
    environment.globals.update(helpers)
    return environment
