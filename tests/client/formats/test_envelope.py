"""Bundles, statements and the two together: a seal says one thing in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.authorship import check_seal
from modelseal.errors import Error, Malformed
from modelseal.formats import envelope, manifest, strict
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.manifest import File, Statement
from modelseal.formats.records import Release, parse_record
from modelseal.keytext import PublicKey
from tests.support import make
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations

REPO = "hf://acme-lab/atlas-7b"
CI = make.key("ci")


def read(case: Vector) -> Iterable[tuple[str, str]]:
    bundle = Bundle.parse(case.body)
    statement = Statement.parse(bundle.payload)
    if case.get("release"):
        release = parse_record(case.need("release"))
        assert isinstance(release, Release)
        signer = PublicKey.parse(strict.base64_text(case.need("signer"), "signer"))
        assert check_seal(release, case.text, signer) == statement
    assert bundle.encode().encode() == case.body and statement.encode() == bundle.payload
    yield "repo", statement.repo
    yield "revision", statement.revision
    yield "seal", hashlib.sha256(bundle.payload).hexdigest()
    yield "bundle", hashlib.sha256(case.body).hexdigest()
    yield "fileset", manifest.fileset(statement.files).hex()
    yield from (("weight", weight.hex()) for weight in manifest.weights(statement.files))


@pytest.mark.parametrize("case", load("seals"), ids=name_of)
def test_vectors(case: Vector) -> None:
    check(case, read)


def test_the_encoding_is_that_of_dsse() -> None:
    assert envelope.pae("text/plain", b"") == b"DSSEv1 10 text/plain 0 "
    assert envelope.pae("a/b", "é".encode()) == b"DSSEv1 3 a/b 2 \xc3\xa9"
    assert envelope.pae(envelope.RECORD, b"{}") == b"DSSEv1 37 application/vnd.modelseal.record+json 2 {}"


def test_every_change_and_cut_of_a_seal_is_refused_by_itself() -> None:
    """Without a release at hand: form, hint and signature alone refuse it."""
    case = one("seals/the-seal-of-format-md")
    signer = PublicKey.parse(strict.base64_text(case.need("signer"), "signer"))

    def believe(data: bytes) -> None:
        bundle = Bundle.parse(data)
        if bundle.hint != signer.hint:
            raise Malformed("another key")
        signer.check(bundle.signature, envelope.pae(envelope.STATEMENT, bundle.payload), "seal")
        Statement.parse(bundle.payload)

    believe(case.body)
    for at, changed in changes(case.body):
        with pytest.raises(Error):
            believe(changed)
            pytest.fail(f"byte {at} may be changed")
    for cut in truncations(case.body):
        with pytest.raises(Malformed):
            believe(cut)


def test_every_change_and_cut_of_a_statement_is_refused_or_says_another_thing() -> None:
    """A payload has one spelling: what is read differently is written differently."""
    payload = Bundle.parse(one("seals/with-blake3-gitoid-license-and-base-model").body).payload
    statement = Statement.parse(payload)
    for _, changed in changes(payload):
        try:
            found = Statement.parse(changed)
        except Malformed:
            continue
        assert found != statement and found.encode() == changed
    for cut in truncations(payload):
        with pytest.raises(Malformed):
            Statement.parse(cut)


# Other spellings of a statement, and values that JSON readers take for each other.
SPELLINGS = {
    "a space": (',"predicateType"', ', "predicateType"'),
    "a line feed at the end": ("]}", "]}\n"),
    "a byte order mark": ('{"_type"', '\ufeff{"_type"'),
    "an escape": ("Apache", "\\u0041pache"),
    "an escaped slash": ("https://in-toto.io", "https:\\/\\/in-toto.io"),
    "a key twice": ('"created":', '"created":1,"created":'),
    "a key twice in a file": ('"size":', '"size":7,"size":'),
    "keys in another order": ('"name":"a.bin","size":2', '"size":2,"name":"a.bin"'),
    "a size with a fraction": ('"size":2}', '"size":2.0}'),
    "a size with an exponent": ('"size":2}', '"size":2e0}'),
    "a size that is not a number": ('"size":2}', '"size":NaN}'),
    "a size without end": ('"size":2}', '"size":Infinity}'),
    "a size of 2**53": ('"size":2}', '"size":9007199254740992}'),
    "a size of 5,000 digits": ('"size":2}', '"size":' + "9" * 5000 + "}"),
    "a size that is true": ('"size":1}', '"size":true}'),
    "a negative zero": ('"size":0}', '"size":-0}'),
    "a lone surrogate": ("Apache", "\\ud800pache"),
    "a lone surrogate in a name": ('"name":"a.bin"', '"name":"\\udc80.bin"'),
    "nested 40 deep": ('"v":1', '"v":' + "[" * 40 + "1" + "]" * 40),
    "nested 100,000 deep": ('"v":1', '"v":' + "[" * 100_000 + "1" + "]" * 100_000),
    "a key that is not ASCII": ('"v":1', '"v":1,"\u00e9":1'),
    "a comma too many": ("]}", "],}"),
    "cut in the middle": ('"predicateType"', ""),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_another_spelling_of_a_statement_is_refused_though_its_signature_is_valid(case: str) -> None:
    files = (make.file("a.bin", b"12"), make.file("b.bin", b"1"), make.file("c.bin", b""))
    statement = Statement(REPO, make.revision(1), 1, files, license="Apache-2.0")
    good = statement.encode().decode()
    old, new = SPELLINGS[case]
    assert old in good
    payload = (good.partition(old)[0] if case.startswith("cut") else good.replace(old, new, 1)).encode()
    seals = [
        Bundle(text, CI.sign(envelope.pae(envelope.STATEMENT, text)), CI.public.hint).encode()
        for text in (good.encode(), payload)
    ]
    of_good = make.release(seals[0], CI)
    of_bad = make.release(
        seals[0],
        CI,
        seal=hashlib.sha256(payload).hexdigest(),
        bundle=hashlib.sha256(seals[1].encode()).hexdigest(),
        bundle_size=len(seals[1]),
    )
    assert check_seal(_release(of_good), seals[0], CI.public) == statement
    with pytest.raises(Malformed, match="statement"):
        check_seal(_release(of_bad), seals[1], CI.public)


def _release(text: str) -> Release:
    found = parse_record(text)
    assert isinstance(found, Release)
    return found


FILE_NAMES = st.text(st.sampled_from("abcß模./ -"), min_size=1, max_size=8)
FILES = st.builds(
    File,
    FILE_NAMES,
    st.integers(0, 2**53 - 1),
    st.binary(min_size=32, max_size=32),
    st.none() | st.binary(min_size=32, max_size=32),
    st.none() | st.text("0123456789abcdef", min_size=40, max_size=40),
)


@settings(max_examples=60)
@given(st.lists(FILES, min_size=1, max_size=5), st.none() | st.text(max_size=200), st.none() | st.text(max_size=200))
def test_statements_read_back(files: list[File], license_: str | None, base_model: str | None) -> None:
    files.sort(key=lambda file: file.name)
    statement = Statement(REPO, make.revision(1), 0, tuple(files), license_, base_model)
    try:
        for file in files:
            manifest.file_name(file.name, "file")
        manifest.check_files(tuple(files), "files")
    except Malformed:
        with pytest.raises(Malformed):
            Statement.parse(statement.encode())
        return
    assert Statement.parse(statement.encode()) == statement


def test_a_fileset_is_of_names_sizes_and_contents() -> None:
    files = (make.file("a", b"1"), make.file("b", b"2"))
    swapped = (make.file("a", b"2"), make.file("b", b"1"))
    renamed = (make.file("a", b"1"), make.file("c", b"2"))
    sets = {manifest.fileset(one) for one in (files, swapped, renamed, files[:1], ())}
    assert len(sets) == 5
    assert manifest.fileset(files[::-1]) == manifest.fileset(files)
    assert manifest.fileset(tuple(replace(f, blake3=bytes(32)) for f in files)) == manifest.fileset(files)
    lines = b"".join(b"%s\0001\0%s\n" % (f.name.encode(), f.sha256.hex().encode()) for f in files)
    assert manifest.fileset(files) == hashlib.sha256(lines).digest()


def test_weights_are_the_16_largest_by_size_then_name() -> None:
    files = tuple(make.file(f"{n:02d}.bin", bytes([n]) * 10) for n in range(18))
    assert manifest.weights(files) == tuple(sorted(f.sha256 for f in files[:16]))
    assert manifest.weights((make.file("a.BIN"), make.file("bin"), make.file("a.bin.txt"))) == ()
    assert manifest.weights((make.file("a.bin"), make.file("b.pt"))) == (make.file("a.bin").sha256,)


def test_the_caps_are_looked_at_before_parsing() -> None:
    with pytest.raises(Malformed, match=f"seal: larger than {MAX_SEAL} bytes"):
        Bundle.parse(b" " * (MAX_SEAL + 1))
    with pytest.raises(Malformed, match="seal: not JSON"):
        Bundle.parse(b" " * MAX_SEAL)
    with pytest.raises(Malformed, match=f"statement: larger than {manifest.MAX_PAYLOAD} bytes"):
        Statement.parse(b" " * (manifest.MAX_PAYLOAD + 1))
    with pytest.raises(Malformed, match="statement: not JSON"):
        Statement.parse(b" " * manifest.MAX_PAYLOAD)


def test_a_payload_that_fits_a_bundle_is_within_the_limit_of_statements() -> None:
    around = len(Bundle(b"", b"s" * 64, "0" * 64).encode())
    assert (MAX_SEAL - around) // 4 * 3 <= manifest.MAX_PAYLOAD
