"""Leaves, the entries of the log, and submissions, what is sent to become one (FORMAT.md 5 and 12).

    {"record":"{...}","signatures":[{"key":"MFkw...","sig":"MEUC..."}],"time":1795542901,"v":1}

Every leaf verifies alone: it carries its record's exact text and all signatures over it.
"""

from __future__ import annotations

from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import records, strict
from modelseal.formats.entries import Entry, read_entries
from modelseal.formats.records import Claim, Record
from modelseal.formats.tiles import MAX_LEAF
from modelseal.values import dataclass

MAX_SEAL = 32 << 20
MAX_SUBMISSION = 64 << 20
MAX_FRONT = 512 << 10  # of a submission without its seal: what fits into a leaf, every character of it escaped


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry of the log, parsed; its signatures are not verified."""

    time: int  # POSIX seconds
    text: str  # the record's exact text
    record: Record
    signatures: tuple[Entry, ...]

    @property
    def digest(self) -> bytes:
        """The record's identity."""
        return records.digest(self.text)

    @classmethod
    def parse(cls, data: bytes | str) -> Leaf:
        fields = strict.Object(strict.parse(data, "leaf", limit=MAX_LEAF), "leaf")
        fields.take("v", strict.version)
        text = fields.take("record", strict.any_text)
        leaf = cls(
            fields.take("time", strict.integer()),
            text,
            records.parse_record(text),
            fields.take("signatures", read_entries),
        )
        fields.done()
        return leaf


def encode_leaf(text: str, signatures: tuple[Entry, ...], time: int) -> bytes:
    """Return the leaf of the record *text*; Malformed if it is too large for the log."""
    data = strict.encode({"v": 1, "time": time, "record": text, "signatures": _values(signatures)}).encode()
    if len(data) > MAX_LEAF:
        raise Malformed(f"leaf: larger than {MAX_LEAF} bytes")
    return data


@dataclass(frozen=True, slots=True)
class Submission:
    """What `POST /records` takes and a `.record` file holds."""

    text: str
    record: Record | Claim
    signatures: tuple[Entry, ...]
    seal: str | None

    @property
    def digest(self) -> bytes:
        return records.digest(self.text)

    @classmethod
    def parse(cls, data: bytes) -> Submission:
        fields = strict.Object(strict.parse(data, "submission", limit=MAX_SUBMISSION), "submission")
        fields.take("v", strict.version)
        text = fields.take("record", strict.any_text)
        found = cls(
            text,
            records.parse_any(text),
            fields.take("signatures", read_entries),
            fields.take("seal", strict.optional(strict.any_text)),
        )
        fields.done()
        if found.seal is not None and not isinstance(found.record, records.Release):
            raise Malformed("submission: only a release comes with a seal")
        return found

    @classmethod
    def front(cls, data: bytes) -> tuple[Submission, bool]:
        """Return a submission without its seal, and whether it has one, which has not been looked at.

        A seal has up to 32 MiB, and everybody may send one: who sent it is looked at first. In canonical JSON the seal
        stands between record and signatures, and no text has a bare quote within, so both marks are where they seem.
        Whether all of *data* is canonical, and this its front, only `parse` tells.
        """
        begin, end = data.find(b',"seal":"'), data.rfind(b'","signatures":[')
        sealed = 0 < begin < end
        if sealed:
            data = data[:begin] + b',"seal":null' + data[end + 1 :]
        if len(data) > MAX_FRONT:
            raise Malformed(f"submission: without its seal larger than {MAX_FRONT} bytes")
        return cls.parse(data), sealed

    def encode(self) -> bytes:
        return strict.encode(
            {"v": 1, "record": self.text, "signatures": _values(self.signatures), "seal": self.seal}
        ).encode()


def _values(signatures: tuple[Entry, ...]) -> list[dict[str, Any]]:
    return [entry.value() for entry in signatures]
