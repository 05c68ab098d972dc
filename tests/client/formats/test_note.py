"""Notes and vkeys: what a known key signed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats import note
from modelseal.formats.note import COSIGNATURE, ED25519, Note, Verifier
from tests.support import make
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations


def times(opened: Note, case: Vector) -> list[int]:
    """Check every line of the given keys, as FORMAT.md 7.2 says; return the times."""
    found: list[int] = []
    for vkey in case.all("key"):
        key = Verifier.parse(vkey)
        lines = opened.by(key)
        if key.kind == ED25519 and not lines:
            raise Malformed("not signed by the log")
        found += [key.check(opened.text, line) for line in lines]
    return found


def read(case: Vector) -> Iterable[tuple[str, str]]:
    opened = Note.parse(case.body)
    assert opened.encode().encode() == case.body
    newest = max(times(opened, case))
    if newest:
        yield "time", str(newest)


@pytest.mark.parametrize("case", load("notes"), ids=name_of)
def test_note_vectors(case: Vector) -> None:
    check(case, read)


def read_vkey(case: Vector) -> Iterable[tuple[str, str]]:
    key = Verifier.parse(case.text)
    assert key.encode() == case.text
    yield "name", key.name
    yield "type", str(key.kind)
    yield "key-id", key.id.hex()


@pytest.mark.parametrize("case", load("vkeys"), ids=name_of)
def test_vkey_vectors(case: Vector) -> None:
    check(case, read_vkey)


def test_every_change_of_every_byte_of_a_vkey_is_refused() -> None:
    for name in ("the-log-of-format-md", "its-cosigner"):
        data = one(f"vkeys/{name}").body
        for _, changed in changes(data, thorough=True):
            with pytest.raises(Malformed):
                Verifier.parse(changed.decode("utf-8", "replace"))


def test_every_part_of_a_vkey_is_refused() -> None:
    text = one("vkeys/the-log-of-format-md").text
    for start in range(len(text)):
        for end in range(start, len(text) + (start > 0)):
            with pytest.raises(Malformed):
                Verifier.parse(text[start:end])


LOG, OWN = make.ed25519("log"), make.ed25519("own")
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.just("\n"), min_size=1).map(lambda t: t + "\n")


@settings(max_examples=50)
@given(TEXTS, st.integers(0, 2**63))
def test_what_was_signed_verifies_and_no_other_text(text: str, time: int) -> None:
    lines = (note.sign(text, "log", LOG), note.cosign(text, "own", OWN, time))
    if text == "\n" or (text.startswith("\n") and not text.strip("\n")):
        return  # nothing but line feeds: the last empty line is not where the writer thinks
    opened = Note.parse(Note(text, lines).encode())
    assert opened == Note(text, lines)
    log = Verifier("log", ED25519, LOG.public_key().public_bytes_raw())
    own = Verifier("own", COSIGNATURE, OWN.public_key().public_bytes_raw())
    (by_log,), (by_own,) = opened.by(log), opened.by(own)
    assert (log.check(text, by_log), own.check(text, by_own)) == (0, time)
    for key, line in ((log, by_log), (own, by_own)):
        with pytest.raises(Malformed, match="does not verify"):
            key.check(text + "\n", line)


def test_a_log_signature_is_no_cosignature_and_the_reverse() -> None:
    public = LOG.public_key().public_bytes_raw()
    as_log, as_cosigner = Verifier("a", ED25519, public), Verifier("a", COSIGNATURE, public)
    signed, cosigned = note.sign("text\n", "a", LOG), note.cosign("text\n", "a", LOG, 1)
    assert as_log.id != as_cosigner.id
    with pytest.raises(Malformed):
        as_cosigner.check("text\n", signed)
    with pytest.raises(Malformed):
        as_log.check("text\n", cosigned)
    # and not by a text that looks like the cosigned message
    forged = note.sign("cosignature/v1\ntime 1\ntext\n", "a", LOG)
    moved = note.Signature("a", as_cosigner.id + (1).to_bytes(8, "big") + forged.raw[4:])
    assert as_cosigner.check("text\n", moved) == 1  # the bytes are the same: why one key must not serve both


def test_every_cut_of_a_note_is_refused_or_only_loses_lines() -> None:
    case = one("notes/signed-by-log-and-cosigner")
    whole = Note.parse(case.body)
    for cut in truncations(case.body):
        try:
            found = Note.parse(cut)
        except Malformed:
            continue
        assert found.text == whole.text and found.signatures == whole.signatures[: len(found.signatures)]


def test_every_change_of_a_note_is_refused_or_only_loses_a_line() -> None:
    case = one("notes/signed-by-log-and-cosigner")
    whole = Note.parse(case.body)
    for _, changed in changes(case.body):
        try:
            found = Note.parse(changed)
            seen = times(found, case)
        except Malformed:
            continue
        assert found.text == whole.text
        assert seen == [0], "the cosigner's line may become that of an unknown key, never one with another time"
