"""The rules against a second, slow writing of them (tests/support/model.py), over histories that nobody planned."""

from __future__ import annotations

import copy
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelseal import replay
from modelseal.authorship import named_by
from modelseal.errors import Refused
from modelseal.formats import strict
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.records import encode_record
from modelseal.state import Namespace, Observed, State
from tests.support import make, wild
from tests.support.make import NOW, ORIGIN, Private
from tests.support.model import Model, Owner

SEEDS = st.integers(0, 2**32)


def prints(keys: frozenset[Key]) -> frozenset[str]:
    return frozenset(key.sha256.hex() for key in keys)


class BothAgree(RuleBasedStateMachine):
    """Each record, right or wrong, goes to both; what one admits the other does, and they know the same then."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.model = State(ORIGIN), Model(ORIGIN)
        self.leaves: list[bytes] = []
        self.time = NOW

    def log(self, record: str, by: list[Private]) -> None:
        data = encode_leaf(record, tuple(wild.entries(by)), self.time)
        leaf, index = Leaf.parse(data), len(self.leaves)
        authors = named_by(leaf)
        before = copy.deepcopy(self.state)
        try:
            replay.admit(self.state, index, leaf, named_by)
            admitted = True
        except Refused as e:
            admitted = False
            assert self.state == before, f"refused ({e}), and yet something changed"
        expected = self.model.admit(index, self.time, record, prints(authors.record), prints(authors.claim))
        assert admitted == expected, record
        self.leaves.append(data)

    @initialize(threshold=st.integers(1, 2), seed=SEEDS)
    def begin(self, threshold: int, seed: int) -> None:
        observers = strict.ordered([one.key.value() for one in wild.WATCHERS[:2]])
        self.log(make.operators(wild.OPS[:2], threshold, observers=observers), [])
        self.log(*wild.first(wild.NAMESPACES[0], threshold))
        self.log(*wild.identities(Random(seed), self.state, wild.NAMESPACES[1], self.time))

    @rule(seed=SEEDS)
    def three_things(self, seed: int) -> None:
        r = Random(seed)
        for _ in range(3):
            self.time += r.choice(wild.WAITS)
            self.log(*wild.records(r, self.state, self.time))

    @precondition(lambda self: len(self.leaves) % 4 == 0)
    @rule(data=st.data())
    def the_same_once_more(self, data: st.DataObject) -> None:
        leaf = Leaf.parse(data.draw(st.sampled_from(self.leaves[1:])))
        people = {one.public.spki: one for one in [*wild.PEOPLE, *wild.OPS]}
        self.log(leaf.text, [people[entry.key] for entry in leaf.signatures])

    @invariant()
    def they_know_the_same(self) -> None:
        for later in (0, 14 * wild.DAY):
            for namespace in wild.NAMESPACES:
                known, model = self.state.namespace(namespace, self.time + later), None
                if self.leaves:
                    model = self.model.owner(namespace, self.time + later)
                assert (known is None) == (model is None)
                if known and model:
                    self.compare(known, model, self.time + later)
        for repo in wild.REPOS:
            known_repo = self.state.repos.get(repo.lower())
            found = [one.release for one in known_repo.releases] if known_repo else []
            assert [one.seal.hex() for one in found] == [one["seal"] for one in self.model.releases(repo)]
            for release, one in zip(found, self.model.releases(repo), strict=True):
                assert (self.state.voided(repo, release) is not None) == self.model.voided(repo, one)

            self.compare_seen(repo)

    def compare_seen(self, repo: str) -> None:
        seen = self.state.observed.get(repo.lower()) or Observed()
        model = self.model.sightings(repo)
        assert [(one.time, encode_record(one.observation)) for one in seen.sightings] == [
            (at, strict.encode(one)) for at, one in model
        ]
        assert {commit: one.reason for commit, one in seen.withdrawn.items()} == self.model.withdrawn(repo)
        for later in (0, 7 * wild.DAY - 1, 7 * wild.DAY):
            time = self.time + later
            counts = [encode_record(one.observation) for one in seen.sightings if self.state.counts(one, time)]
            assert counts == [strict.encode(one) for one in self.model.counting(repo, time)]

    def compare(self, known: Namespace, model: Owner, time: int) -> None:
        assert (known.seq, known.prev.hex(), known.turn) == (*model.chain, model.turn)
        assert known.key_set.value() == model.now
        assert (known.pending.due if known.pending else None) == (model.waits[0] if model.waits else None)
        assert (known.recovery.due if known.recovery else None) == (model.recovery[0] if model.recovery else None)
        assert (known.suspended(time) is not None) == bool(model.suspended and time < model.suspended[1])
        assert bool(known.retired) == model.retired
        assert encode_record(known.claim) == model.claim

    def teardown(self) -> None:
        """Replayed in one go it is the same."""
        again = State(ORIGIN)
        replay.fold(again, ((index, Leaf.parse(data)) for index, data in enumerate(self.leaves)), named_by)
        assert again == self.state


BothAgree.TestCase.settings = settings(max_examples=100, stateful_step_count=12, deadline=None)
TestBothAgree = BothAgree.TestCase
