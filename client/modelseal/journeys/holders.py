"""Who may sign a record, and how many of them must: for every type, as the log stands.

The rules have the last word; this says beforehand whom a draft waits for, and whose signature may be kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from modelseal.formats import records
from modelseal.formats.acts import Identity, Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.identity import Key
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.owners import Claim, Keys, Objection, Release, Revocation
from modelseal.formats.records import Record
from modelseal.state import Namespace, State
from modelseal.state.acts import AGAIN
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """Keys of whom *least* must sign; where several roles are named, each of them."""

    name: str  # in the plural
    keys: tuple[Key, ...]
    least: int
    in_force: bool = True  # False: these keys have their say by this record only

    def count(self, authors: AbstractSet[Key]) -> int:
        return len(authors & set(self.keys))

    def words(self, authors: AbstractSet[Key]) -> str:
        return f"signed by {self.count(authors)} of {self.least} {self.name}"


def roles(record: Record | Claim, state: State, time: int) -> tuple[Role, ...]:
    """Return whom the rules want for *record* at log *time*; none for what the log makes itself."""
    namespace = records.namespace_about(record)
    owner = state.namespace(namespace, time) if namespace else None
    match record:
        case Operators():
            return (*_operators(state), Role("new operators", record.keys, record.threshold, in_force=False))
        case Suspend() if not _again(owner, time):
            return _operators(state, least=1)
        case Suspend() | Lift() | Recover() | Retire() | Watchlist() | Withdrawal() | Identity():
            return _operators(state)
        case Claim():
            keys = owner.key_set if owner else record.key_set
            return (Role("controllers", keys.controllers, keys.threshold),) if keys else ()
        case Keys():
            new = Role("new controllers", record.key_set.controllers, record.key_set.threshold, in_force=False)
            return (*_controllers(owner), new)
        case Objection():
            waiting = (owner.pending, owner.recovery) if owner else ()
            keys_then = next((one.controllers for one in waiting if one and one.digest == record.target), ())
            return (Role("controllers", keys_then, 1),)
        case Release():
            entitled = bool(owner and owner.entitles(record.signer, record.repo))
            signer = Role("signers", (record.signer,), 1, in_force=entitled)
            return (signer, *_controllers(owner)) if record.replaces is not None else (signer,)
        case Revocation():
            return _controllers(owner)
        case Observation():
            observers = state.operators.observers if state.operators else ()
            return (Role("observers", (record.signer,), 1, in_force=record.signer in observers),)
    return ()


def _operators(state: State, *, least: int | None = None) -> tuple[Role, ...]:
    known = state.operators
    return (Role("operators", known.keys, least or known.threshold),) if known else ()


def _controllers(owner: Namespace | None) -> tuple[Role, ...]:
    return (Role("controllers", owner.key_set.controllers, owner.key_set.threshold),) if owner else ()


def _again(owner: Namespace | None, time: int) -> bool:
    return bool(owner and owner.suspension and time < owner.suspension.since + AGAIN)


def everybody(wanted: Iterable[Role]) -> frozenset[Key]:
    """Return all who could sign: what they all together may not do, waits for nobody."""
    return frozenset(key for role in wanted for key in role.keys)


def in_force(wanted: Iterable[Role]) -> frozenset[Key]:
    """Return whose signature counts without this record: anybody can name himself in a new one."""
    return frozenset(key for role in wanted if role.in_force for key in role.keys)
