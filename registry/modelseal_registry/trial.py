"""May this be admitted now? Asked by every process that takes submissions, without the sequencer's memory.

By locality a record can be judged on the leaves that are listed for its repo, its namespace and the operators. Those
are folded and kept; the next time only what was logged since is added. An answer is a forecast: the sequencer judges
again at the final index.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from modelseal import replay
from modelseal import state as rules
from modelseal.authorship import Authors, named_by
from modelseal.errors import Error, Malformed, Refused
from modelseal.formats import index as indexes
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf
from modelseal.formats.records import Claim, Identity, Record, namespace_about
from modelseal.state import State
from modelseal_registry.append import read_leaf
from modelseal_registry.store import Tx

KEPT = 256  # repos and namespaces whose state is kept


@dataclasses.dataclass(slots=True)
class _Kept:
    state: State
    folded: set[int]


@contextlib.contextmanager
def own_data() -> Iterator[None]:
    """What cannot be read here is ours: no fault of the record that is judged."""
    try:
        yield
    except Malformed as e:
        raise Error(f"database or static files: {e}") from e


class Trials:
    """For all threads of a process."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def state(self, tx: Tx, namespace: str | None, repo: str | None) -> State:
        """Return what the log says about *namespace* and *repo*, or about the registry itself, as a copy that the
        caller may change."""
        keys = [indexes.OPERATORS, indexes.namespace_key(namespace) if namespace else indexes.WATCHLIST]
        if repo is not None:
            keys += [indexes.observed_key(repo), indexes.repo_key(repo)]
        with self._lock, own_data():
            kept = self._kept.pop(keys[-1], None) or _Kept(State(self._origin), set())
            listed = {index for key in keys for index in tx.listed("records", key)}
            if not kept.folded <= listed:  # another database than before
                kept = _Kept(State(self._origin), set())
            for index in sorted(listed - kept.folded):
                with contextlib.suppress(Refused):  # inadmissible: it has no effect
                    replay.admit(kept.state, index, read_leaf(tx, index), named_by)
                kept.folded.add(index)
            self._kept[keys[-1]] = kept
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return kept.state.copy()

    def admit(self, tx: Tx, leaf: Leaf, authors: Authors) -> None:
        """Refuse *leaf* if it could not be the next one of the log."""
        namespace, repo = about(leaf.record)
        state = self.state(tx, namespace, repo)
        rules.apply(state, tx.head().size, leaf, authors.record, authors.claim)

    def claim(self, tx: Tx, claim: Claim, text: str, authors: AbstractSet[Key], time: int) -> str | None:
        """Refuse *claim* if no identity with it could be the next leaf; return how many signatures it lacks, in words.

        It is judged as it would be inside an identity that all operators signed.
        """
        state = self.state(tx, claim.namespace, None)
        known = state.namespace(claim.namespace, time)
        keys = claim.key_set if known is None else known.key_set
        controllers = frozenset(keys.controllers) if keys else frozenset()
        turn = known.turn + 1 if known else 1
        identity = Identity(self._origin, turn, claim, text, (), (), (), "operators-word")
        operators = frozenset(state.operators.keys) if state.operators else frozenset()
        leaf = Leaf(time, text, identity, ())
        rules.apply(state, tx.head().size, leaf, operators, authors | controllers)
        count = len(authors & controllers)
        if keys is None or count >= keys.threshold:
            return None
        return f"signed by {count} of {keys.threshold} controllers"


def about(record: Record) -> tuple[str | None, str | None]:
    """Return the namespace and the repo that decide about *record*; neither for what is about the whole registry."""
    return namespace_about(record), getattr(record, "repo", None)
