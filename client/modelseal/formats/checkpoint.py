"""Checkpoints (C2SP tlog-checkpoint) and proofs for other tools (C2SP tlog-proof).

A checkpoint is a note of exactly three lines: origin, size, base64 root. Extension lines are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelseal.errors import Malformed
from modelseal.formats import names, strict
from modelseal.values import dataclass

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of a log: its origin, how many leaves, their root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise Malformed("checkpoint: not exactly three lines")
        if not _SIZE.fullmatch(lines[1]):
            raise Malformed(f"checkpoint: {lines[1][:40]!r} is not a size")
        root = strict.base64_text(lines[2], "checkpoint: root")
        if len(root) != 32:
            raise Malformed("checkpoint: the root is not 32 bytes")
        return cls(names.origin(lines[0], "checkpoint: origin"), int(lines[1]), root)

    def encode(self) -> str:
        return f"{self.origin}\n{self.size}\n{strict.to_base64(self.root)}\n"


def encode_proof(index: int, proof: Sequence[bytes], note: str) -> str:
    """Return a `.tlog-proof`: leaf *index* is in the tree of the checkpoint *note*, *proof* from leaf to root."""
    hashes = "".join(strict.to_base64(hash_) + "\n" for hash_ in proof)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{note}"


def parse_proof(text: str) -> tuple[int, list[bytes], str]:
    """Return (index, proof, checkpoint note) of a `.tlog-proof`; an `extra` line is passed over, it proves nothing."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != "c2sp.org/tlog-proof@v1":
        raise Malformed("tlog-proof: not of version 1")
    if len(lines) > 1 and lines[1].startswith("extra "):
        strict.base64_text(lines.pop(1)[6:], "tlog-proof: extra")
    if len(lines) < 2 or not lines[1].startswith("index ") or not _SIZE.fullmatch(lines[1][6:]):
        raise Malformed("tlog-proof: no index")
    proof = [strict.base64_text(line, "tlog-proof") for line in lines[2:]]
    if len(proof) > 64 or any(len(hash_) != 32 for hash_ in proof):
        raise Malformed("tlog-proof: not a list of at most 64 hashes")
    return int(lines[1][6:]), proof, note
