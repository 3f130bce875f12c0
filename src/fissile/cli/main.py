"""``fissile``: every administrative act as a command."""

from __future__ import annotations

import importlib
import os
import sys

import click

from fissile import __version__
from fissile.infra.embedded import EmbeddedServerError
from fissile.kernel.errors import Refusal

# No library of ours reports home.
for _name in ("SCARF_NO_ANALYTICS", "DO_NOT_TRACK"):
    os.environ.setdefault(_name, "1")

# Imported when they are called: `fissile key` does not wait for the benchmarks' parts.
_COMMANDS = {
    "run": "run_command:run",
    "import": "import_command:import_",
    "export": "export_command:export",
    "member": "member_command:member",
    "audit": "audit_command:audit",
    "doctor": "doctor_command:doctor",
    "key": "key_command:key",
    "gate": "gate_command:gate",
    "bench": "bench_command:bench",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"fissile.cli.{module}"), name)
        assert isinstance(command, click.Command), f"{name} of {module} is a command"
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fissile")
def fissile() -> None:
    """Self-hosted social commerce: from a product shared in a chat to a commission that is paid out."""


def main() -> None:
    """Run the command line; what is refused is told in a sentence, and the exit status is 1."""
    try:
        fissile(standalone_mode=True)
    except Refusal as refusal:
        click.echo(f"fissile: {refusal.message}", err=True)
        sys.exit(1)
    except EmbeddedServerError as error:
        click.echo(f"fissile: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
