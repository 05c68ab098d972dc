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

_namespace = click.option("--for", "namespace", metavar="NS", help="Of the registry that decides about this namespace.")


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
  modelseal trust add https://seals.corp.example#sha256:HEX --for corp --for 'corp-*'
"""
)
@click.argument("location", metavar="URL#sha256:HEX|URL|FILE", shell_complete=options.complete_files)
@click.option("--fingerprint", metavar="HEX", help="SHA-256 of a root, where the address does not say it.")
@click.option(
    "--for",
    "only",
    metavar="GLOB",
    multiple=True,
    help="It decides about this namespace, or with a * at the end about all that begin so, and no others.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.common
def add(location: str, fingerprint: str | None, only: tuple[str, ...], yes: bool, quiet: bool, as_json: bool) -> int:
    """Trust a registry from now on. All of it is kept, or nothing.

    One registry decides about every name. Others are trusted with --for, each about some namespaces: there nobody else
    is asked, also when it does not answer.
    """
    from modelseal.journeys import trust as journey
    from modelseal.root import globs

    invitation = journey.read_invitation(location, fingerprint)
    only = tuple(globs.parse(glob) for glob in only)
    options.check_can_ask(yes, as_json)
    host = escaped(invitation.host)
    if not quiet and not as_json:
        output.tell(f"{host} will decide who {_whom(only)}")
    if not yes:
        options.ask("Trust it?")
    entry = journey.add(invitation, only)
    if as_json:
        output.emit({"verdict": "trusted", "exit": 0, **_facts(entry)})
    elif not quiet:
        output.say(f"TRUSTED {host}: it decides who {_whom(entry.globs)}")
        _show(entry)
        output.line("next", "modelseal verify PATH --repo OWNER/NAME")
    return 0


@trust.command(
    epilog="""\b
Exit status:
  0 trusted   1 with a warning: something has expired or will soon, or the clock here is wrong
  2 usage   6 UNAVAILABLE (nobody is trusted)

\b
Example:
  modelseal trust status
