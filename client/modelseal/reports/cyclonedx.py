"""A verdict as a CycloneDX 1.6 ML-BOM (ECMA-424): one component for the model, inside it one for each file at hand.

What was claimed and what was verified never mix: `modelseal:claimed:*` is what the seal says, or the user;
`modelseal:verified:*` is what this program found. The identity that other tools match on (`purl`, `version`) is given
only where the verdict is VERIFIED: altered files must not pass for the release whose name they carry.
Hashes of files are of the bytes at hand. The model's own hash is its OMS root: SHA-256 over the SHA-256 of its files.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any
from urllib.parse import quote

from modelseal.formats import names, strict
from modelseal.formats.names import printable
from modelseal.reports.subject import Failure, Subject
from modelseal.reports.words import first_line
from modelseal.times import rfc3339
from modelseal.verdict import Judged, Verdict, Word

_TYPES = {"datasets": "data", "spaces": "application"}
_ALGORITHMS = {"sha256": "SHA-256", "blake3": "BLAKE3"}


def cyclonedx(subject: Subject) -> dict[str, Any]:
    outcome = subject.outcome
    time = None if isinstance(outcome, Failure) else outcome.decision.time
    tool = {"type": "application", "name": "modelseal", "version": subject.version}
    metadata: dict[str, Any] = {"tools": {"components": [tool]}}
    if time is not None:
        metadata["timestamp"] = rfc3339(time)
    component = _model(outcome, subject)
    complete = not isinstance(outcome, Failure) and outcome.complete
    body = {
        "metadata": metadata,
        "components": [component],
        "compositions": [{"aggregate": "complete" if complete else "unknown", "assemblies": [component["bom-ref"]]}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, strict.encode(body))}",  # of what it says
        "version": 1,
        **body,
    }


def _model(outcome: Verdict | Failure, subject: Subject) -> dict[str, Any]:
    repo = outcome.repo if isinstance(outcome, Failure) else outcome.decision.repo or outcome.decision.asked.repo
    parts = repo.removeprefix("hf://").split("/")
    kind, (owner, name) = ("models" if len(parts) == 2 else parts[0]), parts[-2:]
    found: dict[str, Any] = {
        "type": _TYPES.get(kind, "machine-learning-model"),
        "bom-ref": "model",
        "group": owner,
        "name": name,
    }
    properties = [("verified:verdict", outcome.word if isinstance(outcome, Failure) else outcome.word.value)]
    properties += [("verified:exit", str(outcome.exit_code)), ("claimed:repo", names.short(repo))]
    properties += [("claimed:path", printable(subject.path, longest=1000))]
    if isinstance(outcome, Failure):
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
    files = [_file(one) for one in outcome.files if one.status not in ("missing", "absent", "ignored", "skipped")]
    return {**found, "components": files} if files else found


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
    if verdict.total:
        found.append(("verified:files", f"{verdict.equal} of {verdict.total} equal the seal"))
    if verdict.digest:
        found.append(("verified:digest", verdict.digest))
    if verdict.cached_since is not None:
        found.append(("verified:digests-from-cache", f"{verdict.cached}, since {rfc3339(verdict.cached_since)}"))
    words = {"missing": "missing", "absent": "absent", "ignored": "not-compared", "skipped": "not-compared"}
    found += [(f"verified:{words[one.status]}", printable(one.name)) for one in verdict.files if one.status in words]
    return found + [("verified:note", printable(note, longest=1000)) for note in (*decision.notes, *verdict.notes)]


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
