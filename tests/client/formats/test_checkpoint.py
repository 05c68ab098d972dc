"""Checkpoints and .tlog-proof."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelseal.decide import Freshness, accept
from modelseal.errors import Error, Malformed
from modelseal.formats import merkle
from modelseal.formats.checkpoint import Checkpoint, encode_proof, parse_proof
from modelseal.formats.note import Note, Verifier
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations
from tests.vectors import small


def read(case: Vector) -> Iterable[tuple[str, str]]:
    note = Note.parse(case.body)
    for vkey in case.all("key"):
        key = Verifier.parse(vkey)
        for line in note.by(key):
            key.check(note.text, line)
    found = Checkpoint.parse(note.text)
    assert found.encode() == note.text
    yield "origin", found.origin
    yield "size", str(found.size)
    yield "root", found.root.hex()


@pytest.mark.parametrize("case", load("checkpoints"), ids=name_of)
def test_vectors(case: Vector) -> None:
    check(case, read)


@given(st.integers(0, 10**16 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoints_read_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("registry.example", size, root)
    assert Checkpoint.parse(checkpoint.encode()) == checkpoint


@given(st.text(st.sampled_from("0123456789+-_eE. \t\u0661\u00b2"), max_size=18))
def test_a_size_has_one_spelling(size: str) -> None:
    text = f"registry.example\n{size}\n{'A' * 43}=\n"
    try:
        assert str(Checkpoint.parse(text).size) == size
    except Malformed:
        assert not (size.isascii() and size.isdigit() and str(int(size)) == size and len(size) <= 16)


def test_every_change_and_cut_of_a_checkpoint_is_refused_or_proves_the_same() -> None:
    """Same size, same root, same proven time: or nothing is accepted."""
    log = small.log()
    fresh = Freshness(small.COSIGNED, small.MAX_AGE)
    data = one("checkpoints/the-checkpoint-of-format-md").body
    whole = accept(data.decode(), {}, log.trust, None, fresh)
    others = [changed for _, changed in changes(data)] + list(truncations(data))
    for other in others:
        try:
            found = accept(other.decode("utf-8", "replace"), {}, log.trust, None, fresh)
        except Error:
            continue
        assert (found.size, found.root, found.time) == (whole.size, whole.root, whole.time)


def open_proof(case: Vector, data: bytes) -> tuple[int, list[bytes], Checkpoint]:
    index, proof, text = parse_proof(data.decode("utf-8", "replace"))
    note, key = Note.parse(text), Verifier.parse(case.need("key"))
    if not [key.check(note.text, line) for line in note.by(key)]:
        raise Malformed("not signed by the log")
    checkpoint = Checkpoint.parse(note.text)
    merkle.check_inclusion(bytes.fromhex(case.need("leaf-hash")), index, checkpoint.size, proof, checkpoint.root)
    return index, proof, checkpoint


def read_proof(case: Vector) -> Iterable[tuple[str, str]]:
    open_proof(case, case.body)
    return ()


@pytest.mark.parametrize("case", load("tlog-proofs"), ids=name_of)
def test_proof_vectors(case: Vector) -> None:
    check(case, read_proof)


def test_every_change_and_cut_of_a_proof_is_refused_or_proves_the_same() -> None:
    case = one("tlog-proofs/leaf-3-of-5-of-format-md")
    whole = open_proof(case, case.body)
    for other in [changed for _, changed in changes(case.body)] + list(truncations(case.body)):
        try:
            assert open_proof(case, other) == whole
        except Malformed:
            continue


@given(st.integers(0, 2**53), st.lists(st.binary(min_size=32, max_size=32), max_size=64))
def test_proofs_read_back(index: int, proof: list[bytes]) -> None:
    note = one("notes/signed-by-log-and-cosigner").text
    assert parse_proof(encode_proof(index, proof, note)) == (index, proof, note)
