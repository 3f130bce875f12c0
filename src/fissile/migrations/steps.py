"""What a migration does: run the SQL file beside it."""

from __future__ import annotations

from importlib import resources

from alembic import op

# Between two statements of a file: the driver takes one at a time, and a function's body has semicolons.
NEXT = "\n-- next statement\n"


def run_file(name: str) -> None:
    """Run each statement of a file in the migration's transaction."""
    text = (resources.files("fissile.migrations") / "versions" / name).read_text(encoding="utf-8")
    for statement in text.split(NEXT):
        op.get_bind().exec_driver_sql(statement)
