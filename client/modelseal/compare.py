"""Files against the release that was decided on (FORMAT.md 10, `compare`). Pure: digests come in, a verdict goes out.

Which digests are worth computing is asked first (`digests_wanted`), from names and sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from modelseal import sightings
from modelseal.errors import Malformed
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File, Statement
from modelseal.pointers import Pointers
from modelseal.state import Sealed
from modelseal.values import dataclass
from modelseal.verdict import WHOLE, Decision, Finding, Standing, Verdict, Word

# What can run when somebody opens a folder or loads a model from it.
PROGRAMS = (".py", ".bat", ".cmd", ".ps1", ".sh", ".exe", ".dll", ".so", ".jar", ".js", ".vbs", ".ipynb", ".lnk")
# Formats that hold pickles, or may: loading one runs what it says.
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".dill", ".npy", ".npz")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl", ".egg", ".nemo", ".keras")


@dataclass(frozen=True, slots=True)
class Local:
    """A file at hand; a digest is None where it was not computed."""

    name: str
    size: int
    sha256: bytes | None = None
    blake3: bytes | None = None
    points: Pointers | None = None  # of a config that was looked into


def digests_wanted(
    decision: Decision, sizes: Mapping[str, int], *, partial: bool = False, problems: bool = False
) -> frozenset[str]:
    """Return which of "sha256" and "blake3" to compute for files of these sizes; none if nothing depends on it.

    *problems*: something lies there that is no file, so that nothing can make it VERIFIED.
    """
    if decision.word in (Word.UNKNOWN, Word.OBSERVED):
        wanted = _voided_contents(decision) or sightings.wants_digests(decision, sizes, problems)
        return frozenset({"sha256"}) if wanted else frozenset()
    if decision.word is not None:
        return frozenset()
    statement = decision.statement
    if statement is None:
        return frozenset({"sha256"})
    sealed = {file.name: file.size for file in statement.files}
    if problems or not (sizes.items() <= sealed.items() if partial else sizes == sealed):
        rescue = (not problems and _others(decision, sizes)) or _voided_contents(decision)
        return frozenset({"sha256"}) if rescue else frozenset()
    return frozenset({"sha256"} if any(file.blake3 is None for file in statement.files) else {"blake3"})


def compare(
    decision: Decision, files: tuple[Local, ...], problems: tuple[Finding, ...] = (), *, partial: bool = False
) -> Verdict:
    """Return the verdict on *files* and what else lies there (*problems*: links, devices, foreign files).

    *partial*: sealed files may be missing, if at least one is there. Files that were not hashed can be without digests
    only where `digests_wanted` says that nothing depends on them.
    """
    by_sha256 = _fileset(files)
    if decision.word in (None, Word.UNKNOWN, Word.OBSERVED) and by_sha256 in _voided_contents(decision):
        says = ": the owner revoked these very contents in the whole namespace; do not use them"
        owner = decision.state.namespace(names.namespace_of(decision.asked.key)) if decision.state else None
        voided = owner.filesets.get(by_sha256) if owner and by_sha256 else None
        return Verdict(Word.FAILED, says, f"REVOKED ({voided.reason if voided else 'seen before'})", decision)
    if decision.word in (Word.UNKNOWN, Word.OBSERVED):
        gone = sightings.withdrawn(decision, by_sha256)
        if gone is not None:  # a verdict that is FAILED is false
            return gone
    sizes = {file.name: file.size for file in files}
    if decision.word == Word.OBSERVED and decision.observed is not None:
        there = len(sizes), sum(sizes.values())
        seen = sightings.compare(decision, decision.observed, there, problems, by_sha256, partial)
        pointed = _pointed_to(decision, files) if seen.word == Word.OBSERVED else ()
        return replace(seen, findings=by_weight(seen.findings), notes=seen.notes + pointed)
    if decision.word is not None:
        return Verdict.alone(decision)
    assert decision.chosen is not None
    notes: tuple[str, ...] = ()
    if decision.statement is not None:
        findings, equal, digest = _against(decision.statement, files, partial)
        sealed = {file.name: file.sha256 for file in decision.statement.files}
        notes = _pointed_to(
            decision, (one for one in files if one.points and sealed.get(one.name) == one.points.sha256)
        )
        notes += _respelled(findings)
    else:
        notes = ("the seal could not be fetched; names, sizes and sha256 were compared with the release in the log",)
        same = by_sha256 == decision.chosen.release.fileset
        notes += _pointed_to(decision, files) if same else ()
        if partial and not same and not problems and len(files) < decision.chosen.release.files:
            says = ": its seal could not be fetched, and without it nobody can tell a part of a release"
            return Verdict(Word.UNAVAILABLE, says, "", decision, total=decision.chosen.release.files)
        findings = () if same else (Finding("differs", WHOLE),)
        equal, digest = (len(files) if same else 0), "sha256"
    findings = by_weight(findings + problems)
    if not findings and equal:
        if equal != len(files):
            raise ValueError("not every file was hashed")
        return _verified(decision, decision.chosen, equal, digest, notes)
    # Files that only one of a seal's two digests fits: their fileset, over sha256, must not make up for the other.
    contradictory = any(finding.kind == "contradictory" for finding in findings)
    if not problems and not contradictory and by_sha256 is not None:
        for one in reversed(decision.releases):
            if one.sealed.release.fileset == by_sha256:
                return _another(decision, one, files, findings)
    return Verdict(
        Word.FAILED,
        f": {count(findings)}; do not load {'this' if partial else 'this folder'}" if findings else _NOTHING,
        "",
        decision,
        findings,
        equal=equal,
        total=decision.chosen.release.files,
        total_bytes=decision.chosen.release.total_bytes,
        digest=digest,
        notes=notes,
        wants_sha256=by_sha256 is None
        and not problems
        and bool(_others(decision, sizes) or _voided_contents(decision)),
    )


_NOTHING = ": none of its files is here"


def _voided_contents(decision: Decision) -> frozenset[bytes]:
    """Return the filesets that the owner of the namespace revoked everywhere."""
    namespace = names.namespace_of(decision.asked.key)
    return frozenset(fileset for owner, fileset in decision.revoked.filesets if owner == namespace)


def _others(decision: Decision, sizes: Mapping[str, int]) -> list[Standing]:
    """Return the other releases that have as many files and bytes as the ones at hand."""
    shape = len(sizes), sum(sizes.values())
    return [
        one
        for one in decision.releases
        if one.sealed != decision.chosen and (one.sealed.release.files, one.sealed.release.total_bytes) == shape
    ]


def _another(decision: Decision, one: Standing, files: tuple[Local, ...], findings: tuple[Finding, ...]) -> Verdict:
    """The files are not the chosen release's, but those of another one."""
    revision = one.sealed.release.revision
    same = [other for other in decision.releases if other.sealed.release.fileset == one.sealed.release.fileset]
    valid = [other for other in same if other.voided is None]
    if not valid:
        assert one.voided is not None
        says = f": these are the files of {revision}, which was revoked; do not use them"
        return Verdict(Word.FAILED, says, f"REVOKED ({one.voided.reason})", decision, release=one.sealed)
    if decision.asked.revision is not None:
        says = f": these are the files of {revision}, not of {decision.asked.revision}; do not load this folder"
        return Verdict(Word.FAILED, says, "", decision, findings, release=one.sealed)
    return _verified(decision, valid[-1].sealed, len(files), "sha256", _pointed_to(decision, files))


