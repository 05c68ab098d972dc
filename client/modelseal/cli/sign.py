"""modelseal sign"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.keys import SigningKey

EPILOG = """\b
Exit status:
  0 done   1 something else stands where the seal goes, or the folder changed meanwhile   2 usage

\b
Examples:
  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --key ci.key \\
      --revision 9c1f0d2233ab4455667788990011223344556677
  modelseal sign ./atlas-7b --plain --key ci.key
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--repo", metavar="REPO[@REV]", help="The repo that these files are a release of.")
@click.option("--revision", metavar="COMMIT", help="The commit, 40 hex digits; taken as given, and said so.")
@click.option("--no-hub", is_flag=True, help="Take the commit as given; ask no Hub.")
@click.option("--plain", is_flag=True, help="Name no repo: what every OpenSSF Model Signing tool reads, no more.")
@options.signing
@click.option(
    "--signature", metavar="FILE", type=click.Path(path_type=Path), help="Write the seal here [PATH/model.sig]."
)
@options.hashing
@options.common
def sign(
    folder: Path,
    repo: str | None,
    revision: str | None,
    no_hub: bool,
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

    It needs no registry and no trust root. Only `publish` makes a release of it that others can verify by its name.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.sign import sign as journey

    folder = folder.expanduser()
    if plain:
        if repo is not None or revision is not None or no_hub:
            raise Usage("--plain names no repo; leave out --repo and --revision")
        if hash not in ("auto", "sha256"):
            raise Usage("a plain signature has sha256 only; leave out --hash")
        return _plain(folder, options.one_key(key_sources, password_file), signature, jobs, quiet, as_json)
    if repo is None:
        raise click.MissingParameter(param_type="option", param_hint="'--repo'")
    asked = typed.asked_commit(repo, revision)
    key = options.one_key(key_sources, password_file)
    signed = journey(
        folder, asked, key, hub=not no_hub, signature=signature, hash=hash, jobs=jobs, quiet=quiet or as_json
    )
    statement = signed.statement
    if as_json:
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
                "wrote": [str(signed.path)],
            }
        )
    elif quiet:
        output.say(f"sha256:{signed.digest}")
    else:
        output.say(f"SIGNED {statement.uri.removeprefix('hf://')}, by key {signed.public.fingerprint}")
        output.line("seal", f"sha256:{signed.digest}")
        output.line("files", f"{len(statement.files)}, {output.size(statement.total_bytes)}")
        output.line("commit", "taken as given, not compared with the Hub")
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
                "wrote": [str(signed.path)],
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
