"""Leaves -> hashes, index, head, within one transaction. For the sequencer, for mirrors and for `check` alike.

Whatever is built upon is checked first: stored hashes must give the root of the head, a bucket's text its hash, a
tile's hashes its parent's. So a byte that flipped in the database stops the log instead of being signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from modelseal import replay
from modelseal.authorship import Authors, authors_of
from modelseal.errors import Error, Malformed, Refused
from modelseal.formats import index as indexes
from modelseal.formats import merkle
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.records import Roots, encode_record
from modelseal.formats.tiles import HASH, MAX_TILE, Tree
from modelseal.state import State
from modelseal_registry.index import IndexTree
from modelseal_registry.store import Head, Tx


class Appender:
    """Appends leaves to the log of one transaction. `finish` writes; without it nothing is changed."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._old = tx.head()
        self.size = self._old.size
        self.time = 0  # of the last leaf
        roots = None
        if self.size:
            check_root(tx, self._old)
            last = read_leaf(tx, self.size - 1)
            self.time = last.time
            if not isinstance(last.record, Roots):
                raise Error(f"database: leaf {self.size - 1}, the last one, is not a roots leaf")
            roots = last.record
        self._trees = {
            "records": IndexTree(tx, "records", roots.records if roots else None),
            "files": IndexTree(tx, "files", roots.files if roots else None),
        }
        self._rows: list[tuple[int, bytes, bytes]] = []
        self._hashes: list[bytes] = []
        self._retired: dict[bytes, int] = {}
        self._closed = True

    def add(self, data: bytes, leaf: Leaf) -> int:
        """Append *leaf*, whose text is *data*; return its index. A roots leaf must be the right one."""
        index = self.size
        if leaf.time < self.time:
            raise Refused(f"leaf {index}: its time {leaf.time} is before that of the leaf before it, {self.time}")
        if isinstance(leaf.record, Roots):
            self._check_roots(leaf.record, index)
            for tree in self._trees.values():
                self._retired.update(dict.fromkeys(tree.settle(index + 1), leaf.time))
        else:
            for key in indexes.record_keys(leaf.record):
                self._trees["records"].add(key, index)
            for key in indexes.file_keys(leaf.record):
                self._trees["files"].add(key, index)
        self._closed = isinstance(leaf.record, Roots)
        self._rows.append((index, leaf.digest, data))
        self._hashes.append(merkle.leaf_hash(data))
        self.size, self.time = index + 1, leaf.time
        return index

    def close(self, origin: str) -> Leaf:
        """Append the roots leaf over everything before it, with the time of the last leaf."""
        text = encode_roots(origin, self.size, self._trees["records"].root(), self._trees["files"].root())
        data = encode_leaf(text, (), self.time)
        leaf = Leaf.parse(data)
        self.add(data, leaf)
        return leaf

    def finish(self) -> Head:
        """Write all of it and move the head; return the new one."""
        if not self._closed or not self._rows:
            raise ValueError("what is appended ends in a roots leaf")
        self._tx.add_leaves(self._rows)
        self._tx.put_tiles(_grown_tiles(self._tx, self._old.size, self._hashes))
        for tree in self._trees.values():
            tree.write()
        self._tx.retire(self._retired)
        head = Head(self.size, Tree(self.size, self._tx.hashes).root())
        self._tx.move_head(self._old, head)
        return head

    def _check_roots(self, record: Roots, index: int) -> None:
        if record.covers != index:
            raise Refused(f"leaf {index}: a roots leaf that covers {record.covers} leaves")
        for name, expected in (("records", record.records), ("files", record.files)):
            if (found := self._trees[name].root()) != expected:
                raise Refused(
                    f"leaf {index}: its root of the index {name} is {expected.hex()}, the leaves give {found.hex()}"
                )


def encode_roots(origin: str, covers: int, records: bytes, files: bytes) -> str:
    """Return the text of a roots record."""
    return encode_record(Roots(origin, covers, records, files, None))


