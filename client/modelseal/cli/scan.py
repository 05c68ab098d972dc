"""modelseal scan"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output, reporting
from modelseal.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelseal.cli.reporting import Reports
    from modelseal.reports import Scan
    from modelseal.reports.subject import Scanned

EPILOG = """\b
Exit status: that of the worst verdict among --fail-on
  0 none of them   1 FAILED   2 usage   5 UNKNOWN   6 UNAVAILABLE   8 LOG MISBEHAVED   9 OBSERVED

\b
Examples:
  modelseal scan
  modelseal scan --fail-on failed,unknown,unavailable,log-misbehaved --report cache.html
  modelseal scan --rules house.toml --fail-on failed,unknown,unavailable,log-misbehaved
  modelseal scan --cache-dir /srv/models/hub --registry /srv/seal/public --offline --json
"""


@click.command(epilog=EPILOG)
@click.option(
    "--cache-dir",
    "cache_dirs",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Scan this cache; repeat it for more [the Hub's own: HF_HUB_CACHE, HF_HOME].",
)
@click.option(
    "--fail-on",
    metavar="WORD,...",
    help="Verdicts that end it with their exit status [failed,unavailable,log-misbehaved].",
)
@options.hashing
@click.option("--recheck", is_flag=True, help="Hash every file again; renew the cache of digests.")
@options.judge_many
@reporting.option
@options.common
def scan(
    cache_dirs: tuple[Path, ...],
    fail_on: str | None,
    hash: str,
    jobs: int | None,
    recheck: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
    as_json: bool,
    **judge: Any,
) -> int:
    """Say of everything in the Hub cache whether it is what its owner sealed, worst first.

    Every snapshot of every repo is verified as `modelseal verify REPO@COMMIT` does it; the cache says which repos these
    are. Most of a cache is not sealed by its owners: UNKNOWN alone ends with 0 unless --fail-on says otherwise.
    """
    from modelseal.journeys import cached
    from modelseal.journeys.scan import scan as journey
    from modelseal.reports.subject import FAIL_ON

    registry = judge["registry"]
    if judge["offline"] and (registry is None or registry.startswith(("http://", "https://"))):
        raise Usage("--offline needs something at hand to ask", hint="give --registry FOLDER of a mirror")
    judging = options.judging(**judge)
    hubs = [one.expanduser() for one in cache_dirs]
    reads = [judge["lock"], judge["rules"]]
    reports = reporting.check_scan(report_files, hubs or [cached.folder(None)], reads=reads)
    with reports.beginning(None):
        found = journey(
            hubs,
            fail_on=FAIL_ON if fail_on is None else tuple(word.strip() for word in fail_on.split(",")),
            registry=registry,
            offline=judging["offline"],
            max_age=judging["max_age"],
            as_of=judging["as_of"],
            strict=judging["strict"],
            locked=judging["locked"],
            lock=judging["lock"],
            rules=judging["rules"],
            hash=hash,
            jobs=jobs,
            recheck=recheck,
            quiet=quiet or as_json,
        )
    return tell(found, reports, quiet, as_json)


def of_lock(
    journey: Callable[..., Scan],
    cache_dir: Path | None,
    report_files: tuple[Path, ...],
    judge: dict[str, Any],
    *,
    quiet: bool,
    as_json: bool,
    **more: Any,
) -> tuple[Scan, Reports]:
    """Let *journey* go through all of the lock; nothing of *judge* is about one repo."""
    from modelseal.journeys import cached

    judging: dict[str, Any] = {**options.judging(**judge)}
    del judging["accept"]
    reads = [judging["evidence"], judging["lock"], judging["rules"]]
    reports = reporting.check_scan(report_files, [cached.folder(cache_dir)], reads=reads)
    with reports.beginning(None):
        found = journey(cache_dir, quiet=quiet or as_json, **more, **judging)
    return found, reports


def tell(found: Scan, reports: Reports, quiet: bool, as_json: bool) -> int:
    """Say what was found, and return the exit status."""
    from modelseal.reports import value

    reports.write_scan(found, quiet=quiet or as_json)
    if as_json:
        output.emit(value.of_scan(found))
    elif not quiet:
        _show(found)
    return found.exit_code


_HEAD = ("VERDICT", "REPO", "REVISION", "FILES")


def _show(found: Scan) -> None:
    from modelseal.reports.words import after_scan, counted, in_short

    rows = [(*_columns(one), output.harmless(in_short(one))) for one in found.found]
    if rows:
        widths = [max(len(row[i]) for row in (_HEAD, *rows)) for i in range(len(_HEAD))]
        for *cells, says in ((*_HEAD, "SAYS"), *rows):
            output.say("  ".join([cell.ljust(width) for cell, width in zip(cells, widths, strict=True)] + [says]))
    for path, why in found.passed_over:
        output.line("note", f"{output.escaped(path, longest=1000)}: {output.harmless(why)}")
    for step in after_scan(found):
        output.line("next", f"{step['why']}: {shlex.join(step['argv'])}")
    output.say(f"{counted(found)}; exit status {found.exit_code}")


def _columns(one: Scanned) -> tuple[str, str, str, str]:
    from modelseal.formats.names import short
    from modelseal.reports.words import named
    from modelseal.verdict import Verdict

    revision = one.revision or ""
    revision = revision[:12] if sys.stdout.isatty() else revision
    outcome = one.outcome
    if not isinstance(outcome, Verdict):
        return one.word.replace("-", " ").upper(), short(one.repo), revision, ""
    files = f"{outcome.equal} of {outcome.total}" if outcome.total else str(len(outcome.files))
    word = "VERIFIED AS OF" if outcome.decision.as_of and outcome else outcome.word.text
    word = f"ACCEPTED {outcome.word.text}" if outcome.accepted else word
    return word, named(outcome.decision), revision, files


COMMANDS = (scan,)
