"""What liars make of honest answers: evidence with a value changed, or under a checkpoint over other leaves."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from modelseal.formats import index, merkle, paths, strict, tiles
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.records import Roots, encode_record
from modelseal_registry.store import Head
from tests.support.world import World


def changed(evidence: bytes, change: Callable[[Any], object]) -> bytes:
    """Evidence whose value *change* has changed in place."""
    value = strict.loads(evidence.decode(), "evidence")
    change(value)
    return strict.encode(value).encode()


def lookup(value: Any, kind: str) -> Any:
    """The look-up in evidence whose key begins with *kind*, as `repo:`."""
    return next(found for key, found in value["lookups"].items() if key.startswith(kind))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def leaves_of(world: World) -> list[bytes]:
    """Every leaf of a log of at most 256."""
    path = paths.entries(0, world.size)
    return tiles.parse_entries(world.files()[path], world.size, path)


def resigned(world: World, repo: str, change: Callable[[list[bytes]], object]) -> dict[str, bytes]:
    """Evidence about *repo* under a checkpoint that the log's keys sign over *change*d leaves, and their tile.

    Its look-ups stay as they were, and so does which leaves it shows.
    """
    value = strict.loads(world.evidence(repo).decode(), "evidence")
    leaves = leaves_of(world)
    change(leaves)
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]

    def of_range(start: int, end: int) -> bytes:
        return merkle.root(hashes[start:end])

    def listed(number: int) -> dict[str, Any]:
        proof = merkle.inclusion_proof(number, len(leaves), of_range)
        return {"leaf": leaves[number].decode(), "proof": base64.b64encode(b"".join(proof)).decode()}

    value["leaves"] = [{"index": one["index"], **listed(one["index"])} for one in value["leaves"]]
    value["last"] = listed(len(leaves) - 1)
    value["checkpoint"] = world.signer.sign(Head(len(leaves), merkle.root(hashes)), world.now)
    tile = paths.tile(0, 0, len(leaves))
    return {paths.evidence(repo, None): strict.encode(value).encode(), tile: b"".join(hashes)}


def listing(world: World, key: str, numbers: Sequence[int]) -> dict[str, bytes]:
    """The files of an index that lists *numbers* under *key*, with a last leaf that names its root.

    Whoever has no key of the log can serve them beside its checkpoint.
    """
    files = world.files()
    last = Leaf.parse(leaves_of(world)[-1]).record
    assert isinstance(last, Roots)
    number = index.bucket_of(key)
    top = files[paths.index(last.records)]
    below = files[paths.index(top[(number >> 8) * 32 :][:32])]
    bucket = " ".join((key, *map(str, numbers))) + "\n" if numbers else ""
    below = _put(below, number & 255, index.bucket_hash(bucket))
    top = _put(top, number >> 8, index.tile_root(below))
    found = {paths.index(index.tile_root(tile)): tile for tile in (top, below)}
    found[paths.index(index.bucket_hash(bucket))] = bucket.encode()
    leaves = leaves_of(world)
    last_leaf(records=index.tile_root(top))(leaves)
    return {**found, paths.entries(0, world.size): tiles.encode_entries(leaves)}


def _put(tile: bytes, at: int, digest: bytes) -> bytes:
    return tile[: at * 32] + digest + tile[at * 32 + 32 :]


def last_leaf(*, records: bytes | None = None, covers: int = 0, later: int = 0) -> Callable[[list[bytes]], None]:
    """Change the last roots leaf: another index root, *covers* leaves less, *later* seconds."""

    def change(leaves: list[bytes]) -> None:
        last = Leaf.parse(leaves[-1])
        assert isinstance(last.record, Roots)
        was = last.record
        roots = Roots(was.origin, was.covers - covers, records or was.records, was.files, None)
        leaves[-1] = encode_leaf(encode_record(roots), (), last.time + later)

    return change
