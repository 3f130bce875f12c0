"""``fissile gate``: what a rulebook says of texts. No database is needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import click

from fissile.domain.gate.lines import BadLine, Judge, encode
from fissile.domain.gate.model import Facts
from fissile.domain.gate.rulebooks import shelf
from fissile.domain.gate.rulebooks.mistakes import RulebookMistakesError
from fissile.domain.gate.rulebooks.model import SURFACES, Rule, Rulebook
from fissile.domain.gate.verdicts import DEFAULT_SURFACE
from fissile.infra.settings import from_environment

LINE_MAX = 64 * 2**20
"""A line has at most so many bytes: what is judged at once has to fit into memory."""
_CHUNK = 1 << 16


@click.group()
def gate() -> None:
    """Ask rulebooks: judge texts, check a rulebook of your own, list those that are shipped."""


# --- check ----------------------------------------------------------------------------------------------------------


class _Day(click.ParamType[date]):
    name = "D"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2018-05-18", param, ctx)


@gate.command(name="check")
@click.option(
    "--rulebook",
    "wanted",
    default=shelf.DEFAULT,
    show_default=True,
    metavar="NAME[@VERSION]|FILE.toml",
    help="A shipped rulebook, or a file of your own.",
)
@click.option("--as-of", type=_Day(), help="The version that had been announced by this day.")
@click.option("--in-force", type=_Day(), help="The version that was in force on this day.")
@click.option(
    "--surface",
    type=click.Choice(SURFACES),
    default=DEFAULT_SURFACE,
    show_default=True,
    help="Where texts are to stand that do not say it themselves.",
)
@click.argument("file", metavar="[FILE|-]", default="-")
def check(wanted: str, as_of: date | None, in_force: date | None, surface: str, file: str) -> None:
    """
    Judge JSON Lines, a verdict for each line, in the same order. A line needs "text" or "images"; at will it has id,
    surface, form, sender, community, thread, posted_at, facts. A bad line becomes an error object on its place; then
    the exit status is 1. A verdict never changes it.
    """
    from fissile.domain.gate.facts import keep_in, read

    keep_in(from_environment().home / "cache")
    rulebook = find_rulebook(wanted, as_of=as_of, in_force=in_force)
    click.echo(f"{rulebook.label}: {_dates(rulebook)}", err=True)

    judging = Judging(rulebook=rulebook, surface=surface, read=read)
    output = sys.stdout.buffer
    try:
        if file == "-":
            judging.run(sys.stdin.buffer, output)
        else:
            with open(file, "rb") as source:
                judging.run(source, output)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise click.ClickException(f"{file}: {error.strerror}") from None
    if judging.bad_lines:
        click.echo(f"{judging.bad_lines} of {judging.lines} lines could not be judged.", err=True)
        sys.exit(1)


def find_rulebook(wanted: str, *, as_of: date | None, in_force: date | None) -> Rulebook:
    """
    Return the rulebook that the options mean, compiled.

    :raises click.ClickException: if there is none, or if it has mistakes
    """
    chosen = [name for name, day in (("--as-of", as_of), ("--in-force", in_force)) if day is not None]
    if len(chosen) > 1:
        raise click.UsageError("--as-of goes by announcement, --in-force by effect: give one of them")
    try:
        if wanted.endswith(".toml"):
            if chosen:
                raise click.UsageError(f"{chosen[0]} chooses among shipped versions; {wanted} is one file")
            return shelf.compiled(data=Path(wanted).read_bytes(), name=wanted)
        if chosen and "@" in wanted:
            raise click.UsageError(f"{wanted} names its version already; leave {chosen[0]} out")
        return shelf.shipped(shelf.choose(name=wanted, as_of=as_of, in_force=in_force).label)
    except shelf.NoSuchRulebookError as error:
        raise click.ClickException(str(error)) from None
    except RulebookMistakesError as error:
        raise click.ClickException(f"the rulebook cannot be used:\n{error.as_text()}") from None
    except OSError as error:
        raise click.ClickException(f"{wanted}: {error.strerror}") from None


class Judging:
    """Lines in, verdicts out; ``lines`` and ``bad_lines`` count what went through."""

    def __init__(self, *, rulebook: Rulebook, surface: str, read: Callable[[str], Facts]) -> None:
        self.lines = 0
        self.bad_lines = 0
        self._judge = Judge(rulebook=rulebook, surface=surface, read=read)

    def run(self, source: BinaryIO, output: BinaryIO) -> None:
        """Judge a stream; what has been read is answered before more is waited for."""
        number = 0
        for lines in _batches(source):
            answers = []
            for line in lines:
                number += 1
                if line is None or (line and not line.isspace()):
                    self.lines += 1
                    answers.append(self._answer(number, line))
            if answers:
                output.write(b"\n".join(answers) + b"\n")
                output.flush()

    def _answer(self, number: int, raw: bytes | None) -> bytes:
        too_long = BadLine(number, "line_too_long", f"The line is longer than {LINE_MAX} bytes.")
        answer = too_long if raw is None else self._judge.answer(number=number, raw=raw)
        if isinstance(answer, bytes):
            return answer
        self.bad_lines += 1
        return encode(answer)


def _batches(source: BinaryIO) -> Iterator[list[bytes | None]]:
    """Yield the lines that each read brings; None is a line that is too long."""
    rest: list[bytes] = []
    size = 0
    skipping = False
    reading = getattr(source, "read1", source.read)
    while chunk := reading(_CHUNK):
        head, *others = chunk.split(b"\n")
        if not skipping:
            rest.append(head)
            size += len(head)
            if size > LINE_MAX:
                skipping = True
                rest.clear()
        if not others:
            continue
        first = None if skipping else b"".join(rest)
        rest, size, skipping = [others[-1]], len(others[-1]), False
        yield [first, *others[:-1]]
    if skipping:
        yield [None]
    elif size:
        yield [b"".join(rest)]


# --- lint -----------------------------------------------------------------------------------------------------------


@gate.command(name="lint")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
def lint(file: BinaryIO) -> None:
    """Check a rulebook: every mistake with its line, column and a hint; the exit status is 1 if there is one."""
    try:
        rulebook = shelf.compiled(data=file.read(), name=file.name)
    except RulebookMistakesError as error:
        click.echo(error.as_text())
        sys.exit(1)
    count = len(rulebook.rules)
    click.echo(f"{file.name}: {rulebook.label}, {count} rule{'s' if count != 1 else ''}, no mistakes")


# --- rulebooks ------------------------------------------------------------------------------------------------------


@gate.command(name="rulebooks")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rulebooks(form: str) -> None:
    """List the shipped rulebooks: versions, announced, in force, what each amends, rules."""
    books = [shelf.shipped(one.label) for one in shelf.editions()]
    if form == "json":
        click.echo(json.dumps([_as_json(one) for one in books], ensure_ascii=False))
        return
    click.echo("\n\n".join(_as_text(one) for one in books))


def _dates(book: Rulebook) -> str:
    said = [f"announced {book.announced}", f"in force {book.in_force}"]
    if "in_force" in book.assumed:
        said[1] += " (assumed)"
    if "announced" in book.assumed:
        said[0] += " (assumed)"
    return ", ".join([*said, *([f"amends {book.amends}"] if book.amends else [])])


def _as_text(book: Rulebook) -> str:
    lines = [f"{book.label}  {book.network}  {_dates(book)}"]
    for rule in book.rules:
        where = ", ".join(one for one in SURFACES if one in rule.covers.surfaces) or "everywhere"
        lines.append(f"  {rule.action:6}  {rule.id}  clause “{rule.clause.number}”  {where}")
        lines.append(f"          {rule.clause.summary_en} (summary)")
    return "\n".join(lines)


def _as_json(book: Rulebook) -> dict[str, Any]:
    return {
        "name": book.name,
        "version": book.version,
        "network": book.network,
        "announced": book.announced.isoformat(),
        "in_force": book.in_force.isoformat(),
        "assumed": list(book.assumed),
        "amends": book.amends or None,
        "languages": list(book.languages),
        "sources": [{"title": one.title, "url": one.url or None} for one in book.sources],
        "partners": [
            {"name": one.name, "hosts": list(one.hosts), "platforms": list(one.platforms)} for one in book.partners
        ],
        "ladders": [
            {
                "id": one.id,
                "window_days": one.window_days,
                "rungs": [
                    {
                        "count": rung.count,
                        "effects": list(rung.effects),
                        "hours": rung.hours,
                        "adversarial": rung.adversarial,
                    }
                    for rung in one.rungs
                ],
            }
            for one in book.ladders
        ],
        "rules": [_rule_as_json(rule) for rule in book.rules],
    }


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "clause": {
            "number": rule.clause.number,
            "summary": {"zh": rule.clause.summary_zh, "en": rule.clause.summary_en},
            "quoted": list(rule.clause.quoted),
        },
        "action": rule.action,
        "severity": rule.severity,
        "when": rule.condition.source,
        "covers": {"surfaces": sorted(rule.covers.surfaces), "forms": sorted(rule.covers.forms)},
        "scans": [
            {"surface": one.surface, "form": one.form, "since": one.since.isoformat(), "source": one.source}
            for one in rule.scans
        ],
        "exempt": list(rule.exempt),
        "ladder": rule.ladder or None,
        "unblock": rule.unblock or None,
    }
