"""What the log proves about its watch-list, which is in no repo's evidence: looked up in the static files.

Under the checkpoint that an answer has proven: index objects are named by their digests, leaves come with proofs.
"""

from __future__ import annotations

from dataclasses import replace

from modelseal import gather, remote
from modelseal.errors import Malformed, Unavailable
from modelseal.formats import index, merkle, paths
from modelseal.formats.acts import Operators
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.evidence import Evidence
from modelseal.formats.leaves import Leaf
from modelseal.formats.note import Note
from modelseal.formats.records import Roots
from modelseal.journeys.ask import BUDGET_S, Answer
from modelseal.replay import fold
from modelseal.state import State


def with_watchlist(answer: Answer) -> Answer:
    """Return *answer*, about any repo, with what the log says about the watch-list and the operators in its state."""
    assert answer.evidence is not None and answer.address is not None  # it was heard
    evidence = Evidence.parse(answer.evidence)
    reader = remote.open_reader(answer.address, remote.Budget(BUDGET_S))

    def get(path: str, limit: int) -> bytes:
        return evidence.checkpoint.encode() if path == paths.CHECKPOINT else reader.get(path, limit)

    try:
        leaves = _proven(gather.Files(get), evidence)
    except Malformed as e:
        raise Unavailable(f"{answer.address}: its answer about the watch-list proves nothing: {e}") from e
    state = State(answer.trust.origin)
    fold(state, sorted(leaves.items()))
    return replace(answer, decision=replace(answer.decision, state=state))


def _proven(files: gather.Files, evidence: Evidence) -> dict[int, Leaf]:
    checkpoint = Checkpoint.parse(Note.parse(evidence.checkpoint).text)
    roots = Leaf.parse(evidence.last.leaf).record
    assert isinstance(roots, Roots)  # `decide` saw to it
    found = {one.index: Leaf.parse(one.leaf) for one in evidence.leaves}
    found = {number: leaf for number, leaf in found.items() if isinstance(leaf.record, Operators)}
    lookup = files.lookup(index.WATCHLIST)
    for number in index.check_lookup(index.WATCHLIST, lookup.bucket, lookup.path, roots.records):
        listed = files.listed(number)
        hash_ = merkle.leaf_hash(listed.leaf.encode())
        merkle.check_inclusion(hash_, number, checkpoint.size, listed.proof, checkpoint.root)
        found[number] = Leaf.parse(listed.leaf)
    return found
