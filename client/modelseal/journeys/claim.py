"""Claim a namespace, and change claim or keys later: edit `ns.toml`, claim again.

1 what the file says      2 what the log says      3 the next record of the owner's chain
4 sign                    5 send, or write a draft for the next controller

A change of keys goes before a change of texts, which waits for the operators; where one is logged the other follows.
Without a key: where does it stand. Nothing is fetched from the Hub or the owner's domain: that is the registry's to do.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Malformed, Pending, Refused, Unavailable
from modelseal.formats import findings, names, records
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Claim, Keys
from modelseal.journeys import nstoml, submit
from modelseal.journeys.ask import Answer, Where
from modelseal.journeys.nstoml import Wanted
from modelseal.journeys.record import look_up_namespace, missing_signatures
from modelseal.journeys.words import key_changes, text_changes
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.state import Namespace, owners
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A record of the owner's chain, and how far it is."""

    submission: Submission
    changes: tuple[str, ...]
    delay: str | None = None  # of a key change as it is signed: why it will wait in public before it is in force
    at_once: str | None = None  # of a key change: why it will not
    again: bool = False  # a key change that waits already, to be signed by more controllers
    waits_for: str | None = None
    logged: int | None = None  # index of its leaf
    sent: bool = False
    draft: Path | None = None  # a .record file for the next holder


@dataclass(frozen=True, slots=True)
class Claimed:
    """Where a claim stands after this."""

    wanted: Wanted
    owner: Namespace | None  # what the log says now
    origin: str
    size: int  # leaves of the log
    time: int  # proven
    steps: tuple[Step, ...] = ()  # none: the log says what the file says, or will after a delay
    later: tuple[str, ...] = ()  # what the next claim will change, once this one is logged
    claim_file: Path | None = None  # to be published by the owner as modelseal.json
    kept: int = 0  # earlier claims that the claim file still names

    @property
    def step(self) -> Step | None:
        """The last step: the one that may not be done."""
        return self.steps[-1] if self.steps else None

    @property
    def waiting(self) -> bool:
        """Whether something in the log is not in force yet, or is out of force for a time."""
        owner = self.owner
        return owner is not None and bool(owner.pending or owner.recovery or owner.suspended(self.time))


def claim(path: Path | str, keys: list[SigningKey], where: Where = Where(), *, dry_run: bool = False) -> Claimed:
    """Bring what the log says about a namespace to what the file at *path* says, as far as *keys* can."""
    file = Path(path)
    wanted = nstoml.read(file)  # 1
    answer, owner = _look_up(wanted, where, to_send=bool(keys))  # 2
    done = _step(file, wanted, answer, owner, keys, where, dry_run=dry_run)
    if done.step is None or done.step.logged is None:
        return done
    # The leaf is in the published log of the address that it was sent to: other addresses may be behind.
    try:
        answer, owner = _look_up(wanted, replace(where, registry=where.registry or answer.trust.url))
    except Unavailable:
        return done
    first = replace(done, owner=owner, size=answer.decision.size, time=answer.decision.time or 0)
    counting = [key for key in keys if owner and key.public.key in owner.key_set.controllers]
    if not done.later or not counting:
        return first
    try:
        then = _step(file, wanted, answer, owner, counting, where, dry_run=False)
    except (Refused, Malformed, Unavailable) as e:  # what is done must not look undone
        raise type(e)(f"the key change is logged, leaf {done.step.logged}; the claim after it: {e}", hint=e.hint) from e
    return replace(then, steps=(*first.steps, *then.steps))


def _look_up(wanted: Wanted, where: Where, *, to_send: bool = False) -> tuple[Answer, Namespace | None]:
    answer = look_up_namespace(wanted.namespace, where)
    if to_send:
        answer = submit.at_registry(answer, answer.decision.asked, where)
    state = answer.decision.state
    return answer, state.namespace(wanted.namespace, answer.decision.time or 0) if state else None