def _verified(decision: Decision, release: Sealed, equal: int, digest: str, notes: tuple[str, ...]) -> Verdict:
    publisher, basis = decision.publisher, []
    assert publisher is not None
    if equal < release.release.files:
        basis.append(f"{equal} of {release.release.files} files")
    if not decision.quorum:
        basis.append("(registry's word only)")
    asked = decision.asked.revision
    if asked and release.release.revision != asked:
        notes += (f"{asked} itself is not sealed; these are the same files as the newest release",)
    elif decision.chosen is not None and release.index < decision.chosen.index:
        notes += (f"an older release; the newest is {decision.chosen.release.revision}",)
    return Verdict(
        Word.VERIFIED,
        publisher.sealed,
        " ".join(basis),
        decision,
        release=release,
        equal=equal,
        total=release.release.files,
        total_bytes=release.release.total_bytes,
        digest=digest,
        notes=notes,
    )


def _against(statement: Statement, files: tuple[Local, ...], partial: bool) -> tuple[tuple[Finding, ...], int, str]:
    """Return what differs from *statement*, how many files equal it, and which digest was compared."""
    expected = {file.name: file for file in statement.files}
    findings: list[Finding] = []
    compared: set[str] = set()
    equal = 0
    for local in files:
        file = expected.pop(local.name, None)
        if file is None:
            findings.append(Finding("added", local.name, risk=risk_of(local.name, local.points)))
        elif file.size != local.size:
            sizes = f"{file.size} bytes", f"{local.size} bytes"
            findings.append(Finding("resized", local.name, *sizes, risk=risk_of(local.name, local.points)))
        elif results := _digests(file, local):
            compared.update(name for name, _, _ in results)
            wrong = [(name, want, got) for name, want, got in results if want != got]
            if wrong and len(wrong) < len(results):
                wants = ", ".join(f"{name}:{want.hex()}" for name, want, _ in results)
                gots = ", ".join(f"{name}:{got.hex()}" for name, _, got in results)
                findings.append(Finding("contradictory", local.name, wants, gots))
            elif wrong:
                name, want, got = wrong[0]
                digests = f"{name}:{want.hex()}", f"{name}:{got.hex()}"
                findings.append(Finding("differs", local.name, *digests, risk=risk_of(local.name, local.points)))
            else:
                equal += 1
    if not partial:
        findings += [Finding("missing", name) for name in expected]
    return tuple(findings), equal, " and ".join(sorted(compared, reverse=True)) or "names and sizes"


