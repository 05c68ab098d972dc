"""A foreign manifest against the files at hand. Pure: digests come in, a verdict goes out.

    plan(manifest, ...)     names and sizes alone: what to hash, or what is wrong before anything is hashed
    compare(plan, digests)  the verdict

What was not compared is listed: the signature itself, the root's names that no tool of this kind signs, and the files
of the Hub's own client. Every other file that the signature does not list was added, whatever its ignore list says.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelseal.compare import by_weight, count, is_program, risk_of
from modelseal.foreign.statement import SINGLE, Manifest, Resource
from modelseal.judged import ordered, status_of
from modelseal.values import dataclass
from modelseal.verdict import Finding, Judged, Word


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it is, as far as it says. Texts of certificates come from outside."""

    who: str  # for the first line
    says: tuple[tuple[str, str], ...]  # key and text of each further line
    value: dict[str, object]  # the same for programs


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """Whether a signature by another tool is valid for the files at hand; it is true only if it is."""

    word: Word  # SIGNATURE_VALID or FAILED
    says: str  # what follows the path on the first line
    signer: Signer | None = None  # None: the signature itself is not valid
    findings: tuple[Finding, ...] = ()
    equal: int = 0
    total: int = 0  # files that the signature lists
    total_bytes: int = 0  # of the files at hand that equal it
    digest: str | None = None  # which was compared
    name: str | None = None  # what the signer called the model
    payload: str | None = None  # hex SHA-256 of what is signed
    not_compared: tuple[tuple[str, str], ...] = ()  # name, why
    notes: tuple[str, ...] = ()
    hint: str | None = None
    files: tuple[Judged, ...] = ()  # every one, what matters most first
    cached: int = 0  # files whose digests were computed earlier, and
    cached_since: int | None = None  # POSIX seconds, when the oldest of these was

    @property
    def exit_code(self) -> int:
        return self.word.exit_code

    def __bool__(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Plan:
    manifest: Manifest
    sizes: dict[str, int]  # files at hand that are compared
    signed: dict[str, Resource]  # by the name at hand
    findings: tuple[Finding, ...]  # what is wrong already
    not_compared: tuple[tuple[str, str], ...]
    single: bool = False  # a file was named, not a folder

    @property
    def to_hash(self) -> tuple[str, ...]:
        wrong = {finding.name for finding in self.findings}
        return tuple(name for name in self.sizes if name in self.signed and name not in wrong)


def plan(
    manifest: Manifest,
    sizes: Mapping[str, int],
    *,
    single: str | None,
    own: str | None,
    ignored: tuple[str, ...],
    hub: tuple[str, ...],
    problems: tuple[Finding, ...],
) -> Plan:
    """Compare names and sizes.

    *single*: the user named a file and not a folder, by this name. *own*: the name below the folder of the signature
    itself. *ignored*: names at the root that are passed over unless they are signed; *hub*: files of the Hub's client.
    """
    signed = {_here(one.name, single): one for one in manifest.files}
    passed = [(own, "the signature itself")] if own is not None and own not in signed else []
    passed += [(name, "no part of a model") for name in ignored if name not in signed and name != own]
    passed += [(name, "written by the Hub's own client") for name in hub if name not in signed]
    at_hand = {name: size for name, size in sizes.items() if name != own or name in signed}
    findings = list(problems)
    for name, size in at_hand.items():
        one = signed.get(name)
        if one is None:
            findings.append(Finding("added", name, risk=risk_of(name)))
        elif one.size is not None and one.size != size:
            findings.append(Finding("resized", name, f"{one.size} bytes", f"{size} bytes", risk_of(name)))
    named = {finding.name for finding in findings}
    findings += [Finding("missing", name) for name in signed if name not in at_hand and name not in named]
    return Plan(manifest, at_hand, signed, tuple(findings), tuple(passed), single is not None)


def _here(name: str, single: str | None) -> str:
    """Return the name at hand of a signed file: a single one may be signed as `.`, whatever it is called."""
    return single if name == SINGLE and single is not None else name


def compare(plan: Plan, digests: Mapping[str, bytes], signer: Signer, payload: str) -> SignatureVerdict:
    """Return the verdict on files with the *digests* (of `plan.to_hash`; none if something is wrong already)."""
    manifest, findings, equal, total_bytes = plan.manifest, list(plan.findings), 0, 0
    for name in plan.to_hash:
        want, got = plan.signed[name].digest, digests.get(name)
        if got is None:
            continue
        if want == got:
            equal += 1
            total_bytes += plan.sizes[name]
        else:
            kind = manifest.algorithm
            risk = risk_of(name)
            findings.append(Finding("differs", name, f"{kind}:{want.hex()}", f"{kind}:{got.hex()}", risk))
    found = by_weight(tuple(findings))
    bad = bool(found)
    if not bad and equal != len(manifest.files):
        raise ValueError("not every file was hashed")
    return SignatureVerdict(
        Word.FAILED if bad else Word.SIGNATURE_VALID,
        f": {count(found)}; do not load it" if bad else f", signed by {signer.who}",
        signer,
        found,
        equal,
        len(manifest.files),
        total_bytes,
        manifest.algorithm if digests else "names and sizes",
        manifest.name,
        payload,
        plan.not_compared,
        _notes(plan, found),
        files=_each(plan, digests, found),
    )


def _each(plan: Plan, digests: Mapping[str, bytes], findings: tuple[Finding, ...]) -> tuple[Judged, ...]:
    """Return what became of every file."""
    kinds = {finding.name: finding for finding in findings}
    algorithm, rows = plan.manifest.algorithm, []
    for name in dict.fromkeys((*plan.sizes, *plan.signed, *kinds)):
        signed, digest, finding = plan.signed.get(name), digests.get(name), kinds.get(name)
        equal = signed is not None and digest == signed.digest
        rows.append(
            Judged(
                name,
                status_of(finding) if finding else "verified" if equal else "not-compared",
                plan.sizes.get(name),
                signed.size if signed else None,
                ((algorithm, signed.digest.hex()),) if signed else (),
                ((algorithm, digest.hex()),) if digest is not None else (),
                algorithm if signed and digest is not None else None,
                is_program(name),
                finding.found if finding and name not in plan.sizes else None,
            )
        )
    rows += [Judged(name, "ignored", detail=why) for name, why in plan.not_compared]
    return ordered(rows, findings)


def _notes(plan: Plan, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    manifest, notes = plan.manifest, []
    if SINGLE in plan.signed:
        notes.append("the signature is for a single file; give the path of that file")
    elif plan.single and len(manifest.files) > 1:
        notes.append(f"the signature is for a folder of {len(manifest.files)} files; give the path of that folder")
    if manifest.legacy:
        notes.append("the encoding is that of model_signing 0.2.0, which is unsafe; ask for a new signature")
    added = {finding.name for finding in findings if finding.kind == "added"}
    excused = sorted(name for name in added if _is_below(name, manifest.ignored))
    if excused:
        shown = ", ".join(excused[:5]) + (f" and {len(excused) - 5} more" if len(excused) > 5 else "")
        notes.append(f"the signer asks to ignore {shown}; a signer's own list of that kind is never believed")
    return tuple(notes)


def _is_below(name: str, paths: tuple[str, ...]) -> bool:
    return any(name == path or name.startswith(path.rstrip("/") + "/") or path == "." for path in paths)
