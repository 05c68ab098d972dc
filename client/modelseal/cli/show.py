"""modelseal show"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Refused, Usage

EPILOG = """\b
Exit status:
  0 shown   1 not sealed, or revoked   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED

\b
Examples:
  modelseal show acme-lab/atlas-7b
  modelseal show acme-lab/atlas-7b --export ./atlas-7b.export
  modelseal show hf://acme-lab
  modelseal show ./atlas-7b/model.sig
  modelseal show ./modelseal.lock
  modelseal show acme-lab/atlas-7b --as sha256sum
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="REPO[@REV]|hf://NS|PATH", shell_complete=options.complete_files)
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the evidence, for verify --evidence."
)
@click.option(
    "--export", metavar="DIR", type=click.Path(path_type=Path), help="Write what other tools read, into a new folder."
)
@click.option(
    "--as",
    "style",
    type=click.Choice(("sha256sum", "sglang")),
    help="Print the list of files as this tool reads it, and nothing else.",
)
@options.evidence
@options.common
def show(
    target: str,
    save: Path | None,
    export: Path | None,
    style: str | None,
    quiet: bool,
    as_json: bool,
    **judge: Any,
) -> int:
    """Show what the log says about a repo or a namespace, or what a file says about itself.

    A PATH (it starts with . / ~ or a drive) is a seal, evidence, a record, a key or a lock, or a folder with a
    model.sig; what it says is UNVERIFIED. To check files, use verify.
    """
    is_path, is_namespace = options.is_path(target), target.startswith("hf://") and "/" not in target[5:]
    if (save or export) and (is_path or is_namespace):
        raise Usage("--save and --export want a REPO: it says whose release it is")
    if style and (save or export or is_namespace):
        raise Usage("--as is for the files of one REPO or PATH, and alone")
    if style and is_path:
        return _list_path(options.path(target), style, quiet, as_json)
    if is_path:
        return _path(options.path(target), quiet, as_json)
    _check_is_no_path(target)
    asking = options.asking(**judge)
    if is_namespace:
        return _namespace(target, asking, quiet, as_json)
    if style:
        return _list_repo(target, style, asking, as_json)
    save, export = (path.expanduser() if path else None for path in (save, export))
    return _repo(target, asking, save, export, quiet, as_json)


def _check_is_no_path(target: str) -> None:
    """`ns/name` where such a file exists may be either: the user says which."""
    if not target.startswith("hf://") and Path(target).exists():
        shown = escaped(target)
        raise Usage(f"{shown} may be a file or a repo", hint=f"for the file: ./{shown}; for the repo: hf://{shown}")


def _repo(
    target: str, asking: options.Asking, save: Path | None, export: Path | None, quiet: bool, as_json: bool
) -> int:
    from modelseal.cli import shown
    from modelseal.journeys import show as journey
    from modelseal.journeys import typed
    from modelseal.journeys.ask import Where
    from modelseal.journeys.export import check_place
    from modelseal.journeys.export import export as write

    asked = typed.asked(target)
    if save is not None:
        options.check_parent(save)
        journey.check_place(save)
    if export is not None:
        options.check_parent(export)
        check_place(export)
    answer = journey.repo(asked, Where(**asking))
    decision = answer.decision
    elsewhere = decision.chosen is not None and asked.revision not in (None, decision.chosen.release.revision)
    if export is not None and elsewhere:
        raise Refused(f"{escaped(target)} is not sealed at that commit, so there is nothing to export")
    wrote = []
    if export is not None:
        wrote += [str(export / name) for name in write(answer, export)]
    if save is not None:
        journey.save(answer, save)
        wrote.append(str(save))
    status = 0 if decision.word is None and not elsewhere else 1
    if as_json:
        output.emit({**shown.repo_json(decision, elsewhere), "exit": status, "wrote": wrote})
    elif not quiet:
        shown.repo(decision, elsewhere)
        for name in wrote:
            output.line("wrote", escaped(name, longest=4096))
    return status


def _namespace(target: str, asking: options.Asking, quiet: bool, as_json: bool) -> int:
    from modelseal.cli import shown
    from modelseal.journeys import show as journey
    from modelseal.journeys import typed
    from modelseal.journeys.ask import Where

    name = typed.namespace(target)
    answer, owner = journey.namespace(name, Where(**asking))
    status = 0 if owner else 1
    if as_json:
        output.emit({**shown.namespace_json(name, answer.decision, owner), "exit": status})
    elif not quiet:
        shown.namespace(name, answer.decision, owner)
    return status


def _path(path: Path, quiet: bool, as_json: bool) -> int:
    from modelseal.cli import shown
    from modelseal.journeys import show as journey

    found = journey.read(path)
    if as_json:
        output.emit(shown.unverified_json(found))
    elif not quiet:
        shown.unverified(found)
    return 0


def _list_path(path: Path, style: str, quiet: bool, as_json: bool) -> int:
    from modelseal.journeys import lists

    text = lists.of_path(path, style)
    if as_json:
        says = {"verdict": "unverified", "exit": 0, "use": "no", "path": str(path)}
        output.emit({**says, "as": style, "untrusted": {"list": text}})
        return 0
    if not quiet:
        output.tell(f"modelseal: UNVERIFIED: this is what {escaped(str(path))} says; anybody can write such a file")
    _print(text)
    return 0


def _list_repo(target: str, style: str, asking: options.Asking, as_json: bool) -> int:
    from modelseal.journeys import lists, typed
    from modelseal.journeys.ask import Where

    asked = typed.asked(target)
    text = lists.of_repo(asked, style, Where(**asking))
    if as_json:
        output.emit({"verdict": "sealed", "exit": 0, "repo": asked.repo, "as": style, "untrusted": {"list": text}})
    else:
        _print(text)
    return 0


def _print(text: str) -> None:
    """Print names as they are, in UTF-8: another program reads them. A person must not be shown the odd ones."""
    if sys.stdout.isatty() and any(escaped(line, longest=1 << 20) != line for line in text.splitlines()):
        raise Usage("there are names in this list that a terminal must not show", hint="write it to a file: > FILE")
    click.echo(text.encode(), nl=False)


COMMANDS = (show,)
