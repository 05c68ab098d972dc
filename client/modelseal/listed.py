"""What the Hub lists of a repo against what was decided about it, before a byte is downloaded. Pure.

A listing has the name and size of every file, the sha256 of large ones (LFS, Xet) and git's id of small ones: all of it
the Hub's word. So what comes out is SEALED at best, never VERIFIED: the bytes may still be others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import replace

from modelseal.compare import Local, by_weight, compare, count, is_program, risk_of
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File, Statement
from modelseal.judged import ordered
from modelseal.values import dataclass
from modelseal.verdict import WHOLE, Decision, Finding, Judged, Seen, Verdict, Word

FOLDERS = (".git", ".github")  # of the names at the root that no seal covers, those that may be folders


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file by the Hub's word."""

    name: str
    size: int
    blob_id: str | None  # git's id of the blob: of the file, or where `sha256` is known of the pointer to it
    sha256: bytes | None  # of files in LFS or Xet only

    @property
    def gitoid(self) -> str | None:
        """git's id of the file itself, as a seal may have it."""
        return self.blob_id if self.sha256 is None else None


@dataclasses.dataclass(frozen=True, slots=True)
class HubListing:
    """A repo at one commit by the Hub's word."""

    asked: str  # hf://..., as typed
    repo: str  # as the Hub calls it: another name after a rename
    commit: str
    files: tuple[HubFile, ...]  # sorted by name
    gated: bool = False
    private: bool = False
    endpoint: str = ""  # who says so
    token: str | bool | None = dataclasses.field(default=None, repr=False)  # whose word it took to be told

    @property
    def covered(self) -> tuple[HubFile, ...]:
        """The files that a seal has to list."""
        return tuple(file for file in self.files if not ignored(file.name))


def ignored(name: str) -> bool:
    """Whether a seal does not cover *name*: git's own files and folders at the root, and `model.sig`."""
    top, _, below = name.partition("/")
    return top in (FOLDERS if below else manifest.IGNORED)


def claimed_owner(decision: Decision) -> str | None:
    """Return the Hub's id of the owner as the namespace's claim has it: where there is one, the Hub is asked too."""
    owner = decision.state.namespace(names.namespace_of(decision.asked.key)) if decision.state else None
    return owner.claim.hub_owner_id if owner and decision.word in (None, Word.OBSERVED) else None


def compare_listing(
    decision: Decision, listing: HubListing, *, files: tuple[File, ...] | None = None, owner: str | None = None
) -> Verdict:
    """Return the verdict on what *listing* says; SEALED if nothing there is other than was sealed.

    *files*: the same with the sha256 of each file, where the small ones were fetched (`hub.files_of`); then the whole
    fileset is compared. *owner*: the id of the namespace's owner by the Hub, None if it did not tell.
    """
    claimed = claimed_owner(decision)
    if owner is not None and claimed is not None and owner != claimed:
        says = f": owner changed: on the Hub {names.short(names.namespace_of(listing.asked))} belongs to {owner} now, "
        says += f"its claim names {claimed}; the name may have been given up and taken by somebody else"
        return Verdict(Word.FAILED, says, "", decision, release=decision.chosen)
    if files is not None:
        verdict = _as_listed(compare(decision, tuple(Local(one.name, one.size, one.sha256) for one in files)), listing)
    elif decision.word == Word.OBSERVED and decision.observed is not None:
        verdict = _observed(decision, decision.observed, listing)
    elif decision.word is not None:
        verdict = Verdict.alone(decision)
    else:
        verdict = _sealed(decision, listing)
    notes = verdict.notes
    if listing.repo.lower() != decision.asked.key:
        notes += (f"the Hub calls it {names.short(listing.repo)} now; trust follows the name that was typed",)
    return replace(verdict, files=_judged(verdict, listing), notes=notes)


def sealed(decision: Decision) -> Verdict:
    """Return SEALED for the release that was decided on, by its name alone: nothing was compared."""
    assert decision.chosen is not None and decision.publisher is not None
    release = decision.chosen.release
    return Verdict(
        Word.SEALED,
        decision.publisher.sealed,
        "" if decision.quorum else "(registry's word only)",
        decision,
        release=decision.chosen,
        total=release.files,
        total_bytes=release.total_bytes,
    )


def _as_listed(verdict: Verdict, listing: HubListing) -> Verdict:
    """Return what `compare` said of digests as it holds while no bytes were seen."""
    if verdict.word == Word.VERIFIED:
        return replace(verdict, word=Word.SEALED)
    if verdict.word == Word.FAILED and verdict.findings and verdict.decision.word is None:
        return replace(verdict, says=_differs(verdict.decision, listing, verdict.findings))
    return verdict


