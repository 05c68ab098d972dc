"""Digests that were computed before, for files that have not changed since: a convenience, never a verdict.

One SQLite file (0600) in the cache folder. A row says: the file with this device and inode had this size and these
two times, and then its digests were these. Such a row stays true for ever, so two processes, or a half that survived
a crash, cannot contradict each other; what is damaged is dropped and filled again.

    key    16 bytes: device, inode                      value  size, mtime, ctime (ns), hashed at (POSIX seconds),
                                                               sha256 and blake3 (zeros: not known), check (8 bytes)

ctime cannot be set by a program, so forging a size and an mtime defeats nothing. What does: a process that had the
file mapped for writing before it was hashed and writes later (the kernel notes no time), a clock set back, a raw
device, and file systems that invent their times. So whoever must be sure says --recheck, and nothing that copies or
moves files to where they are used, or signs them, asks here about those.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelseal import platform
from modelseal.folders import Found
from modelseal.hashing import Digests
from modelseal.values import dataclass

if TYPE_CHECKING:
    import sqlite3

FILE = "digests-1.sqlite"
MAX_FILES = 200_000  # rows, about 40 MB; the oldest go first
QUIET_NS = 2_000_000_000  # a file changed later than this before it was hashed may change again within one tick

_WAIT_S = 2.0  # for another process; then it goes without the cache
_KEY, _VALUE = struct.Struct(">QQ"), struct.Struct(">QqqQ32s32s")
_CHECK = 8  # bytes
_AT_ONCE = 500  # rows per question
_NONE = bytes(32)
_U64 = (1 << 64) - 1
_TABLE = "CREATE TABLE IF NOT EXISTS digests (id INTEGER PRIMARY KEY, key BLOB UNIQUE, value BLOB)"
_DAMAGED = {1, 11, 26}  # SQLITE_ERROR (other tables than ours), SQLITE_CORRUPT, SQLITE_NOTADB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    digests: Digests
    hashed: int  # POSIX seconds; of two digests the older one's


class DigestCache:
    """The cache in *folder*, which is made when there is something to keep. No error of it reaches the caller: where
    it cannot be read or written there simply is no cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE

    def find(self, files: Iterable[Found], *, sha256: bool, blake3: bool) -> dict[str, Kept]:
        """Return by name what is known of *files*: all digests that are asked for, or the file is left out."""

        def work(database: sqlite3.Connection) -> dict[str, Kept]:
            found: dict[str, Kept] = {}
            for file, kept in _read(database, list(files)):
                one = kept.digests
                if (sha256 and one.sha256 is None) or (blake3 and one.blake3 is None):
                    continue
                asked = Digests(one.size, one.sha256 if sha256 else None, one.blake3 if blake3 else None)
                found[file.name] = Kept(asked, kept.hashed)
            return found

        if not platform.tells_changes() or not self._path.exists():
            return {}
        return self._do(work) or {}

    def keep(self, files: Collection[tuple[Found, Digests]], began_ns: int, *, renew: bool = False) -> None:
        """Remember digests of files that were the same before and after; the hashing began at *began_ns* (POSIX).

        *renew*: nothing older is kept beside them.
        """
        settled = [(file, one) for file, one in files if _is_settled(file, began_ns)]
        now = int(time.time())

        def work(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            older = {} if renew else {file.name: kept for file, kept in _read(database, [file for file, _ in settled])}
            rows = [_row(file, digests, now, older.get(file.name)) for file, digests in settled]
            database.executemany("INSERT OR REPLACE INTO digests (key, value) VALUES (?, ?)", rows)
            database.execute("DELETE FROM digests WHERE id <= (SELECT max(id) FROM digests) - ?", (MAX_FILES,))
            database.execute("COMMIT")

        if settled and platform.tells_changes():
            self._do(work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do *work* on the database; None if that is not possible now, or if it was damaged and dropped."""
        try:
            import sqlite3
        except ImportError:  # a Python that was built without it
            return None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own()
            with contextlib.closing(sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)) as database:
                # Nothing waits for the disk: after a power cut a row is whole (its check says so) or is not there.
                database.execute("PRAGMA synchronous = OFF")
                database.execute(_TABLE)
                return work(database)
        except sqlite3.Error as e:
            if (getattr(e, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGED:
                self._drop()
        except UnicodeDecodeError:  # what SQLite quotes from a damaged file
            self._drop()
        except OSError:
            pass
        return None

    def _own(self) -> None:
        """Make the file, or drop one that others could have written: a link, another's, open to a group."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, flags, 0o600))
            return
        status = os.lstat(self._path)
        mine = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
        if not (stat.S_ISREG(status.st_mode) and mine and status.st_mode & 0o077 == 0):
            self._drop()
            os.close(os.open(self._path, flags, 0o600))

    def _drop(self) -> None:
        for name in (FILE, f"{FILE}-journal"):
            with contextlib.suppress(OSError):
                os.unlink(self._folder / name)


def _is_settled(file: Found, began_ns: int) -> bool:
    return file.ino != 0 and max(file.mtime_ns, file.ctime_ns) <= began_ns - QUIET_NS


def _key(file: Found) -> bytes:
    return _KEY.pack(file.dev & _U64, file.ino & _U64)


def _read(database: sqlite3.Connection, files: list[Found]) -> Iterator[tuple[Found, Kept]]:
    """Yield what is known of exactly this state of *files*; a row that is not whole is none."""
    for start in range(0, len(files), _AT_ONCE):
        keys: dict[bytes, list[Found]] = {}  # several where names are links to one file
        for file in files[start : start + _AT_ONCE]:
            keys.setdefault(_key(file), []).append(file)
        query = f"SELECT key, value FROM digests WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608 (only "?")
        for key, value in database.execute(query, list(keys)):
            if not isinstance(value, bytes) or len(value) != _VALUE.size + _CHECK:
                continue
            body = value[:-_CHECK]
            if key not in keys or value[-_CHECK:] != _check(key, body):
                continue
            size, mtime_ns, ctime_ns, hashed, sha256, blake3 = _VALUE.unpack(body)
            digests = Digests(size, sha256 if sha256 != _NONE else None, blake3 if blake3 != _NONE else None)
            for file in keys[key]:
                if (size, mtime_ns, ctime_ns) == (file.size, file.mtime_ns, file.ctime_ns):
                    yield file, Kept(digests, hashed)


def _row(file: Found, digests: Digests, now: int, older: Kept | None) -> tuple[bytes, bytes]:
    sha256, blake3 = digests.sha256, digests.blake3
    if older is not None and (sha256 is None or blake3 is None):  # of the same state: what is missing is still true
        now = min(now, older.hashed)
        sha256, blake3 = sha256 or older.digests.sha256, blake3 or older.digests.blake3
    key = _key(file)
    body = _VALUE.pack(file.size, file.mtime_ns, file.ctime_ns, now, sha256 or _NONE, blake3 or _NONE)
    return key, body + _check(key, body)


def _check(key: bytes, body: bytes) -> bytes:
    """Against bits that fall over, not against people: who can write this file is its owner."""
    return hashlib.sha256(key + body).digest()[:_CHECK]
