"""modelseal publish"""

from __future__ import annotations

from pathlib import Path

import click

from modelseal.cli import options, output

EPILOG = """\b
Exit status:
  0 VERIFIED: logged, and any client says so   1 refused, or something else is sealed there   2 usage
  6 UNAVAILABLE   8 LOG MISBEHAVED   10 PENDING: sent, not seen in the log yet; the same command again asks again

\b
Example:
  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --key ci.key \\
      --revision 9c1f0d2233ab4455667788990011223344556677
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--repo", metavar="REPO[@REV]", required=True, help="The repo that these files are a release of.")
@click.option("--revision", metavar="COMMIT", help="The commit, 40 hex digits; taken as given, and said so.")
@options.signing
@click.option(
    "--signature", metavar="FILE", type=click.Path(path_type=Path), help="Write the seal here [PATH/model.sig]."
)
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the evidence here [PATH.evidence]."
)
@click.option("--wait", metavar="DUR", default="30s", show_default=True, help="How long to wait for the log.")
@click.option("--dry-run", is_flag=True, help="Hash and sign, send nothing, write nothing.")
@options.hashing
@options.registry
@options.common
def publish(
    folder: Path,
    repo: str,
    revision: str | None,
    key_sources: tuple[str, ...],
    password_file: str | None,
    signature: Path | None,
    save: Path | None,
    wait: str,
    dry_run: bool,
    hash: str,
    jobs: int | None,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Seal a folder as a release, have it logged, and check that any client would say VERIFIED.

    Writes PATH/model.sig, and the evidence beside the folder. The same again gives the same answer.
    """
    from modelseal import times
    from modelseal.cli import report
    from modelseal.journeys import typed
    from modelseal.journeys.publish import publish as journey
    from modelseal.reports import value

    done = journey(
        folder.expanduser(),
        typed.asked_commit(repo, revision),
        options.one_key(key_sources, password_file),
        registry=registry,
        signature=signature,
        save=save,
        wait_s=times.parse_duration(wait),
        dry_run=dry_run,
        hash=hash,
        jobs=jobs,
        quiet=quiet or as_json,
    )
    written = [str(path) for path in (done.seal, done.evidence) if path is not None]
    if done.verdict is None:
        statement = done.signed.statement
        if as_json:
            output.emit({"verdict": "dry-run", "exit": 0, "repo": statement.repo, "revision": statement.revision})
        elif not quiet:
            output.say(f"DRY RUN {statement.uri.removeprefix('hf://')}: nothing was sent, nothing was written")
            output.line("files", f"{len(statement.files)}, {output.size(statement.total_bytes)}")
            output.line("key", done.signed.public.fingerprint)
        return 0
    if as_json:
        output.emit({**value.as_json(done.verdict, str(folder)), "wrote": written, "again": done.again})
    elif not quiet:
        extra = [("commit", "taken as given, not compared with the Hub")]
        if done.again:
            extra.append(("again", "it was in the log already; nothing was sent"))
        if written:
            extra.append(("wrote", ", ".join(map(output.escaped, written))))
        report.show(done.verdict, extra)
    return done.verdict.exit_code


COMMANDS = (publish,)
