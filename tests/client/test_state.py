"""The rules: each admits something and refuses something, and what is refused changes nothing.

The cases are vectors (tests/vectors/histories.py): short logs whose last leaf is the one in question.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

import pytest

from modelseal import replay, state
from modelseal.authorship import authors_of
from modelseal.errors import Conflict, Error, Refused, TooFew, Unsupported
from modelseal.formats.leaves import Leaf
from modelseal.replay import fold
from modelseal.state import State
from tests.support.make import ORIGIN
from tests.support.vectors import Vector, check, load, observed, one
from tests.vectors.histories import PARTS
from tests.vectors.history import ALL, ANA, BOB, CI, NS, REPO, begun, owned

CASES = [case for part in PARTS for case in load(f"rules/{part}")]


def standing(found: State) -> Iterable[tuple[str, str]]:
    for repo in found.repos.values():
        for sealed in repo.releases:
            voided = found.voided(sealed.release.repo, sealed.release)
            word = voided.reason if voided else "valid"
            yield "release", f"{sealed.release.repo} {sealed.release.revision} {word}"


def before_last(case: Vector) -> tuple[State, list[bytes]]:
    """The state that all leaves but the last give; each of them must have an effect."""
    leaves = case.body.splitlines()
    found = State(ORIGIN)
    assert fold(found, enumerate(Leaf.parse(data) for data in leaves[:-1])) == []
    return found, leaves


def read(case: Vector) -> Iterable[tuple[str, str]]:
    found, leaves = before_last(case)
    replay.admit(found, len(leaves) - 1, Leaf.parse(leaves[-1]))
    said = [*standing(found)] if case.get("release") else []
    return [*said, *observed(found)] if case.get("observed") else said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
def test_vectors(case: Vector) -> None:
    check(case, read)


@pytest.mark.parametrize("case", [case for case in CASES if case.expect != "ok"], ids=lambda case: case.path)
def test_what_is_refused_says_why_and_changes_nothing(case: Vector) -> None:
    found, leaves = before_last(case)
    before = copy.deepcopy(found)
    with pytest.raises((Refused, Unsupported)) as caught:
        replay.admit(found, len(leaves) - 1, Leaf.parse(leaves[-1]))
    assert re.search(case.need("why"), str(caught.value)), str(caught.value)
    assert found == before
    assert list(standing(found)) == [("release", one_) for one_ in case.all("release")] or not case.get("release")


def test_every_rule_has_a_case_that_is_admitted_and_one_that_is_not() -> None:
    for part in PARTS:
        words = {case.expect for case in load(f"rules/{part}")}
        assert {"ok", "refused"} <= words, part


KINDS: dict[str, type[Error]] = {
    "rules/general/the-same-record-twice": Conflict,
    "rules/release/a-revision-twice": Conflict,
    "rules/identity/a-later-claim-that-skips-a-number": Conflict,
    "rules/identity/a-first-turn-that-is-not-1": Conflict,
    "rules/keys/a-change-upon-another-predecessor": Conflict,
    "rules/identity/1-of-3-operators-where-2-are-needed": TooFew,
    "rules/revocation/1-of-3-controllers-revokes-where-2-are-needed": TooFew,
    "rules/keys/1-of-3-controllers-where-2-are-needed": TooFew,
}


@pytest.mark.parametrize("path", KINDS)
def test_the_class_says_what_to_do(path: str) -> None:
    with pytest.raises(KINDS[path]):
        list(read(one(path)))


def folded(history_leaves: list[bytes]) -> State:
    found = State(ORIGIN)
    refused = fold(found, enumerate(Leaf.parse(data) for data in history_leaves))
    assert refused == []
    return found


def test_the_chain_and_the_turn_advance() -> None:
    history = owned().keys([ANA, BOB], [ANA], signers=[(CI, ALL)]).later_claim([BOB])
    owner = folded(history.leaves).namespace("hf://ACME-LAB")
    assert owner is not None
    assert (owner.seq, owner.turn, owner.claim.title) == (3, 2, "Acme & Sons")
    assert set(owner.key_set.controllers) == {ANA.key, BOB.key}  # a later claim brings no keys
    assert owner.prev.hex() == history.prev


def test_inadmissible_leaves_have_no_effect_and_the_rest_goes_on() -> None:
    history = owned().release()
    good = list(history.leaves)
    bad = owned().release(2, by=[ANA]).leaves[-1]
    mixed = [*good[:-1], bad, good[-1]]
    found = State(ORIGIN)
    refused = fold(found, enumerate(Leaf.parse(data) for data in mixed))
    assert [(one_.index, one_.type) for one_ in refused] == [(2, "release")]
    assert "by its signer alone" in refused[0].why
    assert [line for _, line in standing(found)] == [line for _, line in standing(folded(good))]


def test_a_fold_ends_where_the_rules_end() -> None:
    case = one("rules/general/not-in-force-a-release-with-a-card")
    with pytest.raises(Unsupported, match="upgrade needed"):
        fold(State(ORIGIN), enumerate(Leaf.parse(data) for data in case.body.splitlines()))


def test_without_operators_nothing_is_admitted() -> None:
    leaf = Leaf.parse(owned().leaves[1])
    authors = authors_of(leaf)
    found = State(ORIGIN)
    with pytest.raises(Refused, match="the first leaf is not version 1"):
        state.apply(found, 0, leaf, authors.record, authors.claim)
    assert found == State(ORIGIN)


def test_releases_know_their_leaf_and_time() -> None:
    history = owned().release().release(2)
    repo = folded(history.leaves).repos[REPO]
    assert [sealed.index for sealed in repo.releases] == [2, 3]
    assert repo.releases[1].time == repo.releases[0].time + 1
    found = repo.latest.get(repo.releases[0].release.revision)
    assert found is repo.releases[0] and repo.latest.get("0" * 40) is None
    assert folded(begun().leaves).namespace(NS) is None
