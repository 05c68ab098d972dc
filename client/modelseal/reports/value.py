"""A verdict as the one object of --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelseal.formats.names import printable
from modelseal.reports.subject import Failure, Scan, Scanned, Subject
from modelseal.reports.words import MAX_SEEN, after_scan, next_steps, observed
from modelseal.verdict import Finding, Judged, Seen, Verdict, Word

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict

SCHEMA = "modelseal.v1"
_USE = {Word.VERIFIED: "yes", Word.SEALED: "ask", Word.UNAVAILABLE: "retry"}  # SEALED: no byte was seen


_COUNTED = tuple(word.value for word in Word if word != Word.SIGNATURE_VALID)


class Names:
    """Names of files, which come from outside: what is said of them gives their place in `untrusted.files`."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    def shown(self) -> list[str]:
        return [printable(name) for name in self._at]

    def place(self, name: str) -> int:
        return self._at.setdefault(name, len(self._at))

    def finding(self, one: Finding) -> dict[str, Any]:
        return {
            "kind": one.kind,
            "file": self.place(one.name),
            "program": one.program,
            "risk": one.risk or None,
            "expected": one.expected,
            "found": printable(one.found) if one.found else None,
        }

    def judged(self, one: Judged) -> dict[str, Any]:
        return {
            "file": self.place(one.name),
            "status": one.status,
            "size": one.size,
            "sealed_size": one.sealed_size,
            "expected": dict(one.expected),
            "found": dict(one.found),
            "compared": one.compared,
            "program": one.program,
            "is": printable(one.detail) if one.detail else None,
        }


def as_json(verdict: Verdict, path: str | None) -> dict[str, Any]:
    """Return the one object of --json. Texts from outside stand only under `untrusted`, escaped and cut."""
    decision, publisher = verdict.decision, verdict.decision.publisher
    names = Names()
    release, seen = verdict.release, observed(verdict)
    value: dict[str, Any] = {
        "verdict": verdict.word.value,
        "exit": verdict.exit_code,
        "accepted": printable(verdict.accepted, longest=1000) if verdict.accepted else None,
        "use": _use(verdict),
        "repo": decision.repo or decision.asked.repo,
        "revision": release.release.revision if release else seen.revision if seen else decision.asked.revision,
        "path": path,
        "publisher": None,
        "complete": verdict.complete,
        "mirrors": decision.quorum,
        "as_of": decision.time,
        "findings": [names.finding(one) for one in verdict.findings],
        "next": next_steps(verdict),
        "says": f"{verdict.qualifier}{printable(verdict.says, longest=2000)}".strip(": "),
        "each": [names.judged(one) for one in verdict.files],
        "files": {"equal": verdict.equal, "total": verdict.total, "bytes": verdict.total_bytes},
        "digest": verdict.digest,
        "cache": {"files": verdict.cached, "since": verdict.cached_since},
        "observed": seen_json(seen) if seen else None,
        "seen": [seen_json(one) for one in decision.seen[-MAX_SEEN:]],
        "registry": decision.registry,
        "log": {"origin": decision.origin, "leaf": release.index if release else None, "size": decision.size},
        "notes": [printable(note, longest=1000) for note in (*decision.notes, *verdict.notes)],
        "untrusted": {"files": names.shown()},
    }
    if decision.older is not None:
        value["proof"] = [decision.older, decision.newer]
    if publisher is not None:
        value["publisher"] = {
            "namespace": publisher.namespace,
            "domain": publisher.domain,
            "owner_checked": publisher.checked,
        }
        value["untrusted"]["title"] = printable(publisher.title)
    return value


def _use(verdict: Verdict) -> str:
    """Return what a program acts on. What is accepted may be used by whoever accepted it: a program asks."""
    if verdict.accepted or (verdict.decision.as_of and verdict.word == Word.VERIFIED):
        return "ask"
    return _USE.get(verdict.word, "no")


