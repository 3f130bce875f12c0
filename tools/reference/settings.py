"""docs/reference/settings.md, from the one class of settings."""

from __future__ import annotations

from dataclasses import fields

from fissile.infra.settings import Settings
from tools.reference import markdown


def page() -> str:
    """Return every setting with its environment variable, its name in a file and its default."""
    rows = []
    for one in fields(Settings):
        default = str(one.default) or "(empty)"
        rows.append([f"`{one.metadata['env']}`", f"`{one.name}`", f"`{default}`", one.metadata["doc"]])
    return markdown.text(
        [
            "# Settings",
            "",
            "By environment, or by name in a TOML file that `FISSILE_CONFIG` names; the environment wins. "
            "They are read once, when a process starts.",
            "",
            *markdown.table(["Environment", "In the file", "Default", "What it is"], rows),
            "",
            markdown.GENERATED,
        ]
    )
