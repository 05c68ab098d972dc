"""What `show` prints, for people and for programs. Nothing is looked up or judged here."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from modelseal.cli import output
from modelseal.cli.output import escaped
from modelseal.cli.report import MAX_SHOWN, log_line
from modelseal.formats.names import short
from modelseal.reports.value import seen_json
from modelseal.reports.words import MAX_SEEN, seen_line
from modelseal.times import utc

if TYPE_CHECKING:
    from modelseal.journeys.show import Unverified
    from modelseal.lockfile import Entry, Lock
    from modelseal.state import Change, Namespace
    from modelseal.verdict import Decision, Standing


def repo(decision: Decision, elsewhere: bool) -> None:
    name = short(decision.repo or decision.asked.repo)
    says = escaped(decision.says, longest=2000)
    if elsewhere:
        which = f"{name}@{decision.asked.revision}{_registry(decision)}"
        output.say(f"NOT SEALED {which}: shown is the newest release of the repo")
    elif decision.word is None:
        word = "SEALED" if decision.quorum else "SEALED (registry's word only)"
        output.say(f"{word} {name}{_registry(decision)}, by {_owner(decision)}")
    else:
        output.say(f"{decision.qualifier or decision.word.text} {name}{_registry(decision)}{says}")
    if decision.chosen is not None:
        release = decision.chosen.release
        output.line("revision", release.revision)
        output.line("seal", f"sha256:{release.seal.hex()}")
        output.line("key", f"SHA256:{release.signer.sha256.hex()}")
        output.line("files", f"{release.files}, {output.size(release.total_bytes)}")
        for line in _files(decision):
            output.line("file", line)
    if decision.time is not None:
        output.line("log", log_line(decision, decision.chosen))
    for one in reversed(decision.releases):
        output.line("release", _standing(one))
    for seen in reversed(decision.seen[-MAX_SEEN:]):
        output.line("seen", seen_line(seen))
    for note in decision.notes:
        output.line("note", escaped(note, longest=1000))
    if decision.word is None:
        output.line("next", f"modelseal verify PATH --repo {name}")


def _registry(decision: Decision) -> str:
    return f" (registry {escaped(decision.registry)})" if decision.registry else ""


def _owner(decision: Decision) -> str:
    publisher = decision.publisher
    return f"{escaped(str(publisher))}{'' if publisher and publisher.checked else ' (owner not checked)'}"


def _files(decision: Decision) -> list[str]:
    if decision.statement is None:
        return []
    files = decision.statement.files
    most = MAX_SHOWN if sys.stdout.isatty() else len(files)
    lines = [f"sha256:{output.digest(file.sha256.hex())}  {file.size} bytes  {escaped(file.name)}" for file in files]
    return lines[:most] + ([f"{len(lines) - most} more; --json lists all"] if len(lines) > most else [])


def _standing(one: Standing) -> str:
    state = f"REVOKED ({one.voided.reason})" if one.voided else "valid"
    return f"{one.sealed.release.revision}, leaf {one.sealed.index}, {utc(one.sealed.time)}, {state}"


def repo_json(decision: Decision, elsewhere: bool) -> dict[str, Any]:
    chosen, publisher, statement = decision.chosen, decision.publisher, decision.statement
    word = "not-sealed" if elsewhere else "sealed" if decision.word is None else decision.word.value
    return {
        "verdict": word,
        "use": "no" if decision.word else "ask",  # no bytes were looked at
        "repo": decision.repo or decision.asked.repo,
        "revision": chosen.release.revision if chosen else None,
        "publisher": publisher
        and {"namespace": publisher.namespace, "domain": publisher.domain, "owner_checked": publisher.checked},
        "mirrors": decision.quorum,
        "as_of": decision.time,
        "says": escaped(f"{decision.qualifier}{decision.says}".strip(": "), longest=2000),
        "registry": decision.registry,
        "log": {"origin": decision.origin, "leaf": chosen.index if chosen else None, "size": decision.size},
        "seal": chosen.release.seal.hex() if chosen else None,
        "key": f"SHA256:{chosen.release.signer.sha256.hex()}" if chosen else None,
        "releases": [
            {
                "revision": one.sealed.release.revision,
                "leaf": one.sealed.index,
                "time": one.sealed.time,
                "revoked": one.voided.reason if one.voided else None,
            }
            for one in decision.releases
        ],
        "seen": [seen_json(one) for one in decision.seen[-MAX_SEEN:]],
        "notes": [escaped(note, longest=1000) for note in decision.notes],
        "untrusted": {
            "title": escaped(publisher.title) if publisher else None,
            "files": [
                {"name": escaped(file.name), "size": file.size, "sha256": file.sha256.hex()}
                for file in (statement.files if statement else ())
            ],
        },
    }


def namespace(name: str, decision: Decision, owner: Namespace | None) -> None:
    if owner is None:
        proof = f"(proof of absence in a log of {decision.size} leaves)"
        output.say(f"UNKNOWN {name}{_registry(decision)}: nobody's claim of it is approved {proof}")
        return
    output.say(f"REGISTERED {owner.claim.namespace}{_registry(decision)}, {_owner(decision)}")
    for key, text in (*_facts(owner), *_waits(owner, decision)):
        output.line(key, escaped(text, longest=1000))
    output.line("log", log_line(decision, None))
    if owner.pending or owner.recovery:
        output.line("next", f"for a controller who did not want it: modelseal object {owner.claim.namespace}")


def _facts(owner: Namespace) -> list[tuple[str, str]]:
    from modelseal.journeys.words import TEXT_FIELDS, key_lines, shown

    says = [
        ("claim", f"{name}: {shown(getattr(owner.claim, name))}") for name in TEXT_FIELDS if getattr(owner.claim, name)
    ]
    says += [("keys", line) for line in key_lines(owner.key_set)]
    says.append(("chain", f"record {owner.seq} of the owner, turn {owner.turn} of the operators"))
    if owner.identity.resembles:
        says.append(("operators", f"they say it resembles {shown(owner.identity.resembles)}"))
    says += [("voided", f"contents {fileset.hex()} ({voided.reason})") for fileset, voided in owner.filesets.items()]
    return says


def _waits(owner: Namespace, decision: Decision) -> list[tuple[str, str]]:
    """Return what is not as it was claimed: what waits, what is stopped, and who decides about that."""
    from modelseal.journeys.words import change_lines

    says = [("voided", f"all by SHA256:{key.sha256.hex()} ({voided.reason})") for key, voided in owner.signers.items()]
    if suspension := owner.suspended(decision.time or 0):
        says.append(("suspended", f"{utc(suspension.since)} to {utc(suspension.until)} ({suspension.reason})"))
    if owner.retired:
        says.append(("retired", f"{utc(owner.retired.time)} ({owner.retired.reason}); nothing new, for ever"))
    for key, change in (("pending", owner.pending), ("recovery", owner.recovery)):
        says += [(key, line) for line in change_lines(change, owner.key_set)] if change else []
    if decision.state and (operators := decision.state.operators):
        says.append(("registry", f"operators version {operators.seq}, {operators.threshold} of {len(operators.keys)}"))
    return says


def namespace_json(name: str, decision: Decision, owner: Namespace | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "verdict": "registered" if owner else "unknown",
        "namespace": owner.claim.namespace if owner else name,
        "as_of": decision.time,
        "registry": decision.registry,
        "log": {"origin": decision.origin, "size": decision.size},
        "untrusted": {},
    }
    if owner:
        value |= {
            "domain": owner.claim.domain,
            "owner_checked": owner.identity.basis == "web",
            "keys": owner.key_set.value(),
            "chain": owner.seq,
            "turn": owner.turn,
            **_waits_json(owner, decision),
            "untrusted": {"title": escaped(owner.claim.title)},
        }
    return value


def _waits_json(owner: Namespace, decision: Decision) -> dict[str, Any]:
    def change(waiting: Change | None) -> dict[str, Any] | None:
        if waiting is None:
            return None
        return {
            "record": waiting.digest.hex(), "leaf": waiting.index, "due": waiting.due, "keys": waiting.key_set.value(),
        }  # fmt: skip

    suspension = owner.suspended(decision.time or 0)
    operators = decision.state.operators if decision.state else None
    return {
        "pending": change(owner.pending),
        "recovery": change(owner.recovery),
        "suspended": suspension and {"since": suspension.since, "until": suspension.until, "reason": suspension.reason},
        "retired": owner.retired and {"time": owner.retired.time, "reason": owner.retired.reason},
        "voided_signers": sorted(f"SHA256:{key.sha256.hex()}" for key in owner.signers),
        "voided_contents": sorted(fileset.hex() for fileset in owner.filesets),
        "operators": operators
        and {"version": operators.seq, "threshold": operators.threshold, "keys": len(operators.keys)},
    }


def unverified(found: Unverified) -> None:
    output.say(f"UNVERIFIED {found.kind} {escaped(found.about)}")
    for key, text in found.says:
        output.line(key, escaped(text, longest=1000))
    if found.files:
        sizes = [size for _, size, _ in found.files if size is not None]
        total = f", {output.size(sum(sizes))}" if len(sizes) == len(found.files) else ""
        output.line("files", f"{len(found.files)}{total}")
    for name, size, digest in found.files:
        known = f"{size} bytes  " if size is not None else ""
        output.line("file", f"{found.algorithm}:{output.digest(digest)}  {known}{escaped(name)}")
    if "key" not in found.kind:
        output.line("means", "this is what the file says; nothing was checked, and anybody can write such a file")
    if found.repo is not None:
        evidence = " --evidence FILE --offline" if found.kind == "evidence" else ""
        output.line("next", f"modelseal verify PATH --repo {found.repo}{evidence}")
    if found.lock is not None:
        argv = ["modelseal", "lock", "--check", "--lock", escaped(str(found.path), longest=4096)]
        output.line("next", f"ask again for all that it has: {shlex.join(argv)}")


def unverified_json(found: Unverified) -> dict[str, Any]:
    return {
        "verdict": "unverified",
        "exit": 0,
        "use": "no",
        "path": str(found.path),
        "kind": found.kind,
        "untrusted": {
            "about": escaped(found.about),
            "says": [[key, escaped(text, longest=1000)] for key, text in found.says],
            "files": [
                {"name": escaped(name), "size": size, found.algorithm: digest} for name, size, digest in found.files
            ],
            **(_lock_json(found.lock) if found.lock is not None else {}),
        },
    }


def _lock_json(lock: Lock) -> dict[str, Any]:
    from modelseal import lockfile

    def taken(one: Entry) -> dict[str, Any]:
        return {
            "repo": one.repo,
            "commit": one.commit,
            "verdict": one.verdict,
            "publisher": escaped(one.publisher, longest=1000) if one.publisher is not None else None,
            "time": one.date,
            "log": one.log,
            "leaf": one.leaf,
            "seal": one.seal.hex() if one.seal is not None else None,
            "fileset": one.fileset.hex(),
            "files": len(one.files) or None,
        }

    heads = [
        {"origin": origin, "size": lockfile.size_of(note), "time": lockfile.claimed_time_of(note)}
        for origin, note in lock.notes
    ]
    return {"repos": [taken(one) for one in lock.entries], "logs": heads}
