"""modelseal revoke"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.ask import Where
    from modelseal.journeys.revoke import Plan

EPILOG = """\b
Exit status:
  0 revoked   1 refused, or revoked already   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: below the threshold of controllers; a draft was written for the next one

\b
Reasons: malicious, compromised, key-compromise, withdrawn; superseded voids nothing, it only says so.

\b
Examples:
  modelseal revoke acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677 \\
      --reason malicious --key ana.key
  modelseal revoke hf://acme-lab --signer SHA256:HEX --reason key-compromise --key ana.key
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="REPO@COMMIT|NS")
@click.option("--reason", metavar="WORD", required=True, help="Why; see below.")
@options.signing
@click.option("--everywhere", is_flag=True, help="Void these contents in the whole namespace, also in later releases.")
@click.option(
    "--signer", metavar="FINGERPRINT", help="Of a namespace: void all that this key has sealed; it seals nothing more."
)
@click.option("--replacement", metavar="COMMIT", help="The release of the same repo to use instead, 40 hex digits.")
@click.option("--dry-run", is_flag=True, help="Say what would be voided, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.registry
@options.common
def revoke(
    target: str,
    reason: str,
    key_sources: tuple[str, ...],
    password_file: str | None,
    everywhere: bool,
    signer: str | None,
    replacement: str | None,
    dry_run: bool,
    yes: bool,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Void a release or all that a key has sealed, for ever and for everybody; it cannot be taken back.

    The controllers revoke anything of the namespace; the key that sealed a release may revoke that one. What is voided
    is shown first. Below the threshold a draft is written into the current folder.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.revoke import revoke as journey

    word, where = typed.reason(reason), options.where(registry)
    prepared = _prepare(target, word, signer, everywhere, replacement)
    keys = options.load_keys(key_sources, password_file)
    if not keys and not dry_run:
        raise Usage("a --key is wanted", hint="to see what it would void: --dry-run")
    options.check_can_ask(yes or dry_run, as_json)
    planned = prepared(where)
    if dry_run:
        if as_json:
            nothing = {"leaf": None, "sent": False, "waits_for": None, "draft": None}
            output.emit({"verdict": "dry-run", "exit": 0, **_facts(planned), **nothing})
        elif not quiet:
            output.say(f"DRY RUN {planned.about}: nothing was sent, nothing was written")
            _show(planned, output.line)
        return 0
    if not yes:
        output.tell(f"About to revoke {planned.about} ({word}), for ever:")
        _show(planned, output.tell_line)
        options.ask("Revoke it?")
    done = journey(planned, keys, where)
    status = 0 if done.logged is not None else 10
    if as_json:
        facts = {
            "leaf": done.logged,
            "sent": done.sent,
            "waits_for": done.waits_for,
            "draft": str(done.draft) if done.draft else None,
        }
        output.emit({"verdict": "revoked" if status == 0 else "pending", "exit": status, **_facts(planned), **facts})
    elif not quiet:
        if status == 0:
            output.say(f"REVOKED ({word}) {planned.about}: leaf {done.logged} of {planned.record.origin}")
        else:
            output.say(
                f"PENDING {planned.about}: {done.waits_for}; {'it was sent' if done.sent else 'nothing was sent'}"
            )
        _show(planned, output.line)
        if done.draft is not None:
            draft = escaped(str(done.draft))
            output.line("draft", f"{draft}; the next person: modelseal record sign {draft} --key FILE --submit")
        elif status == 0 and planned.record.signer is not None:
            output.line("next", "take the key out of ns.toml, then: modelseal claim ns.toml --key FILE")
    return status


def _prepare(
    target: str, reason: str, signer: str | None, everywhere: bool, replacement: str | None
) -> Callable[[Where], Plan]:
    """Read what is to be revoked; whom to ask about it comes later."""
    from modelseal.journeys import typed
    from modelseal.journeys.revoke import plan, plan_signer

    if "/" not in target.removeprefix("hf://") and "@" not in target:
        namespace = typed.namespace(target if target.startswith("hf://") else "hf://" + target)
        if signer is None:
            raise Usage(
                f"what of {target} is to be revoked?",
                hint="a key: --signer FINGERPRINT; a release: name it, OWNER/NAME@COMMIT",
            )
        if everywhere or replacement is not None:
            raise Usage("--everywhere and --replacement are about a release, --signer is about a key")
        if reason == "superseded":
            raise Usage("superseded voids nothing", hint="a key that is not needed any more: take it out of ns.toml")
        fingerprint = typed.fingerprint(signer)
        return lambda where: plan_signer(namespace, fingerprint, reason, where)
    asked = typed.asked_commit(target, None)
    if signer is not None:
        raise Usage("--signer is about a namespace, not about one release", hint="name it: hf://OWNER")
    other = typed.asked_commit(asked.repo, replacement).revision if replacement is not None else None
    return lambda where: plan(asked, reason, where, everywhere=everywhere, replacement=other)


def _show(planned: Plan, line: Callable[[str, str], None]) -> None:
    """Say what is voided, by *line* on stdout or stderr."""
    record = planned.record
    namespace = record.namespace.removeprefix("hf://")
    if record.reason == "superseded":
        line("voids", "nothing: superseded only says that there is a newer one")
    for name in planned.voids:
        line("voids", name)
    if not planned.whole:
        line("voids", "perhaps more: the log could not be read to its beginning")
    if record.fileset is not None and record.reason != "superseded":
        line("voids", f"the same files in every other repo of {namespace}, and sealed again at any time")
    if record.signer is not None:
        if planned.whole and not planned.voids:
            line("voids", "nothing that stands in the log now")
        line("ends", f"the key seals nothing more in {namespace}; what it revoked stays revoked")
    if record.replacement:
        line("instead", record.replacement)


def _facts(planned: Plan) -> dict[str, object]:
    record = planned.record
    return {
        "namespace": record.namespace,
        "repo": planned.repo,
        "revision": planned.revision,
        "signer": f"SHA256:{record.signer.sha256.hex()}" if record.signer else None,
        "reason": record.reason,
        "everywhere": record.fileset is not None,
        "voids": list(planned.voids),
        "voids_all_known": planned.whole,
        "replacement": record.replacement,
    }


COMMANDS = (revoke,)