def _step(
    file: Path,
    wanted: Wanted,
    answer: Answer,
    owner: Namespace | None,
    keys: list[SigningKey],
    where: Where,
    *,
    dry_run: bool,
) -> Claimed:
    found = Claimed(wanted, owner, answer.trust.origin, answer.decision.size, answer.decision.time or 0)
    record, changes, later = next_record(wanted, owner, answer.trust.origin, again=bool(keys))  # 3
    found = replace(found, later=later)
    if record is None:
        return found
    again = owner is not None and owner.pending is not None and owner.pending.key_set == wanted.key_set
    step = _timed(Step(submit.draft(record), changes, again=again and isinstance(record, Keys)), owner)
    stem = file.parent / names.short(wanted.namespace)
    draft, claim_file = (stem.with_name(stem.name + suffix) for suffix in (submit.SUFFIX, ".claim.json"))
    there = submit.draft_at(draft, step.submission)
    if not keys:
        if there is not None:
            waits_for = missing_signatures(there, answer)
            step = _timed(replace(step, submission=there, waits_for=waits_for, draft=draft), owner)
        known = claim_file if isinstance(record, Claim) and claim_file.exists() else None
        return replace(found, steps=(step,), claim_file=known)
    submission = submit.sign(there or step.submission, keys)  # 4
    missing, step = missing_signatures(submission, answer), _timed(replace(step, submission=submission), owner)
    if step.again and step.delay is not None and not missing:
        missing = f"signed by {_count(owner, submission)} controllers; in force at once only if all of them sign"
    step = replace(step, waits_for=missing)
    found = replace(found, steps=(step,))
    if dry_run:
        return found
    if isinstance(record, Claim):
        kept = _write_claim_file(claim_file, submission, owner)
        found = replace(found, claim_file=claim_file, kept=kept)
    if missing:  # 5
        _write_draft(draft, submission)
        return replace(found, steps=(replace(step, draft=draft),))
    try:
        logged = submit.send(submission, where.registry or answer.trust.url)
    except Pending as e:
        return replace(found, steps=(replace(step, waits_for=str(e), sent=True),))
    return replace(found, steps=(replace(step, logged=logged.index, sent=True),))


def next_record(
    wanted: Wanted, owner: Namespace | None, origin: str, *, again: bool = False
) -> tuple[Claim | Keys | None, tuple[str, ...], tuple[str, ...]]:
    """Return the owner's next record, what it changes in words, and what is left for the one after it.

    *owner* as it is now. With *again* a key change that waits is repeated: signed by more it may be in force at once.
    """
    if owner is None:
        return wanted.claim(origin, 1, None), ("first claim",), ()
    if owner.claim.namespace != wanted.namespace:
        raise Conflict(f"the namespace is spelled {owner.claim.namespace} in the log, not {wanted.namespace}")
    text = wanted.claim(origin, owner.seq + 1, owner.prev)
    changed = text_changes(owner.claim, text)
    heading = owner.pending.key_set if owner.pending else owner.key_set
    if heading != wanted.key_set or (again and owner.pending and not changed):
        record = Keys(origin, owner.seq + 1, owner.prev, owner.claim.namespace, wanted.key_set)
        changes = key_changes(owner.key_set, wanted.key_set)
        return record, changes or ("withdraws the key change that waits",), changed
    return (text, changed, ()) if changed else (None, (), ())


def why_it_waits(old: KeySet, new: KeySet, authors: AbstractSet[Key]) -> str | None:
    """Return why a change from *old* to *new* signed by *authors* is not in force at once; None if it is."""
    if owners.at_once(old, new, authors):
        return None
    if not set(old.controllers) <= set(new.controllers):
        what = "it drops a controller"
    elif old.threshold != new.threshold:
        what = "it changes the threshold"
    else:
        what = "its new controllers could act alone"
    count, all_ = len(set(old.controllers) - authors), len(old.controllers)
    return f"{what}, and {count} of {all_} controllers {'has' if count == 1 else 'have'} not signed it"


def _timed(step: Step, owner: Namespace | None) -> Step:
    """Say of a key change, as it is signed, when it will be in force and why."""
    record, authors = step.submission.record, _authors(step.submission)
    if owner is None or not isinstance(record, Keys):
        return step
    delay = why_it_waits(owner.key_set, record.key_set, authors)
    every = authors >= set(owner.key_set.controllers)
    why = "every controller signed it" if every else "it drops no controller, and nobody is outvoted"
    return replace(step, delay=delay, at_once=None if delay else why)


def _count(owner: Namespace | None, submission: Submission) -> str:
    controllers = owner.key_set.controllers if owner else ()
    return f"{len(_authors(submission) & set(controllers))} of {len(controllers)}"


def _authors(submission: Submission) -> frozenset[Key]:
    """Who signed; every signature was verified when it was added or counted."""
    return frozenset(PublicKey.parse(entry.key).key for entry in submission.signatures)


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


def _write_claim_file(target: Path, submission: Submission, owner: Namespace | None) -> int:
    """Write what the owner publishes in the Space NS/README and under its domain (FORMAT.md 5.5).

    What it named before stays: an earlier claim may still wait, here or at another registry. Return how many stay.
    """
    new = records.digest(submission.text)
    try:
        there = set(findings.parse_claim_file(platform.read_file(target, findings.MAX_FOUND, "claim file")))
    except platform.Missing:
        there = set()
    except Malformed as e:
        raise Conflict(f"{target} is no claim file and is not overwritten", hint="move it away") from e
    if owner is not None:
        there.add(records.digest(owner.identity.claim_text))
    if len(there | {new}) > findings.MAX_CLAIMS:
        there = {records.digest(owner.identity.claim_text)} if owner is not None else set()
    platform.replace(target, findings.encode_claim_file(tuple(there | {new})))
    return len(there - {new})
