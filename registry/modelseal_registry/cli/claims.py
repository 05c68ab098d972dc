"""modelseal-registry claims list, show, approve, refuse"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal.formats import names
from modelseal_registry.cli import PROGRAM, common

if TYPE_CHECKING:
    from modelseal_registry.claims import Waiting
    from modelseal_registry.config import Place


@click.group()
def claims() -> None:
    """Decide about claims: who owns a namespace.

    A claim is named NS@DIGEST, at least 12 hex digits; `claims list` prints them.
    """


LIST = """\b
Exit status: 0   2 usage

\b
Example:
  modelseal-registry --dir ./reg claims list --state ready
"""


@claims.command("list", epilog=LIST)
@click.option(
    "--state", type=click.Choice(["ready", "waiting"]), help="Only those ready to decide, or that wait for signatures."
)
@options.common
@common.in_folder
def list_(place: Place, state: str | None, as_json: bool, quiet: bool) -> int:
    """List the claims that nobody has decided about."""
    from modelseal_registry import approve

    found = approve.look(place, state)
    now = int(time.time())
    if as_json:
        output.emit({"verdict": "listed", "exit": 0, "claims": [_value(one) for one in found]})
        return 0
    if quiet:
        for one in found:
            output.say(one.name)
        return 0
    rows = [("NAMESPACE", "AGE", "SIGNED", "STATE", "CLAIM")]
    for one in found:
        age = times.span(max(0, now - one.stored.received))
        state_ = one.state + (", a change" if one.known else "")
        rows.append((names.short(one.claim.namespace), age, f"{one.signed} of {one.threshold}", state_, one.name))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows if found else ():
        output.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    ready = sum(one.state == "ready" for one in found)
    output.say(f"{len(found)} claims: {ready} ready, {len(found) - ready} waiting")
    for one in [one for one in found if one.state == "ready"][:1]:
        output.line("next", f"{PROGRAM} claims show {one.name}")
    return 0


SHOW = """\b
Exit status: 0   1 there is no such claim   2 usage

\b
Example:
  modelseal-registry --dir ./reg claims show acme-lab@0123456789ab
"""


@claims.command(epilog=SHOW)
@click.argument("name", metavar="NS@DIGEST")
@options.common
@common.in_folder
def show(place: Place, name: str, as_json: bool, quiet: bool) -> int:
    """Show what a claim says and who signed it."""
    from modelseal_registry import approve

    found = approve.find(place, name)
    claim, stored = found.claim, found.stored
    if as_json:
        output.emit({"verdict": found.state, "exit": 0, **_value(found)})
        return 0
    if quiet:
        output.say(stored.digest.hex())
        return 0
    output.say(
        f"{found.state.upper()} {names.short(claim.namespace)}: a {'change' if found.known else 'first claim'}, "
        "checked by nobody yet"
    )
    output.lines(
        [
            ("claim", f"sha256:{stored.digest.hex()}, received {times.utc(stored.received)}"),
            ("title", claim.title),
            ("domain", claim.domain or "none"),
            ("signed", f"by {found.signed} of {found.threshold} controllers"),
        ]
    )
    for label, values in (
        ("accounts", claim.accounts),
        ("former", claim.former),
        ("families", claim.families),
        ("repubs", claim.republishers),
    ):
        if values:
            output.line(label, ", ".join(values))
    if claim.key_set:
        output.line("control", "\n".join(f"SHA256:{key.sha256.hex()}" for key in claim.key_set.controllers))
        if claim.key_set.signers:
            output.line(
                "signers", "\n".join(f"SHA256:{one.key.sha256.hex()} for {one.scope}" for one in claim.key_set.signers)
            )
    if stored.reason:
        output.line("reason", output.escaped(stored.reason))
    if found.state == "ready":
        output.line("next", f"{PROGRAM} claims approve {found.name} --without-evidence REASON")
    return 0


APPROVE = """\b
Exit status: 0 logged   1 refused   2 usage   6 unavailable   10 signed and sent, not yet logged

\b
Example:
  modelseal-registry --dir ./reg claims approve acme-lab@0123456789ab \\
      --without-evidence "a registry of our own company"
"""


@claims.command(epilog=APPROVE)
@click.argument("name", metavar="NS@DIGEST")
@click.option(
    "--without-evidence", "reason", metavar="REASON", required=True,
    help="Admit it on the operators' word: every consumer sees (owner not checked). REASON stays in the database.",
)  # fmt: skip
@click.option(
    "--resembles", metavar="NS", multiple=True, help="It looks like this other namespace, and says so; repeatable."
)
@click.option(
    "--key",
    "key_sources",
    metavar="FILE|-|env:NAME",
    multiple=True,
    help="The operators' key [the one for trying out].",
)
@click.option("--password-file", metavar="FILE", help="The password of the key: the first line of this file.")
@options.common
@common.in_folder
def approve(
    place: Place,
    name: str,
    reason: str,
    resembles: tuple[str, ...],
    key_sources: tuple[str, ...],
    password_file: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Sign a claim into the log: from then on its keys speak for the namespace."""
    from modelseal_registry import approve as journey

    keys = options.load_keys(key_sources, password_file)
    done = journey.approve(place, name, reason=reason, resembles=resembles, keys=keys)
    if as_json:
        output.emit({"verdict": "approved", "exit": 0, "index": done.index, **_value(done.claim)})
    elif quiet:
        output.say(str(done.index))
    else:
        claim = done.claim.claim
        output.say(f"APPROVED {names.short(claim.namespace)} as {claim.title} (owner not checked)")
        output.line("log", f"leaf {done.index}")
        output.line("claim", f"sha256:{done.claim.stored.digest.hex()}")
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
        output.emit({"verdict": "refused", "exit": 0, **_value(found)})
    elif not quiet:
        output.say(f"REFUSED {found.name}: {output.escaped(reason)}")
    return 0


def _value(one: Waiting) -> dict[str, Any]:
    claim = one.claim
    return {
        "namespace": claim.namespace,
        "digest": one.stored.digest.hex(),
        "name": one.name,
        "received": one.stored.received,
        "signed": one.signed,
        "threshold": one.threshold,
        "state": one.state,
        "change": one.known,
        "untrusted": {"title": claim.title, "domain": claim.domain},
    }


COMMANDS = (claims,)