def _pointed_to(decision: Decision, files: Iterable[Local]) -> tuple[str, ...]:
    """Return a note for each other repo that *files* name, each of them a sealed one."""
    found: dict[str, None] = {}
    for local in files:
        if local.points is None:
            continue
        says = [(repo, "has code that", " (auto_map)") for repo in local.points.code]
        says += [(local.points.base, "is the base model that", "")] if local.points.base is not None else []
        for repo, what, where in says:
            if repo.lower() != decision.asked.key:
                named = f"{names.printable(local.name)}{where} names"
                found[f"{names.short(repo)} {what} {named}; this seal does not cover it"] = None
    return tuple(found)


def _respelled(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return a note for each added file that some systems take for a missing one."""
    missing = {names.folded(one.name): one.name for one in findings if one.kind == "missing"}
    pairs = ((one.name, missing.get(names.folded(one.name))) for one in findings if one.kind == "added")
    return tuple(
        f"{names.printable(added)} is spelled {names.printable(sealed)} in the seal; "
        "they differ in case or in the form of a letter"
        for added, sealed in pairs
        if sealed is not None
    )


def _digests(file: File, local: Local) -> list[tuple[str, bytes, bytes]]:
    pairs = [("sha256", file.sha256, local.sha256), ("blake3", file.blake3, local.blake3)]
    return [(name, want, got) for name, want, got in pairs if want is not None and got is not None]


def _fileset(files: tuple[Local, ...]) -> bytes | None:
    """Return the fileset of the files at hand, or None: not all hashed, or a name that no seal can hold."""
    found = []
    for local in files:
        if local.sha256 is None:
            return None
        try:
            found.append(File(manifest.file_name(local.name, "file"), local.size, local.sha256))
        except Malformed:
            return None
    return manifest.fileset(tuple(found))


def is_program(name: str) -> bool:
    return names.folded(name).endswith(PROGRAMS)


def risk_of(name: str, points: Pointers | None = None) -> str:
    """Return what makes a file dangerous that is not as sealed: program, pickle, archive, auto_map, or ''."""
    name = names.folded(name)
    if name.endswith(PROGRAMS):
        return "program"
    if name.endswith(PICKLES):
        return "pickle"
    if name.endswith(ARCHIVES):
        return "archive"
    return "auto_map" if points is not None and points.auto_map else ""


_RISKS = ("program", "", "pickle", "archive", "auto_map")
_ORDER = ("added", "differs", "resized", "missing")


def by_weight(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What matters most first: programs nobody sealed, what is no file, pickles, archives, configs that name code,
    then other additions, differences, what is missing."""

    def rank(finding: Finding) -> tuple[int, int, str]:
        if finding.kind not in _ORDER:
            return 1, 0, finding.name
        risk = _RISKS.index(finding.risk) if finding.risk else len(_RISKS)
        return risk, _ORDER.index(finding.kind), finding.name

    return tuple(sorted(findings, key=rank))


_WORDS = {
    "differs": ("file differs", "files differ"),
    "resized": ("file has another size", "files have another size"),
    "missing": ("file is missing", "files are missing"),
    "added": ("file was added", "files were added"),
    "contradictory": ("file has a contradictory seal", "files have contradictory seals"),
}


def count(findings: tuple[Finding, ...]) -> str:
    """Return `1 file differs, 2 files were added`."""
    parts = []
    for kind, (one, many) in _WORDS.items():
        count = sum(finding.kind == kind for finding in findings)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    other = sum(finding.kind not in _WORDS for finding in findings)
    if other:
        parts.append(f"{other} {'is not a file' if other == 1 else 'are not files'} that a seal can cover")
    return ", ".join(parts)
