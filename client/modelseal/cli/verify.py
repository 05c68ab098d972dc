"""modelseal verify"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelseal.cli import options, output
from modelseal.errors import Usage

EPILOG = """\b
Exit status:
  0 VERIFIED   1 FAILED   2 usage   5 UNKNOWN   6 UNAVAILABLE   8 LOG MISBEHAVED

\b
Examples:
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --evidence atlas-7b.evidence --offline
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="PATH")
@click.option("--repo", metavar="REPO[@REV]", help="Whose files they must be. It is never taken from the folder.")
@options.judge
@options.common
def verify(target: str, repo: str | None, quiet: bool, as_json: bool, **judge: Any) -> int:
    """Say whether a folder holds exactly what its owner sealed.

    PATH starts with . / ~ or a drive. The first word printed is the verdict: VERIFIED, FAILED, UNKNOWN (proven: nobody
    sealed it), UNAVAILABLE (no answer that proves anything) or LOG MISBEHAVED.
    """
    from modelseal.cli import report
    from modelseal.journeys.verify import look
    from modelseal.journeys.verify import verify as journey
    from modelseal.reports import value

    folder = _folder(target)
    listing = look(folder)
    if repo is None:
        raise Usage(*_no_name(target, folder))
    verdict = journey(folder, repo, quiet=quiet or as_json, **options.asking(**judge))
    if as_json:
        output.emit(value.as_json(verdict, str(folder)))
    elif not quiet:
        report.show(verdict, _skipped(listing.skipped, listing.hub))
    return verdict.exit_code


def _folder(target: str) -> Path:
    if options.is_path(target):
        return options.path(target)
    if Path(target).is_dir():
        raise Usage(
            f"{output.escaped(target)} may be a folder or a repo",
            hint=f"for the folder: modelseal verify ./{output.escaped(target)} --repo OWNER/NAME",
        )
    raise Usage("Hub cache: not read yet", hint="download with --local-dir, and verify ./FOLDER --repo OWNER/NAME")


def _no_name(target: str, folder: Path) -> tuple[str]:
    """Suggest the repo that the folder's own seal names: a suggestion, because whoever made the folder wrote it."""
    from modelseal import platform
    from modelseal.errors import Error
    from modelseal.formats.envelope import Bundle
    from modelseal.formats.leaves import MAX_SEAL
    from modelseal.formats.manifest import Statement
    from modelseal.formats.names import short

    suggested = "OWNER/NAME"
    try:
        seal = platform.read_file(folder / "model.sig", MAX_SEAL, "seal")
        suggested = short(Statement.parse(Bundle.parse(seal).payload).repo)
    except Error:
        pass
    return (f"whose files should these be? type: modelseal verify {output.escaped(target)} --repo {suggested}",)


def _skipped(ignored: tuple[str, ...], hub: tuple[str, ...]) -> list[tuple[str, str]]:
    """Say what was not compared."""
    found = []
    if ignored:
        found.append(("ignored", ", ".join(output.escaped(name) for name in ignored)))
    if hub:
        found.append(("skipped", f"{len(hub)} of the Hub's own files in .cache/huggingface"))
    return found


COMMANDS = (verify,)
