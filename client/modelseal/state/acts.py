"""Rules of what operators do: themselves, the watch-list, and their acts upon a namespace (FORMAT.md 6.2, 6.8)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from modelseal.errors import Conflict, Refused
from modelseal.formats.acts import Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.identity import Key
from modelseal.state import counting
from modelseal.state.owners import DELAY
from modelseal.state.values import Change, Namespace, Retired, State, Suspension, Watched
from modelseal.times import utc

SUSPENSION = 14 * 86_400  # seconds of log time
AGAIN = 90 * 86_400  # within this time one operator alone cannot suspend a second time


def operators(state: State, record: Operators, index: int, digest: bytes, authors: AbstractSet[Key]) -> None:
    if index == 0:
        counting.exactly(authors, frozenset(), "version 1 of the operators")
        if record.seq != 1:
            raise Refused(f"the first leaf is version 1 of the operators, not {record.seq}")
    else:
        old = counting.operators(state)
        if record.seq != old.seq + 1 or record.prev != state.operators_digest:
            raise Conflict(
                f"version {record.seq} of the operators; the next is {old.seq + 1} after {state.operators_digest.hex()}"
            )
        counting.counted(authors, {*old.keys, *record.keys})
        counting.enough(authors, old.keys, old.threshold, "operators")
        counting.enough(authors, record.keys, record.threshold, "new operators")
    state.operators, state.operators_digest = record, digest


def watchlist(state: State, record: Watchlist, digest: bytes, authors: AbstractSet[Key]) -> None:
    known = state.watched
    if record.seq != known.seq + 1 or record.prev != known.prev:
        after = f" after {known.prev.hex()}" if known.prev else ""
        raise Conflict(f"version {record.seq} of the watch-list; the next is {known.seq + 1}{after}")
    _threshold(state, authors)
    gone = {name.lower() for name in record.remove}
    kept = {key: name for key, name in known.names.items() if key not in gone}
    state.watched = Watched(record.seq, digest, kept | {name.lower(): name for name in record.add})


def suspend(state: State, record: Suspend, time: int, authors: AbstractSet[Key]) -> None:
    """One operator suffices, so that it is quick; not for keeping a namespace down."""
    known = counting.owner(state, record.namespace, time, also_retired=True)
    counting.next_turn(known, record.turn)
    keys, least, who = counting.operators(state).keys, 1, "operators"
    if known.suspension and time < known.suspension.since + AGAIN:
        least = counting.operators(state).threshold
        who = f"operators: {record.namespace} was suspended on {utc(known.suspension.since)}, less than 90 days ago"
    counting.threshold(authors, keys, least, who)
    known.suspension = Suspension(time, time + SUSPENSION, record.reason)
    _acted(state, known, record.turn)


def lift(state: State, record: Lift, time: int, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time, also_retired=True)
    counting.next_turn(known, record.turn)
    _threshold(state, authors)
    if not known.suspended(time) and not known.recovery:
        raise Refused(f"{record.namespace} is neither suspended nor to be recovered")
    if known.suspension and known.suspended(time):
        known.suspension = replace(known.suspension, until=time)
    known.recovery = None
    _acted(state, known, record.turn)


def recover(state: State, record: Recover, index: int, time: int, digest: bytes, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time)
    counting.next_turn(known, record.turn)
    _threshold(state, authors)
    counting.scopes_inside(record.namespace, record.key_set)
    known.recovery = Change(digest, index, record.key_set, time + DELAY, known.key_set.controllers)
    _acted(state, known, record.turn)


def retire(state: State, record: Retire, time: int, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time)
    counting.next_turn(known, record.turn)
    _threshold(state, authors)
    known.retired = Retired(time, record.reason)
    _acted(state, known, record.turn)


def _threshold(state: State, authors: AbstractSet[Key]) -> None:
    operators = counting.operators(state)
    counting.threshold(authors, operators.keys, operators.threshold, "operators")


def _acted(state: State, known: Namespace, turn: int) -> None:
    known.turn = turn
    state.namespaces[known.claim.namespace.lower()] = known
