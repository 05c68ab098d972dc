"""modelseal sign"""

from __future__ import annotations

from pathlib import Path

import click

from modelseal.cli import options, output

EPILOG = """\b
Exit status:
  0 done   1 something else stands where the seal goes, or the folder changed meanwhile   2 usage

\b
Example:
  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --key ci.key \\
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
@options.common
def sign(
    folder: Path,
    repo: str,
    revision: str | None,
    key_sources: tuple[str, ...],
    password_file: str | None,
    signature: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Seal a folder: sign the digests of all its files, for one repo at one commit. Nothing is sent.

    It needs no registry and no trust root. Only `publish` makes a release of it that others can verify by its name.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.sign import sign as journey

    asked = typed.asked_commit(repo, revision)
    key = options.one_key(key_sources, password_file)
    signed = journey(folder.expanduser(), asked, key, signature=signature, quiet=quiet or as_json)
    statement = signed.statement
    if as_json:
        output.emit(
            {
                "verdict": "signed",
                "exit": 0,
                "repo": statement.repo,
                "revision": statement.revision,
                "seal": signed.digest,
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


COMMANDS = (sign,)
