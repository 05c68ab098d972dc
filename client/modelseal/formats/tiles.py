"""Tiles: the log's hashes and leaves as static files (C2SP tlog-tiles), and what can be computed from them.

A tile of level L holds up to 256 hashes; hash i of tile n is the root over the leaves
(256 n + i) 256^L ... (256 n + i + 1) 256^L - 1. Only hashes of complete subtrees stand in tiles, so the width of the
last tile of a level follows from the size. An entry bundle is up to 256 leaves, each behind its length as 2 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from modelseal.errors import Malformed
from modelseal.formats import merkle, paths
from modelseal.values import dataclass

WIDTH = 256
HASH = 32
MAX_TILE = WIDTH * HASH
MAX_LEAF = 48 << 10
MAX_BUNDLE = WIDTH * (2 + MAX_LEAF)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which hashes of the tree: level, number and how many."""

    level: int
    index: int
    width: int  # 1..256

    @property
    def path(self) -> str:
        return paths.tile(self.level, self.index, self.width)


Hashes = Callable[[Tile], bytes]  # a tile -> its width * 32 bytes


def tile_of(level: int, index: int, size: int) -> Tile:
    """Return tile *index* of *level* as a tree of *size* leaves has it."""
    return Tile(level, index, min(WIDTH, (size >> 8 * level) - index * WIDTH))


def all_tiles(size: int) -> Iterator[Tile]:
    """Yield every hash tile of a tree of *size* leaves."""
    level = 0
    while count := size >> 8 * level:
        for index in range((count + WIDTH - 1) // WIDTH):
            yield tile_of(level, index, size)
        level += 1


def right_edge(size: int) -> list[Tile]:
    """Return the partial tiles of a tree of *size* leaves, and the top tile: from them follows the root."""
    found = []
    level = 0
    while count := size >> 8 * level:
        if count % WIDTH:
            found.append(tile_of(level, count // WIDTH, size))
        level += 1
    return found


class Tree:
    """A tree of *size* leaves over tiles. Nothing is checked here: compare `root()` with a signed one first."""

    def __init__(self, size: int, get: Hashes) -> None:
        self.size = size
        self._get = get
        self._read: dict[tuple[int, int], bytes] = {}  # level and number of a tile -> its hashes
        self._edges: dict[tuple[int, int], bytes] = {}  # ranges that are no subtree: few, and in most proofs

    def hashes(self, level: int, index: int) -> bytes:
        """Return the hashes of tile *index* of *level*, as wide as it is in this tree."""
        found = self._read.get((level, index))
        if found is None:
            tile = tile_of(level, index, self.size)
            found = self._get(tile)
            if len(found) != tile.width * HASH:
                raise Malformed(f"{tile.path}: {len(found)} bytes, expected {tile.width * HASH}")
            self._read[level, index] = found
        return found

    def of_range(self, start: int, end: int) -> bytes:
        """Return the root over the leaves *start*..*end*-1; the range is one that RFC 6962 proofs ask for."""
        count = end - start
        if count & (count - 1) or start % count:
            if (start, end) not in self._edges:
                middle = start + merkle.split(count)
                whole = merkle.node_hash(self.of_range(start, middle), self.of_range(middle, end))
                self._edges[start, end] = whole
            return self._edges[start, end]
        level = (count.bit_length() - 1) // 8
        first, n = start >> 8 * level, count >> 8 * level
        row, at = n.bit_length() - 1, first % WIDTH // n * HASH
        return merkle.rows(self.hashes(level, first // WIDTH))[row][at : at + HASH]

    def root(self) -> bytes:
        return self.of_range(0, self.size) if self.size else merkle.EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        return merkle.inclusion_proof(index, self.size, self.of_range)

    def consistency_proof(self, old: int) -> list[bytes]:
        return merkle.consistency_proof(old, self.size, self.of_range)


def tiles_for_old_root(old: int, new: int) -> list[Tile]:
    """Return the tiles of the tree of *new* leaves from which both roots follow: that of *old* and that of *new*."""
    wanted = set(right_edge(new))
    for edge in right_edge(old):
        level, index = edge.level, edge.index
        while (tile := tile_of(level, index, new)) not in wanted:
            wanted.add(tile)
            level, index = level + 1, index // WIDTH
    return sorted(wanted)


def old_root(old: int, new: int, new_root: bytes, get: Hashes) -> bytes:
    """Return the root that the tree (*new*, *new_root*) had at *old* leaves (0 < old <= new).

    Malformed: the tiles do not reproduce *new_root*, so they prove nothing about anyone.
    """
    tree = Tree(new, get)
    if tree.root() != new_root:
        raise Malformed(f"tiles: they do not give the signed root of {new} leaves")
    edges = set(right_edge(new))
    for tile in tiles_for_old_root(old, new):
        if tile not in edges:  # full: its hash stands in its parent, which is checked itself or an edge
            parent = tree.hashes(tile.level + 1, tile.index // WIDTH)
            at = tile.index % WIDTH * HASH
            data = tree.hashes(tile.level, tile.index)
            hashes = [data[i : i + HASH] for i in range(0, MAX_TILE, HASH)]
            if merkle.root(hashes) != parent[at : at + HASH]:
                raise Malformed(f"{tile.path}: does not belong to the tree of {new} leaves")

    def narrow(tile: Tile) -> bytes:
        return tree.hashes(tile.level, tile.index)[: tile.width * HASH]

    return Tree(old, narrow).root()


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """Return the bundle of up to 256 *leaves*."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def parse_entries(data: bytes, width: int, what: str) -> list[bytes]:
    """Return the *width* leaves of a bundle."""
    leaves = []
    at = 0
    for _ in range(width):
        length = int.from_bytes(data[at : at + 2], "big")
        leaf = data[at + 2 : at + 2 + length]
        if len(data) < at + 2 or len(leaf) != length or length > MAX_LEAF:
            raise Malformed(f"{what}: an entry is cut off or larger than {MAX_LEAF} bytes")
        leaves.append(leaf)
        at += 2 + length
    if at != len(data):
        raise Malformed(f"{what}: more than {width} entries")
    return leaves
