"""modelseal verify"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output, reporting, signature
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.formats.names import Asked

EPILOG = """\b
Exit status:
  0 VERIFIED or ACCEPTED (with --signature: SIGNATURE VALID)   1 FAILED   2 usage   5 UNKNOWN   6 UNAVAILABLE
  8 LOG MISBEHAVED

\b
Examples:
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677
  modelseal verify ./atlas-7b/config.json --repo acme-lab/atlas-7b
  modelseal verify acme-lab/atlas-7b
  modelseal verify ~/.cache/huggingface/hub/models--acme-lab--atlas-7b/snapshots/COMMIT
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --evidence atlas-7b.evidence --offline
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --copy-to /srv/models/atlas-7b
  modelseal verify ./tiny-lm --repo someuser/tiny-lm --accept unknown
  modelseal verify acme-lab/atlas-7b --locked --strict
  modelseal verify
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --report atlas-7b.html --report atlas-7b.sarif
  modelseal verify ./atlas-7b --signature ./atlas-7b/model.sig --key signer.pub
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="[PATH|REPO[@REV]]", required=False, shell_complete=options.complete_files)
@click.option("--repo", metavar="REPO[@REV]", help="Whose files they must be. It is never taken from the folder.")
@click.option(
    "--cache-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where REPO is looked for [the Hub's own cache: HF_HUB_CACHE, HF_HOME].",
)
@click.option("--complete", is_flag=True, help="Every sealed file must be there, also in the Hub cache.")
@click.option("--partial", is_flag=True, help="Sealed files may be missing, also in a folder; it is said how many.")
@click.option(
    "--copy-to",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="If all is right, make this new folder of the very bytes that were hashed.",
)
@options.hashing
@click.option("--recheck", is_flag=True, help="Hash every file again; renew the cache of digests.")
@options.judge
@reporting.option
@options.common
@signature.instead
def verify(
    target: str | None,
    repo: str | None,
    cache_dir: Path | None,
    complete: bool,
    partial: bool,
    copy_to: Path | None,
    hash: str,
    jobs: int | None,
    recheck: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
    as_json: bool,
    **judge: Any,
) -> int:
    """Say whether files are exactly what their owner sealed.

    REPO is looked for in the Hub cache: with @REV the snapshot of that commit, branch or tag, else the one that `main`
    is there, or the only one. PATH starts with . / ~ or a drive. It is a folder, which must be complete; or a snapshot
    in the Hub cache, whose path says whose it is, or a file, which may be a part of a release. The first word printed
    is the verdict: VERIFIED, FAILED, UNKNOWN (proven: nobody sealed it), UNAVAILABLE (no answer that proves anything)
    or LOG MISBEHAVED.

    Without either it is everything that modelseal.lock lists, where it lies in the Hub cache, worst first; --repo,
    --copy-to and --accept are for one PATH or REPO.
    """
    from modelseal import layouts
    from modelseal.cli import report
    from modelseal.journeys import typed
    from modelseal.journeys.verify import verify as journey
    from modelseal.reports import value

    if complete and partial:
        raise Usage("--complete and --partial contradict each other; give one of them")
    whole = complete or (False if partial else None)
    if target is None:
        if repo is not None or copy_to is not None or judge.pop("accept") is not None:
            raise Usage(
                "--repo, --copy-to and --accept are for one PATH or REPO, and there is none",
                hint="name it; without one, everything in the lock is verified",
            )
        from modelseal.cli import scan
        from modelseal.journeys.scan import verify_locked

        found, reports = scan.of_lock(
            verify_locked,
            cache_dir,
            report_files,
            judge,
            quiet=quiet,
            as_json=as_json,
            complete=whole,
            hash=hash,
            jobs=jobs,
            recheck=recheck,
        )
        return scan.tell(found, reports, quiet, as_json)
    folder, named = _target(target, repo, cache_dir)
    copy_to = copy_to.expanduser() if copy_to else None
    reads = [judge["evidence"], judge["lock"], judge["rules"]]
    reports = reporting.check(report_files, folder, copy_to=copy_to, reads=reads)
    place = layouts.find(folder)
    named = named or (typed.asked(repo) if repo is not None else None)
    asked = named or place.asked
    if asked is None:
        raise _no_name(target, folder)
    judging = options.judging(**judge)
    with reports.beginning(asked):
        verdict = journey(
            folder,
            named,
            complete=whole,
            hash=hash,
            jobs=jobs,
            recheck=recheck,
            copy_to=copy_to,
            quiet=quiet or as_json,
            **judging,
        )
    reports.write(verdict, quiet=quiet or as_json)
    wrote = [str(copy_to)] if copy_to and verdict else []
    if as_json:
        output.emit({**value.as_json(verdict, str(folder)), "wrote": wrote})
    elif not quiet:
        copied = [("copied", f"what was hashed, to {output.escaped(name, longest=4096)}") for name in wrote]
        report.show(verdict, report.passed_over(verdict) + copied)
    return verdict.exit_code


def _target(target: str, repo: str | None, cache_dir: Path | None) -> tuple[Path, Asked | None]:
    """Return the path that is meant, and whose it is where that was typed as REPO[@REV]."""
    from modelseal.journeys import cached

    if options.is_path(target):
        if cache_dir is not None:
            raise Usage(f"{output.escaped(target)} is a path; --cache-dir is for REPO")
        return options.path(target), None
    shown = output.escaped(target)
    if cached.is_repo(target):
        if repo is not None:
            raise Usage(
                f"{shown} is a repo already, so --repo says too much",
                hint=f"for a folder: modelseal verify ./{shown} --repo {output.escaped(repo)}",
            )
        found = cached.find(cached.no_path(target), cache_dir)
        return found.path, found.asked
    if Path(target).exists():
        raise Usage(
            f"{shown} may be a path or a repo",
            hint=f"for the path: modelseal verify ./{shown} --repo OWNER/NAME",
        )
    raise Usage(
        f"{shown} is neither a path nor a repo; a path starts with . / ~ or a drive",
        hint="repos are written owner/name, datasets/owner/name or spaces/owner/name",
    )


def _no_name(target: str, folder: Path) -> Usage:
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
    says = f"whose files should these be? type: modelseal verify {output.escaped(target)} --repo {suggested}"
    return Usage(says, hint=signature.suggestion(target, folder) if suggested == "OWNER/NAME" else None)


COMMANDS = (verify,)
