"""What a client must never forget about a log: the pinned beginning, the newest verified head, revocations once seen.

One file per origin, `home/memory/<hex>.json` (0600, canonical JSON), apart from every cache because whoever empties a
cache must not thereby accept an older log:

    {"head":{"log":"example.org+1a2b...","note":"...","root":"<hex>","size":12,"time":1800000000},"leaf0":"<hex>",
     "origin":"example.org/log","revoked":{"filesets":[["hf://ns","<hex>"]],"seals":[],"signers":[]},"v":1}

Changes are made under a lock between processes and put in place in one step. A damaged file is an error, never an
empty memory.

Beside it `<hex>.continued` has the digests of older notes, out of a modelseal.lock, that the remembered head continues:
without it they are compared again.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from modelseal import platform
from modelseal.errors import Error, Malformed, Misbehaviour, Refused
from modelseal.formats import strict
from modelseal.formats.trust import Head, Revoked
from modelseal.values import dataclass

MAX_MEMORY = 64 << 20  # bytes: half a million revocations
MAX_CONTINUED = 32  # notes: one for each lock on this machine

_FORGET = "if it cannot be restored: remove this trust root, and add it by its fingerprint again"


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the file of one log holds."""

    leaf0: bytes | None = None
    head: Head | None = None
    revoked: Revoked = field(default_factory=Revoked)