def seen_json(one: Seen) -> dict[str, Any]:
    return {
        "revision": one.revision,
        "fileset": one.fileset.hex(),
        "files": one.files,
        "bytes": one.total_bytes,
        "observers": one.observers,
        "registry_itself": one.own,
        "basis": one.basis,
        "first": one.first,
        "last": one.last,
        "counts": one.counts,
        "withdrawn": one.withdrawn.reason if one.withdrawn else None,
    }


def of_subject(subject: Subject) -> dict[str, Any]:
    """Return the whole object, as --json prints it."""
    outcome, path = subject.outcome, subject.shown_path
    if isinstance(outcome, Failure):
        found: dict[str, Any] = {"repo": outcome.repo, "path": path, **of_failure(outcome)}
    elif isinstance(outcome, Verdict):
        found = as_json(outcome, path)
    else:
        found = of_signature(outcome, path or "", printable(subject.signature, longest=1000))
    return {"schema": SCHEMA, **found}


def of_scan(scan: Scan) -> dict[str, Any]:
    """Return the one object of scan --json: what stands there for one verdict, and the object of each."""
    each = [_scanned(one) for one in scan.found]
    uses = {one["use"] for one in each}
    return {
        "schema": SCHEMA,
        "verdict": scan.word,
        "exit": scan.exit_code,
        "accepted": None,
        "use": next((use for use in ("no", "retry", "ask", "yes") if use in uses), "no"),
        "caches": [printable(path, longest=1000) for path in scan.caches],
        "fail_on": list(scan.fail_on),
        "repos": scan.repos,
        "next": after_scan(scan),
        "counts": {word: sum(one.word == word for one in scan.found) for word in _COUNTED},
        "snapshots": each,
        "passed_over": [{"path": place, "why": printable(why)} for place, (_, why) in enumerate(scan.passed_over)],
        "untrusted": {"paths": [printable(path, longest=1000) for path, _ in scan.passed_over]},
    }


def _scanned(one: Scanned) -> dict[str, Any]:
    path = printable(one.path, longest=1000) if one.path else None
    if isinstance(one.outcome, Failure):
        return {"schema": SCHEMA, "repo": one.repo, "revision": one.revision, "path": path, **of_failure(one.outcome)}
    return {"schema": SCHEMA, **as_json(one.outcome, path)}


def of_failure(failure: Failure) -> dict[str, Any]:
    value: dict[str, Any] = {
        "verdict": failure.word,
        "exit": failure.exit_code,
        "error": failure.message,
        "hint": failure.hint,
        "use": "retry" if failure.exit_code in (6, 7, 10) else "no",
    }
    if failure.notes is not None:
        value["proof"] = list(failure.notes)
    return value


def of_signature(verdict: SignatureVerdict, path: str, signature: str) -> dict[str, Any]:
    """The one object of --json. Texts from outside stand only under `untrusted`, escaped."""
    names = Names()
    signer = verdict.signer
    return {
        "verdict": verdict.word.value,
        "exit": verdict.exit_code,
        "accepted": None,
        "use": "ask" if verdict else "no",
        "repo": None,
        "revision": None,
        "path": path,
        "signature": signature,
        "payload": verdict.payload,
        "publisher": None,
        "signer": signer.value if signer else None,
        "complete": bool(verdict),
        "mirrors": 0,
        "as_of": None,
        "says": printable(verdict.says, longest=2000).strip(":, "),
        "findings": [names.finding(one) for one in verdict.findings],
        "each": [names.judged(one) for one in verdict.files],
        "files": {"equal": verdict.equal, "total": verdict.total, "bytes": verdict.total_bytes},
        "digest": verdict.digest,
        "cache": {"files": verdict.cached, "since": verdict.cached_since},
        "not_compared": [{"file": names.place(name), "why": why} for name, why in verdict.not_compared],
        "notes": [printable(note, longest=1000) for note in verdict.notes],
        "next": [{"argv": [], "why": printable(verdict.hint), "by": "person"}] if verdict.hint else [],
        "untrusted": {
            "files": names.shown(),
            "name": printable(verdict.name) if verdict.name is not None else None,
            "certificate": {key: printable(text, longest=1000) for key, text in signer.says} if signer else {},
        },
    }
