"""modelseal object"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped

if TYPE_CHECKING:
    from modelseal.journeys.objection import Waiting

EPILOG = """\b
Exit status:
  0 objected; without --key: nothing waits   1 refused, or objected already   2 usage   6 UNAVAILABLE
  8 LOG MISBEHAVED   10 without --key: a change waits; with it: sent, and not logged yet

\b
Examples:
  modelseal object hf://acme-lab
  modelseal object hf://acme-lab --key ana.key
"""


@click.command("object", epilog=EPILOG)
@click.argument("namespace", metavar="NS")
@click.argument("digest", metavar="[DIGEST]", required=False)
@options.signing
@options.registry
@options.common
def objection(
    namespace: str,
    digest: str | None,
    key_sources: tuple[str, ...],
    password_file: str | None,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Object to new keys of a namespace that are not in force yet: they wait 14 days longer, once.

    For a controller who did not want the change; it is time to tell the other controllers or the registry's operators.
    Without --key it says what waits. DIGEST (12 hex digits or more) says which, where two changes wait.
    """
    from modelseal.journeys import objection as journey
    from modelseal.journeys import typed

    name = typed.namespace(namespace if namespace.startswith("hf://") else "hf://" + namespace)
    where, keys = options.where(registry), options.load_keys(key_sources, password_file)
    seen = journey.look(name, where)
    short = name.removeprefix("hf://")
    if not keys:
        status = 10 if seen.waiting else 0
        if as_json:
            found = {"verdict": "pending" if status else "clean", "exit": status, "namespace": seen.namespace}
            nothing = {"record": None, "leaf": None, "waits_for": None}
            output.emit({**found, **nothing, "waiting": [_value(one) for one in seen.waiting]})
        elif quiet:
            for one in seen.waiting:
                output.say(one.change.digest.hex())
        else:
            output.say(f"PENDING {short}: new keys wait" if status else f"CLEAN {short}: no change of its keys waits")
            for one in seen.waiting:
                _show(one)
                if not one.objected:
                    output.line("next", f"modelseal object {name} {one.change.digest.hex()[:12]} --key FILE")
        return status
    done = journey.object_to(seen, digest, keys, where)
    status = 0 if done.logged is not None else 10
    if as_json:
        value = {"verdict": "pending" if status else "objected", "exit": status, "namespace": seen.namespace}
        facts = {"record": done.record.hex(), "leaf": done.logged, "waits_for": done.waits_for}
        output.emit({**value, **facts, "waiting": [_value(done.target)]})
    elif not quiet:
        says = (
            f"leaf {done.logged}, the change waits 14 days longer" if status == 0 else f"{done.waits_for}; it was sent"
        )
        output.say(f"{'PENDING' if status else 'OBJECTED'} {short}: {says}")
        _show(done.target)
    return status


def _show(one: Waiting) -> None:
    from modelseal.times import utc

    whose = "by the owner's keys" if one.kind == "keys" else "by the operators, to recover it"
    output.line("change", f"{one.change.digest.hex()}, leaf {one.change.index}, {whose}")
    output.line("in force", f"{utc(one.change.due)}{', 14 days later by an objection' if one.objected else ''}")
    for text in one.changes:
        output.line("makes", escaped(text, longest=1000))


def _value(one: Waiting) -> dict[str, Any]:
    return {
        "type": one.kind,
        "record": one.change.digest.hex(),
        "leaf": one.change.index,
        "due": one.change.due,
        "objected": one.objected,
        "changes": [escaped(text, longest=1000) for text in one.changes],
    }


COMMANDS = (objection,)
