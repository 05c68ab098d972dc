"""The rules: who may say what, and what it changes (FORMAT.md 6). The only place of rules; no cryptography here.

`apply` takes the next leaf and who signed it. It changes the state in place, or raises Refused (Conflict where
something stands there already; TooFew where more must sign) and changes nothing. It reads only what is reached
through the leaf's own index keys, its namespace and the operators: so a client that folds the leaves listed for one
repo comes to the same answer about it as a mirror that folds the whole log.

What waits (a change of keys, a recovery, the end of a suspension) is not stored as done: every rule asks for the
namespace as it is at its leaf's time. So refusing a leaf changes nothing, and time alone does not either.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from modelseal.errors import Conflict, Refused
from modelseal.formats.acts import Identity, Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.owners import Keys, Objection, Release, Revocation
from modelseal.formats.records import Roots
from modelseal.state import acts, counting, observed, owners, releases
from modelseal.state.values import (
    Change,
    Namespace,
    Observed,
    Repo,
    Retired,
    Sealed,
    Sighting,
    State,
    Suspension,
    Voided,
    Watched,
)

__all__ = [
    "Change", "Namespace", "Observed", "Repo", "Retired", "Sealed", "Sighting", "State", "Suspension", "Voided",
    "Watched", "apply",
]  # fmt: skip


def apply(state: State, index: int, leaf: Leaf, authors: AbstractSet[Key], claimed_by: AbstractSet[Key]) -> None:
    """Admit *leaf* as number *index*: *authors* signed its record, *claimed_by* the claim inside an identity."""
    record, time, digest = leaf.record, leaf.time, leaf.digest
    if record.origin != state.origin:
        raise Refused(f"the record is for {record.origin}, this log is {state.origin}")
    if digest in state.seen:
        raise Conflict("this record is logged already")
    match record:
        case Operators():
            acts.operators(state, record, index, digest, authors)
        case Identity():
            owners.identity(state, record, time, authors, claimed_by)
        case Keys():
            owners.keys(state, record, index, time, digest, authors)
        case Objection():
            owners.objection(state, record, time, authors)
        case Release():
            releases.release(state, record, index, time, authors)
        case Revocation():
            releases.revocation(state, record, index, time, authors)
        case Suspend():
            acts.suspend(state, record, time, authors)
        case Lift():
            acts.lift(state, record, time, authors)
        case Recover():
            acts.recover(state, record, index, time, digest, authors)
        case Retire():
            acts.retire(state, record, time, authors)
        case Watchlist():
            acts.watchlist(state, record, digest, authors)
        case Observation():
            observed.observation(state, record, index, time, digest, authors)
        case Withdrawal():
            observed.withdrawal(state, record, index, time, authors)
        case Roots():
            counting.exactly(authors, frozenset(), "a roots record")
            if record.covers != index:
                raise Refused(f"a roots record at {index} that covers {record.covers} leaves")
    state.seen.add(digest)
