"""Merkle trees as RFC 6962 defines them, word for word and slow: what the clever code is compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def below(n: int) -> int:
    """The largest power of two smaller than *n*."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Naive:
    """MTH(D[a:b]) over leaf hashes, remembered; PATH and PROOF of section 2.1."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self.hashes = hashes
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, a: int, b: int) -> bytes:
        if b == a:
            return hashlib.sha256(b"").digest()
        if b - a == 1:
            return self.hashes[a]
        if (a, b) not in self._known:
            k = below(b - a)
            self._known[a, b] = node(self.root(a, a + k), self.root(a + k, b))
        return self._known[a, b]

    def path(self, m: int, a: int, b: int) -> list[bytes]:
        """The inclusion proof of leaf a + m in D[a:b]."""
        if b - a == 1:
            return []
        k = below(b - a)
        if m < k:
            return [*self.path(m, a, a + k), self.root(a + k, b)]
        return [*self.path(m - k, a + k, b), self.root(a, a + k)]

    def proof(self, m: int, a: int, b: int, *, known: bool = True) -> list[bytes]:
        """The consistency proof of D[a:a + m] and D[a:b]."""
        if m == b - a:
            return [] if known else [self.root(a, b)]
        k = below(b - a)
        if m <= k:
            return [*self.proof(m, a, a + k, known=known), self.root(a + k, b)]
        return [*self.proof(m - k, a + k, b, known=False), self.root(a, a + k)]

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile (C2SP tlog-tiles)."""
        span = 256**level
        start = index * 256
        return b"".join(self.root((start + i) * span, (start + i + 1) * span) for i in range(width))


def numbered(count: int) -> list[bytes]:
    """Leaf hashes of the texts `leaf 0`, `leaf 1`, ..."""
    return [leaf(b"leaf %d" % n) for n in range(count)]
