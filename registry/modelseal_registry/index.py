"""The verifiable index, kept incrementally: only touched buckets, their tiles and the top tile change."""

from __future__ import annotations

import bisect

from modelseal.errors import Error
from modelseal.formats import index as indexes
from modelseal.formats.tiles import HASH
from modelseal_registry.store import Tx
from modelseal_registry.store.transaction import TOP

_EMPTY_BUCKET = indexes.bucket_hash("")
EMPTY_TILE = _EMPTY_BUCKET * indexes.WIDTH
_EMPTY_TILE_ROOT = indexes.tile_root(EMPTY_TILE)
EMPTY_TOP = _EMPTY_TILE_ROOT * indexes.WIDTH
EMPTY_TREE_ROOT = indexes.tile_root(EMPTY_TOP)

# Every tree has these, whatever it holds: they are never retired.
EMPTY_OBJECTS = frozenset({_EMPTY_BUCKET, _EMPTY_TILE_ROOT, EMPTY_TREE_ROOT})


class IndexTree:
    """One of the two trees within a transaction: read lazily, each object checked against the one above it."""

    def __init__(self, tx: Tx, tree: str, root: bytes | None) -> None:
        self._tx = tx
        self._tree = tree
        self._root = root or EMPTY_TREE_ROOT
        self._top = bytearray(tx.index_tile(tree, TOP) or EMPTY_TOP)
        if indexes.tile_root(bytes(self._top)) != self._root:
            raise Error(f"database: the top tile of the index {tree} is not the one of the last roots leaf")
        self._tiles: dict[int, bytearray] = {}
        self._texts: dict[int, str] = {}
        self._added: set[int] = set()  # buckets whose hash does not stand in its tile yet
        self._unsettled: set[int] = set()  # buckets that changed since the last `settle`
        self._gone: set[bytes] = set()
        self._since: dict[int, int] = {}  # bucket -> size of the checkpoint that changed it

    def add(self, key: str, index: int) -> None:
        """List leaf *index*, larger than all before it, under *key*."""
        number = indexes.bucket_of(key)
        self._texts[number] = with_line(self._bucket(number), key, index)
        self._added.add(number)

    def root(self) -> bytes:
        """Return the root with everything that was added."""
        touched = set()
        for number in self._added:
            at, place = divmod(number, indexes.WIDTH)
            self._gone.add(_set(self._tile(at), place, indexes.bucket_hash(self._texts[number])))
            touched.add(at)
        for at in touched:
            self._gone.add(_set(self._top, at, indexes.tile_root(bytes(self._tiles[at]))))
        if touched:
            self._gone.add(self._root)
            self._root = indexes.tile_root(bytes(self._top))
        self._unsettled |= self._added
        self._added = set()
        return self._root

    def settle(self, size: int) -> set[bytes]:
        """All that was added belongs to the checkpoint of *size*; return the objects which that does without."""
        self.root()
        self._since.update(dict.fromkeys(self._unsettled, size))
        gone = self._gone - EMPTY_OBJECTS
        self._unsettled, self._gone = set(), set()
        return gone

    def write(self) -> None:
        """Write what changed and is settled."""
        if not self._since:
            return
        since_tile: dict[int, int] = {TOP: max(self._since.values())}
        for number, size in self._since.items():
            at = number // indexes.WIDTH
            since_tile[at] = max(size, since_tile.get(at, 0))
        self._tx.put_buckets({(self._tree, n): (self._texts[n], size) for n, size in self._since.items()})
        self._tx.put_index_tiles(
            {
                (self._tree, at): (bytes(self._top if at == TOP else self._tiles[at]), size)
                for at, size in since_tile.items()
            }
        )

    def _tile(self, at: int) -> bytearray:
        if at not in self._tiles:
            tile = self._tx.index_tile(self._tree, at) or EMPTY_TILE
            if indexes.tile_root(tile) != _get(self._top, at):
                raise Error(f"database: tile {at} of the index {self._tree} is not the one in the top tile")
            self._tiles[at] = bytearray(tile)
        return self._tiles[at]

    def _bucket(self, number: int) -> str:
        if number not in self._texts:
            text = self._tx.bucket(self._tree, number)
            at, place = divmod(number, indexes.WIDTH)
            if indexes.bucket_hash(text) != _get(self._tile(at), place):
                raise Error(f"database: bucket {number} of the index {self._tree} has not the hash in its tile")
            self._texts[number] = text
        return self._texts[number]


def with_line(text: str, key: str, index: int) -> str:
    """Return the bucket *text* with leaf *index* at the end of the list of *key*.

    The text is not parsed: the list of a busy repo is long, and appending to it should not cost more for that. Lines
    of different keys keep their order, because no character of a key sorts before the space behind it.
    """
    start = f"{key} "
    at = 0 if text.startswith(start) else text.find(f"\n{start}") + 1
    if at or text.startswith(start):
        end = text.index("\n", at)
        return f"{text[:end]} {index}{text[end:]}"
    lines = text.splitlines(keepends=True)
    bisect.insort(lines, f"{start}{index}\n")
    return "".join(lines)


def _get(tile: bytearray, place: int) -> bytes:
    return bytes(tile[place * HASH : (place + 1) * HASH])


def _set(tile: bytearray, place: int, hash_: bytes) -> bytes:
    """Put *hash_* into *tile* and return what stood there."""
    old = _get(tile, place)
    tile[place * HASH : (place + 1) * HASH] = hash_
    return old
