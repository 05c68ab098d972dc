"""Claim a namespace, and change the claim later: edit `ns.toml`, claim again.

1 what the file says      2 what the log says      3 the next record of the owner's chain
4 sign                    5 send, or write a draft for the next controller

Without a key: where does it stand. Nothing is fetched from the Hub or the owner's domain: that is the registry's to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Malformed, Pending, Usage
from modelseal.formats import names, records, strict
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Claim, Keys
from modelseal.journeys import nstoml, submit
from modelseal.journeys.ask import Where
from modelseal.journeys.nstoml import Wanted
from modelseal.journeys.record import look_up_namespace, missing_signatures
from modelseal.journeys.words import key_changes, text_changes
from modelseal.keys import SigningKey
from modelseal.state import Namespace


@dataclass(frozen=True, slots=True)
class Claimed:
    """Where a claim stands after this step."""

    wanted: Wanted
    owner: Namespace | None  # what the log says now
    origin: str
    size: int  # leaves of the log
    submission: Submission | None  # None: the log says what the file says
    changes: tuple[str, ...]
    later: tuple[str, ...] = ()  # what the next claim will change, once this one is logged
    logged: int | None = None  # index of the leaf, where one step was enough
    waits_for: str | None = None
    sent: bool = False
    draft: Path | None = None  # a .record file for the next holder
    claim_file: Path | None = None  # to be published by the owner as modelseal.json


def claim(path: Path | str, keys: list[SigningKey], where: Where = Where(), *, dry_run: bool = False) -> Claimed:
    """Bring what the log says about a namespace to what the file at *path* says, as far as *keys* can."""
    file = Path(path)
    wanted = nstoml.read(file)  # 1
    answer = look_up_namespace(wanted.namespace, where)  # 2
    state = answer.decision.state
    owner = state.namespace(wanted.namespace) if state else None
    record, changes, later = next_record(wanted, owner, answer.trust.origin)  # 3
    found = Claimed(wanted, owner, answer.trust.origin, answer.decision.size, None, changes, later)
    if record is None:
        return found
    unsigned = submit.draft(record)
    stem = file.parent / names.short(wanted.namespace)
    draft, claim_file = (stem.with_name(stem.name + suffix) for suffix in (submit.SUFFIX, ".claim.json"))
    if not keys:
        there = _draft_of(draft, unsigned)
        missing = missing_signatures(there, answer) if there else None
        known = claim_file if isinstance(record, Claim) and claim_file.exists() else None
        return replace(
            found,
            submission=there or unsigned,
            waits_for=missing,
            draft=draft if there else None,
            claim_file=known,
        )
    submission = submit.sign(_draft_of(draft, unsigned) or unsigned, keys)  # 4
    missing = missing_signatures(submission, answer)
    found = replace(found, submission=submission, waits_for=missing)
    if dry_run:
        return found
    if isinstance(record, Claim):
        _write_claim_file(claim_file, submission)
        found = replace(found, claim_file=claim_file)
    if missing:  # 5
        _write_draft(draft, submission)
        return replace(found, draft=draft)
    try:
        logged = submit.send(submission, where.registry or answer.trust.url)
    except Pending as e:
        return replace(found, waits_for=str(e), sent=True)
    return replace(found, logged=logged.index, sent=True)


def next_record(
    wanted: Wanted, owner: Namespace | None, origin: str
) -> tuple[Claim | Keys | None, tuple[str, ...], tuple[str, ...]]:
    """Return the owner's next record, what it changes in words, and what is left for the one after it."""
    if owner is None:
        return wanted.claim(origin, 1, None), ("first claim",), ()
    if owner.claim.namespace != wanted.namespace:
        raise Conflict(f"the namespace is spelled {owner.claim.namespace} in the log, not {wanted.namespace}")
    text = wanted.claim(origin, owner.seq + 1, owner.prev)
    changed = text_changes(owner.claim, text)
    if owner.key_set != wanted.key_set:  # at once; a changed text waits for the operators, so it goes second
        record = Keys(origin, owner.seq + 1, owner.prev, owner.claim.namespace, wanted.key_set)
        return record, key_changes(owner.key_set, wanted.key_set), changed
    return (text, changed, ()) if changed else (None, (), ())


def _draft_of(draft: Path, unsigned: Submission) -> Submission | None:
    """Return what lies at *draft* if it is this very record: others may have signed it already."""
    try:
        there = submit.read(draft)
    except (Usage, Malformed):
        return None
    return there if there.digest == unsigned.digest else None


def _write_draft(draft: Path, submission: Submission) -> None:
    """Write the draft; an earlier record of the same chain gives way, since its turn is over."""
    try:
        there, record = submit.read(draft).record, submission.record
    except platform.Missing:
        pass
    else:
        assert isinstance(record, Claim | Keys)
        same = isinstance(there, Claim | Keys) and (there.origin, there.namespace) == (record.origin, record.namespace)
        if same and isinstance(there, Claim | Keys) and there.seq < record.seq:
            platform.replace(draft, submission.encode())
            return
    submit.write(draft, submission)


def _write_claim_file(target: Path, submission: Submission) -> None:
    """Write what the owner publishes in the Space NS/README and under its domain (FORMAT.md 5.5)."""
    digest = records.digest(submission.text).hex()
    platform.replace(target, strict.encode({"v": 1, "claims": [digest]}).encode())
