"""The verifiable index: which leaves exist about a name, provably all of them (FORMAT.md 8).

Two trees, `records` and `files`, each of 65,536 buckets. A bucket is the text of the lines of all keys whose SHA-256
begins with its number:

    repo:hf://acme-lab/atlas-7b 17 42 108

Its hash is SHA-256(0x00 || text). 256 bucket hashes fold to a tile's root, 256 of those to the tree's root, with the
nodes of RFC 6962. A key that does not stand in its proven bucket is proven absent.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence

from modelseal.errors import Malformed
from modelseal.formats import merkle, strict
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.records import Operators, Record, Release, Revocation, Watchlist, namespace_about

BUCKETS = 65536
WIDTH = 256
DEPTH = 16  # hashes of a path, bucket to root
MAX_BUCKET = 16 << 20
TILE_SIZE = WIDTH * 32

OPERATORS = "operators"
WATCHLIST = "watchlist"
TREES = ("records", "files")

_LINE = re.compile(r"([^ \n]+)((?: (?:0|[1-9][0-9]{0,15}))+)")


def namespace_key(namespace: str) -> str:
    return "ns:" + namespace.lower()


def repo_key(repo: str) -> str:
    return "repo:" + repo.lower()


def observed_key(repo: str) -> str:
    return "observed:" + repo.lower()


def record_keys(record: Record) -> tuple[str, ...]:
    """Return the keys of the tree `records` under which a leaf with *record* is listed, admissible or not."""
    if isinstance(record, Release | Revocation) and record.repo is not None:
        return (repo_key(record.repo),)
    if isinstance(record, Observation | Withdrawal):
        return (observed_key(record.repo),)
    if (namespace := namespace_about(record)) is not None:
        return (namespace_key(namespace),)
    return (OPERATORS,) if isinstance(record, Operators) else (WATCHLIST,) if isinstance(record, Watchlist) else ()


def file_keys(record: Record) -> tuple[str, ...]:
    """Return the keys of the tree `files`: whose weights are these."""
    return tuple("file:" + weight.hex() for weight in record.weights) if isinstance(record, Release) else ()


def bucket_of(key: str) -> int:
    """Return the number of the bucket of *key*, 0..65535."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], "big")


def bucket_hash(text: str) -> bytes:
    return merkle.leaf_hash(text.encode())


def parse_bucket(text: str) -> dict[str, tuple[int, ...]]:
    """Return key -> ascending leaf indices."""
    if len(text) > MAX_BUCKET or (text and not text.endswith("\n")):
        raise Malformed("bucket: too large, or its last line is cut off")
    found: dict[str, tuple[int, ...]] = {}
    last = b""
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if not match or line.encode() <= last:
            raise Malformed(f"bucket: the line {line[:80]!r} is malformed or out of order")
        last = line.encode()
        indices = tuple(int(number) for number in match[2].split())
        if match[1] in found or any(a >= b for a, b in itertools.pairwise(indices)):
            raise Malformed(f"bucket: {match[1][:80]!r} occurs twice, or its leaves do not ascend")
        found[match[1]] = indices
    return found


def encode_bucket(lists: dict[str, tuple[int, ...]]) -> str:
    lines = [" ".join((key, *map(str, indices))) + "\n" for key, indices in lists.items()]
    return "".join(sorted(lines, key=str.encode))


def check_lookup(key: str, bucket: str, path: Sequence[bytes], root: bytes) -> tuple[int, ...]:
    """Return all leaves listed under *key*, proven by *path* (bucket to root); () proves absence."""
    if len(path) != DEPTH:
        raise Malformed(f"index: a path of {len(path)} hashes, expected {DEPTH}")
    computed, number = bucket_hash(bucket), bucket_of(key)
    for level, sibling in enumerate(path):
        left = number >> level & 1
        computed = merkle.node_hash(sibling, computed) if left else merkle.node_hash(computed, sibling)
    if computed != root:
        raise Malformed(f"index: the bucket of {key} does not belong to the signed index")
    return parse_bucket(bucket).get(key, ())


def path_in_tile(tile: bytes, at: int) -> list[bytes]:
    """Return the 8 siblings of hash *at* of a tile, leaf to root."""
    path = []
    for level, row in enumerate(merkle.rows(tile)[:8]):
        sibling = (at >> level ^ 1) * 32
        path.append(row[sibling : sibling + 32])
    return path


def tile_root(tile: bytes) -> bytes:
    """Return the root over the 256 hashes of an index tile of 8,192 bytes."""
    return merkle.rows(tile)[8]


def check_object(data: bytes, digest: bytes, *, tile: bool) -> bytes:
    """Refuse unless *data* is the index object *digest*: a tile (8,192 bytes that fold to it) or a bucket."""
    if tile:
        good = len(data) == TILE_SIZE and tile_root(data) == digest
    else:
        good = len(data) <= MAX_BUCKET and merkle.leaf_hash(data) == digest
    if not good:
        raise Malformed(f"index object {digest.hex()[:12]}: the bytes are others")
    return data


def bucket_text(data: bytes) -> str:
    return strict.decode(data, "bucket", limit=MAX_BUCKET)