def _sealed(decision: Decision, listing: HubListing) -> Verdict:
    """Compare names and sizes, and the digests that the Hub tells."""
    assert decision.chosen is not None and decision.publisher is not None
    release, publisher = decision.chosen.release, decision.publisher
    notes: tuple[str, ...] = ()
    if decision.statement is not None:
        findings, equal, unseen = _against(decision.statement, listing.covered)
        if unseen:
            says = "of 1 small file" if unseen == 1 else f"of {unseen} small files"
            notes = (f"{says} the Hub tells no sha256; names and sizes are as sealed",) if not findings else ()
    else:
        findings = () if _fits(decision, listing.covered) else (Finding("differs", WHOLE),)
        equal, unseen = (0 if findings else len(listing.covered)), len(listing.covered)
        notes = ("the seal could not be fetched; count, sizes and digests of weights were compared with the log",)
    asked = decision.asked.revision
    if not findings and asked not in (None, release.revision):
        notes += (f"{asked} itself is not sealed; the listing there is that of the newest release",)
    return Verdict(
        Word.FAILED if findings else Word.SEALED,
        _differs(decision, listing, findings) if findings else publisher.sealed,
        "" if findings or decision.quorum else "(registry's word only)",
        decision,
        findings,
        release=None if findings else decision.chosen,
        equal=equal,
        total=release.files,
        total_bytes=release.total_bytes,
        digest="sha256" if equal > unseen else None,
        notes=notes,
    )


def _differs(decision: Decision, listing: HubListing, findings: tuple[Finding, ...]) -> str:
    assert decision.chosen is not None
    sealed = decision.chosen.release.revision
    if listing.commit == sealed:
        return f": the Hub lists other files at {sealed} than were sealed: {count(findings)}"
    return f": {listing.commit} is not sealed, and not the same as the release {sealed}: {count(findings)}"


def _against(statement: Statement, files: Iterable[HubFile]) -> tuple[tuple[Finding, ...], int, int]:
    """Return what differs from *statement*, how many files do not, and of how many of those no digest was compared."""
    expected = {file.name: file for file in statement.files}
    findings: list[Finding] = []
    equal = unseen = 0
    for file in files:
        sealed, risk = expected.pop(file.name, None), risk_of(file.name)
        if sealed is None:
            findings.append(Finding("added", file.name, risk=risk))
        elif sealed.size != file.size:
            findings.append(Finding("resized", file.name, f"{sealed.size} bytes", f"{file.size} bytes", risk))
        elif file.sha256 is not None and file.sha256 != sealed.sha256:
            digests = f"sha256:{sealed.sha256.hex()}", f"sha256:{file.sha256.hex()}"
            findings.append(Finding("differs", file.name, *digests, risk))
        elif None not in (file.gitoid, sealed.gitoid) and file.gitoid != sealed.gitoid:
            findings.append(Finding("differs", file.name, f"git:{sealed.gitoid}", f"git:{file.gitoid}", risk))
        else:
            equal += 1
            unseen += file.sha256 is None and sealed.gitoid is None
    findings += [Finding("missing", name) for name in expected]
    return by_weight(tuple(findings)), equal, unseen


def _fits(decision: Decision, files: tuple[HubFile, ...]) -> bool:
    """Whether the listing can be the chosen release, of which only the log's record is known."""
    assert decision.chosen is not None
    release = decision.chosen.release
    known = {file.sha256 for file in files if file.sha256 is not None}
    hidden = any(file.sha256 is None and file.name.endswith(manifest.WEIGHTS) for file in files)
    shape = len(files), sum(file.size for file in files)
    return shape == (release.files, release.total_bytes) and (hidden or known >= set(release.weights))


def _observed(decision: Decision, seen: Seen, listing: HubListing) -> Verdict:
    """Compare what can be told without the small files: how many, how many bytes. A commit never changes its files."""
    found = len(listing.covered), sum(file.size for file in listing.covered)
    if listing.commit == seen.revision and found != (seen.files, seen.total_bytes):
        says = f": observers saw {seen.files} files of {seen.total_bytes} bytes at {seen.revision}, "
        says += f"and the Hub lists {found[0]} of {found[1]} bytes there; do not use it"
        whole = (Finding("differs", WHOLE),)
        return Verdict(Word.FAILED, says, "", decision, whole, observed=seen, total=seen.files)
    return Verdict(Word.OBSERVED, decision.says, decision.qualifier, decision, observed=seen, total=seen.files)


def _judged(verdict: Verdict, listing: HubListing) -> tuple[Judged, ...]:
    """Return every file that is listed or sealed, what matters most first. None is verified: no byte was seen."""
    decision = verdict.decision
    wanted = decision.statement if decision.word is None and verdict.total else None
    sealed = {file.name: file for file in wanted.files} if wanted else {}
    listed = {file.name: file for file in listing.covered}
    kinds = {finding.name: finding.kind for finding in verdict.findings}
    found = [Judged(file.name, "ignored", file.size) for file in listing.files if ignored(file.name)]
    for name in listed | sealed:
        here, there = listed.get(name), sealed.get(name)
        compared = here is not None and there is not None and here.sha256 is not None
        found.append(
            Judged(
                name,
                kinds.get(name, "listed" if here is not None and there is not None else "not-compared"),
                here.size if here else None,
                there.size if there else None,
                (("sha256", there.sha256.hex()),) if there else (),
                (("sha256", here.sha256.hex()),) if here and here.sha256 is not None else (),
                "sha256" if compared else None,
                is_program(name),
            )
        )
    return ordered(found, verdict.findings)
