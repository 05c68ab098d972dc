"""Who counts: thresholds over distinct keys, and no signature that has no say."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from modelseal.errors import Conflict, Refused, TooFew
from modelseal.formats import names
from modelseal.formats.acts import Operators
from modelseal.formats.identity import Key, KeySet
from modelseal.state.values import Namespace, State


def threshold(authors: AbstractSet[Key], keys: tuple[Key, ...], least: int, who: str) -> None:
    """Refuse unless *least* of *keys* signed, and nobody else."""
    counted(authors, set(keys))
    enough(authors, keys, least, who)


def enough(authors: AbstractSet[Key], keys: tuple[Key, ...], least: int, who: str) -> None:
    count = len(authors & set(keys))
    if count < least:
        raise TooFew(f"signed by {count} of {least} {who}")


def counted(authors: AbstractSet[Key], keys: AbstractSet[Key]) -> None:
    for key in authors - keys:
        raise Refused(f"the signature by SHA256:{key.sha256.hex()} does not count here: the key has no such role")


def exactly(authors: AbstractSet[Key], keys: AbstractSet[Key], what: str) -> None:
    if authors != keys:
        raise Refused(f"{what} is signed by {len(authors)} keys, not by the {len(keys)} that it names")


def operators(state: State) -> Operators:
    if state.operators is None:  # whoever folds what a stranger serves may be without leaf 0
        raise Refused("the first leaf is not version 1 of the operators: nobody can admit anything")
    return state.operators


def owner(state: State, namespace: str, time: int, *, also_retired: bool = False) -> Namespace:
    """Return the namespace as it is at log *time*; refuse another spelling, or (unless told) a retired one."""
    known = state.namespace(namespace, time)
    if known is None:
        raise Refused(f"{namespace} is not an approved namespace of this log")
    spelled(known, namespace)
    if not also_retired:
        not_retired(known)
    return known


def spelled(known: Namespace, namespace: str) -> None:
    if known.claim.namespace != namespace:
        raise Refused(f"the namespace is spelled {known.claim.namespace}, not {namespace}")


def not_retired(known: Namespace) -> None:
    if known.retired:
        raise Refused(f"{known.claim.namespace} is retired ({known.retired.reason}): only revocations are admitted")


def next_turn(known: Namespace, turn: int) -> None:
    if turn != known.turn + 1:
        raise Conflict(f"{known.claim.namespace}: turn {turn} of the operators' acts, the next is {known.turn + 1}")


def next_in_chain(known: Namespace, seq: int, prev: bytes | None) -> None:
    if seq != known.seq + 1 or prev != known.prev:
        raise Conflict(
            f"{known.claim.namespace}: record {seq} of the owner's chain; "
            f"the next is {known.seq + 1} after {known.prev.hex()}"
        )


def scopes_inside(namespace: str, key_set: KeySet) -> None:
    for signer in key_set.signers:
        if names.namespace_of(signer.scope) != namespace.lower():
            raise Refused(f"the scope {signer.scope} is outside {namespace}")
