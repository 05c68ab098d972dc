"""modelseal-registry claims list, show, approve, refuse, confusables"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal.formats import names
from modelseal_registry.cli import PROGRAM, claimed, common

if TYPE_CHECKING:
    from modelseal_registry.claims import Waiting
    from modelseal_registry.config import Place


@click.group()
def claims() -> None:
    """Decide about claims: who owns a namespace.

    A claim is named NS@DIGEST, at least 12 hex digits; `claims list` prints them.
    """


LIST = """\b
States:
  look     somebody must look: it reads as another name (see claims confusables), its evidence
           is gone or has changed, the Hub says another owner. Claims in force are listed too then.
  ready    enough controllers have signed, and its evidence was found
  waiting  for signatures, or for the owner to publish its digest

\b
Exit status: 0   2 usage

\b
Example:
  modelseal-registry --dir ./reg claims list --state look
"""


@claims.command("list", epilog=LIST)
@click.option("--state", type=click.Choice(["look", "ready", "waiting"]), help="Only those in this state.")
@options.common
@common.in_folder
def list_(place: Place, state: str | None, as_json: bool, quiet: bool) -> int:
    """List the claims that nobody has decided about, what needs eyes first."""
    from modelseal_registry import approve

    found = approve.look(place, state)
    now = int(time.time())
    if as_json:
        output.emit({"verdict": "listed", "exit": 0, "claims": [claimed.value(one) for one in found]})
        return 0
    if quiet:
        for one in found:
            output.say(one.name)
        return 0
    rows: list[tuple[str, ...]] = [("NAMESPACE", "AGE", "HUB", "DOMAIN", "SIGNED", "RESEMBLES", "STATE", "CLAIM")]
    rows += [claimed.row(one, now) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if found else ():
        output.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    counts = ", ".join(f"{sum(one.state == word for one in found)} {word}" for word in ("look", "ready", "waiting"))
    output.say(f"{len(found)} claims: {counts}")
    for one in [one for one in found if one.state != "waiting"][:1]:
        output.line("next", f"{PROGRAM} claims show {one.name}")
    return 0


SHOW = """\b
With --save the evidence is looked for now, and FILE.record is the record that admits the claim on
it, for operators whose keys are elsewhere. It says whom the claim reads as. Then, with each key:
  modelseal record sign FILE.record --key OPERATOR.key
  modelseal record submit FILE.record

\b
Exit status: 0   1 there is no such claim, or with --save: its evidence is missing   2 usage
             6 unavailable

\b
Example:
  modelseal-registry --dir ./reg claims show acme-lab@0123456789ab --save acme-lab.record
"""


@claims.command(epilog=SHOW)
@click.argument("name", metavar="NS@DIGEST")
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the record to sign with keys elsewhere."
)
@options.common
@common.in_folder
def show(place: Place, name: str, save: Path | None, as_json: bool, quiet: bool) -> int:
    """Show what a claim says, who signed it, what was found, and beside it whom it resembles."""
    from modelseal_registry import approve

    if save:
        options.check_parent(save)
    shown = approve.show(place, name, save)
    found = shown.claim
    claim, stored = found.claim, found.stored
    if as_json:
        output.emit(
            {
                "verdict": found.state, "exit": 0, **claimed.value(found), "others": list(shown.others),
                "draft": str(shown.draft) if shown.draft else None,
            }
        )  # fmt: skip
        return 0
    if quiet:
        output.say(stored.digest.hex())
        return 0
    kind = "in force" if found.in_force else "a change" if found.known else "a first claim"
    output.say(f"{found.state.upper()} {names.short(claim.namespace)}: {kind}")
    for reason in found.reasons:
        output.line("look", output.escaped(reason, longest=300))
    output.line("claim", f"sha256:{stored.digest.hex()}, received {times.utc(stored.received)}")
    output.line("signed", f"by {found.signed} of {found.threshold} controllers")
    claimed.say_place("Hub", found.evidence.hub, found.evidence.owner_id)
    claimed.say_place("site", found.evidence.domain, None)
    for label, values in (("accounts", claim.accounts), ("former", claim.former), ("repubs", claim.republishers)):
        if values:
            output.line(label, ", ".join(values))
    if claim.key_set and claim.key_set.signers:
        output.line(
            "signers", "\n".join(f"SHA256:{one.key.sha256.hex()} for {one.scope}" for one in claim.key_set.signers)
        )
    claimed.say_beside(shown)
    if stored.reason:
        output.line("reason", output.escaped(stored.reason))
    if shown.others:
        output.line("also", "for the same name: " + ", ".join(shown.others))
    if shown.draft:
        output.line("wrote", str(shown.draft))
        output.line("next", f"modelseal record sign {shown.draft} --key OPERATOR.key")
    elif stored.state == "waiting" and found.signed_enough:
        more = "" if found.evidence.complete else " --without-evidence REASON"
        more += "".join(f" --resembles {names.short(one.namespace)}" for one in found.alike)
        output.line("next", f"{PROGRAM} claims approve {found.name}{more}")
    return 0


APPROVE = """\b
The evidence is looked for now: the claim's digest in modelseal.json on main of the Space NS/README,
and, if the claim names a domain, at https://DOMAIN/.well-known/modelseal.json or in its DNS.
What speaks against it is shown first, and wants a yes on a terminal or --yes.
With fewer keys than the operators' threshold NS.record is written for the next one.
A claim in force can be approved again, with other evidence or another --resembles.

\b
Exit status: 0 logged   1 refused, or evidence is missing   2 usage   6 unavailable
             10 not yet: more operators must sign, or it was sent and is not logged

