"""modelseal claim"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped

if TYPE_CHECKING:
    from modelseal.journeys.claim import Claimed

EPILOG = """\b
Exit status:
  0 the log says what ns.toml says   1 refused   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: waits for signatures or for the operators' approval

\b
Example (ns.toml and key files in one folder):
  modelseal claim ns.toml --key ana.key

\b
ns.toml:
  namespace = "hf://acme-lab"
  title = "Acme Lab"
  domain = "acme.example"          # may be left out, like hub_owner_id
  threshold = 1                    # of the controllers
  [[controllers]]                  # may change the namespace
  key = "ana.pub"
  [[signers]]                      # may seal what their scope covers
  key = "ci.pub"
  scope = ["hf://acme-lab/*"]
"""


@click.command(epilog=EPILOG)
@click.argument("file", metavar="ns.toml", type=click.Path(path_type=Path))
@options.signing
@options.registry
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and write nothing.")
@options.common
def claim(
    file: Path,
    key_sources: tuple[str, ...],
    password_file: str | None,
    registry: str | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Claim a namespace; later, change the claim: edit ns.toml and claim again.

    Without --key it says where the claim stands. Below the threshold of controllers nothing is sent: a draft is written
    beside ns.toml, for the next one to sign.
    """
    from modelseal.journeys.claim import claim as journey

    keys = options.load_keys(key_sources, password_file)
    done = journey(file.expanduser(), keys, options.where(registry), dry_run=dry_run)
    status = 0 if done.submission is None or done.logged is not None or (dry_run and keys) else 10
    if as_json:
        output.emit(_as_json(done, status, dry_run))
    elif not quiet:
        _show(done, file, dry_run, bool(keys))
    return status


def _show(done: Claimed, file: Path, dry_run: bool, signed: bool) -> None:
    name = done.wanted.namespace.removeprefix("hf://")
    output.say(_first_line(done, name, dry_run, signed))
    for change in done.changes:
        output.line("change", escaped(change, longest=1000))
    for change in done.later:
        output.line("then", f"claim again for {escaped(change, longest=1000)}")
    if done.submission is None and done.owner is not None:
        for line in _standing(done):
            output.line("log", escaped(line))
        return
    if done.draft is not None:
        draft = escaped(str(done.draft))
        following = f"the next person: modelseal record sign {draft} --key FILE --submit"
        output.line("draft", f"{draft}; {following}" if done.waits_for else f"{draft}, signed by enough controllers")
        if not done.waits_for:
            output.line("next", f"modelseal record submit {draft}")
    if done.claim_file is not None and done.logged is None:
        _where_to_publish(done, name)
    if not signed and (done.draft is None or done.waits_for):
        output.line("next", f"modelseal claim {escaped(str(file))} --key FILE")
    elif done.sent and done.logged is None:
        output.line("next", f"modelseal claim {escaped(str(file))}    (says where it stands)")


def _first_line(done: Claimed, name: str, dry_run: bool, signed: bool) -> str:
    if done.submission is None:
        return f"CLAIMED {name}: {done.origin} says what this file says"
    if dry_run and signed:
        return f"DRY RUN {name}: {done.waits_for or 'signed by enough controllers'}; nothing was sent or written"
    if done.logged is not None:
        return f"LOGGED {name}: leaf {done.logged} of {done.origin}"
    if done.sent:
        return f"PENDING {name}: sent to {done.origin}; {escaped(done.waits_for or '')}"
    if done.waits_for:
        return f"PENDING {name}: {done.waits_for}; nothing was sent"
    proof = f"(proof in a log of {done.size} leaves)"
    if done.owner is None:
        return f"PENDING {name}: no claim of it is approved in {done.origin} {proof}"
    return f"PENDING {name}: this file says something else than {done.origin} {proof}"


def _where_to_publish(done: Claimed, name: str) -> None:
    file = escaped(str(done.claim_file))
    output.line("Hub", f"not looked at; do: hf upload {name}/README {file} modelseal.json --type space")
    if done.wanted.domain:
        where = f"https://{done.wanted.domain}/.well-known/modelseal.json"
        output.line("domain", f"not looked at; put the same file at {where}")


def _standing(done: Claimed) -> list[str]:
    from modelseal.journeys.words import key_lines

    owner = done.owner
    assert owner is not None
    checked = "checked by the operators" if owner.identity.basis == "web" else "on the operators' word, not checked"
    return [f"the owner was {checked}", *key_lines(owner.key_set)]


def _as_json(done: Claimed, status: int, dry_run: bool) -> dict[str, object]:
    digest = done.submission.digest.hex() if done.submission else None
    return {
        "verdict": "pending" if status == 10 else "dry-run" if dry_run and digest else "done",
        "exit": status,
        "namespace": done.wanted.namespace,
        "record": digest,
        "changes": [escaped(change, longest=1000) for change in done.changes],
        "later": [escaped(change, longest=1000) for change in done.later],
        "leaf": done.logged,
        "sent": done.sent,
        "waits_for": done.waits_for,
        "draft": str(done.draft) if done.draft else None,
        "claim_file": str(done.claim_file) if done.claim_file else None,
    }


COMMANDS = (claim,)
