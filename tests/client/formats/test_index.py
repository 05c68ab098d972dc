"""The index: a list that is proven is the whole list, and an absence that is proven is one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats import index, merkle, strict
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations


def read_bucket(case: Vector) -> Iterable[tuple[str, str]]:
    text = index.bucket_text(case.body)
    lists = index.parse_bucket(text)
    assert index.encode_bucket(lists) == text
    yield "hash", index.bucket_hash(text).hex()
    yield from (("list", " ".join((key, *map(str, found)))) for key, found in lists.items())


@pytest.mark.parametrize("case", load("index/buckets"), ids=name_of)
def test_bucket_vectors(case: Vector) -> None:
    check(case, read_bucket)


def lookup(case: Vector, bucket: str | None = None, path: bytes | None = None) -> tuple[int, ...]:
    raw = strict.base64_text(case.need("path"), "path") if path is None else path
    hashes = [raw[i : i + 32] for i in range(0, len(raw), 32)]
    root = bytes.fromhex(case.need("root"))
    return index.check_lookup(case.need("key"), case.text if bucket is None else bucket, hashes, root)


def read_lookup(case: Vector) -> Iterable[tuple[str, str]]:
    yield "leaves", " ".join(map(str, lookup(case)))


@pytest.mark.parametrize("case", load("index/lookups"), ids=name_of)
def test_lookup_vectors(case: Vector) -> None:
    check(case, read_lookup)


def read_object(case: Vector) -> Iterable[tuple[str, str]]:
    index.check_object(case.body, bytes.fromhex(case.need("digest")), tile=case.need("kind") == "tile")
    return ()


@pytest.mark.parametrize("case", load("index/objects"), ids=name_of)
def test_object_vectors(case: Vector) -> None:
    check(case, read_object)


@pytest.mark.parametrize("name", ["a-tile", "a-bucket"])
def test_every_change_and_cut_of_an_object_is_refused(name: str) -> None:
    case = one(f"index/objects/{name}")
    digest, tile = bytes.fromhex(case.need("digest")), case.need("kind") == "tile"
    step = 41 if tile else 1  # a tile is 8,192 bytes: every 41st, so every place within a hash
    for at in range(0, len(case.body), step):
        changed = case.body[:at] + bytes([case.body[at] ^ 1]) + case.body[at + 1 :]
        with pytest.raises(Malformed):
            index.check_object(changed, digest, tile=tile)
    for end in range(0, len(case.body), step):
        with pytest.raises(Malformed):
            index.check_object(case.body[:end], digest, tile=tile)


@pytest.mark.parametrize("name", ["present-repo", "absent-in-an-empty-bucket", "absent-in-another-key-s-bucket"])
def test_every_change_of_a_lookup_is_refused(name: str) -> None:
    case = one(f"index/lookups/{name}")
    lookup(case)
    path = strict.base64_text(case.need("path"), "path")
    for _, changed in changes(path):
        with pytest.raises(Malformed):
            lookup(case, path=changed)
    for cut in truncations(path):
        with pytest.raises(Malformed):
            lookup(case, path=cut)
    for _, bucket in changes(case.body):
        with pytest.raises(Malformed):
            lookup(case, bucket=bucket.decode("utf-8", "replace"))


def test_every_change_of_a_bucket_is_refused_or_has_another_hash_and_its_own_spelling() -> None:
    data = b"ns:hf://a 2 17\nrepo:hf://a/b 3 4\n"
    for _, changed in changes(data, thorough=True):
        try:
            text = index.bucket_text(changed)
            found = index.parse_bucket(text)
        except Malformed:
            continue
        assert index.encode_bucket(found) == text
        assert index.bucket_hash(text) != index.bucket_hash(data.decode())


KEYS = st.text(st.characters(codec="utf-8", exclude_characters=" \n"), min_size=1, max_size=20)


@given(st.dictionaries(KEYS, st.sets(st.integers(0, 2**53), min_size=1, max_size=5)))
def test_buckets_read_back(lists: dict[str, set[int]]) -> None:
    given_ = {key: tuple(sorted(found)) for key, found in lists.items()}
    assert index.parse_bucket(index.encode_bucket(given_)) == given_


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab 01\n\r\t\u0661"), max_size=20))
def test_any_text_is_refused_as_a_bucket_or_is_its_own_encoding(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert index.encode_bucket(index.parse_bucket(text)) == text


def test_the_largest_bucket() -> None:
    assert index.bucket_text(b"a" * index.MAX_BUCKET)
    with pytest.raises(Malformed, match=f"bucket: larger than {index.MAX_BUCKET} bytes"):
        index.bucket_text(b"a" * (index.MAX_BUCKET + 1))


def test_keys_are_in_lower_case_and_buckets_by_their_digest() -> None:
    assert index.repo_key("hf://Acme/A") == "repo:hf://acme/a"
    assert index.namespace_key("hf://Acme") == "ns:hf://acme"
    assert index.observed_key("hf://datasets/Acme/A") == "observed:hf://datasets/acme/a"
    digest = hashlib.sha256(b"operators").digest()
    assert index.bucket_of("operators") == digest[0] << 8 | digest[1]


@pytest.mark.parametrize("at", [0, 1, 2, 127, 128, 254, 255])
def test_paths_in_a_tile_lead_to_its_root(at: int) -> None:
    tile = hashlib.shake_256(b"a tile").digest(8192)
    computed = tile[at * 32 : at * 32 + 32]
    path = index.path_in_tile(tile, at)
    assert len(path) == 8
    for level, sibling in enumerate(path):
        odd = at >> level & 1
        computed = merkle.node_hash(sibling, computed) if odd else merkle.node_hash(computed, sibling)
    assert computed == index.tile_root(tile)
