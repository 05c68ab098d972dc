"""What became of every file: a verdict names what is wrong, this lists all. Pure, and no verdict is changed by it.

A file counts as `verified` only where its own digest was compared and is the sealed one, also in a folder that FAILED
for other files.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelseal.compare import Local, is_program
from modelseal.formats.manifest import File
from modelseal.verdict import Finding, Judged, Verdict, Word

# What a reader must see first; everything else, such as links and devices, comes before all of these.
_WEIGHT = ("added", "contradictory", "differs", "resized", "missing", "absent", "not-compared", "verified")
_LAST = ("ignored", "skipped")
_DISGUISED = {"ignored": "disguised"}  # a link under an ignored name is no file that was passed over in peace


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
        Judged(one.name, _DISGUISED.get(one.kind, one.kind), program=one.program, detail=one.found)
        for one in elsewhere
        if one.kind != "differs"
    ]
    found += [Judged(name, "ignored") for name in ignored] + [Judged(name, "skipped") for name in skipped]
    return tuple(sorted(found, key=_rank))


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
        status = finding.kind
    elif local is None:
        status = "absent"
    elif both and all(dict(expected)[algorithm] == dict(found)[algorithm] for algorithm in both):
        status = "verified"
    elif sealed is None and verdict.word == Word.VERIFIED and local.sha256 is not None:
        status, compared = "verified", "sha256"  # by the fileset, which binds every name, size and sha256
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


def _rank(one: Judged) -> tuple[int, bool, int, str]:
    if one.status in _LAST:
        return 2, False, _LAST.index(one.status), one.name
    good = one.status in ("absent", "not-compared", "verified")
    place = _WEIGHT.index(one.status) if one.status in _WEIGHT else -1
    return int(good), not good and not one.program, place, one.name
