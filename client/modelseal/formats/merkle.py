"""The Merkle tree of RFC 6962 (2.1), SHA-256: leaves, nodes, and the check of proofs. Hashes are 32 bytes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from hashlib import sha256

from modelseal.errors import Malformed

NODE = b"\x01"  # before the two hashes of a node
EMPTY_ROOT = sha256(b"").digest()
MAX_PROOF = 64

Range = Callable[[int, int], bytes]  # (start, end) -> the root over the leaves start..end-1


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(NODE + left + right).digest()


def split(size: int) -> int:
    """Return the largest power of two below *size* (>= 2): where a tree of that size parts."""
    return 1 << (size - 1).bit_length() - 1


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over *hashes* (leaf hashes, or the roots of equal full subtrees)."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) & (len(hashes) - 1) == 0:  # a full tree: level by level, no recursion
        level = list(hashes)
        while len(level) > 1:
            level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
        return level[0]
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


# A memo of a pure function: who answers about many repos folds the same few tiles again and again.
@functools.lru_cache(maxsize=1024)  # 16 MB: the index has 257 tiles, and some are of the log
def rows(tile: bytes) -> tuple[bytes, ...]:
    """Return the tree over the joined hashes *tile*, row by row: row 0 is *tile*, row k holds the joined roots over
    2**k of its hashes each, as far as they are whole."""
    found = [tile]
    while len(row := found[-1]) >= 64:  # left and right stand side by side in a row
        found.append(b"".join([sha256(NODE + row[i : i + 64]).digest() for i in range(0, len(row) & ~63, 64)]))
    return tuple(found)


def inclusion_proof(index: int, size: int, of_range: Range) -> list[bytes]:
    """Return the proof that leaf *index* is in the tree of *size* leaves, leaf to root (RFC 6962, 2.1.1)."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(of_range(middle, end))
            end = middle
        else:
            path.append(of_range(start, middle))
            start = middle
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Refuse unless the hash *leaf* is leaf *index* of the tree (*size*, *root*) (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise Malformed(f"inclusion proof: index {index} is not in a tree of {size} leaves")
    node, last = index, size - 1
    computed = leaf
    for sibling in proof:
        if last == 0:
            raise Malformed("inclusion proof: too long")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or computed != root:
        raise Malformed(f"inclusion proof: leaf {index} is not proven in the tree of {size} leaves")


def consistency_proof(old: int, new: int, of_range: Range) -> list[bytes]:
    """Return the proof that the tree of *old* leaves is a prefix of that of *new* (RFC 6962, 2.1.2); 0 < old <= new."""

    def subproof(old: int, start: int, end: int, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [of_range(start, end)]
        middle = start + split(end - start)
        if old <= middle:
            return [*subproof(old, start, middle, whole), of_range(middle, end)]
        return [*subproof(old, middle, end, False), of_range(start, middle)]

    return subproof(old, 0, new, True)


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Refuse unless the tree (*old*, *old_root*) is proven a prefix of (*new*, *new_root*) (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise Malformed(f"consistency proof: {old} is not between 1 and {new}")
    if old == new:
        if proof or old_root != new_root:
            raise Malformed(f"consistency proof: two roots of {old} leaves differ")
        return
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        raise Malformed("consistency proof: empty")
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise Malformed("consistency proof: too long")
        if node & 1 or node == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or first != old_root or second != new_root:
        raise Malformed(f"consistency proof: {old} leaves are not proven a prefix of {new}")
