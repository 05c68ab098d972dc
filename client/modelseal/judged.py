"""What became of every file: a verdict names what is wrong, this lists all. Pure, and no verdict is changed by it.

A file counts as `verified` only where its own digest was compared and is the sealed one, also in a folder that FAILED
for other files.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelseal.compare import Local, is_program
from modelseal.formats.manifest import File
from modelseal.verdict import Finding, Judged, Verdict, Word

# what is wrong comes before all of these
_ORDER = ("absent", "not-compared", "listed", "observed", "verified", "ignored", "skipped")


def judge(
    verdict: Verdict, files: Iterable[Local], *, ignored: Iterable[str] = (), skipped: Iterable[str] = ()
) -> tuple[Judged, ...]:
    """Return every file at hand, in the seal, or passed over, what matters most first.

    *ignored*: names that are never compared; *skipped*: files of the Hub's own client.
    """
    local = {file.name: file for file in files}
    sealed = _sealed(verdict)
    findings = {finding.name: finding for finding in verdict.findings}
    found = [_one(verdict, name, local.get(name), sealed.get(name), findings.get(name)) for name in local | sealed]
    # What is no file at all has only its finding. "The folder as a whole" is no name of anything.
    elsewhere = (one for one in verdict.findings if one.name not in local and one.name not in sealed)
    found += [
        Judged(one.name, status_of(one), program=one.program, detail=one.found)
        for one in elsewhere
        if one.kind != "differs"
    ]
    found += [Judged(name, "ignored") for name in ignored] + [Judged(name, "skipped") for name in skipped]
    return ordered(found, verdict.findings)


def status_of(finding: Finding) -> str:
    """Return the status of a file with *finding*: its kind. What stands under an ignored name is not just ignored."""
    return "disguised" if finding.kind == "ignored" else finding.kind


def ordered(found: Iterable[Judged], findings: Iterable[Finding]) -> tuple[Judged, ...]:
    """Return what matters most first: what is wrong, in the order of *findings*, then the others by status and name."""
    place = {finding.name: number for number, finding in enumerate(findings)}

    def rank(one: Judged) -> tuple[int, int, str]:
        return (_ORDER.index(one.status) + 1 if one.status in _ORDER else 0), place.get(one.name, -1), one.name

    return tuple(sorted(found, key=rank))


def _sealed(verdict: Verdict) -> dict[str, File]:
    """Return the files of the seal that was compared with; none if it was not at hand, or another release fits."""
    decision = verdict.decision
    if decision.statement is None or not verdict.total or verdict.release not in (None, decision.chosen):
        return {}
    return {file.name: file for file in decision.statement.files}


def _one(verdict: Verdict, name: str, local: Local | None, sealed: File | None, finding: Finding | None) -> Judged:
    expected = _digests(sealed.sha256, sealed.blake3) if sealed else ()
    found = _digests(local.sha256, local.blake3) if local else ()
    both = [algorithm for algorithm, _ in found if algorithm in dict(expected)]
    compared: str | None = " and ".join(both) or None
    if finding is not None:
        status = status_of(finding)
    elif local is None:
        status = "absent"
    elif both and all(dict(expected)[algorithm] == dict(found)[algorithm] for algorithm in both):
        status = "verified"
    elif sealed is None and verdict.word == Word.VERIFIED and local.sha256 is not None:
        status, compared = "verified", "sha256"  # by the fileset, which binds every name, size and sha256
    elif verdict.word == Word.OBSERVED and local.sha256 is not None:
        status, compared = "observed", "sha256"  # likewise
    else:
        status = "not-compared"
    return Judged(
        name,
        status,
        local.size if local else None,
        sealed.size if sealed else None,
        expected,
        found,
        compared,
        is_program(name),
    )


def _digests(sha256: bytes | None, blake3: bytes | None) -> tuple[tuple[str, str], ...]:
    pairs = (("sha256", sha256), ("blake3", blake3))
    return tuple((algorithm, digest.hex()) for algorithm, digest in pairs if digest is not None)
