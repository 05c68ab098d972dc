"""Who signed what: one bad entry refuses all, one type is not another."""

from __future__ import annotations

import pytest

from modelseal.authorship import Authors, authors_of, named_by, signed_by
from modelseal.errors import Malformed, Refused
from modelseal.formats import envelope, records
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.leaves import Leaf, encode_leaf
from tests.support import make

NS = "hf://acme-lab"
ANA, BOB, EVE = make.key("ana"), make.key("bob", "ed25519"), make.key("eve")
TEXT = make.revocation(NS, fileset="ab" * 32)
RECORD = records.parse_record(TEXT)
CLAIM = make.claim(NS, [ANA], [])


def test_all_whose_entries_verify() -> None:
    entries = make.entries(envelope.RECORD, TEXT, [ANA, BOB])
    assert signed_by(RECORD, TEXT, entries).record == {ANA.key, BOB.key}
    assert signed_by(RECORD, TEXT, ()).record == frozenset()


BAD = {
    "over another text": ANA.entry(envelope.RECORD, TEXT + " "),
    "as a claim": ANA.entry(envelope.CLAIM, TEXT),
    "as a seal": ANA.entry(envelope.STATEMENT, TEXT),
    "by another key": Entry(ANA.public.spki, BOB.entry(envelope.RECORD, TEXT).sig),
    "over the text without its type": Entry(ANA.public.spki, ANA.sign(TEXT.encode())),
    "nothing": Entry(ANA.public.spki, b""),
}


@pytest.mark.parametrize("case", BAD)
def test_one_entry_that_does_not_verify_refuses_all(case: str) -> None:
    good = BOB.entry(envelope.RECORD, TEXT)
    with pytest.raises(Refused, match="does not verify"):
        signed_by(RECORD, TEXT, tuple(ordered_entries([good, BAD[case]])))


def test_an_entry_by_what_is_no_key_refuses_all() -> None:
    with pytest.raises(Malformed, match="not an uncompressed P-256 or an Ed25519"):
        signed_by(RECORD, TEXT, (Entry(b"no key", b"x"),))


def test_a_claim_is_signed_as_a_claim() -> None:
    claim = records.parse_any(CLAIM)
    assert signed_by(claim, CLAIM, make.entries(envelope.CLAIM, CLAIM, [ANA])).record == {ANA.key}
    with pytest.raises(Refused):
        signed_by(claim, CLAIM, make.entries(envelope.RECORD, CLAIM, [ANA]))


def test_an_identity_has_two_kinds_of_authors() -> None:
    text = make.identity(CLAIM, [ANA, BOB])
    leaf = Leaf.parse(encode_leaf(text, make.entries(envelope.RECORD, text, [EVE]), 1))
    found = authors_of(leaf)
    assert found == Authors(frozenset({EVE.key}), frozenset({ANA.key, BOB.key}))
    assert named_by(leaf) == found


def test_named_by_asks_no_signature() -> None:
    entries = tuple(ordered_entries([Entry(ANA.public.spki, b"x")]))
    leaf = Leaf.parse(encode_leaf(TEXT, entries, 1))
    assert named_by(leaf).record == {ANA.key}
    with pytest.raises(Refused):
        authors_of(leaf)
