"""A verdict as people read it. No verdict is computed here."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from modelseal.cli import output
from modelseal.cli.output import escaped
from modelseal.reports.words import first_line, next_steps
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
