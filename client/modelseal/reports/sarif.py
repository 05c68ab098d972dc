"""A verdict as SARIF 2.1.0 (OASIS), for code scanning: one run, a rule for each kind of finding, a result for each.

Places are relative to the folder that was verified (`uriBaseId` MODEL). What may be used (VERIFIED, SIGNATURE VALID)
has no results. What is wrong with the whole (revoked, unknown, unavailable, a log that misbehaved, no verdict at all)
is one result at the folder itself.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.reports.subject import Failure, Scan, Subject
from modelseal.reports.words import counted, first_line, next_steps, says
from modelseal.verdict import WHOLE, Finding, Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

# id -> level, score (0 to 10, as code scanning sorts by `security-severity`), what it means
_RULES = {
    "added-program": ("error", "9.5", "A program that nobody sealed lies among the files."),
    "added-risk": (
        "error",
        "9.0",
        "A file that can run code when it is loaded or unpacked lies there, and nobody sealed it.",
    ),
    "added": ("error", "8.0", "A file that nobody sealed lies among the files."),
    "contradictory": ("error", "9.0", "One of the two digests in the seal is of these bytes, the other is not."),
    "differs": ("error", "9.0", "A file has other contents than the sealed one."),
    "resized": ("error", "8.5", "A file has another size than the sealed one."),
    "missing": ("warning", "4.0", "A file that the seal lists is not there."),
    "no-file": ("error", "7.0", "Something lies among the files that a seal cannot cover: a link, a device, a name."),
    "failed": ("error", "8.0", "The files are not the release that they should be."),
    "revoked": ("error", "9.5", "The owner revoked the release or these contents."),
    "withdrawn": ("error", "9.5", "The operators of the registry withdrew this commit or these contents."),
    "observed": ("warning", "3.0", "Nobody has sealed this name; the files are those that observers saw there before."),
    "unknown": ("warning", "5.0", "It is proven that nobody has sealed this name, and no observation of it counts."),
    "unavailable": ("warning", "4.0", "There was no answer that proves anything; try again."),
    "log-misbehaved": ("error", "9.5", "The log signed two things that contradict each other."),
    "refused": ("error", "6.0", "There is no verdict; the reason says why."),
}


def sarif(subject: Subject) -> dict[str, Any]:
    outcome = subject.outcome
    about = subject.about
    invocation: dict[str, Any] = {
        "executionSuccessful": not isinstance(outcome, Failure),
        "exitCode": outcome.exit_code,
    }
    if isinstance(outcome, Failure):
        message = {"text": _plain(outcome.message)}
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": message}]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(subject.version)},
                "automationDetails": {"id": f"modelseal/{about}/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"MODEL": {"description": {"text": "the folder that was verified"}}},
                "invocations": [invocation],
                "results": _results(subject, about, "MODEL"),
                "properties": _properties(subject),
            }
        ],
    }


def _kind(scan: Scan) -> str:
    if not scan.caches:
        return "lock"
    return "locked" if scan.of_lock else "scan"


def of_scan(scan: Scan, version: str) -> dict[str, Any]:
    """One run: results of every snapshot, each with a place of its own (`uriBaseId` SNAPSHOT and a number)."""
    results: list[dict[str, Any]] = []
    bases: dict[str, Any] = {}
    failures = []
    for number, one in enumerate(scan.found, 1):
        about = names.short(one.repo) + (f"@{one.revision}" if one.revision else "")
        base = f"SNAPSHOT{number}"
        if isinstance(one.outcome, Failure):
            failures.append({"level": "error", "message": {"text": _plain(f"{about}: {one.outcome.message}")}})
        own = _results(Subject(one.outcome, one.path or None, version), about, base)
        if own:
            place = f"the snapshot {about} in a Hub cache" if one.path else f"{about}, by its name"
            bases[base] = {"description": {"text": _plain(place)}}
        results += own
    invocation: dict[str, Any] = {"executionSuccessful": not failures, "exitCode": scan.exit_code}
    if failures:
        invocation["toolExecutionNotifications"] = failures
    run = {
        "tool": {"driver": _driver(version)},
        # Uploads with one id replace each other: names, the files of a lock, and whole caches are three things.
        "automationDetails": {"id": f"modelseal/{_kind(scan)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": bases,
        "invocations": [invocation],
        "results": results,
        "properties": {
            "modelseal/says": counted(scan),
            "modelseal/verdict": scan.word,
            "modelseal/passedOver": [
                f"{printable(path, longest=1000)}: {printable(why)}" for path, why in scan.passed_over
            ],
        },
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver(version: str) -> dict[str, Any]:
    return {
        "name": "modelseal",
        "version": version,
        "rules": [
            {
                "id": rule,
                "shortDescription": {"text": text},
                "defaultConfiguration": {"level": level},
                "properties": {"security-severity": score, "tags": ["security", "supply-chain"]},
            }
            for rule, (level, score, text) in _RULES.items()
        ],
    }


def _results(subject: Subject, about: str, base: str) -> list[dict[str, Any]]:
    outcome = subject.outcome
    if isinstance(outcome, Failure):
        return [_result(outcome.word if outcome.word in _RULES else "refused", about, outcome.message, None, base)]
    if outcome:
        return []
    named = [one for one in outcome.findings if one.name != WHOLE]
    word = outcome.qualifier.partition(" ")[0] if isinstance(outcome, Verdict) else ""
    rule = {"REVOKED": "revoked", "WITHDRAWN": "withdrawn"}.get(word)
    if named and not rule:
        return [_of(finding, about, base) for finding in named]
    if isinstance(outcome, Verdict):
        text = first_line(outcome) + "".join(f"; next: {step['why']}" for step in next_steps(outcome))
    else:
        text = about + printable(outcome.says, longest=2000)
    return [_result(rule or subject.word, about, text, None, base)]


def _of(finding: Finding, about: str, base: str) -> dict[str, Any]:
    rule = finding.kind if finding.kind in _RULES else "no-file"
    if finding.kind == "added" and finding.risk:
        rule = "added-program" if finding.program else "added-risk"
    text = f"{printable(finding.name)}: {says(finding)}"
    if finding.expected is not None and finding.found is not None:
        text += f"; expected {finding.expected}, found {printable(finding.found)}"
    return _result(rule, about, text, finding.name, base)


def _result(rule: str, about: str, text: str, name: str | None, base: str) -> dict[str, Any]:
    level = _RULES[rule][0]
    # A folder's own place is "./": an empty reference would mean the report itself.
    uri = "./" if name is None else quote(name, safe="/", errors="backslashreplace")
    place = {"uri": uri, "uriBaseId": base}
    same = hashlib.sha256("\0".join((about, rule, name or "")).encode("utf-8", "backslashreplace")).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": level,
        "message": {"text": _plain(text)},
        "locations": [{"physicalLocation": {"artifactLocation": place}}],
        "partialFingerprints": {"modelseal/v1": same},
    }


def _plain(text: str) -> str:
    """Return *text*, printable already, so that no viewer takes a part of it for a link or a placeholder (3.11.5)."""
    for sign in "[]":
        text = text.replace(sign, "\\" + sign)
    return text.replace("{", "{{").replace("}", "}}")


def _properties(subject: Subject) -> dict[str, Any]:
    outcome = subject.outcome
    path = {"modelseal/path": subject.shown_path} if subject.shown_path is not None else {}
    found: dict[str, Any] = {"modelseal/about": subject.about, **path, "modelseal/verdict": subject.word}
    if isinstance(outcome, Verdict) and outcome.accepted:
        found["modelseal/accepted"] = printable(outcome.accepted, longest=1000)
    if isinstance(outcome, Failure):
        return found
    found["modelseal/notCompared"] = [
        printable(one.name) for one in outcome.files if one.status in ("ignored", "skipped")
    ]
    if not isinstance(outcome, Verdict):
        signer = outcome.signer.value if outcome.signer else None
        return {**found, "modelseal/signature": printable(subject.signature, longest=1000), "modelseal/signer": signer}
    release = outcome.release
    return {
        **found,
        "modelseal/says": first_line(outcome),
        "modelseal/revision": release.release.revision if release else outcome.decision.asked.revision,
        "modelseal/log": outcome.decision.origin,
        "modelseal/leaf": release.index if release else None,
    }
