"""Locality (FORMAT.md 6.1): the leaves listed for a repo, its namespace and the operators say all there is about it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal import replay
from modelseal.authorship import named_by
from modelseal.errors import Refused, Unsupported
from modelseal.formats import index as indexes
from modelseal.formats import names
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.state import State
from modelseal_registry.append import Appender
from modelseal_registry.store import open_store
from modelseal_registry.trial import Trials
from tests.support import make
from tests.support.make import NOW, ORIGIN, Private

T = TypeVar("T")

OPS = make.key("ops")
PEOPLE = [make.key(name, "ed25519") for name in ("ana", "ben", "ci", "eve")]
NAMESPACES = ["hf://acme-lab", "hf://Rival"]
REPOS = ["hf://acme-lab/a", "hf://datasets/acme-lab/a", "hf://Rival/a", "hf://rival/A", "hf://Rival/b"]
REVISIONS = [make.revision(n) for n in range(3)]
SEALS = ["aa" * 32, "bb" * 32]
FILESETS = ["cc" * 32, "dd" * 32]

people = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2)


def entries(by: Sequence[Private]) -> list[Entry]:
    """Signatures in name only: who is named is who signed, for a log that has verified them."""
    return ordered_entries([Entry(one.public.spki, b"signature") for one in by])


def mostly(draw: st.DrawFn, right: T, wrong: st.SearchStrategy[T]) -> T:
    return right if draw(st.integers(0, 5)) else draw(wrong)


def holders(keys: Iterable[Key]) -> list[Private]:
    return [one for one in PEOPLE if one.key in set(keys)]


def key_set(draw: st.DrawFn, namespace: str, controllers: list[Private]) -> dict[str, object]:
    owner = names.short(namespace).lower()
    scopes = [f"hf://{owner}/*", f"hf://{owner}/*", f"hf://{owner}/a", f"hf://datasets/{owner}/*", "hf://rival/b"]
    pairs = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(scopes))
    signers = draw(st.lists(pairs, unique_by=lambda pair: (pair[0].key, pair[1]), max_size=3))
    return make.key_set(controllers, signers, draw(st.integers(1, len(controllers))))


def identities(draw: st.DrawFn, state: State, namespace: str) -> tuple[str, list[Private]]:
    known = state.namespace(namespace)
    by: list[Private] = []
    if known is None:
        by = draw(people)
        claim = make.claim(namespace, key_set=key_set(draw, namespace, by))
    elif draw(st.booleans()):
        claim = known.identity.claim_text
    else:
        claim = make.claim(namespace, seq=known.seq + 1, prev=known.prev.hex(), title=draw(st.sampled_from("AB")))
        by = holders(known.key_set.controllers)
    record = make.text(
        "identity", turn=mostly(draw, known.turn + 1 if known else 1, st.integers(1, 3)), claim=claim, resembles=[],
        evidence=[], basis="operators-word",
        claim_signatures=[entry.value() for entry in entries(mostly(draw, by, people))],
    )  # fmt: skip
    return record, mostly(draw, [OPS], people)


def changes(draw: st.DrawFn, state: State, namespace: str) -> tuple[str, list[Private]]:
    known = state.namespace(namespace)
    seq, prev = (known.seq + 1, known.prev.hex()) if known else (2, "ee" * 32)
    now = holders(known.key_set.controllers) if known else []
    new = [*now, *(one for one in draw(people) if one not in now)]
    return make.keys(namespace, key_set(draw, namespace, new), seq=seq, prev=prev), mostly(draw, new, people)


def releases(draw: st.DrawFn, state: State, namespace: str) -> tuple[str, list[Private]]:
    repo = draw(st.sampled_from(REPOS))
    known = state.namespace(names.namespace_of(repo))
    entitled = [one for one in PEOPLE if known and known.key_set.entitles(one.key, repo)]
    signer = mostly(draw, (entitled or PEOPLE)[0], st.sampled_from(PEOPLE))
    record = make.text(
        "release", signer=signer.key.value(), repo=repo, revision=draw(st.sampled_from(REVISIONS)),
        seal=draw(st.sampled_from(SEALS)), bundle="ff" * 32, bundle_size=draw(st.integers(1, 9)), files=1,
        total_bytes=1, fileset=draw(st.sampled_from(FILESETS)), weights=[], card=None, replaces=None,
    )  # fmt: skip
    return record, mostly(draw, [signer], people)


def revocations(draw: st.DrawFn, state: State, namespace: str) -> tuple[str, list[Private]]:
    reason = draw(st.sampled_from(["malicious", "withdrawn", "superseded"]))
    repo = draw(st.sampled_from(REPOS))
    known = state.namespace(names.namespace_of(repo))
    by = mostly(draw, holders(known.key_set.controllers) if known else [OPS], people)
    if draw(st.booleans()):
        return make.revocation(names.namespace_of(repo), reason, fileset=draw(st.sampled_from(FILESETS))), by
    return make.revocation(names.namespace_of(repo), reason, repo=repo, seal=draw(st.sampled_from(SEALS))), by


Kind = Callable[[st.DrawFn, State, str], tuple[str, list[Private]]]
KINDS: list[Kind] = [identities, changes, releases, releases, releases, revocations]


@st.composite
def histories(draw: st.DrawFn) -> list[bytes]:
    """Leaves after the operators: many are inadmissible, some are repeated."""
    state = State(ORIGIN)
    leaves = [encode_leaf(make.operators([OPS]), (), NOW)]
    replay.admit(state, 0, Leaf.parse(leaves[0]), named_by)
    kinds = [identities, identities, *(draw(st.sampled_from(KINDS)) for _ in range(draw(st.integers(1, 25))))]
    for kind in kinds:
        if len(leaves) > 1 and draw(st.integers(0, 9)) == 0:
            leaves.append(draw(st.sampled_from(leaves[1:])))
            continue
        record, by = kind(draw, state, draw(st.sampled_from(NAMESPACES)))
        data = encode_leaf(record, tuple(entries(by)), NOW)
        try:
            replay.admit(state, len(leaves), Leaf.parse(data), named_by)
        except Refused:
            pass  # logged all the same
        except Unsupported:
            continue  # it would stop every reader
        leaves.append(data)
    return leaves


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
    )


def fold(leaves: Sequence[bytes], wanted: set[int]) -> State:
    state = State(ORIGIN)
    for index in sorted(wanted):
        with contextlib.suppress(Refused):
            replay.admit(state, index, Leaf.parse(leaves[index]), named_by)
    return state


@settings(max_examples=60, deadline=None)
@given(histories())
def test_folding_the_listed_leaves_says_the_same_about_a_repo_as_folding_all(leaves: list[bytes]) -> None:
    whole = fold(leaves, set(range(len(leaves))))
    for repo in REPOS:
        keys = {indexes.OPERATORS, indexes.namespace_key(names.namespace_of(repo)), indexes.repo_key(repo)}
        listed = {i for i, data in enumerate(leaves) if keys & {*indexes.record_keys(Leaf.parse(data).record)}}
        assert about(fold(leaves, listed), repo) == about(whole, repo)


@settings(max_examples=15, deadline=None)
@given(histories(), st.data())
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
