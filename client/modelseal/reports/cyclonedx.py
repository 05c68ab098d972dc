"""A verdict as a CycloneDX 1.6 ML-BOM (ECMA-424): one component for the model, inside it one for each file at hand.

What was claimed and what was verified never mix: `modelseal:claimed:*` is what the seal says, or the user;
`modelseal:verified:*` is what this program found. The identity that other tools match on (`purl`, `version`) is given
only where the verdict is VERIFIED: altered files must not pass for the release whose name they carry.
Hashes of files are of the bytes at hand. The model's own hash is its OMS root: SHA-256 over the SHA-256 of its files.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelseal.formats import names, strict
from modelseal.formats.names import printable
from modelseal.reports.subject import Failure, Scan, Subject
from modelseal.reports.words import counted, first_line, seen_lines
from modelseal.times import rfc3339
from modelseal.verdict import Judged, Verdict, Word

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict

_TYPES = {"datasets": "data", "spaces": "application"}
_ALGORITHMS = {"sha256": "SHA-256", "blake3": "BLAKE3", "blake2b": "BLAKE2b-512"}


def cyclonedx(subject: Subject) -> dict[str, Any]:
    outcome = subject.outcome
    time = outcome.decision.time if isinstance(outcome, Verdict) else None
    tool = {"type": "application", "name": "modelseal", "version": subject.version}
    metadata: dict[str, Any] = {"tools": {"components": [tool]}}
    if time is not None:
        metadata["timestamp"] = rfc3339(time)
    component = _model(subject)
    complete = isinstance(outcome, Verdict) and outcome.complete
    return _document(metadata, [component], [(component["bom-ref"], complete)])


def of_scan(scan: Scan, version: str) -> dict[str, Any]:
    """One document with a model for each snapshot; the references of each begin with its place among them."""
    metadata: dict[str, Any] = {
        "tools": {"components": [{"type": "application", "name": "modelseal", "version": version}]},
        "properties": _properties([("verified:says", counted(scan)), ("verified:exit", str(scan.exit_code))]),
    }
    times = [one.outcome.decision.time for one in scan.found if isinstance(one.outcome, Verdict)]
    if proven := [time for time in times if time is not None]:
        metadata["timestamp"] = rfc3339(min(proven))
    components, complete = [], []
    for number, one in enumerate(scan.found, 1):
        component = _model(Subject(one.outcome, one.path or None, version))
        for part in (component, *component.get("components", ())):
            part["bom-ref"] = f"{number}:{part['bom-ref']}"
        components.append(component)
        complete.append((component["bom-ref"], isinstance(one.outcome, Verdict) and one.outcome.complete))
    return _document(metadata, components, complete)


def _document(
    metadata: dict[str, Any], components: list[dict[str, Any]], complete: Iterable[tuple[str, bool]]
) -> dict[str, Any]:
    body = {
        "metadata": metadata,
        "components": components,
        "compositions": [
            {"aggregate": "complete" if whole else "unknown", "assemblies": [ref]} for ref, whole in complete
        ],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, strict.encode(body))}",  # of what it says
        "version": 1,
        **body,
    }


def _model(subject: Subject) -> dict[str, Any]:
    outcome = subject.outcome
    properties = [("verified:verdict", subject.word), ("verified:exit", str(outcome.exit_code))]
    if isinstance(outcome, Verdict) and outcome.accepted:
        properties.append(("verified:accepted", printable(outcome.accepted, longest=1000)))
    properties += [("claimed:path", subject.shown_path)] if subject.shown_path is not None else []
    repo = outcome.repo if isinstance(outcome, Failure) else None
    if isinstance(outcome, Verdict):
        repo = outcome.decision.repo or outcome.decision.asked.repo
    if repo is None:
        return _unnamed(subject, properties)
    parts = repo.removeprefix("hf://").split("/")
    kind, (owner, name) = ("models" if len(parts) == 2 else parts[0]), parts[-2:]
    found: dict[str, Any] = {
        "type": _TYPES.get(kind, "machine-learning-model"),
        "bom-ref": "model",
        "group": owner,
        "name": name,
    }
    properties.append(("claimed:repo", names.short(repo)))
    if not isinstance(outcome, Verdict):
        assert isinstance(outcome, Failure)
        return {**found, "properties": _properties([*properties, ("verified:says", outcome.message)])}
    release, statement = outcome.release, outcome.decision.statement
    if outcome.word == Word.VERIFIED and release is not None:
        commit = release.release.revision
        found |= {"version": commit}
        if kind == "models":
            found |= {"purl": f"pkg:huggingface/{quote(owner, safe='')}/{quote(name, safe='')}@{commit}"}
        if statement is not None and release == outcome.decision.chosen:
            root = hashlib.sha256(b"".join(file.sha256 for file in statement.files)).hexdigest()
            found |= {"hashes": [{"alg": "SHA-256", "content": root}]}
            properties.append(
                ("verified:hash", "the OMS root: SHA-256 over the files' SHA-256 in order of their names")
            )
    properties += _verified(outcome) + _claimed(outcome)
    found["properties"] = _properties(properties)
    return _with_files(found, outcome.files)


def _unnamed(subject: Subject, properties: list[tuple[str, str]]) -> dict[str, Any]:
    """Files of which nobody says whose they are: another tool's signature was checked."""
    outcome = subject.outcome
    name = printable((subject.path or "").replace("\\", "/").rstrip("/").rpartition("/")[2] or "model")
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": "model", "name": name}
    if isinstance(outcome, Failure):
        return {**found, "properties": _properties([*properties, ("verified:says", outcome.message)])}
    assert not isinstance(outcome, Verdict)
    properties.append(("claimed:signature", printable(subject.signature, longest=1000)))
    properties += [("claimed:name", printable(outcome.name))] if outcome.name else []
    properties.append(("verified:says", printable(outcome.says, longest=2000).lstrip(":, ")))
    properties += [("verified:signer", printable(outcome.signer.who))] if outcome.signer else []
    properties += [("verified:payload", f"sha256:{outcome.payload}")] if outcome.payload else []
    properties += [("verified:digest", outcome.digest)] if outcome.digest else []
    properties += _cached(outcome)
    properties += _listed(outcome.files)
    properties += [("verified:note", printable(note, longest=1000)) for note in outcome.notes]
    return _with_files({**found, "properties": _properties(properties)}, outcome.files)


