"""modelseal revoke"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.revoke import Plan

EPILOG = """\b
Exit status:
  0 revoked   1 refused, or revoked already   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: below the threshold of controllers; a draft was written for the next one

\b
Reasons: malicious, compromised, key-compromise, withdrawn; superseded voids nothing, it only says so.

\b
Example:
  modelseal revoke acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677 \\
      --reason malicious --key ana.key
"""


@click.command(epilog=EPILOG)
@click.argument("repo", metavar="REPO@COMMIT")
@click.option("--reason", metavar="WORD", required=True, help="Why; see below.")
@options.signing
@click.option("--everywhere", is_flag=True, help="Void these contents in the whole namespace, also in later releases.")
@click.option("--replacement", metavar="COMMIT", help="The commit to use instead, 40 hex digits.")
@click.option("--dry-run", is_flag=True, help="Say what would be voided, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.registry
@options.common
def revoke(
    repo: str,
    reason: str,
    key_sources: tuple[str, ...],
    password_file: str | None,
    everywhere: bool,
    replacement: str | None,
    dry_run: bool,
    yes: bool,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Void a release, for ever and for everybody; it cannot be taken back.

    The controllers revoke anything of the namespace; the key that sealed a release may revoke that one. What is voided
    is shown first. Below the threshold a draft is written into the current folder.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.revoke import plan
    from modelseal.journeys.revoke import revoke as journey

    asked = typed.asked_commit(repo, None)
    other = typed.asked_commit(asked.repo, replacement).revision if replacement is not None else None
    word, where = typed.reason(reason), options.where(registry)
    keys = options.load_keys(key_sources, password_file)
    if not keys and not dry_run:
        raise Usage("a --key is wanted", hint="to see what it would void: --dry-run")
    options.check_can_ask(yes or dry_run, as_json)
    planned = plan(asked, word, where, everywhere=everywhere, replacement=other)
    if dry_run:
        if as_json:
            output.emit({"verdict": "dry-run", "exit": 0, **_facts(planned)})
        elif not quiet:
            output.say(f"DRY RUN {_name(planned)}: nothing was sent, nothing was written")
            _show(planned, output.line)
        return 0
    if not yes:
        output.tell(f"About to revoke {_name(planned)} ({word}), for ever:")
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
            output.say(f"REVOKED ({word}) {_name(planned)}: leaf {done.logged} of {planned.record.origin}")
        else:
            output.say(
                f"PENDING {_name(planned)}: {done.waits_for}; {'it was sent' if done.sent else 'nothing was sent'}"
            )
        _show(planned, output.line)
        if done.draft is not None:
            draft = escaped(str(done.draft))
            output.line("draft", f"{draft}; the next person: modelseal record sign {draft} --key FILE --submit")
    return status


def _name(planned: Plan) -> str:
    release = planned.target.release
    return f"{release.repo.removeprefix('hf://')}@{release.revision}"


def _show(planned: Plan, line: Callable[[str, str], None]) -> None:
    """Say what is voided, by *line* on stdout or stderr."""
    if planned.record.reason == "superseded":
        line("voids", "nothing: superseded only says that there is a newer one")
    for name in planned.voids:
        line("voids", name)
    if planned.record.fileset is not None and planned.record.reason != "superseded":
        namespace = planned.record.namespace.removeprefix("hf://")
        line("voids", f"the same files in every other repo of {namespace}, and sealed again at any time")
    if planned.record.replacement:
        line("instead", planned.record.replacement)


def _facts(planned: Plan) -> dict[str, object]:
    release = planned.target.release
    return {
        "repo": release.repo,
        "revision": release.revision,
        "reason": planned.record.reason,
        "everywhere": planned.record.fileset is not None,
        "voids": list(planned.voids),
        "replacement": planned.record.replacement,
    }


COMMANDS = (revoke,)
