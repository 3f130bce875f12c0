"""The pages of docs/reference, each made from the code that it describes."""

from __future__ import annotations

from pathlib import Path

from tools.reference import errors, events, openapi, settings, tables

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file's name."""
    return {
        "errors.md": errors.page(),
        "events.md": events.page(),
        "openapi.json": openapi.page(),
        "settings.md": settings.page(),
        "tables.md": tables.page(),
    }


def stale(*, made: dict[str, str]) -> list[str]:
    """Return the names of the pages that are not what the code says, or that nothing makes."""
    there = {one.name: one.read_text(encoding="utf-8") for one in FOLDER.iterdir()}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
