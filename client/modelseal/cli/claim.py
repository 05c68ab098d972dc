"""modelseal claim"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped

if TYPE_CHECKING:
    from modelseal.journeys.claim import Claimed, Step
    from modelseal.state import Change

EPILOG = """\b
Exit status:
  0 the log says what ns.toml says   1 refused   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: waits for signatures, for the operators' approval, or for the delay of a key change

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
    """Claim a namespace; later, change the claim or its keys: edit ns.toml and claim again.

    Without --key it says where the claim stands. Below the threshold of controllers nothing is sent: a draft is written
    beside ns.toml, for the next one to sign. A key change is in force at once if every controller signed it, or if it
    only adds keys that cannot outvote the old ones; otherwise after 14 days in public.
    """
    from modelseal.journeys.claim import claim as journey

    keys = options.load_keys(key_sources, password_file)
    done = journey(file.expanduser(), keys, options.where(registry), dry_run=dry_run)
    status = _status(done, dry_run and bool(keys))
    if as_json:
        output.emit(_as_json(done, status, dry_run))
    elif not quiet:
        _show(done, file, dry_run, bool(keys))
    return status


def _status(done: Claimed, dry_run: bool) -> int:
    if dry_run:
        return 0
    there = all(step.logged is not None for step in done.steps) and not done.later
    return 0 if there and not done.waiting else 10


def _show(done: Claimed, file: Path, dry_run: bool, signed: bool) -> None:
    name = done.wanted.namespace.removeprefix("hf://")
    output.say(_first_line(done, name, dry_run, signed))
    for step in done.steps:
        _show_step(step, done, earlier=step is not done.step)
    for change in done.later:
        output.line("then", f"claim again for {escaped(change, longest=1000)}")
    for key, text in _standing(done):
        output.line(key, escaped(text, longest=1000))
    last = done.step
    if last is None:
        _nothing_to_do(done, file)
        return
    if last.draft is not None:
        _next_person(last)
    if done.claim_file is not None and last.logged is None:
        _where_to_publish(done, last, name)
    if not signed and (last.draft is None or last.waits_for):
        output.line("next", f"modelseal claim {escaped(str(file))} --key FILE")
    elif last.sent and (last.logged is None or done.waiting or done.later):
        output.line("next", f"modelseal claim {escaped(str(file))}    (says where it stands)")


def _show_step(step: Step, done: Claimed, *, earlier: bool) -> None:
    if earlier:
        output.line("logged", f"leaf {step.logged} of {done.origin}")
    for change in step.changes:
        output.line("change", escaped(change, longest=1000))
    if step.sent and len(pieces := _pieces(step)) > 1:
        for piece in pieces:
            output.line("waits for", escaped(piece, longest=500))
    if step.delay is not None:
        output.line("in force", f"{_days()} after it is logged, in public: {step.delay}")
    elif step.at_once is not None:
        output.line("in force", f"as soon as it is logged: {step.at_once}")


def _days() -> str:
    from modelseal.state.owners import DELAY

    return f"{DELAY // 86_400} days"


def _first_line(done: Claimed, name: str, dry_run: bool, signed: bool) -> str:
    step, owner = done.step, done.owner
    if dry_run and signed and step is not None:
        return f"DRY RUN {name}: {step.waits_for or 'signed by enough controllers'}; nothing was sent or written"
    if step is not None and step.logged is None:
        if step.sent:
            pieces = _pieces(step)
            what = f"waits for {escaped(pieces[0])}" if len(pieces) == 1 else "it waits"
            return f"PENDING {name}: sent to {done.origin}; {what}"
        if step.waits_for:
            return f"PENDING {name}: {step.waits_for}; nothing was sent"
        proof = f"(proof in a log of {done.size} leaves)"
        if owner is None:
            return f"PENDING {name}: no claim of it is approved in {done.origin} {proof}"
        return f"PENDING {name}: this file says something else than {done.origin} {proof}"
    logged = f"leaf {step.logged} of {done.origin}" if step is not None else None
    if owner is not None and owner.pending is not None:
        says = f"{logged}; the new keys are" if logged else f"its keys change as this file says, {done.origin} has it;"
        return f"PENDING {name}: {says} in force on {_utc(owner.pending.due)}"
    if done.waiting:
        says = logged or f"{done.origin} says what this file says"
        return f"PENDING {name}: {says}; see below what the operators did"
    if logged:
        return f"LOGGED {name}: {logged}"
    return f"CLAIMED {name}: {done.origin} says what this file says"


def _pieces(step: Step) -> list[str]:
    """Return what a registry says that a record waits for, piece by piece."""
    return (step.waits_for or "").removeprefix("waits for ").split("; ")


def _utc(time: int) -> str:
    from modelseal.times import utc

    return utc(time)