def _grown_tiles(tx: Tx, size: int, hashes: list[bytes]) -> dict[tuple[int, int], bytes]:
    """Return every tile that changes when *hashes* follow upon *size* leaves."""
    grown = {}
    level = 0
    while hashes:
        index, width = divmod(size >> 8 * level, 256)
        data = tx.tile(level, index) if width else b""
        above = []
        for hash_ in hashes:
            data += hash_
            if len(data) == MAX_TILE:
                grown[level, index] = data
                above.append(merkle.root([data[i : i + HASH] for i in range(0, MAX_TILE, HASH)]))
                index, data = index + 1, b""
        if data:
            grown[level, index] = data
        hashes, level = above, level + 1
    return grown


def read_leaf(tx: Tx, index: int) -> Leaf:
    data = tx.leaf(index)
    if data is None:
        raise Error(f"database: leaf {index} is missing")
    try:
        return Leaf.parse(data)
    except Malformed as e:
        raise Error(f"database: leaf {index}: {e}") from e


def check_root(tx: Tx, head: Head) -> None:
    """Refuse unless the stored hashes give the root of *head* (a size at or below the database's own)."""
    try:
        found = Tree(head.size, tx.hashes).root()
    except Malformed as e:
        raise Error(f"database: {e}") from e
    if found != head.root:
        raise Error(f"database: its hashes of {head.size} leaves give {found.hex()}, expected {head.root.hex()}")


def recomputed(tx: Tx, since: int) -> Head:
    """Return the head, if its root follows once more from the leaves *since*.. as they are now on the disk.

    This is asked before a head is signed: a leaf that was written wrongly would be wrong for ever.
    """
    head = tx.head()
    check_root(tx, head)
    fork = _Frontier(tx, min(since, head.size), head.size)
    count = fork.size
    for data in tx.leaves(count, head.size):
        fork.push(merkle.leaf_hash(data))
        count += 1
    if count != head.size or fork.root() != head.root:
        raise Error(f"database: the leaves {since} to {head.size - 1} do not give the root of the head")
    return head


class _Frontier:
    """The roots of the full subtrees that *size* leaves part into, taken from the tiles of a tree of *whole*."""

    def __init__(self, tx: Tx, size: int, whole: int) -> None:
        tree = Tree(whole, tx.hashes)
        self.size = size
        self._parts: list[tuple[int, bytes]] = []  # (leaves, root), from left
        at = 0
        for bit in reversed(range(size.bit_length())):
            if size >> bit & 1:
                self._parts.append((1 << bit, tree.of_range(at, at + (1 << bit))))
                at += 1 << bit

    def push(self, hash_: bytes) -> None:
        count = 1
        while self._parts and self._parts[-1][0] == count:
            hash_ = merkle.node_hash(self._parts.pop()[1], hash_)
            count *= 2
        self._parts.append((count, hash_))
        self.size += 1

    def root(self) -> bytes:
        if not self._parts:
            return merkle.EMPTY_ROOT
        computed = self._parts[-1][1]
        for _, left in reversed(self._parts[:-1]):
            computed = merkle.node_hash(left, computed)
        return computed


def inclusion(tx: Tx, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf *index* is in the tree of the first *size* leaves."""
    return Tree(size, tx.hashes).inclusion_proof(index)


def replay_into(
    tx: Tx,
    state: State,
    leaves: Iterable[bytes],
    *,
    authors: Callable[[Leaf], Authors] = authors_of,
    skip: AbstractSet[int] = frozenset(),
) -> Head:
    """Check *leaves*, which follow upon the head and end in a roots leaf, against all rules, and append them.

    Refused names the first leaf that should not be in a log; Unsupported one that is newer than this program. Those in
    *skip* may be inadmissible: they are appended and have no effect. On an exception *state* may have run ahead.
    """
    appender = Appender(tx)
    for data in leaves:
        index = appender.size
        try:
            leaf = Leaf.parse(data)
            replay.admit(state, index, leaf, authors)
        except Malformed as e:
            raise type(e)(f"leaf {index}: {e}") from e
        except Refused as e:
            if index not in skip:
                raise Refused(f"leaf {index}: {e}") from e
        appender.add(data, leaf)
    return appender.finish()
