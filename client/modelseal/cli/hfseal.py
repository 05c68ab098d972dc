"""The script `hf-seal` is `modelseal`; with it the Hub's own command knows it as `hf seal`.

    hf-seal --register        once; then: hf seal verify ./atlas-7b --repo acme-lab/atlas-7b

`hf` looks for commands that it does not have in ~/.local/share/hf/extensions (huggingface_hub 1.31 to 2.x), and nowhere
else: not among the scripts on PATH. So a file there names this script; `hf extensions remove seal` takes it away.
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import NoReturn

import click

from modelseal import cli
from modelseal.cli import output

NAME = "hf-seal"
# `hf extensions update` would fetch programs from this owner at GitHub. No account there can have such a name, so
# nobody can ever put something in our place; new versions come as the first one did, with pip.
OWNER = "pypi:modelseal"
ABOUT = "Are these the files that the owner of that name signed? (ModelSeal)"


def main() -> NoReturn:
    if sys.argv[1:2] == ["--register"]:
        cli.run(register, NAME, sys.argv[2:])
    cli.main()


@click.command()
def register() -> int:
    """Let the Hub's command `hf` know ModelSeal as `hf seal`."""
    from modelseal import platform
    from modelseal.errors import Conflict, Usage

    script = _script()
    file = Path.home() / ".local/share/hf/extensions" / NAME / "manifest.json"
    try:
        if file.exists() and json.loads(file.read_bytes()).get("owner") != OWNER:
            raise Conflict(f"{file.parent} holds another extension", hint="take it away: hf extensions remove seal")
        file.parent.mkdir(parents=True, exist_ok=True)
        platform.replace(file, _manifest(script))
    except (OSError, ValueError, AttributeError) as e:
        raise Usage(f"{file}: cannot be read or written: {e}") from e
    output.say("REGISTERED hf seal")
    output.line("runs", output.escaped(str(script), longest=1000))
    output.line("wrote", output.escaped(str(file), longest=1000))
    output.line("next", "hf seal --help; to take it away: hf extensions remove seal")
    return 0


def _script() -> Path:
    """Return where this script lies."""
    from modelseal.errors import Usage

    typed = Path(sys.argv[0]).absolute()
    for script in (typed, typed.with_name(NAME + ".exe")):
        if script.is_file() and script.stem == NAME:
            return script
    raise Usage(f"{typed} is not the script {NAME}, so `hf` cannot run it", hint="install ModelSeal with pip or pipx")


def _manifest(script: Path) -> bytes:
    value = {
        "owner": OWNER, "repo": NAME, "repo_id": OWNER, "short_name": "seal", "executable_path": str(script),
        "type": "binary", "installed_at": datetime.datetime.now(datetime.UTC).isoformat(), "description": ABOUT,
        "commit_sha": None,
    }  # fmt: skip
    return json.dumps(value, indent=2, sort_keys=True).encode()
