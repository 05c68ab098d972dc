"""modelseal get"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output, reporting
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.wish import Got

EPILOG = """\b
Exit status:
  0 VERIFIED or ACCEPTED (with --dry-run: SEALED)   1 FAILED, or refused   2 usage   5 UNKNOWN   6 UNAVAILABLE
  8 LOG MISBEHAVED   9 OBSERVED

\b
Examples:
  modelseal get acme-lab/atlas-7b
  modelseal get acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677
  modelseal get acme-lab/atlas-7b --include '*.safetensors' --include '*.json'
  modelseal get datasets/acme-lab/corpus --local-dir ./corpus
  modelseal get acme-lab/atlas-7b --dry-run
  modelseal get someuser/tiny-lm --accept unknown
  modelseal get acme-lab/atlas-7b -q        # prints the path alone
"""


@click.command(epilog=EPILOG)
@click.argument("repo", metavar="[REPO[@REV]]", required=False)
@click.option("--include", metavar="GLOB", multiple=True, help="Only files that match; repeat it for more.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="No files that match; repeat it for more.")
@click.option(
    "--local-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Put it into this folder, which may have nothing else, instead of the Hub cache.",
)
@click.option(
    "--cache-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Put it into this Hub cache [the Hub's own cache: HF_HUB_CACHE, HF_HOME].",
)
@click.option("--dry-run", is_flag=True, help="Judge the name and the Hub's listing; say what would be downloaded.")
@options.jobs
@click.option("--recheck", is_flag=True, help="Hash again what is there already; renew the cache of digests.")
@options.judge
@reporting.option
@options.common
def get(
    repo: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    local_dir: Path | None,
    cache_dir: Path | None,
    dry_run: bool,
    jobs: int | None,
    recheck: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
    as_json: bool,
    **judge: Any,
) -> int:
    """Download a repo, and hand it over only if it is exactly what its owner sealed.

    The log is asked first, then the Hub's listing is compared with the seal; only then files are downloaded, to where
    no program looks for them. When the digests of all are right they get their names in the Hub cache, or in the
    folder --local-dir. What is right there already is not downloaded again; a download that ended early goes on. With
    --offline, or HF_HUB_OFFLINE, the Hub is not asked, and what lies there is verified.

    Without @REV, and with @main, it is the newest release; @REV is a commit, branch or tag. GLOB is as `hf download`
    takes it: * matches across / too. OBSERVED and UNKNOWN repos are not downloaded unless you accept that.

    Without REPO it is everything that modelseal.lock lists, each at its commit, into the Hub cache; worst first.
    --include, --exclude, --local-dir, --dry-run and --accept are for one REPO.
    """
    from modelseal.journeys import cached, download, typed

    if repo is None:
        if include or exclude or local_dir is not None or dry_run or judge.pop("accept") is not None:
            raise Usage(
                "--include, --exclude, --local-dir, --dry-run and --accept are for one REPO, and there is none",
                hint="name it; without one, everything in the lock is downloaded",
            )
        from modelseal.cli import scan
        from modelseal.journeys.get_locked import get_locked

        found, reports = scan.of_lock(
            get_locked, cache_dir, report_files, judge, quiet=quiet, as_json=as_json, jobs=jobs, recheck=recheck
        )
        if quiet and not as_json:
            for one in found.found:
                if not one.outcome.exit_code:
                    output.say(one.path)
        return scan.tell(found, reports, quiet, as_json)
    asked = typed.asked(repo.partition("@")[0])
    place = local_dir if local_dir is not None else cached.folder(cache_dir)
    reads = [judge["evidence"], judge["lock"], judge["rules"]]
    reports = reporting.check(report_files, place.expanduser(), reads=reads)
    with reports.beginning(asked):
        got = download.get(
            repo,
            include=include,
            exclude=exclude,
            local_dir=local_dir,
            cache_dir=cache_dir,
            dry_run=dry_run,
            jobs=jobs,
            recheck=recheck,
            quiet=quiet or as_json,
            **options.judging(**judge),
        )
    reports.write(got.verdict, quiet=quiet or as_json)
    if as_json:
        output.emit(_json(got))
    elif quiet:
        if got.path is not None:
            output.say(str(got.path))
    else:
        _show(got)
    return got.exit_code


def _show(got: Got) -> None:
    from modelseal.cli import report
    from modelseal.formats.names import short

    verdict, name = got.verdict, short(got.verdict.decision.asked.repo)
    lines: list[tuple[str, str]] = []
    if got.called is not None and verdict:
        lines.append(("note", f"the Hub calls it {short(got.called)} now; it is judged by the name you typed"))
    if verdict:
        lines += [one for one in report.passed_over(verdict) if one[0] != "ignored"] + _what(got)
    report.show(verdict, lines, how=report.by_listing(verdict) if got.dry_run else "")
    if got.path is not None:
        output.line("path", output.escaped(str(got.path), longest=4096))
        if got.revision is not None and "/snapshots/" in got.path.as_posix():
            output.line("load", f'{_call(name)}, revision="{got.revision}"), or from the path')


def _call(name: str) -> str:
    """Return how a program begins to load it."""
    kind, _, rest = name.partition("/")
    if kind in ("datasets", "spaces"):
        return f'snapshot_download("{rest}", repo_type="{kind[:-1]}"'
    return f'from_pretrained("{name}"'


def _what(got: Got) -> list[tuple[str, str]]:
    """Say what was downloaded, and what not."""
    would = "would be downloaded" if got.dry_run else "downloaded"
    count = len(got.fetched)
    said = f"{count} file{'' if count == 1 else 's'} {would}, {output.size(got.fetched_bytes)}"
    lines = [("fetched", said + (f"; {got.present} were right there already" if got.present else ""))]
    if got.dry_run:
        lines += [("file", output.escaped(name)) for name in got.fetched]
    if got.ignored:
        names = ", ".join(map(output.escaped, got.ignored))
        lines.append(
            (
                "ignored",
                f"{names}, which no seal covers, and which {'is' if len(got.ignored) == 1 else 'are'} not downloaded",
            )
        )
    if got.removed:
        names = ", ".join(map(output.escaped, got.removed))
        lines.append(("removed", f"from the snapshot, because this release does not have it: {names}"))
    return lines


def _json(got: Got) -> dict[str, Any]:
    from modelseal.reports import value

    found = value.as_json(got.verdict, "")
    names = found["untrusted"]["files"]

    def place(name: str) -> int:
        shown = output.escaped(name)
        if shown not in names:
            names.append(shown)
        at: int = names.index(shown)
        return at

    return {
        **found,
        "path": str(got.path) if got.path is not None else None,
        "revision": got.revision,
        "called": got.called,
        "dry_run": got.dry_run,
        "fetched": {"files": [place(name) for name in got.fetched], "bytes": got.fetched_bytes},
        "present": got.present,
        "ignored": [place(name) for name in got.ignored],
        "removed": [place(name) for name in got.removed],
    }


COMMANDS = (get,)
