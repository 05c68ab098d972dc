"""The command `modelseal-registry`. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from modelseal.cli import CONTEXT, run

PROGRAM = "modelseal-registry"

EPILOG = """\b
Exit status of all commands:
  0 done, clean   1 refused, or found something   2 usage          6 unavailable   7 internal
  8 log misbehaved   10 pending                   130 interrupted  143 terminated
  serve and mirror serve end 0 when a signal has stopped them in order

\b
Example:
  modelseal-registry --dir ./reg init --origin 127.0.0.1:8750
  modelseal-registry --dir ./reg serve
"""


@click.group(context_settings=CONTEXT, epilog=EPILOG)
@click.version_option(package_name="modelseal", message="modelseal-registry %(version)s")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    envvar="MODELSEAL_REGISTRY_DIR",
    type=click.Path(path_type=Path),
    help="The registry's or mirror's folder; or MODELSEAL_REGISTRY_DIR.",
)
@click.pass_context
def registry(context: click.Context, folder: Path | None) -> None:
    """Run a registry, or a mirror of one: a public log of who sealed which release."""
    context.obj = folder


def add_commands() -> None:
    from modelseal_registry.cli import acts, claims, mirror, observe, operate, policy

    for module in (operate, claims, acts, observe, policy, mirror):
        for command in module.COMMANDS:
            registry.add_command(command)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    add_commands()
    run(registry, PROGRAM, list(sys.argv[1:] if argv is None else argv))
