"""``python -m tools.reference`` writes docs/reference; with ``--check`` it only tells what is not up to date."""

from __future__ import annotations

import sys

from tools.reference import FOLDER, pages, stale


def main() -> int:
    """Write the pages, or compare them; return the exit status."""
    made = pages()
    if "--check" in sys.argv[1:]:
        if old := stale(made=made):
            print(f"docs/reference is not what the code says ({', '.join(old)}): run make docs", file=sys.stderr)
        return 1 if old else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale(made=made):
        if name in made:
            (FOLDER / name).write_text(made[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
