"""One record as a person sees it who is to sign it: what it says, what it changes in the log, who has signed.

Every threshold goes through here: a `.record` file is signed by one holder after the other and sent by the last.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from modelseal.authorship import signed_by
from modelseal.errors import Conflict, Pending, Refused, TooFew, Unavailable, Unsupported, Usage
from modelseal.formats import names, records
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Claim, Identity, Keys, Operators, Record, Release, Revocation, Roots
from modelseal.journeys import submit, words
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.keys import SigningKey
from modelseal.state import State, apply


@dataclass(frozen=True, slots=True)
class View:
    """Texts are as they stand in the record: whoever prints them escapes them."""

    submission: Submission
    about: str  # "claim 1 of acme-lab"
    says: tuple[str, ...]
    changes: tuple[str, ...] | None  # None: not compared with the log, see `alone`
    signers: tuple[str, ...]  # "SHA256:7f3c... (controller)"
    count: str | None  # "signed by 1 of 2 controllers"
    missing: str | None  # why it cannot be sent yet
    alone: str | None = None  # why the log was not asked
    logged: bool = False
    url: str | None = None  # where to submit it


@dataclass(frozen=True, slots=True)
class Sent:
    """Below its threshold a record is not sent."""

    view: View
    logged: int | None = None
    sent: bool = False
    waits_for: str | None = None


def show(path: Path, where: Where | None = Where()) -> View:
    """Read the `.record` file at *path* and compare it with the log, unless *where* is None or nobody answers."""
    return view(submit.read(path), where)


def sign(path: Path, keys: list[SigningKey], where: Where | None = Where(), *, send: bool = False) -> Sent:
    """Add the signatures of *keys* to the `.record` file at *path*; with *send* submit it if that is enough.

    If the log can be asked, a key without a role in this record is refused, and the file stays as it was.
    """
    submission = submit.sign(submit.read(path), keys)
    if send:
        _check_sendable(submission)
    seen = view(submission, where)
    submit.write(path, submission)
    return _send(seen) if send else Sent(seen, waits_for=seen.missing)


def send(path: Path, where: Where = Where()) -> Sent:
    """Submit the `.record` file at *path*, if it has enough signatures."""
    submission = submit.read(path)
    _check_sendable(submission)
    return _send(view(submission, where))


def _send(seen: View) -> Sent:
    if seen.url is None:
        raise Unavailable(f"{seen.alone}; nothing was sent")
    if seen.missing:
        return Sent(seen, waits_for=seen.missing)
    try:
        logged = submit.send(seen.submission, seen.url)
    except Pending as e:
        return Sent(seen, sent=True, waits_for=str(e))
    return Sent(seen, logged.index, sent=True)


def _check_sendable(submission: Submission) -> None:
    if isinstance(submission.record, Operators | Roots):
        kind = records.type_of(submission.record)
        raise Usage(f"a record of type {kind} is never submitted: the log itself makes it")


def view(submission: Submission, where: Where | None) -> View:
    record = submission.record
    authors = signed_by(record, submission.text, submission.signatures).record
    about, says = words.about(record), words.says(record)
    try:
        answer = _answer(record, where)
    except Unavailable as e:
        return View(submission, about, says, None, _roles(record, authors, None), None, None, alone=str(e))
    state = answer.decision.state
    assert state is not None and where is not None  # `heard` saw to it
    owner = state.namespace(namespace_of(record))
    if record.origin != state.origin:
        raise Refused(f"the record is for {record.origin}, the trust root is for {state.origin}")
    logged = submission.digest in state.seen or (
        isinstance(record, Claim) and owner is not None and owner.identity.claim_text == submission.text
    )
    return View(
        submission,
        about,
        says,
        words.changes(record, owner),
        _roles(record, authors, state),
        _count(record, authors, state),
        None if logged else missing_signatures(submission, answer),
        logged=logged,
        url=where.registry or answer.trust.url,
    )


# what the log says about it


def _answer(record: Record | Claim, where: Where | None) -> Answer:
    if where is None:
        raise Unavailable("offline")
    if isinstance(record, Operators | Roots):
        raise Unavailable("the log makes such records itself")
    return look_up(record, where)


def namespace_of(record: Record | Claim) -> str:
    match record:
        case Claim() | Keys() | Revocation():
            return record.namespace
        case Identity():
            return record.claim.namespace
        case Release():
            return names.namespace_of(record.repo)
    raise Usage(f"a record of type {records.type_of(record)} is about no namespace")


def look_up(record: Record | Claim, where: Where) -> Answer:
    """Return what the log proves about the repo or the namespace of *record*."""
    repo = getattr(record, "repo", None)
    return look_up_namespace(namespace_of(record), where) if repo is None else heard(ask(Asked(repo, None), where))


def look_up_namespace(namespace: str, where: Where) -> Answer:
    """Return what the log proves about *namespace*. Any repo of it will do: its evidence has all of the owner's."""
    return heard(ask(Asked(f"{namespace}/README", None), where))