def _next_person(step: Step) -> None:
    draft = escaped(str(step.draft))
    sign = f"modelseal record sign {draft} --key FILE"
    if not step.waits_for:
        output.line("draft", f"{draft}, signed by enough controllers")
        output.line("next", f"modelseal record submit {draft}")
    elif step.again:
        output.line("draft", f"{draft}; every other controller: {sign}; the last one adds --submit")
    else:
        output.line("draft", f"{draft}; the next person: {sign} --submit")


def _where_to_publish(done: Claimed, step: Step, name: str) -> None:
    """Say where the claim file goes; whether it is there is for the registry to see."""
    from modelseal.formats import findings

    said = step.waits_for or "" if step.sent else None

    def state(place: str) -> str:
        if said is None:
            return "not looked at; "
        return "missing; " if place in said else "if it is not there yet, "

    file, space = escaped(str(done.claim_file)), findings.space_of(name)
    hub = state(f"spaces/{space}")
    output.line("Hub", f"{hub}do: hf upload {space} {file} {findings.FILE} --type space")
    if done.wanted.domain:
        url = findings.domain_url(done.wanted.domain)
        output.line("domain", f"{state(url)}put the same file at {url}")
        digest = step.submission.digest.hex()
        output.line("or DNS", f"one TXT record at {findings.DNS_LABEL}.{done.wanted.domain}: claim=sha256:{digest}")
    if done.kept:
        output.line("note", f"{file} still names {done.kept} earlier claim{'s' if done.kept > 1 else ''}")


def _nothing_to_do(done: Claimed, file: Path) -> None:
    from modelseal.journeys.words import key_lines

    owner = done.owner
    assert owner is not None
    checked = "checked by the operators" if owner.identity.basis == "web" else "on the operators' word, not checked"
    for line in (f"the owner was {checked}", *key_lines(owner.key_set)):
        output.line("log", escaped(line))
    if owner.pending is not None:
        every = " ".join(["--key FILE"] * len(owner.key_set.controllers))
        sign = f"modelseal claim {escaped(str(file))} {every}"
        output.line("next", f"in force at once if every controller signs it again: {sign}")


def _standing(done: Claimed) -> list[tuple[str, str]]:
    """Say what is not in force yet, or out of force for a time."""
    from modelseal.journeys.words import key_changes

    owner = done.owner
    if owner is None:
        return []
    says: list[tuple[str, str]] = []
    if owner.suspended(done.time) and owner.suspension is not None:
        why = f"by the operators ({owner.suspension.reason}): nothing is VERIFIED and no release is admitted"
        says.append(("suspended", f"until {_utc(owner.suspension.until)} {why}"))
    if owner.retired is not None:
        says.append(("retired", f"on {_utc(owner.retired.time)} ({owner.retired.reason}): only revocations"))
    for change, whose in ((owner.pending, "by its controllers"), (owner.recovery, "by the operators")):
        logged = any(
            step.logged is not None and change and step.submission.digest == change.digest for step in done.steps
        )
        if change is not None and not logged:  # else its changes are said already
            says.append(("waits", f"new keys on {_utc(change.due)} {whose}, leaf {change.index}"))
            says += [("waits", f"  {line}") for line in key_changes(owner.key_set, change.key_set)]
            if change.key_set != done.wanted.key_set:
                sign = f"modelseal object {owner.claim.namespace} {change.digest.hex()[:12]} --key FILE"
                says.append(("waits", "  this is not what this file says"))
                says.append(("next", f"if no controller of yours wants it, let it wait longer: {sign}"))
    return says


def _as_json(done: Claimed, status: int, dry_run: bool) -> dict[str, object]:
    last, owner = done.step, done.owner
    changes = [change for step in done.steps for change in step.changes]
    suspension = owner.suspended(done.time) if owner else None
    return {
        "verdict": "pending" if status == 10 else "dry-run" if dry_run and last else "done",
        "exit": status,
        "namespace": done.wanted.namespace,
        "record": last.submission.digest.hex() if last else None,
        "changes": [escaped(change, longest=1000) for change in changes],
        "later": [escaped(change, longest=1000) for change in done.later],
        "delay": last.delay if last else None,
        "leaf": last.logged if last else None,
        "leaves": [step.logged for step in done.steps if step.logged is not None],
        "sent": last is not None and last.sent,
        "waits_for": last.waits_for if last else None,
        "draft": str(last.draft) if last and last.draft else None,
        "claim_file": str(done.claim_file) if done.claim_file else None,
        "key_change": _change(owner.pending if owner else None, done),
        "recovery": _change(owner.recovery if owner else None, done),
        "suspended_until": suspension.until if suspension else None,
        "retired": owner.retired.reason if owner and owner.retired else None,
    }


def _change(change: Change | None, done: Claimed) -> dict[str, Any] | None:
    if change is None:
        return None
    as_wanted = change.key_set == done.wanted.key_set
    return {
        "record": change.digest.hex(), "leaf": change.index, "due": change.due, "as_wanted": as_wanted,
        "keys": change.key_set.value(),
    }  # fmt: skip


COMMANDS = (claim,)
