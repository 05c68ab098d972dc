"""Records, leaves and submissions: every type, its caps, and that no byte of a signed thing can be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from modelseal.authorship import authors_of, check_seal, signed_by
from modelseal.errors import Error, Malformed, Refused
from modelseal.formats import envelope, index, merkle, names, records, strict
from modelseal.formats.acts import MAX_WATCHED
from modelseal.formats.entries import Entry
from modelseal.formats.leaves import MAX_SUBMISSION, Leaf, Submission, encode_leaf
from modelseal.formats.records import MAX_CLAIM, MAX_RECORD, Claim, Record, Release
from modelseal.formats.tiles import MAX_LEAF
from modelseal.keytext import PublicKey
from tests.support import make
from tests.support.make import Private
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations
from tests.vectors.records import samples


def read_record(case: Vector) -> Iterable[tuple[str, str]]:
    record = records.parse_any(case.text)
    yield "digest", records.digest(case.text).hex()
    if isinstance(record, Claim):
        return
    yield from (("records-key", key) for key in index.record_keys(record))
    yield from (("files-key", key) for key in index.file_keys(record))


@pytest.mark.parametrize("case", load("records"), ids=name_of)
def test_record_vectors(case: Vector) -> None:
    check(case, read_record)


def signers(found: Iterable[Any]) -> list[tuple[str, str]]:
    return [("signed-by", one) for one in sorted(key.sha256.hex() for key in found)]


def read_leaf(case: Vector) -> Iterable[tuple[str, str]]:
    leaf = Leaf.parse(case.body)
    assert encode_leaf(leaf.text, leaf.signatures, leaf.time) == case.body
    try:
        authors = authors_of(leaf)
    except Malformed as e:  # a leaf that can be read, by a key that is none: inadmissible
        raise Refused(str(e)) from e
    yield "leaf-hash", merkle.leaf_hash(case.body).hex()
    yield "digest", leaf.digest.hex()
    yield from signers(authors.record)


@pytest.mark.parametrize("case", load("leaves"), ids=name_of)
def test_leaf_vectors(case: Vector) -> None:
    check(case, read_leaf)


def read_submission(case: Vector) -> Iterable[tuple[str, str]]:
    found = Submission.parse(case.body)
    assert found.encode() == case.body
    yield "digest", found.digest.hex()
    yield from signers(signed_by(found.record, found.text, found.signatures).record)


@pytest.mark.parametrize("case", load("submissions"), ids=name_of)
def test_submission_vectors(case: Vector) -> None:
    check(case, read_submission)


@pytest.mark.parametrize("type_", samples())
def test_records_are_written_as_they_were_read(type_: str) -> None:
    text = samples()[type_]
    record = records.parse_any(text)
    assert records.type_of(record) == type_
    assert records.encode_record(record) == text


SIGNED = ["release", "identity", "keys", "revocation"]


@pytest.mark.parametrize("type_", SIGNED)
def test_a_changed_leaf_is_refused_or_says_the_same_at_another_time(type_: str) -> None:
    """Its time is signed by nobody but the log: the leaf hash has it, so the proof of inclusion refuses it."""
    data = one(f"leaves/{type_}").body
    leaf = Leaf.parse(data)
    authors = authors_of(leaf)
    for at, changed in changes(data):
        try:
            found = Leaf.parse(changed)
            who = authors_of(found)
        except Error:
            continue
        assert (found.record, found.text, found.signatures, who) == (leaf.record, leaf.text, leaf.signatures, authors)
        assert found.time != leaf.time, f"byte {at}"
        assert merkle.leaf_hash(changed) != merkle.leaf_hash(data)


@pytest.mark.parametrize(
    "name", ["release", "identity", "keys", "revocation", "operators", "observation", "withdrawal", "roots"]
)
def test_a_cut_leaf_is_refused(name: str) -> None:
    for cut in truncations(one(f"leaves/{name}").body):
        with pytest.raises(Malformed):
            Leaf.parse(cut)


def believe(data: bytes) -> Submission:
    """Everything of a submission that can be checked without a log."""
    found = Submission.parse(data)
    signed_by(found.record, found.text, found.signatures)
    if isinstance(found.record, Release):
        assert found.seal is not None
        check_seal(found.record, found.seal, PublicKey.parse(found.signatures[0].key))
    return found


@pytest.mark.parametrize("name", ["release", "claim", "revocation"])
def test_a_changed_or_cut_submission_is_refused(name: str) -> None:
    data = one(f"submissions/{name}").body
    believe(data)
    for at, changed in changes(data):
        with pytest.raises(Error):
            believe(changed)
            pytest.fail(f"byte {at} may be changed")
    for cut in truncations(data):
        with pytest.raises(Malformed):
            Submission.parse(cut)


def test_the_caps_are_looked_at_before_parsing() -> None:
    reads: tuple[tuple[int, Callable[[bytes], object], str], ...] = (
        (MAX_LEAF, Leaf.parse, "leaf"),
        (MAX_RECORD, lambda data: records.parse_any(data.decode()), "record"),
        (MAX_SUBMISSION, Submission.parse, "submission"),
    )
    for limit, parse, what in reads:
        with pytest.raises(Malformed, match=f"{what}: larger than {limit} bytes"):
            parse(b" " * (limit + 1))
        with pytest.raises(Malformed, match=f"{what}: not JSON"):
            parse(b" " * limit)


def test_a_claim_is_taken_up_to_its_own_cap_and_no_further() -> None:
    def padded(size: int) -> str:
        value = strict.loads(samples()["claim"], "")
        value["padding"] = ""
        value["padding"] = "a" * (size - len(strict.encode(value)))
        return strict.encode(value)

    for parse in (records.parse_claim, records.parse_any):
        with pytest.raises(Malformed, match="unknown field 'padding'"):
            parse(padded(MAX_CLAIM))
        with pytest.raises(Malformed, match=f"claim: larger than {MAX_CLAIM} bytes"):
            parse(padded(MAX_CLAIM + 1))


def test_what_is_too_large_for_the_log_is_not_made() -> None:
    text = samples()["roots"]
    fits = MAX_LEAF - len(encode_leaf("", (), 0))
    assert len(encode_leaf("a" * fits, (), 0)) == MAX_LEAF
    with pytest.raises(Malformed, match=f"leaf: larger than {MAX_LEAF} bytes"):
        encode_leaf("a" * (fits + 1), (), 0)
    assert len(text) < MAX_RECORD


# The largest of each type: every list full, every name as long as it may be.
PART = "W" * 93
KEYS = [make.key(f"largest {n}") for n in range(16)]
SIGNERS = [make.key(f"largest signer {n}") for n in range(64)]
NAMESPACE = f"hf://{PART}abc"
NAMES = [f"hf://{PART}{n:03d}" for n in range(16)]
DIGESTS = [f"{n:064x}" for n in range(16)]
LARGEST_INTEGER = 2**53 - 1
LONGEST_ORIGIN = "o" * 128


def largest_key_set() -> dict[str, Any]:
    # The longest scope that can stand 64 times, each with a key of its own.
    scope = f"hf://datasets/{PART.lower()}abc/" + "w" * 96
    return make.key_set(KEYS, [(signer, scope) for signer in SIGNERS], 16)


def largest_claim(*, first: bool) -> str:
    domain = ".".join(["d" * 62] * 4) + ".e"
    assert len(domain) == 253
    fields: dict[str, Any] = {
        "title": "t" * 64, "domain": domain, "hub_owner_id": "f" * 64, "accounts": NAMES, "former": NAMES,
        "families": [f"{'f' * 62}{n:02d}" for n in range(16)], "republishers": NAMES, "origin": LONGEST_ORIGIN,
    }  # fmt: skip
    if first:
        return make.claim(NAMESPACE, **fields, key_set=largest_key_set())
    return make.claim(NAMESPACE, **fields, seq=LARGEST_INTEGER, prev=DIGESTS[15])


def largest() -> dict[str, tuple[str, list[Private]]]:
    def identity(claim: str) -> str:
        return make.identity(
            claim, KEYS, turn=LARGEST_INTEGER, resembles=NAMES, evidence=DIGESTS, basis="operators-word",
            origin=LONGEST_ORIGIN,
        )  # fmt: skip

    repo = f"hf://datasets/{PART}abc/" + "W" * 96
    release = make.release(make.seal(KEYS[0], repo, make.revision(1)), KEYS[0], origin=LONGEST_ORIGIN)
    release = strict.encode(
        {
            **strict.loads(release, ""), "weights": DIGESTS, "files": LARGEST_INTEGER,
            "total_bytes": LARGEST_INTEGER, "bundle_size": 32 << 20, "replaces": DIGESTS[0],
        }
    )  # fmt: skip
    observers = strict.ordered([one.key.value() for one in KEYS])
    act: dict[str, Any] = {"turn": LARGEST_INTEGER, "namespace": NAMESPACE, "origin": LONGEST_ORIGIN}
    watched = strict.ordered([f"hf://{PART}{n:03d}" for n in range(MAX_WATCHED)])
    more = [make.key(f"more {n}") for n in range(16)]  # with the old controllers, all new ones
    return {
        "operators": (make.operators(KEYS, 16, observers=observers, origin=LONGEST_ORIGIN), KEYS),
        "claim": (largest_claim(first=True), KEYS),
        "first identity": (identity(largest_claim(first=True)), KEYS),
        "later identity": (identity(largest_claim(first=False)), KEYS),
        "keys": (
            make.text("keys", seq=LARGEST_INTEGER, prev=DIGESTS[0], namespace=NAMESPACE, key_set=largest_key_set(),
                      origin=LONGEST_ORIGIN),
            [*KEYS, *more],
        ),
        "objection": (
            make.text("objection", namespace=NAMESPACE, target=DIGESTS[0], origin=LONGEST_ORIGIN), KEYS,
        ),
        "suspend": (make.text("suspend", **act, reason="key-compromise"), KEYS),
        "lift": (make.text("lift", **act), KEYS),
        "recover": (make.text("recover", **act, key_set=largest_key_set()), KEYS),
        "retire": (make.text("retire", **act, reason="key-compromise"), KEYS),
        "watchlist": (
            make.text("watchlist", seq=LARGEST_INTEGER, prev=DIGESTS[0], add=watched, remove=[], origin=LONGEST_ORIGIN),
            KEYS,
        ),
        "release": (release, KEYS),  # its signer and, as it replaces another, all controllers
        "revocation": (
            make.revocation(NAMESPACE, "key-compromise", repo=repo, seal=DIGESTS[0], replacement=make.revision(1),
                            origin=LONGEST_ORIGIN),
            KEYS,
        ),
        "observation": (
            make.observation(
                repo, make.revision(1), KEYS[0], basis="hub-metadata", prev=DIGESTS[1], files=LARGEST_INTEGER,
                total_bytes=LARGEST_INTEGER, fileset=DIGESTS[0], origin=LONGEST_ORIGIN,
            ),
            KEYS[:1],
        ),
        "withdrawal": (make.withdrawal(repo, make.revision(1), "key-compromise", origin=LONGEST_ORIGIN), KEYS),
        "roots": (
            make.text("roots", covers=LARGEST_INTEGER, records=DIGESTS[0], files=DIGESTS[1], names=DIGESTS[2],
                      origin=LONGEST_ORIGIN),
            [],
        ),
    }  # fmt: skip


@pytest.mark.parametrize("type_", largest())
def test_the_largest_record_of_each_type_fits_its_cap_and_a_leaf(type_: str) -> None:
    text, by = largest()[type_]
    if type_ == "claim":
        assert len(text) <= MAX_CLAIM
        records.parse_claim(text)
        return
    assert len(text.encode()) <= MAX_RECORD
    entries = make.entries(envelope.RECORD, text, by)
    padded = tuple(Entry(entry.key, entry.sig.ljust(72, b"\0")) for entry in entries)  # a DER signature at its longest
    leaf = Leaf.parse(encode_leaf(text, padded, LARGEST_INTEGER))
    record: Record = leaf.record
    assert records.encode_record(record) == text
    assert len(leaf.signatures) == len(by)
    if isinstance(record, records.Keys):
        assert len(record.key_set.controllers) == 16 and len(record.key_set.signers) == 64


def test_every_type_has_its_largest() -> None:
    types = {strict.loads(text, "record")["type"] for text, _ in largest().values()}
    assert types == set(records._TYPES)


def test_more_names_of_the_watch_list_than_fit_go_into_a_second_record() -> None:
    """The caps of bytes and of counts hold both: 512 names of the longest are too many for one."""
    add, remove = (strict.ordered([f"hf://{PART}{n:03d}" for n in range(at, at + MAX_WATCHED)]) for at in (0, 256))
    text = make.text("watchlist", seq=2, prev=DIGESTS[0], add=add, remove=remove, origin=LONGEST_ORIGIN)
    with pytest.raises(Malformed, match=f"record: larger than {MAX_RECORD} bytes"):
        records.parse_record(text)


def test_names_of_the_largest_records_are_at_their_limits() -> None:
    assert len(names.namespace(NAMESPACE, "namespace")) == 5 + 96
    with pytest.raises(Malformed):
        names.namespace(NAMESPACE + "d", "namespace")