def missing_signatures(submission: Submission, answer: Answer) -> str | None:
    """Return how many signatures are there and wanted, or None if there are enough. Refused if a rule says no."""
    record, decision = submission.record, answer.decision
    state = copy.deepcopy(decision.state)
    assert isinstance(state, State)
    found = signed_by(record, submission.text, submission.signatures)
    owner = state.namespace(namespace_of(record))
    if isinstance(record, Claim):
        key_set = owner.key_set if owner else record.key_set
        if key_set is None:
            raise Conflict(f"{record.namespace}: claim {record.seq}, but the log has no first one")
        for key in found.record - set(key_set.controllers):
            raise Refused(f"SHA256:{key.sha256.hex()} is not a controller of {record.namespace}")
        count = len(found.record & set(key_set.controllers))
        return None if count >= key_set.threshold else f"signed by {count} of {key_set.threshold} controllers"
    leaf = Leaf(decision.time or 0, submission.text, record, submission.signatures)
    try:
        apply(state, decision.size, leaf, found.record, found.claim)
    except TooFew as e:
        return str(e)
    except Unsupported:
        if isinstance(record, Keys) and owner is not None:
            old, new = set(owner.key_set.controllers), set(record.key_set.controllers)
            if found.record < old <= new:
                return f"signed by {len(found.record)} of {len(old)} controllers; this change needs all of them"
        raise
    return None


# who


def _holders(record: Record | Claim, state: State | None) -> dict[str, tuple[tuple[Key, ...], int]]:
    """Return who may sign *record*: role -> (keys, how many of them)."""
    owner = state.namespace(namespace_of(record)) if state else None
    controllers = owner.key_set if owner else None
    found: dict[str, tuple[tuple[Key, ...], int]] = {}
    match record:
        case Release():
            return {"signer": ((record.signer,), 1)}
        case Identity():
            operators = state.operators if state else None
            return {"operators": (operators.keys, operators.threshold)} if operators else {}
        case Claim():
            controllers = controllers or record.key_set
        case Keys():
            found["new controllers"] = record.key_set.controllers, record.key_set.threshold
    return ({"controllers": (controllers.controllers, controllers.threshold)} if controllers else {}) | found


def _roles(record: Record | Claim, authors: frozenset[Key], state: State | None) -> tuple[str, ...]:
    holders = _holders(record, state)
    lines = []
    for key in sorted(authors, key=lambda key: key.sha256):
        role = next((role.removesuffix("s") for role, (keys, _) in holders.items() if key in keys), None)
        lines.append(f"SHA256:{key.sha256.hex()}" + (f" ({role})" if role else ""))
    return tuple(lines)


def _count(record: Record | Claim, authors: frozenset[Key], state: State) -> str | None:
    for role, (keys, threshold) in _holders(record, state).items():
        return f"signed by {len(authors & set(keys))} of {threshold} {role}"
    return None