"""
)
@options.common
def status(quiet: bool, as_json: bool) -> int:
    """Say which registries are trusted, until when, and what is remembered of their logs. Nobody is asked."""
    import time

    from modelseal.journeys import trust as journey

    now = int(time.time())
    found = [(entry, memory, journey.warnings(entry, memory, now)) for entry, memory in journey.status()]
    code = 1 if any(warnings for *_, warnings in found) else 0
    if as_json:
        registries = [_facts(entry, memory, now) | {"warnings": warnings} for entry, memory, warnings in found]
        output.emit({"verdict": "trusted", "exit": code, "registries": registries})
    elif quiet:
        for entry, *_ in found:
            output.say(entry.url)
    else:
        for entry, memory, warnings in found:
            output.say(f"TRUSTED {escaped(entry.url)}: it decides who {_whom(entry.globs)}")
            for warning in warnings:
                output.line("warning", warning)
            _show(entry, memory, now)
    return code


@trust.command(epilog=STATUS + "\n\b\nExample:\n  modelseal trust save registry.trust\n")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_namespace
@options.common
def save(file: Path, namespace: str | None, quiet: bool, as_json: bool) -> int:
    """Write the trust root to a new file, for a machine that cannot reach the registry."""
    from modelseal.journeys import trust as journey

    options.check_parent(file.expanduser())
    entry = journey.save(file.expanduser(), _named(namespace))
    if as_json:
        output.emit({"verdict": "done", "exit": 0, "wrote": [str(file)], **_facts(entry)})
    elif not quiet:
        output.say(f"SAVED {escaped(entry.url)} to {escaped(str(file))}")
        there = f"modelseal trust add {escaped(str(file))} --fingerprint {entry.fingerprint.hex()}{_options(entry)}"
        output.line("next", f"there: {there}")
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
        again = f"modelseal trust add {entry.url}#sha256:{entry.fingerprint.hex()}{_options(entry)}"
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
@click.argument("location", metavar="URL|FOLDER", shell_complete=options.complete_files)
@click.option("--remove", is_flag=True, help="Ask there no more.")
@_namespace
@options.common
def mirror(location: str, remove: bool, namespace: str | None, quiet: bool, as_json: bool) -> int:
    """Ask one more address of the trusted registry. It is trusted no more than the others."""
    from modelseal.journeys import trust as journey

    entry = journey.mirror(location, _named(namespace), remove=remove)
    if as_json:
        output.emit({"verdict": "done", "exit": 0, **_facts(entry)})
    elif not quiet:
        output.say(f"{'REMOVED' if remove else 'ADDED'} {escaped(location)}, an address of {entry.trust.origin}")
        for address in entry.addresses:
            output.line("asks", escaped(address))
    return 0


def _named(namespace: str | None) -> str | None:
    from modelseal.journeys import typed

    return typed.namespace(f"hf://{namespace.removeprefix('hf://')}") if namespace is not None else None


def _whom(only: tuple[str, ...]) -> str:
    from modelseal.root import globs

    return f"the publishers of {globs.shown(only)} are, and nobody else" if only else "every publisher is"


def _options(entry: Entry) -> str:
    """Return the --for of the command that adds it again."""
    return "".join(f" --for '{glob}'" if "*" in glob else f" --for {glob}" for glob in entry.globs)


def _show(entry: Entry, memory: Remembered | None = None, now: int | None = None) -> None:
    from modelseal.times import span, utc

    known, policy = entry.trust, entry.trust.policy
    output.line("log", f"{known.origin}, which begins with leaf {known.leaf0.hex()}")
    output.line("log key", policy.log.encode())
    output.line("root", f"{entry.root}, known by sha256:{entry.fingerprint.hex()}")
    output.line("expires", "\n".join(_until(role, when, now) for role, when in entry.expires.items()))
    output.line("refreshed", utc(entry.refreshed) if entry.refreshed else "never, it came from a file")
    if policy.quorum:
        liars = f"{policy.liars} of registry and mirrors may lie together"
        output.line("quorum", f"{policy.quorum} of {len(policy.witnesses)} mirrors; {liars}")
        for witness in policy.witnesses:
            output.line("mirror", witness.encode())
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
        output.line("remembers", _memory(memory, now))


def _until(role: str, when: int, now: int | None) -> str:
    from modelseal.times import span, utc

    left = f" (in {span(when - now)})" if now is not None and when > now else ""
    return f"{role} {utc(when)}{left}"


def _memory(memory: Remembered, now: int | None = None) -> str:
    from modelseal.times import span, utc

    head = "nothing of the log yet"
    if memory.head:
        ago = f" ({span(now - memory.head.time)} ago)" if now is not None else ""
        head = f"{memory.head.size} leaves, proven for {utc(memory.head.time)}{ago}"
    count = memory.revocations
    return f"{head}; {count} revocation{'' if count == 1 else 's'} seen"


def _facts(entry: Entry, memory: Remembered | None = None, now: int | None = None) -> dict[str, Any]:
    known, policy = entry.trust, entry.trust.policy
    value: dict[str, Any] = {
        "origin": known.origin,
        "url": entry.url,
        "for": list(entry.globs),
        "leaf0": known.leaf0.hex(),
        "fingerprint": f"sha256:{entry.fingerprint.hex()}",
        "root": entry.root,
        "expires": dict(entry.expires),
        "refreshed": entry.refreshed,
        "log_key": policy.log.encode(),
        "quorum": policy.quorum,
        "mirrors": len(policy.witnesses),
        "witnesses": [witness.encode() for witness in policy.witnesses],
        "liars": policy.liars,
        "max_age": known.max_age,
        "addresses": list(entry.addresses),
        "because": None if entry.place == entry.folder else str(entry.place),
        "untrusted": {"holders": [escaped(holder) for holder in known.holders]},
    }
    if now is not None:
        value["days"] = {role: (when - now) // 86_400 for role, when in entry.expires.items()}
    if memory is not None:
        size, time = (memory.head.size, memory.head.time) if memory.head else (None, None)
        value["memory"] = {"size": size, "time": time, "revocations": memory.revocations}
    return value


COMMANDS = (trust,)
