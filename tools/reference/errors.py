"""docs/reference/errors.md, from every refusal there is and the table of statuses."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import fissile
from fissile.api.problems import status_of
from fissile.infra.embedded.errors import EmbeddedServerError
from fissile.kernel.errors import Refusal, refusal_classes
from tools.reference import markdown


def page() -> str:
    """Return every refusal: code, status, sentence, the facts in it, where it stands."""
    import_everything()
    lines = [
        "# Errors",
        "",
        "What Fissile refuses, it refuses with one of these: a code for programs, a sentence for people. "
        "The API answers with problem details (RFC 9457) whose `type` ends in the code; "
        "names in braces stand for facts, which the problem carries as members of their own.",
        "",
    ]
    for one in refusal_classes():
        if one.__module__.startswith("fissile."):
            lines += _entry(one)
    lines += [
        "## Errors of the embedded server",
        "",
        "They are told on the command line, each with its reason and what mends it.",
        "",
        *markdown.table(
            ["Error", "What it means"],
            [[f"`{one.__name__}`", one.__doc__ or ""] for one in EmbeddedServerError.__subclasses__()],
        ),
        "",
        markdown.GENERATED,
    ]
    return markdown.text(lines)


def import_everything() -> None:
    """Import every module: a class that nobody imports cannot be listed."""
    for one in pkgutil.walk_packages(fissile.__path__, "fissile."):
        if not one.name.endswith((".__main__", ".migrations.env")) and ".migrations.versions" not in one.name:
            importlib.import_module(one.name)


def _entry(one: type[Refusal]) -> list[str]:
    path = "src/" + one.__module__.replace(".", "/")
    path += "/__init__.py" if inspect.getmodule(one).__spec__.submodule_search_locations else ".py"  # type: ignore[union-attr]
    return [
        f"## {one.code}",
        "",
        f"{status_of(one.code)} · {one.template()}",
        "",
        f"`{one.__name__}` in {markdown.linked(path)}",
        "",
    ]
