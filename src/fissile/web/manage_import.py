"""Import of a catalogue: a dry run that shows what would happen, then the same file for good."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from fissile.api.problems import status_of
from fissile.flows.import_catalogue import CatalogueSource, ImportReport, import_catalogue
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import public_id
from fissile.web.asker import Asker, PageRequest, asker_of, form_of
from fissile.web.errors import NoFileChosen, UploadGone
from fissile.web.manage_catalogue import WRITERS
from fissile.web.page import page

_NAME = re.compile(r"[^\w.-]+")
FILE_BYTES = 12_000_000  # a catalogue of some fifty thousand rows
ROWS_SHOWN = 4_000  # pasted rows of at most this many letters come back into their box


@get("/operator/import", opt={"roles": WRITERS})
async def import_page(request: PageRequest) -> Response[str]:
    """The form to choose a file or paste rows."""
    return _shown(asker_of(request))


@post("/operator/import", opt={"roles": WRITERS}, status_code=200, request_max_body_size=FILE_BYTES)
async def send_import(request: PageRequest) -> Response[str]:
    """
    Check the file and keep it, or load the one that was checked.

    What is loaded is what was checked: the second form names it by its hash. One file is kept for each person.
    """
    asker, form = asker_of(request), form_of(request)
    loads = form.get("load") == "yes"
    rows = "" if loads else str(form.fields.get("rows", ""))
    try:
        file = await (
            checked(upload_folder(asker), digest=form.get("digest"))
            if loads
            else kept(upload_folder(asker), form.fields)
        )
        report = await _run(asker, file=file, dry_run=not loads)
    except Refusal as refusal:
        return _shown(asker, refusal=refusal, rows=rows)
    if loads:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return _shown(asker, report=report, loaded=True)
    return _shown(asker, report=report, digest=await asyncio.to_thread(digest_of, file), rows=rows)


def _shown(
    asker: Asker,
    *,
    report: ImportReport | None = None,
    loaded: bool = False,
    digest: str = "",
    rows: str = "",
    refusal: Refusal | None = None,
) -> Response[str]:
    return page(
        asker,
        "operator/import.html",
        status=status_of(refusal.code) if refusal else 200,
        sentence=asker.words.refusal(refusal) if refusal else "",
        report=report,
        loaded=loaded,
        digest=digest,
        rows=rows if len(rows) <= ROWS_SHOWN else "",
    )


async def _run(asker: Asker, *, file: Path, dry_run: bool) -> ImportReport:
    # Pictures are looked for beside the file, and there is nothing beside it: names in it open no file of ours.
    source = CatalogueSource(path=file, house_name=asker.house.settings.shop_name)
    return await import_catalogue(
        asker.house.db,
        source=source,
        dry_run=dry_run,
        actor=asker.actor,
        at=asker.at,
        rng=asker.rng,
        progress=lambda _: None,
    )


async def kept(folder: Path, fields: dict[str, Any]) -> Path:
    """
    Write what was sent into a folder of the person, in place of what was there.

    :raises NoFileChosen: if nothing was sent
    """
    upload, pasted = fields.get("file"), str(fields.get("rows", ""))
    if isinstance(upload, UploadFile) and upload.filename:
        # The end of the name, whose letters may have four bytes each: file systems take 255.
        tail = _NAME.sub("_", upload.filename).encode()[-200:].decode(errors="ignore")
        name, content = tail.lstrip("."), await upload.read()
    else:
        name, content = "rows.csv", pasted.encode()
    if not content.strip():
        raise NoFileChosen()
    return await asyncio.to_thread(_write, folder, name or "rows.csv", content)


async def checked(folder: Path, *, digest: str) -> Path:
    """
    Return the file that was checked.

    :raises UploadGone: if it was replaced or removed since
    """
    found = await asyncio.to_thread(_files, folder)
    if len(found) != 1 or await asyncio.to_thread(digest_of, found[0]) != digest:
        raise UploadGone()
    return found[0]


def upload_folder(asker: Asker, *, of: str = "uploads") -> Path:
    """Return where a person's uploads of one sort are kept."""
    assert asker.member_id is not None, "the page is for signed-in people"
    return asker.house.settings.home / of / public_id("mem", asker.member_id)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _write(folder: Path, name: str, content: bytes) -> Path:
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in _files(folder):
        old.unlink()
    # Whole or not at all: written aside, then renamed.
    with tempfile.NamedTemporaryFile(dir=folder.parent, delete=False) as file:
        file.write(content)
    return Path(file.name).replace(folder / name)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


HANDLERS = (import_page, send_import)
