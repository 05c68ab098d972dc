"""Tree and index against the plainest possible computation."""

from __future__ import annotations

import functools
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal.authorship import named_by
from modelseal.errors import Error, Malformed, Refused
from modelseal.formats import index as indexes
from modelseal.formats import merkle
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.records import Roots
from modelseal.state import State
from modelseal_registry.append import Appender, encode_roots, inclusion, recomputed, replay_into
from modelseal_registry.index import EMPTY_TREE_ROOT, with_line
from modelseal_registry.store import Head, open_store
from tests.support import make
from tests.support.logs import ANA, append, begin, grow
from tests.support.make import NOW, ORIGIN


def H(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def naive_root(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not hashes:
        return H(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return H(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:]))


def naive_index(leaves: list[bytes], tree: str) -> bytes:
    """The root over 65,536 buckets, made from nothing but the leaves."""
    lists: dict[str, list[int]] = {}
    for i, data in enumerate(leaves):
        record = Leaf.parse(data).record
        for key in indexes.record_keys(record) if tree == "records" else indexes.file_keys(record):
            lists.setdefault(key, []).append(i)
    texts = [""] * 65536
    for key in sorted(lists):
        texts[int.from_bytes(H(key.encode())[:2], "big")] += f"{key} {' '.join(map(str, lists[key]))}\n"
    level = [_bucket_hash("".join(sorted(text.splitlines(keepends=True)))) for text in texts]
    while len(level) > 1:
        level = [_node(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


@functools.lru_cache(100_000)
def _bucket_hash(text: str) -> bytes:
    return H(b"\x00" + text.encode())


@functools.lru_cache(100_000)
def _node(left: bytes, right: bytes) -> bytes:
    return H(b"\x01" + left + right)


@pytest.mark.parametrize("size", [2, 4, 5, 255, 256, 257, 258, 511, 512, 513])
def test_tree_and_index_are_those_of_a_naive_computation(size: int) -> None:
    store = open_store(None)
    for _ in grow(store, size):
        pass
    with store.read() as tx:
        leaves = list(tx.leaves(0, size))
        head = tx.head()
        assert head == Head(size, naive_root([H(b"\x00" + leaf) for leaf in leaves]))
        last = Leaf.parse(leaves[-1]).record
        assert isinstance(last, Roots)
        assert last.covers == size - 1
        assert last.records == naive_index(leaves[:-1], "records")
        assert last.files == naive_index(leaves[:-1], "files")
        for level, index, data in tx.tiles():
            hashes = [data[i : i + 32] for i in range(0, len(data), 32)]
            assert len(hashes) == min(256, (size >> 8 * level) - 256 * index)
            for at, hash_ in enumerate(hashes):
                start, width = (256 * index + at) << 8 * level, 1 << 8 * level
                assert hash_ == naive_root([H(b"\x00" + leaf) for leaf in leaves[start : start + width]])


def test_three_leaves_are_no_checkpoint_and_one_is_none_either() -> None:
    store = open_store(None)
    data = encode_leaf(make.operators([ANA]), (), NOW)
    with store.write() as tx:
        appender = Appender(tx)
        with pytest.raises(ValueError, match="roots leaf"):
            appender.finish()
        appender.add(data, Leaf.parse(data))
        with pytest.raises(ValueError, match="roots leaf"):
            appender.finish()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.data())
def test_any_cut_into_batches_gives_provable_leaves_and_the_same_index(batches: list[int], data: st.DataObject) -> None:
    store = open_store(None)
    begin(store)
    number = 0
    for count in batches:
        append(store, list(range(number, number + count)))
        number += count
    with store.read() as tx:
        head = tx.head()
        leaves = list(tx.leaves(0, head.size))
        at = data.draw(st.integers(0, head.size - 1))
        old = data.draw(st.integers(at + 1, head.size))
        old_root = naive_root([H(b"\x00" + leaf) for leaf in leaves[:old]])
        merkle.check_inclusion(H(b"\x00" + leaves[at]), at, old, inclusion(tx, at, old), old_root)
        assert recomputed(tx, old) == head
        last = Leaf.parse(leaves[-1]).record
        assert isinstance(last, Roots)
        for key in ("repo:hf://acme-lab/repo-3", "operators", "ns:hf://nobody"):
            number_ = indexes.bucket_of(key)
            tile, top = tx.index_tile("records", number_ // 256), tx.index_tile("records", 256)
            if tile is None or top is None:
                continue
            path = [*indexes.path_in_tile(tile, number_ % 256), *indexes.path_in_tile(top, number_ // 256)]
            listed = indexes.check_lookup(key, tx.bucket("records", number_), path, last.records)
            assert listed == tuple(
                i for i, leaf in enumerate(leaves[:-1]) if key in indexes.record_keys(Leaf.parse(leaf).record)
            )


_keys = st.sampled_from([f"repo:hf://a{c}b/{d}" for c in "-.0a" for d in "x-y"] + ["ns:hf://a", "ns:hf://a-b"])


@given(st.lists(_keys, max_size=30))
def test_a_line_grows_as_if_the_bucket_had_been_parsed_and_written_again(keys: list[str]) -> None:
    text = ""
    lists: dict[str, tuple[int, ...]] = {}
    for index, key in enumerate(keys):
        text = with_line(text, key, index)
        lists[key] = (*lists.get(key, ()), index)
        assert text == indexes.encode_bucket(lists)
    assert indexes.parse_bucket(text) == lists


def test_the_empty_tree_has_the_hash_of_the_specification() -> None:
    assert EMPTY_TREE_ROOT.hex() == "d83389ac9a207fb7dbdc492fbb56b9482f19170699e224be64694cc885a3a2a2"


# What is stored is checked before it is built upon


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE tiles SET data = zeroblob(length(data))", "its hashes of"),
        ("UPDATE tiles SET data = substr(data, 1, 32)", "tile/0/000"),
        ("UPDATE buckets SET text = 'x 1' || char(10)", "bucket"),
        ("UPDATE index_tiles SET data = zeroblob(8192) WHERE number < 256", "tile"),
        ("UPDATE index_tiles SET data = zeroblob(8192) WHERE number = 256", "top tile"),
        ("UPDATE head SET root = zeroblob(32)", "its hashes of"),
        ('DELETE FROM leaves WHERE "index" = (SELECT max("index") FROM leaves)', "is missing"),
    ],
)
def test_nothing_is_appended_upon_damage(damage: str, words: str) -> None:
    store = open_store(None)
    begin(store)
    append(store, [0, 1, 2])
    with store.write() as tx:
        tx._db.exec_driver_sql(damage)
    with pytest.raises(Error, match=words):
        append(store, [7])
    with store.read() as tx:
        assert tx.head().size == 6


def test_a_leaf_that_was_written_wrongly_is_seen_before_the_head_is_signed() -> None:
    store = open_store(None)
    begin(store)
    append(store, [0, 1, 2])
    with store.write() as tx:
        tx._db.exec_driver_sql(
            'UPDATE leaves SET leaf = CAST(replace(leaf, \'"v":1\', \'"v":2\') AS BLOB) WHERE "index" = 3'
        )
    with store.read() as tx:
        assert recomputed(tx, 4).size == 6  # not read again
        with pytest.raises(Error, match="the leaves 2 to 5 do not give the root"):
            recomputed(tx, 2)


# Replay


def replayed(leaves: list[bytes], **options: frozenset[int]) -> Head:
    with open_store(None).write() as tx:
        return replay_into(tx, State(ORIGIN), leaves, authors=named_by, **options)


def _log() -> tuple[list[bytes], Head]:
    """Leaves that nobody is entitled to: every release is inadmissible."""
    store = open_store(None)
    begin(store)
    append(store, [0, 1])
    with store.read() as tx:
        return list(tx.leaves(0, 5)), tx.head()


def test_replay_gives_the_same_head_and_stops_at_a_leaf_that_no_rule_admits() -> None:
    leaves, head = _log()
    with pytest.raises(Refused, match=r"leaf 2: .*not an approved namespace"):
        replayed(leaves)
    with pytest.raises(Refused, match="leaf 3: "):
        replayed(leaves, skip=frozenset({2}))
    assert replayed(leaves, skip=frozenset({2, 3})) == head


def test_replay_names_the_leaf_whose_root_time_or_form_is_wrong() -> None:
    leaves, _ = _log()
    skip = frozenset({2, 3})
    last = Leaf.parse(leaves[-1]).record
    assert isinstance(last, Roots)
    for text, words in (
        (encode_roots(ORIGIN, 4, last.files, last.files), "leaf 4: its root of the index records"),
        (encode_roots(ORIGIN, 4, last.records, last.records), "leaf 4: its root of the index files"),
        (encode_roots(ORIGIN, 3, last.records, last.files), r"leaf 4: .*covers 3"),
    ):
        with pytest.raises(Refused, match=words):
            replayed([*leaves[:-1], encode_leaf(text, (), NOW)], skip=skip)
    with pytest.raises(Refused, match=r"leaf 4: its time .* before"):
        replayed([*leaves[:-1], leaves[-1].replace(str(NOW).encode(), str(NOW - 1).encode())], skip=skip)
    with pytest.raises(Malformed, match="leaf 4: leaf: not JSON"):
        replayed([*leaves[:-1], leaves[-1][:-1]], skip=skip)
