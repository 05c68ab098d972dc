"""modelseal publish"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output

if TYPE_CHECKING:
    from modelseal.journeys.publish import Published

EPILOG = """\b
Exit status:
  0 VERIFIED: logged, and any client says so   1 refused, or something else is sealed there   2 usage
  6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: sent, not seen in the log yet; or more controllers must sign; the same command again asks again

\b
Examples (the second seals a commit again: the key that seals comes first, then those of controllers):
  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --key ci.key \\
      --revision 9c1f0d2233ab4455667788990011223344556677
  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --replace --key ci.key --key ana.key \\
      --revision 9c1f0d2233ab4455667788990011223344556677
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--repo", metavar="REPO[@REV]", required=True, help="The repo that these files are a release of.")
@click.option("--revision", metavar="COMMIT", help="The commit, 40 hex digits; taken as given, and said so.")
@click.option("--no-hub", is_flag=True, help="Take the commit as given; ask no Hub.")
@options.signing
@click.option(
    "--signature", metavar="FILE", type=click.Path(path_type=Path), help="Write the seal here [PATH/model.sig]."
)
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the evidence here [PATH.evidence]."
)
@click.option("--wait", metavar="DUR", default="30s", show_default=True, help="How long to wait for the log.")
@click.option(
    "--replace", is_flag=True, help="Seal the commit again: the seal that stands there is void then, for ever."
)
@click.option("--dry-run", is_flag=True, help="Hash and sign, send nothing, write nothing.")
@options.hashing
@options.registry
@options.common
def publish(
    folder: Path,
    repo: str,
    revision: str | None,
    no_hub: bool,
    key_sources: tuple[str, ...],
    password_file: str | None,
    signature: Path | None,
    save: Path | None,
    wait: str,
    replace: bool,
    dry_run: bool,
    hash: str,
    jobs: int | None,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Seal a folder as a release, have it logged, and check that any client would say VERIFIED.

    Writes PATH/model.sig, and the evidence beside the folder. The same again gives the same answer. To --replace a seal
    wants the controllers' signatures too; below their threshold nothing is sent, and PATH.record is for the next one.
    """
    from modelseal import times
    from modelseal.cli import report
    from modelseal.journeys import typed
    from modelseal.journeys.publish import publish as journey
    from modelseal.reports import value

    asked = typed.asked_commit(repo, revision)
    if replace and key_sources:
        key, *controllers = options.load_keys(key_sources, password_file)
    else:
        key, controllers = options.one_key(key_sources, password_file), []
    done = journey(
        folder.expanduser(),
        asked,
        key,
        hub=not no_hub,
        registry=registry,
        signature=signature,
        save=save,
        wait_s=times.parse_duration(wait),
        dry_run=dry_run,
        replace_seal=replace,
        controllers=controllers,
        hash=hash,
        jobs=jobs,
        quiet=quiet or as_json,
    )
    written = [str(path) for path in (done.seal, done.evidence) if path is not None]
    voids = _voids(done)
    if done.verdict is None:
        return _not_sent(done, voids, dry_run, quiet, as_json)
    if as_json:
        output.emit({**value.as_json(done.verdict, str(folder)), "wrote": written, "again": done.again, "voids": voids})
    elif not quiet:
        extra = [("commit", "taken as given, not compared with the Hub")]
        extra += [("voids", f"{one}, for ever") for one in voids]
        if done.again:
            extra.append(("again", "it was in the log already; nothing was sent"))
        if written:
            extra.append(("wrote", ", ".join(map(output.escaped, written))))
        report.show(done.verdict, extra)
    return done.verdict.exit_code


def _voids(done: Published) -> list[str]:
    """Name the seal that is void because another one takes its place."""
    if done.replaces is None:
        return []
    release = done.replaces.release
    where = f"{release.repo.removeprefix('hf://')}@{release.revision}"
    return [f"{where}, leaf {done.replaces.index}, seal {release.seal.hex()}"]


def _not_sent(done: Published, voids: list[str], dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Report a dry run, or a record that more controllers must sign."""
    statement, status = done.signed.statement, 0 if dry_run else 10
    draft = str(done.draft) if done.draft else None
    if as_json:
        output.emit(
            {
                "verdict": "dry-run" if dry_run else "pending",
                "exit": status,
                "repo": statement.repo,
                "revision": statement.revision,
                "waits_for": done.waits_for,
                "draft": draft,
                "voids": voids,
            }
        )
    elif not quiet:
        name = statement.uri.removeprefix("hf://")
        if dry_run:
            output.say(f"DRY RUN {name}: nothing was sent, nothing was written")
        else:
            output.say(f"PENDING {name}: {done.waits_for}; nothing was sent")
        output.line("files", f"{len(statement.files)}, {output.size(statement.total_bytes)}")
        output.line("key", done.signed.public.fingerprint)
        output.lines([("voids", f"{one}, for ever") for one in voids])
        if dry_run and done.waits_for:
            output.line("waits for", done.waits_for)
        if draft is not None:
            sign = f"modelseal record sign {output.escaped(draft)} --key FILE --submit"
            output.line("draft", f"{output.escaped(draft)}; the next person: {sign}")
            output.line("next", "once it is logged, the same command again writes seal and evidence")
    return status


COMMANDS = (publish,)
