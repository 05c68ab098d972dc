"""A verdict as people read it. No verdict is computed here."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from modelseal.cli import output
from modelseal.cli.output import escaped
from modelseal.reports.words import first_line, next_steps, seen_lines
from modelseal.times import span, utc
from modelseal.verdict import Word

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict
    from modelseal.state import Sealed
    from modelseal.verdict import Decision, Finding, Verdict

MAX_SHOWN = 40  # findings on a terminal; files and --json get all
MAX_NAMED = 10  # names of files that were not compared


def show(verdict: Verdict, extra: list[tuple[str, str]], *, how: str = "") -> None:
    """Print the verdict: its first line, what stands behind it, what to type next. *how* the digests came, if they were
    not computed here."""
    decision = verdict.decision
    output.say(first_line(verdict))
    if verdict.word == Word.LOG_MISBEHAVED:
        assert decision.older is not None and decision.newer is not None
        output.two_notes(decision.older, decision.newer)
    elif verdict.word in (Word.VERIFIED, Word.SEALED):
        output.lines(_verified(verdict, how))
    else:
        for title, text in seen_lines(verdict):
            output.line(title, escaped(text, longest=1000))
        _findings(verdict)
        if verdict.word == Word.OBSERVED and verdict.equal:
            output.line("files", f"{verdict.equal} of {verdict.total} as observed, {how or hashed(verdict)}")
        compared = verdict.release or decision.chosen
        if verdict.findings and verdict.digest == "names and sizes":
            output.line("compared", "names and sizes; they differ already, so nothing was hashed")
        if verdict.word == Word.FAILED and compared is not None:
            output.line("release", _release(compared))
        if decision.time is not None:
            output.line("log", log_line(decision, verdict.release))
    if verdict.accepted:
        output.line("accepted", escaped(verdict.accepted, longest=1000))
    if verdict.total or verdict.accepted:  # files were compared, or are used all the same
        output.lines(extra)
    for note in (*decision.notes, *verdict.notes):
        output.line("note", escaped(note, longest=1000))
    for step in next_steps(verdict):
        output.line("next", step["why"] + _accept(verdict) + (": " + " ".join(step["argv"]) if step["argv"] else ""))


def _accept(verdict: Verdict) -> str:
    """Say how somebody who has looked may go on; programs are never offered that."""
    if verdict.word == Word.OBSERVED:
        return ", and then type the same with: --accept observed"
    if verdict.word == Word.UNKNOWN and verdict.decision.publisher is None:
        return ", or look at it yourself, and then type the same with: --accept unknown"
    return ""


def _verified(verdict: Verdict, how: str) -> list[tuple[str, str]]:
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
            f"{verdict.equal} of {verdict.total} equal the seal, {output.size(_bytes(verdict))}, "
            + (how or f"{hashed(verdict)} ({verdict.digest})"),
        ),
        ("log", log_line(verdict.decision, release)),
    ]


def by_listing(verdict: Verdict) -> str:
    """Say what stands behind SEALED: whose word it is, and for how many files it goes beyond names and sizes."""
    digests = sum(one.compared is not None for one in verdict.files)
    return f"by the Hub's listing, with the sha256 of {digests}; nothing was downloaded"


def hashed(verdict: Verdict | SignatureVerdict) -> str:
    """Return when the digests were computed."""
    if verdict.cached_since is None:
        return "hashed now"
    count = f"{verdict.cached} of {verdict.equal} digests"
    return f"{count} from the cache of {utc(verdict.cached_since)}; --recheck hashes again"


def _bytes(verdict: Verdict) -> int:
    """Bytes of the files that equal the seal, or are listed as it says."""
    if verdict.complete or verdict.word == Word.SEALED:
        return verdict.total_bytes
    return sum(one.size for one in verdict.files if one.status == "verified" and one.size is not None)


def passed_over(verdict: Verdict) -> list[tuple[str, str]]:
    """Say what was not compared: ignored names, the Hub's own files, and what is not here of a part of a release."""
    titles = {
        "absent": ("absent", "of {total} sealed files {verb} not here"),
        "ignored": ("ignored", "{noun} at the root, which no seal covers"),
        "skipped": ("skipped", "of the Hub's own files in .cache/huggingface"),
    }
    found = []
    for status, (title, words) in titles.items():
        names_ = [escaped(one.name) for one in verdict.files if one.status == status]
        if names_:
            one = len(names_) == 1
            says = words.format(total=verdict.total, verb="is" if one else "are", noun="name" if one else "names")
            found.append((title, f"{len(names_)} {says}: {some(names_)}"))
    return found


def some(names_: list[str]) -> str:
    """Return the names, the first of them on a terminal."""
    shown = names_[:MAX_NAMED] if sys.stdout.isatty() else names_
    return ", ".join(shown) + (f" and {len(names_) - len(shown)} more" if len(shown) < len(names_) else "")


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
        output.line(*finding_line(finding, f"the seal of {escaped(str(decision.publisher))}"))
    if len(shown) < len(verdict.findings):
        output.line("more", f"{len(verdict.findings) - len(shown)} more; --json lists all")


_RISKS = {
    "": "",
    "program": " (program)",
    "pickle": " (possibly a pickle)",
    "archive": " (archive)",
    "auto_map": " (names code to load, auto_map)",
}


def finding_line(finding: Finding, expected: str) -> tuple[str, str]:
    """Return the line about one thing that is not as *expected* says: a seal, or a listing."""
    name, risk = escaped(finding.name), _RISKS[finding.risk]
    if finding.kind == "added":
        return "added", f"{name}{risk}, not in {expected}"
    if finding.kind == "missing":
        return "missing", f"{name}, which {expected} lists"
    if finding.kind == "differs" and finding.expected is not None:
        return "differs", f"{name}{risk}, same size\nexpected {finding.expected}\nfound    {finding.found}"
    if finding.kind == "resized":
        return "differs", f"{name}{risk}, another size\nexpected {finding.expected}\nfound    {finding.found}"
    if finding.kind == "contradictory":
        says = f"one of the two digests in {expected} is of these bytes, the other is not"
        return "seal", f"{name}: {says}\nexpected {finding.expected}\nfound    {finding.found}"
    return finding.kind[:8], f"{name}: {escaped(finding.found)}" if finding.found else name
