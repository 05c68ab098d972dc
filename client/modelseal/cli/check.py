"""modelseal check"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output, reporting
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.check import Checked

EPILOG = """\b
Exit status:
  0 SEALED or ACCEPTED   1 FAILED   2 usage   5 UNKNOWN   6 UNAVAILABLE   8 LOG MISBEHAVED   9 OBSERVED

\b
Examples:
  modelseal check acme-lab/atlas-7b
  modelseal check acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677
  modelseal check datasets/acme-lab/corpus@v1
  modelseal check acme-lab/atlas-7b --json
"""


@click.command(epilog=EPILOG)
@click.argument("repo", metavar="REPO[@REV]")
@options.judge
@reporting.option
@options.common
def check(repo: str, report_files: tuple[Path, ...], quiet: bool, as_json: bool, **judge: Any) -> int:
    """Say whether a repo is sealed by its owner, from its name and the Hub's listing; nothing is downloaded.

    The log is asked first, then the names, sizes and digests that the Hub lists are compared with the seal. SEALED
    means that they are the same: the bytes themselves are verified by `get`. Without @REV, and with @main, it is the
    newest release that is compared; @REV is a commit, branch or tag.

    Two requests, one to the registry and one to the Hub; a third if the owner's claim names its account there. A repo
    that is private or gated may want a token: HF_TOKEN, or `hf auth login`.
    """
    from modelseal.formats.names import Asked
    from modelseal.journeys.allow import Allow
    from modelseal.journeys.ask import Where
    from modelseal.journeys.check import checked, read

    if options.is_path(repo) or os.path.lexists(repo):
        shown = output.escaped(repo)
        raise Usage(
            f"{shown} is a path, or may be one; check is about names",
            hint="for a repo: modelseal check hf://OWNER/NAME; for files: modelseal verify ./FOLDER --repo OWNER/NAME",
        )
    name, commit, _ = read(repo)
    reads = [judge["evidence"], judge["lock"], judge["rules"]]
    reports = reporting.check(report_files, None, reads=reads)
    typed = options.judging(**judge)
    where = Where(typed["registry"], typed["evidence"], typed["offline"], typed["max_age"], typed["as_of"])
    allow = Allow(typed["accept"], typed["strict"], typed["locked"], typed["lock"], typed["rules"])
    with reports.beginning(Asked(name, commit)):
        found = checked(repo, where, allow)
    reports.write(found.verdict, quiet=quiet or as_json)
    if as_json:
        output.emit(_json(found))
    elif not quiet:
        _show(found)
    return found.verdict.exit_code


def _show(found: Checked) -> None:
    from modelseal.cli import report

    report.show(found.verdict, report.passed_over(found.verdict), how=report.by_listing(found.verdict))


def _json(found: Checked) -> dict[str, Any]:
    from modelseal.reports import value

    listing = found.listing
    hub = None
    if listing is not None:
        hub = {"repo": listing.repo, "revision": listing.commit, "gated": listing.gated, "private": listing.private}
    return {**value.as_json(found.verdict, None), "hub": hub}


COMMANDS = (check,)