class Memory:
    """The lasting memory of the log *origin* below *home*. Nothing is created before there is something to keep."""

    def __init__(self, home: Path, origin: str) -> None:
        folder = home / "memory"
        stem = hashlib.sha256(origin.encode()).digest()[:16].hex()
        self._origin = origin
        self._path = folder / f"{stem}.json"
        self._lock_path = folder / f"{stem}.lock"
        self._continued_path = folder / f"{stem}.continued"
        self._compared: Head | None = None  # what the caller's next head was checked against

    def pin(self, leaf0: bytes) -> None:
        """Remember the log's first leaf by its RFC 6962 hash (32 bytes); Refused if another is pinned."""
        with self._lock():
            was = self._read()
            if was.leaf0 is not None and was.leaf0 != leaf0:
                raise Refused(
                    f"{self._origin}: begins with leaf {leaf0.hex()}, pinned is {was.leaf0.hex()}",
                    hint="remove, and add by the new fingerprint",
                )
            if was.leaf0 is None:
                self._write(replace(was, leaf0=leaf0))

    def leaf0(self) -> bytes | None:
        """The pinned leaf hash."""
        return self._read().leaf0

    def head(self) -> Head | None:
        """The newest verified head: what the next one must be checked against."""
        self._compared = self._read().head
        return self._compared

    def revoked(self) -> Revoked:
        """Every revocation ever seen."""
        return self._read().revoked

    def advance(self, head: Head | None, revoked: Revoked) -> None:
        """Keep *revoked* too, and *head* if it is newer than what is kept (larger, or the same tree at a later time).

        *head* was checked against what `head` last returned here. If another process has moved on since, a larger
        one was not checked against that and stays out, or a fork shown to two processes at once would go unseen.
        Raises Misbehaviour if the log signed another root for the size that is kept.
        """
        with self._lock():
            was = self._read()
            moves = head is not None and _is_newer(head, was.head, compared=self._compared)
            now = _Contents(was.leaf0, head if moves else was.head, was.revoked | revoked)
            if now != was:
                self._write(now)
            if moves:
                self._compared = head
            elif head and was.head and head.size == was.head.size and head.root != was.head.root:
                raise _forked(self._origin, was.head, head)  # after the revocations are safe

    def continues(self, note: str) -> bool:
        """Whether the remembered head is known to continue the older one of *note*."""
        return _digest(note) in self._continued()

    def continued(self, note: str, head: Head) -> None:
        """Keep that *head* continues the older one of *note*; not if it is not the remembered one."""
        with self._lock():
            kept, known = self._read().head, self._continued()
            if kept is None or (kept.size, kept.root) != (head.size, head.root) or _digest(note) in known:
                return
            platform.replace(
                self._continued_path, "".join(f"{one}\n" for one in (_digest(note), *known)).encode(), mode=0o600
            )

    def _continued(self) -> list[str]:
        try:
            data = platform.read_file(self._continued_path, 4096, "memory file")
        except Error:  # no such file, or one that says nothing
            return []
        return data.decode("ascii", "replace").split("\n")[: MAX_CONTINUED - 1]

    def forget(self) -> None:
        """Drop all of it. The lock file stays: removing it would let two processes hold it."""
        if not self._path.parent.exists():
            return
        with self._lock():
            self._path.unlink(missing_ok=True)
            self._continued_path.unlink(missing_ok=True)
            self._compared = None

    def _lock(self) -> AbstractContextManager[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            raise Error(f"{self._path.parent}: {(e.strerror or 'cannot be created').lower()}") from e
        return platform.lock(self._lock_path)

    def _read(self) -> _Contents:
        try:
            data = platform.read_file(self._path, MAX_MEMORY, "memory file")
        except platform.Missing:
            return _Contents()
        try:
            return _parse(data, self._origin, f"memory file {self._path}")
        except Malformed as e:
            raise Malformed(f"{e}; nothing is taken from it", hint=_FORGET) from e

    def _write(self, contents: _Contents) -> None:
        data = _encode(contents, self._origin)
        if len(data) > MAX_MEMORY:  # it could not be read again
            raise Error(f"memory file {self._path}: {len(data)} bytes, allowed are {MAX_MEMORY}")
        platform.replace(self._path, data, mode=0o600)


def _digest(note: str) -> str:
    return hashlib.sha256(note.encode()).hexdigest()


def _is_newer(head: Head, kept: Head | None, *, compared: Head | None) -> bool:
    if kept is None:
        return True
    if head.size == kept.size:
        return head.root == kept.root and head.time > kept.time
    return head.size > kept.size and kept == compared


def _forked(origin: str, older: Head, newer: Head) -> Error:
    message = f"{origin}: two roots for size {newer.size}: {older.root.hex()} and {newer.root.hex()}"
    if older.log != newer.log:  # the trust root has changed the log key: no single key signed both
        return Refused(message)
    return Misbehaviour(message, older=older.note, newer=newer.note)


def _encode(contents: _Contents, origin: str) -> bytes:
    head, revoked = contents.head, contents.revoked
    value = {
        "v": 1,
        "origin": origin,
        "leaf0": contents.leaf0.hex() if contents.leaf0 else None,
        "head": head
        and {"size": head.size, "root": head.root.hex(), "note": head.note, "log": head.log, "time": head.time},
        "revoked": {
            "seals": _pairs(revoked.seals),
            "filesets": _pairs(revoked.filesets),
            "signers": _pairs(revoked.signers),
        },
    }
    return strict.encode(value).encode()


def _pairs(pairs: frozenset[tuple[str, bytes]]) -> list[Any]:
    return strict.ordered([[key, digest.hex()] for key, digest in pairs])


def _parse(data: bytes, origin: str, what: str) -> _Contents:
    value = strict.Object(strict.parse(data, what, limit=MAX_MEMORY), what)
    value.take("v", strict.version)
    value.take("origin", strict.constant(origin))
    contents = _Contents(
        leaf0=value.take("leaf0", strict.optional(strict.hexadecimal)),
        head=value.take("head", strict.optional(_head)),
        revoked=value.take("revoked", _revoked),
    )
    value.done()
    return contents


def _head(value: Any, what: str) -> Head:
    fields = strict.Object(value, what)
    head = Head(
        size=fields.take("size", strict.integer(1)),
        root=fields.take("root", strict.hexadecimal),
        note=fields.take("note", strict.text()),
        log=fields.take("log", strict.text()),
        time=fields.take("time", strict.integer()),
    )
    fields.done()
    return head


def _revoked(value: Any, what: str) -> Revoked:
    fields = strict.Object(value, what)
    pairs = strict.listing(_pair)
    revoked = Revoked(
        seals=frozenset(fields.take("seals", pairs)),
        filesets=frozenset(fields.take("filesets", pairs)),
        signers=frozenset(fields.take("signers", pairs)),
    )
    fields.done()
    return revoked


def _pair(value: Any, what: str) -> tuple[str, bytes]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed(f"{what}: not a name and a digest")
    return strict.text()(value[0], what), strict.hexadecimal(value[1], what)
