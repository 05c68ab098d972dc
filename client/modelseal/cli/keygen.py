"""modelseal keygen"""

from __future__ import annotations

import click

from modelseal.cli import options, output
from modelseal.errors import Usage

EPILOG = """\b
Exit status:
  0 done   1 one of the files exists, or cannot be written   2 usage

\b
Example:
  modelseal keygen -o ci
"""


@click.command(epilog=EPILOG)
@click.option("-o", "--output", "name", metavar="NAME", required=True, help="Write NAME.key and NAME.pub.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["ecdsa-p256", "ed25519"]),
    default="ecdsa-p256",
    show_default=True,
    help="Other tools of OpenSSF Model Signing verify ecdsa-p256 only.",
)
@click.option("--password-file", metavar="FILE", help="Encrypt the key with the first line of this file.")
@options.common
def keygen(name: str, kind: str, password_file: str | None, quiet: bool, as_json: bool) -> int:
    """Make a key pair: NAME.key, which only you can read, and NAME.pub. Neither is ever overwritten."""
    from modelseal import keys

    path = options.path(name)
    if path.name in ("", "..") or name.endswith(("/", "\\")):
        raise Usage(f"{output.escaped(name)!r} is not a name for two files", hint="for example: -o ci")
    options.check_parent(path)
    password = keys.load_password(password_file)
    key = keys.generate(kind)
    private, public = keys.write_pair(path, key, password)
    if as_json:
        output.emit(
            {
                "verdict": "done",
                "exit": 0,
                "fingerprint": key.public.fingerprint,
                "type": kind,
                "private": str(private),
                "public": str(public),
            }
        )
        return 0
    output.say(key.public.fingerprint)
    if not quiet:
        lock = "encrypted" if password else "no password"
        output.line("private", f"{output.escaped(str(private))} ({lock}); give it to nobody, keep a copy offline")
        output.line("public", f"{output.escaped(str(public))}, for ns.toml and for everybody")
    return 0


COMMANDS = (keygen,)
