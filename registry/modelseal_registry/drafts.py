"""Records below their threshold: signatures are collected here until they are enough (FORMAT.md 12).

Nothing unverified is kept, and nothing that only strangers signed: one signature must be by somebody whom the rules
want without this record. So a draft costs a stranger nothing to send, and us nothing to refuse. A signature, once
here, stays: a copy of the record with fewer of them takes none away.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelseal import state as rules
from modelseal.authorship import named_by
from modelseal.errors import Error, Refused, TooFew
from modelseal.formats.entries import ordered_entries
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.records import Claim
from modelseal.journeys import words
from modelseal.journeys.holders import everybody, in_force, roles
from modelseal_registry.limits import TooMany
from modelseal_registry.store import Tx
from modelseal_registry.store.drafts import StoredDraft
from modelseal_registry.trial import Trials, about

KEEP_S = 30 * 24 * 3600  # drafts that are not complete by then are dropped
MAX_HERE = 64  # that wait for the holders of one namespace, or for the operators
MAX_ALL = 10_000
OPERATORS = "operators"
LATER_S = 3600  # said where there is no room


@dataclass(frozen=True, slots=True)
class Draft:
    """What has come together of a record, and what it lacks in words."""

    submission: Submission
    lacks: str | None


def collect(tx: Tx, trials: Trials, posted: Submission, now: int) -> Draft:
    """Add the verified signatures of *posted* to those that are kept, and keep them all if they are not enough.

    Refused if a rule says no, whoever may sign yet.
    """
    record = posted.record
    assert not isinstance(record, Claim)
    tx.drafts.forget(now - KEEP_S)
    stored = tx.drafts.get(posted.digest)
    state, size = trials.state(tx, *about(record)), tx.head().size
    wanted = roles(record, state, now)
    counting = {key.sha256 for key in everybody(wanted)}
    kept = Submission.parse(stored.submission).signatures if stored else ()
    # Who has lost the key's role meanwhile must not spoil it for the others.
    entries = {entry.fingerprint: entry for entry in kept if entry.fingerprint in counting}
    entries |= {entry.fingerprint: entry for entry in posted.signatures}
    merged = Submission(posted.text, record, tuple(ordered_entries(list(entries.values()))), posted.seal)
    leaf = Leaf(now, merged.text, record, merged.signatures)
    authors = named_by(leaf)
    try:
        rules.apply(state.copy(), size, leaf, authors.record, authors.claim)
        return Draft(merged, None)
    except TooFew as e:
        lacks = str(e)
    rules.apply(state, size, leaf, authors.record | everybody(wanted), authors.claim)
    if not authors.record & in_force(wanted):
        raise Refused(lacks)
    holders = OPERATORS if wanted[0].name == OPERATORS else str(about(record)[0]).lower()
    if stored is None:
        _make_room(tx, trials, holders, now)
    bare = Submission(merged.text, record, merged.signatures, None).encode()
    tx.drafts.put(StoredDraft(posted.digest, holders, bare, stored.received if stored else now))
    return Draft(merged, lacks)


def lacks(tx: Tx, trials: Trials, stored: StoredDraft, now: int) -> str:
    """Return what *stored* waits for; Refused if it waits in vain: something else took its place."""
    submission = Submission.parse(stored.submission)
    record = submission.record
    assert not isinstance(record, Claim)
    state, size = trials.state(tx, *about(record)), tx.head().size
    leaf = Leaf(now, submission.text, record, submission.signatures)
    authors = named_by(leaf)
    rules.apply(state.copy(), size, leaf, authors.record | everybody(roles(record, state, now)), authors.claim)
    try:
        rules.apply(state, size, leaf, authors.record, authors.claim)
    except TooFew as e:
        return str(e)
    return "the next who sends it"


@dataclass(frozen=True, slots=True)
class Listed:
    """A draft as `status` lists it. *about* is to be escaped."""

    digest: bytes
    about: str
    waits_for: str | None  # None: in vain, something else took its place
    received: int


def look(tx: Tx, trials: Trials, now: int) -> list[Listed]:
    """Return all drafts, by arrival."""
    found = []
    for stored in tx.drafts.all():
        about_it = words.about(Submission.parse(stored.submission).record)
        try:
            waits_for: str | None = lacks(tx, trials, stored, now)
        except Error:
            waits_for = None
        found.append(Listed(stored.digest, about_it, waits_for, stored.received))
    return found


def _make_room(tx: Tx, trials: Trials, holders: str, now: int) -> None:
    here = tx.drafts.all(holders)
    if len(here) < MAX_HERE and tx.drafts.count() < MAX_ALL:
        return
    for stored in here:
        try:
            lacks(tx, trials, stored, now)
        except Error:
            tx.drafts.drop(stored.digest)
    if len(tx.drafts.all(holders)) >= MAX_HERE or tx.drafts.count() >= MAX_ALL:
        raise TooMany(f"{len(here)} records wait for signatures by the holders of {holders}", LATER_S)
