"""modelseal sign"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal.cli import athub, options, output
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.keys import SigningKey

EPILOG = """\b
Exit status:
  0 done   1 the folder is not what the Hub has, the Hub has no such commit on a branch, something else stands where
  the seal goes, or the folder changed meanwhile   2 usage   6 UNAVAILABLE: the Hub does not answer (--no-hub asks none)

\b
Examples:
  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --revision v10 --key ci.key
  modelseal sign --repo acme-lab/atlas-7b --revision v10 --key ci.key --from-hub --signature atlas-7b.sig
  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --no-hub --key ci.key \\
      --revision 9c1f0d2233ab4455667788990011223344556677
  modelseal sign ./atlas-7b --plain --key ci.key
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--repo", metavar="REPO[@REV]", help="The repo that these files are a release of.")
@athub.options
@click.option("--plain", is_flag=True, help="Name no repo: what every OpenSSF Model Signing tool reads, no more.")
@options.signing
@click.option(
    "--signature", metavar="FILE", type=click.Path(path_type=Path), help="Write the seal here [PATH/model.sig]."
)
@options.hashing
@options.common
def sign(
    folder: Path | None,
    repo: str | None,
    revision: str | None,
    no_hub: bool,
    from_hub: bool,
    plain: bool,
    key_sources: tuple[str, ...],
    password_file: str | None,
    signature: Path | None,
    hash: str,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Seal a folder: sign the digests of all its files, for one repo at one commit. Nothing is sent.

    The Hub says which commit a branch or tag is, and the folder must be what the Hub lists there. It needs no registry
    and no trust root. Only `publish` makes a release of it that others can verify by its name.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.sign import sign as journey
    from modelseal.journeys.uploaded import Differs

    folder = folder.expanduser() if folder else None
    if plain:
        if repo is not None or revision is not None or no_hub or from_hub:
            raise Usage("--plain names no repo; leave out --repo and --revision")
        if folder is None:
            raise click.MissingParameter(param_type="argument", param_hint="'PATH'")
        if hash not in ("auto", "sha256"):
            raise Usage("a plain signature has sha256 only; leave out --hash")
        return _plain(folder, options.one_key(key_sources, password_file), signature, jobs, quiet, as_json)
    if repo is None:
        raise click.MissingParameter(param_type="option", param_hint="'--repo'")
    _, named = typed.at_revision(repo, revision, hub=not no_hub)
    key = options.one_key(key_sources, password_file)
    try:
        signed = journey(
            folder,
            repo,
            key,
            revision=revision,
            hub=not no_hub,
            from_hub=from_hub,
            signature=signature,
            hash=hash,
            jobs=jobs,
            quiet=quiet or as_json,
        )
    except Differs as e:
        return athub.differs(e, quiet, as_json)
    statement = signed.statement
    if as_json:
        files: list[str] = []
        output.emit(
            {
                "verdict": "signed",
                "exit": 0,
                "repo": statement.repo,
                "revision": statement.revision,
                "seal": signed.digest,
                "payload": None,
                "key": signed.public.fingerprint,
                "files": len(statement.files),
                "bytes": statement.total_bytes,
                "hub": athub.as_json(signed.at_hub, files),
                "wrote": [str(signed.path)],
                "untrusted": {"files": files},
            }
        )
    elif quiet:
        output.say(f"sha256:{signed.digest}")
    else:
        output.say(f"SIGNED {statement.uri.removeprefix('hf://')}, by key {signed.public.fingerprint}")
        output.line("seal", f"sha256:{signed.digest}")
        output.line("files", f"{len(statement.files)}, {output.size(statement.total_bytes)}")
        output.lines(athub.lines(signed, named))
        output.line("wrote", output.escaped(str(signed.path)))
    return 0


def _plain(folder: Path, key: SigningKey, signature: Path | None, jobs: int | None, quiet: bool, as_json: bool) -> int:
    from modelseal.journeys.plain import sign_plain

    signed = sign_plain(folder, key, signature=signature, jobs=jobs, quiet=quiet or as_json)
    if as_json:
        output.emit(
            {
                "verdict": "signed",
                "exit": 0,
                "repo": None,
                "revision": None,
                "seal": None,
                "payload": signed.digest,
                "key": signed.public.fingerprint,
                "files": len(signed.files),
                "bytes": signed.total_bytes,
                "hub": None,
                "wrote": [str(signed.path)],
                "untrusted": {"files": []},
            }
        )
    elif quiet:
        output.say(f"sha256:{signed.digest}")
    else:
        output.say(f"SIGNED {output.escaped(str(folder))}, naming no repo, by key {signed.public.fingerprint}")
        output.line("payload", f"sha256:{signed.digest}")
        output.line("files", f"{len(signed.files)}, {output.size(signed.total_bytes)}")
        output.line("means", "whose model it is, and at which revision, is not said; to say it: --repo and --revision")
        if signed.public.algorithm == "ed25519":
            output.line("note", "model_signing reads no Ed25519 signatures; it reads ecdsa-p256")
        output.line("wrote", output.escaped(str(signed.path)))
    return 0


COMMANDS = (sign,)
