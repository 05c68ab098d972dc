"""modelseal publish"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import athub, options, output

if TYPE_CHECKING:
    from modelseal.errors import Error
    from modelseal.journeys.publish import Published
    from modelseal.journeys.upload import Uploaded

EPILOG = """\b
Exit status:
  0 VERIFIED: logged, and any client says so   2 usage   8 LOG MISBEHAVED
  1 refused, something else is sealed there, or the folder is not what the Hub has at that commit
  6 UNAVAILABLE: no answer from the registry, or from the Hub (--no-hub asks none)
  with --upload 1 or 6 also where the release stands, VERIFIED, and the seal could not be put into the repo
  10 PENDING: sent, not seen in the log yet; or more controllers must sign; the same command again asks again

\b
Examples (the last seals a commit again: the key that seals comes first, then those of controllers):
  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision v10 --key ci.key
  modelseal publish --repo acme-lab/atlas-7b --revision v10 --key ci.key --from-hub --signature atlas-7b.sig --upload
  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision v10 --replace --key ci.key --key ana.key
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--repo", metavar="REPO[@REV]", required=True, help="The repo that these files are a release of.")
@athub.options
@click.option("--upload", is_flag=True, help="Put the seal into the repo, as model.sig, once it is VERIFIED.")
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
    folder: Path | None,
    repo: str,
    revision: str | None,
    no_hub: bool,
    from_hub: bool,
    upload: bool,
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

    The Hub says which commit a branch or tag is, and the folder must be what the Hub lists there. Writes
    PATH/model.sig, and the evidence beside the folder. The same again gives the same answer. To --replace a seal wants
    the controllers' signatures too; below their threshold nothing is sent, and PATH.record is for the next one.
    """
    from modelseal import times
    from modelseal.cli import report
    from modelseal.journeys import typed
    from modelseal.journeys.publish import publish as journey
    from modelseal.journeys.uploaded import Differs
    from modelseal.reports import value

    _, named = typed.at_revision(repo, revision, hub=not no_hub)
    if replace and key_sources:
        key, *controllers = options.load_keys(key_sources, password_file)
    else:
        key, controllers = options.one_key(key_sources, password_file), []
    folder = folder.expanduser() if folder else None
    try:
        done = journey(
            folder,
            repo,
            key,
            revision=revision,
            hub=not no_hub,
            from_hub=from_hub,
            upload_seal=upload,
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
    except Differs as e:
        return athub.differs(e, quiet, as_json)
    written = [str(path) for path in (done.seal, done.evidence) if path is not None]
    voids = _voids(done)
    if done.verdict is None:
        return _not_sent(done, named, voids, dry_run, quiet, as_json)
    at, put = done.signed.at_hub, done.uploaded
    if put is not None and put.error is not None:
        return _not_uploaded(done, put, put.error, written, quiet, as_json)
    if as_json:
        found = value.as_json(done.verdict, str(folder or signature))
        more: dict[str, Any] = {"hub": athub.as_json(at, found["untrusted"]["files"]), "uploaded": None}
        if at and at.on_its_word and found["use"] == "yes":
            more["use"] = "ask"  # nobody saw the bytes
        if put is not None:
            more["uploaded"] = {"branch": output.escaped(put.branch), "commit": put.commit, "again": put.again}
        output.emit({**found, **more, "wrote": written, "again": done.again, "voids": voids})
    elif not quiet:
        extra = [*athub.lines(done.signed, named), *_private(done)]
        extra += [("voids", f"{one}, for ever") for one in voids]
        if done.again:
            extra.append(("again", "it was in the log already; nothing was sent"))
        if written:
            extra.append(("wrote", ", ".join(map(output.escaped, written))))
        if put is not None:
            extra.append(("uploaded", _says(put)))
        report.show(done.verdict, extra, how=athub.how(at, done.verdict.equal))
    return done.verdict.exit_code


def _private(done: Published) -> list[tuple[str, str]]:
    """Warn where what is private at the Hub gets into a public log."""
    at = done.signed.at_hub
    if at is None or not at.private:
        return []
    return [("note", "private at the Hub; the log shows the names, sizes and digests of its files to everybody")]


def _not_uploaded(done: Published, put: Uploaded, error: Error, written: list[str], quiet: bool, as_json: bool) -> int:
    """Report a release that stands, and whose seal is not in the repo."""
    statement = done.signed.statement
    name = statement.uri.removeprefix("hf://")
    says = f"{name} is published and VERIFIED; its seal could not be put into the repo: {error}"
    hint = f"{error.hint}; then the same command again" if error.hint else "the same command again tries again"
    if as_json:
        output.emit(
            {
                "verdict": output.word_of(error.exit_code),
                "exit": error.exit_code,
                "error": output.harmless(says),
                "hint": output.harmless(hint),
                "use": "retry" if error.exit_code == 6 else "no",
                "repo": statement.repo,
                "revision": statement.revision,
                "branch": output.escaped(put.branch),
                "wrote": written,
                "again": done.again,
            }
        )
        return error.exit_code
    if not quiet:
        output.say(f"NOT UPLOADED {output.harmless(says)}")
        output.line("wrote", ", ".join(map(output.escaped, written)))
        output.line("next", output.harmless(hint))
    else:
        output.tell(f"modelseal: {output.harmless(says)}")
    return error.exit_code


def _says(put: Uploaded) -> str:
    where = f"model.sig on {output.escaped(put.branch)}, {output.digest(put.commit or '')}"
    return f"{where}; it was there already" if put.again else f"{where}, a new commit, which is no new release"


def _voids(done: Published) -> list[str]:
    """Name the seal that is void because another one takes its place."""
    if done.replaces is None:
        return []
    release = done.replaces.release
    where = f"{release.repo.removeprefix('hf://')}@{release.revision}"
    return [f"{where}, leaf {done.replaces.index}, seal {release.seal.hex()}"]


def _not_sent(done: Published, named: str, voids: list[str], dry_run: bool, quiet: bool, as_json: bool) -> int:
    """Report a dry run, or a record that more controllers must sign."""
    statement, status = done.signed.statement, 0 if dry_run else 10
    draft = str(done.draft) if done.draft else None
    if as_json:
        files: list[str] = []
        output.emit(
            {
                "verdict": "dry-run" if dry_run else "pending",
                "exit": status,
                "repo": statement.repo,
                "revision": statement.revision,
                "waits_for": done.waits_for,
                "draft": draft,
                "voids": voids,
                "hub": athub.as_json(done.signed.at_hub, files),
                "untrusted": {"files": files},
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
        output.lines([*athub.lines(done.signed, named), *_private(done)])
        output.lines([("voids", f"{one}, for ever") for one in voids])
        if dry_run and done.waits_for:
            output.line("waits for", done.waits_for)
        if draft is not None:
            sign = f"modelseal record sign {output.escaped(draft)} --key FILE --submit"
            output.line("draft", f"{output.escaped(draft)}; the next person: {sign}")
            output.line("next", "once it is logged, the same command again writes seal and evidence")
    return status


COMMANDS = (publish,)
