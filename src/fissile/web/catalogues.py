"""
Every text of the pages, and the catalogues that translate them.

``python -m fissile.web.catalogues`` brings both .po files up to date: new texts are added (in English as they are,
in Chinese empty, to be filled in by hand), those that are gone are dropped. A test holds them complete.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import fissile
from fissile.api.asking import LOCALES
from fissile.kernel.errors import refusal_classes

Msgid = str | tuple[str, ...]

HERE = Path(__file__).parent
_COMMENT = "# The texts of the pages; see catalogues.py. Compiled in memory when the web process starts."
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
# Alembic runs these itself, with a context that only it has.
_NOT_IMPORTED = ("fissile.migrations.env", "fissile.migrations.versions")


def msgids() -> dict[Msgid, list[str]]:
    """Return every text that pages show, with the files it stands in: templates, labels, and every refusal."""
    found: dict[Msgid, list[str]] = {}
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for file, _, msgid, _, _ in extract_from_dir(str(HERE), method_map=methods, keywords=_KEYWORDS):
        found.setdefault(msgid if isinstance(msgid, str) else tuple(msgid), []).append(file)
    for module in pkgutil.walk_packages(fissile.__path__, "fissile."):
        if not module.name.startswith(_NOT_IMPORTED):
            importlib.import_module(module.name)
    for refusal in refusal_classes():
        if refusal.__module__.startswith("fissile."):
            found.setdefault(refusal.template(), []).append(refusal.__module__.replace(".", "/") + ".py")
    return found


def catalogue_path(locale: str) -> Path:
    """Return the .po file of a language."""
    return HERE / "locale" / locale / "LC_MESSAGES" / "fissile.po"


def updated(locale: str) -> Catalog:
    """Return the catalogue of a language with exactly the texts there are now, in their order."""
    path = catalogue_path(locale)
    with path.open("rb") as file:
        old = read_po(file, locale=locale)
    new = Catalog(
        locale=locale,
        header_comment=_COMMENT,
        project="Fissile",
        version="1",
        msgid_bugs_address="see CONTRIBUTING.md",
        last_translator="Fissile",
        language_team=locale,
        # The dates stay as they were: the same texts give the same file.
        creation_date=old.creation_date,
        revision_date=old.creation_date,
        fuzzy=False,
    )
    for msgid, files in msgids().items():
        known = old.get(msgid)
        said = known.string if known is not None else ""
        if locale == "en":
            said = msgid
        new.add(msgid, said, locations=[(file, 1) for file in sorted(set(files))])
    return new


if __name__ == "__main__":
    for one in LOCALES:
        catalogue = updated(one)
        with catalogue_path(one).open("wb") as out:
            write_po(out, catalogue, width=110, sort_output=True, include_lineno=False)
        empty = [message.id for message in catalogue if message.id and not any(message.string)]
        print(f"{one}: {len(catalogue)} texts, {len(empty)} without a translation")
        for text in empty:
            print(f"  {text}")
