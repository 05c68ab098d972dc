"""A verdict as people read it and as programs do. No verdict is computed here."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from modelseal.cli import output
from modelseal.cli.output import escaped
from modelseal.formats import names
from modelseal.times import span, utc
from modelseal.verdict import Word

if TYPE_CHECKING:
    from modelseal.state import Sealed
    from modelseal.verdict import Decision, Finding, Verdict

MAX_SHOWN = 40  # findings on a terminal; files and --json get all


def show(verdict: Verdict, extra: list[tuple[str, str]]) -> None:
    """Print the verdict: its first line, what stands behind it, what to type next."""
    decision = verdict.decision
    output.say(first_line(verdict))
    if verdict.word == Word.LOG_MISBEHAVED:
        assert decision.older is not None and decision.newer is not None
        output.two_notes(decision.older, decision.newer)
    elif verdict.word == Word.VERIFIED:
        output.lines(_verified(verdict))
    else:
        _findings(verdict)
        compared = verdict.release or decision.chosen
        if verdict.word == Word.FAILED and compared is not None:
            output.line("release", _release(compared))
        if decision.time is not None:
            output.line("log", log_line(decision, verdict.release))
    if verdict.total:  # files were compared
        output.lines(extra)
    for note in (*decision.notes, *verdict.notes):
        output.line("note", escaped(note, longest=1000))
    for step in next_steps(verdict):
        output.line("next", step["why"] + (": " + " ".join(step["argv"]) if step["argv"] else ""))


def first_line(verdict: Verdict) -> str:
    decision = verdict.decision
    word = verdict.word.text
    if decision.as_of and verdict.word == Word.VERIFIED and decision.time is not None:
        word = f"VERIFIED AS OF {utc(decision.time)}"
    name = names.short(decision.repo or decision.asked.repo)
    return " ".join(part for part in (word, verdict.qualifier, name) if part) + escaped(verdict.says, longest=2000)


def _verified(verdict: Verdict) -> list[tuple[str, str]]:
    release = verdict.release
    assert release is not None
    newest = verdict.decision.chosen == release and verdict.decision.asked.revision is None
    which = ", the newest release" if newest else ""
    signer = output.digest(release.release.signer.sha256.hex())
    return [
        (
            "revision",
            f"{output.digest(release.release.revision)}{which}, logged {utc(release.time)}, key SHA256:{signer}",
        ),
        (
            "files",
            f"{verdict.equal} of {verdict.total} equal the seal, {output.size(verdict.total_bytes)}, "
            f"hashed now ({verdict.digest})",
        ),
        ("log", log_line(verdict.decision, release)),
    ]


def _release(release: Sealed) -> str:
    return f"{output.digest(release.release.revision)}, leaf {release.index}, logged {utc(release.time)}"


def log_line(decision: Decision, release: Sealed | None) -> str:
    """Return which log said it, who checked that log, and when."""
    assert decision.time is not None
    leaf = f"leaf {release.index}" if release else f"{decision.size} leaves"
    who = f"checked by {decision.quorum} mirrors" if decision.quorum else "checked by no mirror"
    age = span(int(time.time()) - decision.time)
    return f"{leaf} of {decision.origin}, {who}, newest {utc(decision.time)} ({age} ago)"


def _findings(verdict: Verdict) -> None:
    decision = verdict.decision
    shown = verdict.findings[:MAX_SHOWN] if sys.stdout.isatty() else verdict.findings
    for finding in shown:
        output.line(*_finding(finding, decision))
    if len(shown) < len(verdict.findings):
        output.line("more", f"{len(verdict.findings) - len(shown)} more; --json lists all")


def _finding(finding: Finding, decision: Decision) -> tuple[str, str]:
    name = escaped(finding.name)
    owner = f"the seal of {escaped(str(decision.publisher))}"
    if finding.kind == "added":
        return "added", f"{name}{' (program)' if finding.program else ''}, not in {owner}"
    if finding.kind == "missing":
        return "missing", f"{name}, which {owner} lists"
    if finding.kind == "differs" and finding.expected is not None:
        return "differs", f"{name}, same size\nexpected {finding.expected}\nfound    {finding.found}"
    if finding.kind == "resized":
        return "differs", f"{name}, another size\nexpected {finding.expected}\nfound    {finding.found}"
    if finding.kind == "contradictory":
        return "seal", f"{name}: one of the two digests in {owner} is of these bytes, the other is not"
    return finding.kind[:8], f"{name}: {escaped(finding.found)}" if finding.found else name


def next_steps(verdict: Verdict) -> list[dict[str, Any]]:
    name = names.short(verdict.decision.repo or verdict.decision.asked.repo)
    show = ["modelseal", "show", name]
    steps: dict[Word, tuple[list[str], str, str]] = {
        Word.FAILED: (show, "download again from the owner, and see what is sealed", "anyone"),
        Word.UNKNOWN: ([], "ask its owner to seal it; nothing here says whose it is", "person"),
        Word.UNAVAILABLE: (["modelseal", "trust", "status"], "try again later, or see what is trusted", "anyone"),
        Word.LOG_MISBEHAVED: ([], "use nothing from it; keep these two notes and show them to its mirrors", "person"),
    }
    if verdict.word not in steps:
        return []
    argv, why, by = steps[verdict.word]
    return [{"argv": argv, "why": why, "by": by}]


_USE = {Word.VERIFIED: "yes", Word.UNAVAILABLE: "retry"}


def as_json(verdict: Verdict, path: str) -> dict[str, Any]:
    """Return the one object of --json. Texts from outside stand only under `untrusted`, escaped and cut."""
    decision, publisher = verdict.decision, verdict.decision.publisher
    files: list[str] = []

    def finding(one: Finding) -> dict[str, Any]:
        files.append(escaped(one.name))
        return {
            "kind": one.kind,
            "file": len(files) - 1,  # of untrusted.files
            "program": one.program,
            "expected": one.expected,
            "found": escaped(one.found) if one.found else None,
        }

    release = verdict.release
    value: dict[str, Any] = {
        "verdict": verdict.word.value,
        "exit": verdict.exit_code,
        "accepted": None,
        "use": "ask" if decision.as_of and verdict.word == Word.VERIFIED else _USE.get(verdict.word, "no"),
        "repo": decision.repo or decision.asked.repo,
        "revision": release.release.revision if release else decision.asked.revision,
        "path": path,
        "publisher": None,
        "complete": verdict.word == Word.VERIFIED,
        "mirrors": decision.quorum,
        "as_of": decision.time,
        "findings": [finding(one) for one in verdict.findings],
        "next": next_steps(verdict),
        "says": f"{verdict.qualifier}{escaped(verdict.says, longest=2000)}".strip(": "),
        "files": {"equal": verdict.equal, "total": verdict.total, "bytes": verdict.total_bytes},
        "digest": verdict.digest,
        "log": {"origin": decision.origin, "leaf": release.index if release else None, "size": decision.size},
        "notes": [escaped(note, longest=1000) for note in (*decision.notes, *verdict.notes)],
        "untrusted": {"files": files},
    }
    if decision.older is not None:
        value["proof"] = [decision.older, decision.newer]
    if publisher is not None:
        value["publisher"] = {
            "namespace": publisher.namespace,
            "domain": publisher.domain,
            "owner_checked": publisher.checked,
        }
        value["untrusted"]["title"] = escaped(publisher.title)
    return value
