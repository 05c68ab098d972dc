"""modelseal trust"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped

if TYPE_CHECKING:
    from modelseal.journeys.trust import Remembered
    from modelseal.root import Entry

STATUS = """\b
Exit status:
  0 done   1 refused: another fingerprint, expired, or trusted otherwise   2 usage   6 UNAVAILABLE
"""


@click.group()
def trust() -> None:
    """Say which registry you trust: it decides who every publisher is.

    Whoever runs it hands out one line, URL#sha256:HEX. Compare it over a channel that you trust.
    """


@trust.command(
    epilog=STATUS
    + """
\b
Examples:
  modelseal trust add https://registry.example#sha256:HEX
  modelseal trust add registry.trust --fingerprint HEX
"""
)
@click.argument("location", metavar="URL#sha256:HEX|URL|FILE")
@click.option("--fingerprint", metavar="HEX", help="SHA-256 of a root, where the address does not say it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.common
def add(location: str, fingerprint: str | None, yes: bool, quiet: bool, as_json: bool) -> int:
    """Trust a registry from now on. All of it is kept, or nothing."""
    from modelseal.journeys import trust as journey

    invitation = journey.read_invitation(location, fingerprint)
    options.check_can_ask(yes, as_json)
    host = escaped(invitation.host)
    if not quiet and not as_json:
        output.tell(f"{host} will decide who every publisher is")
    if not yes:
        options.ask("Trust it?")
    entry = journey.add(invitation)
    if as_json:
        output.emit({"verdict": "trusted", "exit": 0, **_facts(entry)})
    elif not quiet:
        output.say(f"TRUSTED {host}: it decides who every publisher is")
        _show(entry)
        output.line("next", "modelseal verify PATH --repo OWNER/NAME")
    return 0


@trust.command(epilog=STATUS + "\n\b\nExample:\n  modelseal trust status\n")
@options.common
def status(quiet: bool, as_json: bool) -> int:
    """Say which registries are trusted, and what is remembered of their logs. Nobody is asked."""
    from modelseal.journeys import trust as journey

    found = journey.status()
    if as_json:
        output.emit({"verdict": "trusted", "exit": 0, "registries": [_facts(*one) for one in found]})
    elif quiet:
        for entry, _ in found:
            output.say(entry.url)
    else:
        for entry, memory in found:
            output.say(f"TRUSTED {escaped(entry.url)}")
            _show(entry, memory)
    return 0


@trust.command(epilog=STATUS + "\n\b\nExample:\n  modelseal trust save registry.trust\n")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@options.common
def save(file: Path, quiet: bool, as_json: bool) -> int:
    """Write the trust root to a new file, for a machine that cannot reach the registry."""
    from modelseal.journeys import trust as journey

    options.check_parent(file.expanduser())
    entry = journey.save(file.expanduser())
    if as_json:
        output.emit({"verdict": "done", "exit": 0, "wrote": [str(file)], **_facts(entry)})
    elif not quiet:
        output.say(f"SAVED {escaped(entry.url)} to {escaped(str(file))}")
        output.line("next", f"there: modelseal trust add {escaped(str(file))} --fingerprint {entry.fingerprint.hex()}")
        output.line("note", "tell the fingerprint over another channel than the file: the file alone proves nothing")
    return 0


@trust.command(epilog=STATUS + "\n\b\nExample:\n  modelseal trust remove https://registry.example\n")
@click.argument("address", metavar="URL")
@options.common
def remove(address: str, quiet: bool, as_json: bool) -> int:
    """Trust a registry no more, and forget what was seen of its log."""
    from modelseal.journeys import trust as journey

    entry, forgotten = journey.remove(address)
    if as_json:
        output.emit({"verdict": "removed", "exit": 0, **_facts(entry, forgotten)})
    elif not quiet:
        output.say(f"REMOVED {escaped(entry.url)}: it decides nothing any more")
        output.line("forgotten", _memory(forgotten) if forgotten else "what was remembered of its log (unreadable)")
        output.line("kept", "seals, evidence and saved trust roots, where they lie")
        again = f"modelseal trust add {entry.url}#sha256:{entry.fingerprint.hex()}"
        output.line("undo", f"{escaped(again, longest=500)}    (but what was forgotten stays so)")
    return 0


@trust.command(
    epilog=STATUS
    + """
\b
Examples:
  modelseal trust mirror https://mirror.example
  modelseal trust mirror ./mirror/public --remove
"""
)
@click.argument("location", metavar="URL|FOLDER")
@click.option("--remove", is_flag=True, help="Ask there no more.")
@options.common
def mirror(location: str, remove: bool, quiet: bool, as_json: bool) -> int:
    """Ask one more address of the trusted registry. It is trusted no more than the others."""
    from modelseal.journeys import trust as journey

    entry = journey.mirror(location, remove=remove)
    if as_json:
        output.emit({"verdict": "done", "exit": 0, **_facts(entry)})
    elif not quiet:
        output.say(f"{'REMOVED' if remove else 'ADDED'} {escaped(location)}, an address of {entry.trust.origin}")
        for address in entry.addresses:
            output.line("asks", escaped(address))
    return 0


def _show(entry: Entry, memory: Remembered | None = None) -> None:
    from modelseal.times import span, utc

    known, policy = entry.trust, entry.trust.policy
    output.line("log", f"{known.origin}, which begins with leaf {known.leaf0.hex()}")
    output.line("root", f"{entry.root}, known by sha256:{entry.fingerprint.hex()}")
    output.line("expires", ", ".join(f"{role} {utc(when)}" for role, when in entry.expires.items()))
    output.line("refreshed", utc(entry.refreshed) if entry.refreshed else "never, it came from a file")
    if policy.quorum:
        liars = f"{policy.liars} of registry and mirrors may lie together"
        output.line("quorum", f"{policy.quorum} of {len(policy.witnesses)} mirrors; {liars}")
    else:
        output.line("quorum", "none: it is the registry's word only")
    output.line("max age", span(known.max_age))
    for holder in known.holders:
        output.line("held by", escaped(holder))
    for address in entry.addresses:
        output.line("asks", escaped(address))
    if entry.place != entry.folder:
        output.line("because", f"of {escaped(str(entry.place))}")
    if memory is not None:
        output.line("remembers", _memory(memory))


def _memory(memory: Remembered) -> str:
    from modelseal.times import utc

    head = f"{memory.head.size} leaves, {utc(memory.head.time)}" if memory.head else "nothing of the log yet"
    count = memory.revocations
    return f"{head}; {count} revocation{'' if count == 1 else 's'} seen"


def _facts(entry: Entry, memory: Remembered | None = None) -> dict[str, Any]:
    known = entry.trust
    value: dict[str, Any] = {
        "origin": known.origin,
        "url": entry.url,
        "leaf0": known.leaf0.hex(),
        "fingerprint": f"sha256:{entry.fingerprint.hex()}",
        "root": entry.root,
        "expires": dict(entry.expires),
        "refreshed": entry.refreshed,
        "quorum": known.policy.quorum,
        "mirrors": len(known.policy.witnesses),
        "max_age": known.max_age,
        "addresses": list(entry.addresses),
        "untrusted": {"holders": [escaped(holder) for holder in known.holders]},
    }
    if memory is not None:
        size = memory.head.size if memory.head else None
        value["memory"] = {"size": size, "revocations": memory.revocations}
    return value


COMMANDS = (trust,)
