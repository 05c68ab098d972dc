"""Rules of names and keys: who an owner is, and how its keys change (FORMAT.md 6.3 to 6.5)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from modelseal.errors import Conflict, Refused
from modelseal.formats import records
from modelseal.formats.acts import Identity
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.owners import Keys, Objection
from modelseal.state import counting
from modelseal.state.values import Change, Namespace, State

DELAY = 14 * 86_400  # seconds of log time that a change waits; an objection doubles it, once


def identity(
    state: State, record: Identity, time: int, authors: AbstractSet[Key], claimed_by: AbstractSet[Key]
) -> None:
    operators = counting.operators(state)
    counting.threshold(authors, operators.keys, operators.threshold, "operators")
    claim, known = record.claim, state.namespace(record.claim.namespace, time)
    if record.basis == "web" and not record.evidence:
        raise Refused(f"{claim.namespace}: an identity on the web's word needs evidence")
    if known is None:
        _first(state, record, claimed_by)
        return
    counting.next_turn(known, record.turn)
    counting.not_retired(known)
    if record.claim_text == known.identity.claim_text:
        counting.exactly(claimed_by, frozenset(), "the claim of an identity that is issued again")
    else:
        counting.spelled(known, claim.namespace)
        counting.next_in_chain(known, claim.seq, claim.prev)
        counting.threshold(claimed_by, known.key_set.controllers, known.key_set.threshold, "controllers")
        known.claim, known.seq, known.prev = claim, claim.seq, records.digest(record.claim_text)
    known.identity, known.turn = record, record.turn
    state.namespaces[claim.namespace.lower()] = known


def _first(state: State, record: Identity, claimed_by: AbstractSet[Key]) -> None:
    claim, keys = record.claim, record.claim.key_set
    if record.turn != 1:
        raise Conflict(f"{claim.namespace}: turn {record.turn} of the operators' acts, the next is 1")
    if keys is None:
        raise Conflict(f"{claim.namespace}: claim {claim.seq} has no predecessor")
    counting.scopes_inside(claim.namespace, keys)
    counting.threshold(claimed_by, keys.controllers, keys.threshold, "controllers")
    digest = records.digest(record.claim_text)
    state.namespaces[claim.namespace.lower()] = Namespace(claim, record, 1, digest, 1, keys)


def keys(state: State, record: Keys, index: int, time: int, digest: bytes, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time)
    counting.next_in_chain(known, record.seq, record.prev)
    old, new = known.key_set, record.key_set
    counting.scopes_inside(record.namespace, new)
    counting.counted(authors, {*old.controllers, *new.controllers})
    counting.enough(authors, old.controllers, old.threshold, "controllers")
    counting.enough(authors, new.controllers, new.threshold, "new controllers")
    known.seq, known.prev = record.seq, digest
    if at_once(old, new, authors):
        known.key_set, known.pending = new, None
    else:
        known.pending = Change(digest, index, new, time + DELAY, old.controllers)
    state.namespaces[record.namespace.lower()] = known


def at_once(old: KeySet, new: KeySet, authors: AbstractSet[Key]) -> bool:
    """Whether nobody is dropped or outvoted who did not sign: else the change waits in public."""
    before, after = set(old.controllers), set(new.controllers)
    if authors >= before:
        return True
    return before <= after and old.threshold == new.threshold and len(after - before) < new.threshold


def objection(state: State, record: Objection, time: int, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time)
    for name in ("pending", "recovery"):
        change: Change | None = getattr(known, name)
        if change and change.digest == record.target:
            counting.threshold(authors, change.controllers, 1, "the controllers of when the change was logged")
            # once: a second objection to it would be the same record, and that is logged already
            setattr(known, name, replace(change, due=change.due + DELAY))
            state.namespaces[record.namespace.lower()] = known
            return
    raise Refused(f"{record.namespace}: no change with the digest {record.target.hex()} waits")
