"""${message}"""

from __future__ import annotations

from fissile.migrations.steps import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Run the SQL of the same name; there is no way back but a backup."""
    run_file("${up_revision}.sql")