\b
Example:
  modelseal-registry --dir ./reg claims approve acme-lab@0123456789ab --key operator.key
  modelseal-registry --dir ./reg claims approve acme-lab@0123456789ab \\
      --without-evidence "a registry of our own company"
"""


@claims.command(epilog=APPROVE)
@click.argument("name", metavar="NS@DIGEST")
@click.option(
    "--without-evidence", "reason", metavar="REASON",
    help="Admit it on the operators' word: every consumer sees (owner not checked). REASON stays in the database.",
)  # fmt: skip
@click.option(
    "--resembles",
    metavar="NS",
    multiple=True,
    help="It looks like this other namespace, and says so; repeatable; - for nobody [as before].",
)
@click.option(
    "--key",
    "key_sources",
    metavar="FILE|-|env:NAME",
    multiple=True,
    help="An operator's key; repeatable [the one for trying out].",
)
@click.option("--password-file", metavar="FILE", help="The password of the key: the first line of this file.")
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the record to sign with keys elsewhere."
)
@click.option("--yes", is_flag=True, help="Approve it whatever speaks against it.")
@options.common
@common.in_folder
def approve(
    place: Place,
    name: str,
    reason: str | None,
    resembles: tuple[str, ...],
    key_sources: tuple[str, ...],
    password_file: str | None,
    save: Path | None,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Sign a claim into the log: from then on its keys speak for the namespace."""
    from modelseal_registry import approve as journey

    if save:
        options.check_parent(save)

    def confirm(claim: Waiting, doubts: Sequence[str]) -> None:
        for doubt in doubts:
            output.tell(f"{PROGRAM}: warning: {claim.name}: {output.escaped(doubt, longest=300)}")
        if claim.alike:
            alike = " ".join(f"--resembles {names.short(one.namespace)}" for one in claim.alike)
            output.tell(f"{PROGRAM}: hint: so that every consumer sees it: {alike}")
        if not yes:
            options.check_can_ask(yes, as_json)
            options.ask("Approve it all the same?")

    keys = options.load_keys(key_sources, password_file)
    done = journey.approve(
        place, name, without=reason, resembles=resembles, keys=keys, save=save, confirm=confirm
    )  # fmt: skip
    claim = done.claim.claim
    short = names.short(claim.namespace)
    if done.draft:
        lacks = f"signed by {done.signed} of {done.threshold} operators"
        argv = f"modelseal record sign {done.draft} --key OPERATOR.key"
        if as_json:
            facts: dict[str, Any] = {"leaf": None, "waits_for": lacks, "draft": str(done.draft)}
            output.emit({"verdict": "pending", "exit": 10, **facts, **claimed.value(done.claim)})
        elif quiet:
            output.say(str(done.draft))
        else:
            output.say(f"PENDING {short}: {lacks}; nothing was sent")
            output.line("draft", f"{done.draft}; the next person: {argv}")
        return 10
    if as_json:
        facts = {"leaf": done.index, "waits_for": None, "draft": None}
        output.emit({"verdict": "approved", "exit": 0, **facts, **claimed.value(done.claim)})
    elif quiet:
        output.say(str(done.index))
    else:
        checked = f"({claim.domain})" if claim.domain else "(found on the Hub)"
        word = checked if done.identity.basis == "web" else "(owner not checked)"
        output.say(f"APPROVED {short} as {claim.title} {word}")
        output.line("log", f"leaf {done.index}")
        output.line("claim", f"sha256:{done.claim.stored.digest.hex()}")
        if done.identity.resembles:
            output.line("resembles", ", ".join(map(names.short, done.identity.resembles)))
        for digest in done.identity.evidence:
            output.line("evidence", f"blob/{digest.hex()}")
    return 0


REFUSE = """\b
Exit status: 0 closed   1 there is no such open claim   2 usage

\b
Example:
  modelseal-registry --dir ./reg claims refuse acme-lab@0123456789ab --reason not-the-owner
"""


@claims.command(epilog=REFUSE)
@click.argument("name", metavar="NS@DIGEST")
@click.option("--reason", metavar="WORD", required=True, help="Why; who claims again is told.")
@options.common
@common.in_folder
def refuse(place: Place, name: str, reason: str, as_json: bool, quiet: bool) -> int:
    """Close a claim without an identity; the log never hears of it."""
    from modelseal_registry import approve

    found = approve.refuse(place, name, reason)
    if as_json:
        output.emit({"verdict": "refused", "exit": 0, **claimed.value(found)})
    elif not quiet:
        output.say(f"REFUSED {found.name}: {output.escaped(reason)}")
    return 0


CONFUSABLES = """\b
Two names read alike if both become the same by this table. A claim whose namespace, title or family
reads as one that the log or its watch-list knows is shown as LOOK.

\b
Exit status: 0

\b
Example:
  modelseal-registry claims confusables
"""


@claims.command(epilog=CONFUSABLES)
@options.common
def confusables(as_json: bool, quiet: bool) -> int:
    """Print the table by which names read alike."""
    from modelseal.lookalike import CONFUSABLES as TABLE

    if as_json:
        rows = [{"characters": list(found), "read_as": to, "note": note} for found, to, note in TABLE]
        output.emit({"verdict": "listed", "exit": 0, "confusables": rows})
    elif not quiet:
        for found, to, note in TABLE:
            shown = " ".join("space" if one == " " else one for one in found)
            output.say(f"{shown:<16} {to or 'nothing':<8} {note}")
    return 0


COMMANDS = (claims,)
