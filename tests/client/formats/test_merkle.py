"""Merkle proofs against trees that are built word for word from RFC 6962."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats import merkle
from tests.support.naive import Naive, below, leaf, node, numbered
from tests.support.vectors import Vector, check, load, name_of

MOST = 300
TREE = Naive(numbered(MOST))
SIZES = st.integers(1, MOST)


def hashes(case: Vector) -> list[bytes]:
    return [bytes.fromhex(line) for line in case.text.split()]


def read_inclusion(case: Vector) -> Iterable[tuple[str, str]]:
    merkle.check_inclusion(
        bytes.fromhex(case.need("leaf-hash")), int(case.need("index")), int(case.need("size")), hashes(case),
        bytes.fromhex(case.need("root")),
    )  # fmt: skip
    return ()


@pytest.mark.parametrize("case", load("inclusion"), ids=name_of)
def test_inclusion_vectors(case: Vector) -> None:
    check(case, read_inclusion)


def read_consistency(case: Vector) -> Iterable[tuple[str, str]]:
    merkle.check_consistency(
        int(case.need("old")), bytes.fromhex(case.need("old-root")), int(case.need("new")),
        bytes.fromhex(case.need("new-root")), hashes(case),
    )  # fmt: skip
    return ()


@pytest.mark.parametrize("case", load("consistency"), ids=name_of)
def test_consistency_vectors(case: Vector) -> None:
    check(case, read_consistency)


def test_hashes_and_roots_are_those_of_the_rfc_for_all_sizes_to_300() -> None:
    assert merkle.leaf_hash(b"a") == leaf(b"a") and merkle.node_hash(b"a", b"b") == node(b"a", b"b")
    for size in range(MOST + 1):
        assert merkle.root(TREE.hashes[:size]) == TREE.root(0, size)
    for size in range(2, 2000):
        assert merkle.split(size) == below(size)


def test_inclusion_proofs_of_all_leaves_in_all_sizes_to_300() -> None:
    for size in range(1, MOST + 1):
        root = TREE.root(0, size)
        for m in range(size) if size <= 80 else {*range(0, size, 7), size - 2, size - 1}:
            proof = merkle.inclusion_proof(m, size, TREE.root)
            assert proof == TREE.path(m, 0, size)
            merkle.check_inclusion(TREE.hashes[m], m, size, proof, root)


def test_consistency_proofs_between_all_sizes_to_300() -> None:
    for new in range(1, MOST + 1):
        root = TREE.root(0, new)
        for old in range(1, new + 1) if new <= 80 else {*range(1, new, 7), new - 1, new}:
            proof = merkle.consistency_proof(old, new, TREE.root)
            assert proof == TREE.proof(old, 0, new)
            merkle.check_consistency(old, TREE.root(0, old), new, root, proof)


@settings(max_examples=300)
@given(SIZES, st.data())
def test_an_inclusion_proof_proves_nothing_else(size: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(0, size - 1))
    other_index = data.draw(st.integers(0, MOST))
    other_size = data.draw(SIZES)
    proof, root = TREE.path(m, 0, size), TREE.root(0, size)
    mangled = data.draw(mangle(proof))
    refuse = pytest.raises(Malformed, match="inclusion proof: ")
    if mangled != proof:
        with refuse:
            merkle.check_inclusion(TREE.hashes[m], m, size, mangled, root)
    if other_index != m:
        with refuse:
            merkle.check_inclusion(TREE.hashes[m], other_index, size, proof, root)
    if other_size != size:
        with refuse:
            merkle.check_inclusion(TREE.hashes[m], m, size, proof, TREE.root(0, other_size))
    with refuse:
        merkle.check_inclusion(bytes(32), m, size, proof, root)


@settings(max_examples=300)
@given(SIZES, st.data())
def test_a_consistency_proof_proves_nothing_else(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof, roots = TREE.proof(old, 0, new), (TREE.root(0, old), TREE.root(0, new))
    mangled = data.draw(mangle(proof))
    refuse = pytest.raises(Malformed, match="consistency proof: ")
    if mangled != proof:
        with refuse:
            merkle.check_consistency(old, roots[0], new, roots[1], mangled)
    for forged in ((bytes(32), roots[1]), (roots[0], bytes(32))):
        with refuse:
            merkle.check_consistency(old, forged[0], new, forged[1], proof)
    other = data.draw(st.integers(0, new + 1))
    if other != old and other <= MOST and TREE.root(0, other) != roots[0]:
        with refuse:
            merkle.check_consistency(other, TREE.root(0, other), new, roots[1], proof)


def mangle(proof: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """The proof with a hash changed, left out, doubled, or two swapped."""
    places = st.integers(0, max(0, len(proof) - 1))
    extra = st.tuples(st.just("more"), st.integers(0, len(proof)))
    if not proof:
        return extra.map(lambda _: [bytes(32)])

    def act(what: tuple[str, int]) -> list[bytes]:
        kind, at = what
        out = list(proof)
        match kind:
            case "change":
                out[at] = bytes([out[at][0] ^ 1]) + out[at][1:]
            case "drop":
                del out[at]
            case "more":
                out.insert(at, bytes(32))
            case "swap":
                out[at], out[at - 1] = out[at - 1], out[at]
        return out

    return (st.tuples(st.sampled_from(["change", "drop", "swap"]), places) | extra).map(act)
