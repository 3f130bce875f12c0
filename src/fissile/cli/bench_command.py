"""``fissile bench``: measured figures."""

from __future__ import annotations

import click


@click.group()
def bench() -> None:
    """Measure; each benchmark prints one JSON object with its figure, the limit of the same run, and the ratio."""