def _with_files(found: dict[str, Any], files: Iterable[Judged]) -> dict[str, Any]:
    there = [_file(one) for one in files if one.status not in _NOT_HERE]
    return {**found, "components": there} if there else found


_NOT_HERE = {"missing": "missing", "absent": "absent", "listed": "listed"}
_NOT_HERE |= {"ignored": "not-compared", "skipped": "not-compared"}


def _listed(files: Iterable[Judged]) -> list[tuple[str, str]]:
    """Return what is no component: files that are not here, and what was not compared."""
    return [(f"verified:{_NOT_HERE[one.status]}", printable(one.name)) for one in files if one.status in _NOT_HERE]


def _verified(verdict: Verdict) -> list[tuple[str, str]]:
    decision, release = verdict.decision, verdict.release
    found = [("verified:says", first_line(verdict))]
    if decision.publisher is not None:
        found.append(("verified:publisher", printable(str(decision.publisher))))
        found.append(("verified:owner-checked", "yes" if decision.publisher.checked else "no"))
    if release is not None:
        signed = release.release
        found += [
            ("verified:release", f"{names.short(signed.repo)}@{signed.revision}"),
            ("verified:seal", f"sha256:{signed.seal.hex()}"),
            ("verified:signer", f"SHA256:{signed.signer.sha256.hex()}"),
            ("verified:log:leaf", str(release.index)),
        ]
    if decision.time is not None:
        found += [
            ("verified:log:origin", decision.origin),
            ("verified:log:size", str(decision.size)),
            ("verified:log:time", rfc3339(decision.time)),
            ("verified:log:mirrors", str(decision.quorum)),
        ]
    found += [(f"verified:{key}", printable(text, longest=1000)) for key, text in seen_lines(verdict)]
    if verdict.total and verdict.files:
        what = "were observed" if verdict.observed is not None else "equal the seal"
        found.append(("verified:files", f"{verdict.equal} of {verdict.total} {what}"))
    if verdict.digest:
        found.append(("verified:digest", verdict.digest))
    found += _cached(verdict) + _listed(verdict.files)
    return found + [("verified:note", printable(note, longest=1000)) for note in (*decision.notes, *verdict.notes)]


def _cached(verdict: Verdict | SignatureVerdict) -> list[tuple[str, str]]:
    if verdict.cached_since is None:
        return []
    return [("verified:digests-from-cache", f"{verdict.cached}, since {rfc3339(verdict.cached_since)}")]


def _claimed(verdict: Verdict) -> list[tuple[str, str]]:
    """What the seal of the release says of itself, and whoever typed the command."""
    decision = verdict.decision
    found = [("claimed:revision", decision.asked.revision)] if decision.asked.revision else []
    statement = decision.statement
    if statement is not None and verdict.release in (None, decision.chosen):
        found += [("claimed:license", printable(statement.license))] if statement.license else []
        found += [("claimed:base_model", printable(statement.base_model))] if statement.base_model else []
        found.append(("claimed:created", rfc3339(statement.created)))
    return found


def _file(one: Judged) -> dict[str, Any]:
    properties = [("verified:status", one.status)]
    properties += [("verified:compared", one.compared)] if one.compared else []
    properties += [("verified:size", str(one.size))] if one.size is not None else []
    properties += [("verified:program", "yes")] if one.program else []
    properties += [("verified:is", printable(one.detail))] if one.detail else []
    properties += [(f"claimed:{algorithm}", digest) for algorithm, digest in one.expected]
    properties += [("claimed:size", str(one.sealed_size))] if one.sealed_size is not None else []
    found: dict[str, Any] = {
        "type": "file",
        "bom-ref": "file:" + quote(one.name, safe="/", errors="backslashreplace"),
        "name": printable(one.name),
    }
    if one.found:
        found["hashes"] = [{"alg": _ALGORITHMS[algorithm], "content": digest} for algorithm, digest in one.found]
    return {**found, "properties": _properties(properties)}


def _properties(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": f"modelseal:{name}", "value": value} for name, value in pairs]
