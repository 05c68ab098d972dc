"""The fold: leaves -> State. One for the sequencer, for mirrors and for `decide` alike.

The fold is total: a leaf whose signatures or rules say no has no effect and is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modelseal import state as rules
from modelseal.authorship import Authors, authors_of
from modelseal.errors import Malformed, Refused
from modelseal.formats.leaves import Leaf
from modelseal.formats.records import type_of
from modelseal.state import State
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Inadmissible:
    """A leaf without effect, and which rule says so."""

    index: int
    type: str
    why: str


def admit(state: State, index: int, leaf: Leaf, authors: Callable[[Leaf], Authors] = authors_of) -> None:
    """Apply *leaf*, or raise Refused and change nothing."""
    try:
        found = authors(leaf)
    except Malformed as e:  # an entry that is no key: it parsed, but cannot have signed
        raise Refused(str(e)) from e
    rules.apply(state, index, leaf, found.record, found.claim)


def fold(
    state: State, leaves: Iterable[tuple[int, Leaf]], authors: Callable[[Leaf], Authors] = authors_of
) -> list[Inadmissible]:
    """Apply all *leaves* in order; return those that have no effect. Unsupported ends it: upgrade needed."""
    refused = []
    for index, leaf in leaves:
        try:
            admit(state, index, leaf, authors)
        except Refused as e:
            refused.append(Inadmissible(index, type_of(leaf.record), str(e)))
    return refused
