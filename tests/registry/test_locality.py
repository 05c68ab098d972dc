"""Locality (FORMAT.md 6.1): the leaves listed for a repo, its namespace and the operators say all there is about it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal import replay
from modelseal.authorship import named_by
from modelseal.errors import Refused
from modelseal.formats import index as indexes
from modelseal.formats import names, strict
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.state import State
from modelseal_registry.append import Appender
from modelseal_registry.store import open_store
from modelseal_registry.trial import Trials
from tests.support import make
from tests.support.make import NOW, ORIGIN
from tests.support.wild import NAMESPACES, OPS, REPOS, WAITS, WATCHERS, entries, first, identities, records


def history(seed: int) -> list[bytes]:
    """Leaves after the operators: many are inadmissible, some are repeated."""
    r, state, time = Random(seed), State(ORIGIN), NOW
    observers = strict.ordered([one.key.value() for one in WATCHERS[:2]])
    leaves = [encode_leaf(make.operators(OPS[:2], r.randint(1, 2), observers=observers), (), time)]
    replay.admit(state, 0, Leaf.parse(leaves[0]), named_by)
    begun = [first(NAMESPACES[0], r.randint(1, 2)), identities(r, state, NAMESPACES[1], time)]
    for _ in range(r.randint(2, 30)):
        time += r.choice(WAITS)
        record, by = begun.pop(0) if begun else records(r, state, time)
        data = encode_leaf(record, tuple(entries(by)), time)
        if len(leaves) > 3 and r.random() < 0.1:
            old = Leaf.parse(r.choice(leaves[1:]))
            data = encode_leaf(old.text, old.signatures, time)
        with contextlib.suppress(Refused):  # logged all the same
            replay.admit(state, len(leaves), Leaf.parse(data), named_by)
        leaves.append(data)
    return leaves


histories = st.integers(0, 2**32).map(history)


def about(state: State, repo: str) -> tuple[object, ...]:
    """Everything that a decision about *repo* reads."""
    known = state.repos.get(repo.lower())
    found = known.releases if known else []
    return (
        state.operators,
        state.namespace(names.namespace_of(repo)),
        found,
        known.seals if known else {},
        [state.voided(repo, one.release) for one in found],
        state.observed.get(repo.lower()),
    )


def fold(leaves: Sequence[bytes], wanted: set[int]) -> State:
    state = State(ORIGIN)
    for index in sorted(wanted):
        with contextlib.suppress(Refused):
            replay.admit(state, index, Leaf.parse(leaves[index]), named_by)
    return state


@settings(max_examples=60, deadline=None)
@given(histories)
def test_folding_the_listed_leaves_says_the_same_about_a_repo_as_folding_all(leaves: list[bytes]) -> None:
    whole = fold(leaves, set(range(len(leaves))))
    for repo in REPOS:
        keys = {indexes.OPERATORS, indexes.namespace_key(names.namespace_of(repo)), indexes.repo_key(repo)}
        keys |= {indexes.observed_key(repo)}
        listed = {i for i, data in enumerate(leaves) if keys & {*indexes.record_keys(Leaf.parse(data).record)}}
        assert about(fold(leaves, listed), repo) == about(whole, repo)


@settings(max_examples=15, deadline=None)
@given(histories, st.data())
def test_a_trial_knows_what_the_whole_log_says_at_any_size(leaves: list[bytes], data: st.DataObject) -> None:
    store, trials = open_store(None), Trials(ORIGIN)
    whole = State(ORIGIN)
    at = 0
    while at < len(leaves):
        batch = leaves[at : at + data.draw(st.integers(1, 6))]
        at += len(batch)
        digests = set()
        with store.write() as tx:
            appender = Appender(tx)
            for one in batch:
                leaf = Leaf.parse(one)
                if leaf.digest in digests or tx.find(leaf.digest):  # a database takes each record once
                    continue
                digests.add(leaf.digest)
                with contextlib.suppress(Refused):
                    replay.admit(whole, appender.size, leaf, named_by)
                appender.add(one, leaf)
            if not digests:
                continue
            appender.close(ORIGIN)
            appender.finish()
        with store.read() as tx:
            for repo in data.draw(st.lists(st.sampled_from(REPOS), max_size=3)):
                state = trials.state(tx, names.namespace_of(repo), repo)
                assert about(state, repo) == about(whole, repo)
                state.repos.clear()  # a copy: what a trial does to it is forgotten
                state.namespaces.clear()
