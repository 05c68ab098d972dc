"""Files on their way: each is fetched once, checked while it comes, and then served from disk.

Whoever reads along gets what has arrived but for the last byte, and that only when the whole file has been found to be
the sealed one; of a small file nothing before. A file that is not as sealed stays blocked for as long as the spool
lives, so that trying again brings no better luck.

What was handed out is always the beginning of what is hashed: after a broken connection the same file goes on, in the
same hashes. A fresh start could bring other bytes, and a client with the first half of one file and the second half of
another looks at nothing but the size.

The files have no name in any folder: nobody can write into them from outside, and they are gone with the process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from modelseal.errors import Error, Refused, Unavailable
from modelseal.formats.manifest import File
from modelseal.hubproxy.check import Check

SMALL = 1 << 20  # bytes: of a file up to this size nothing is handed out before all of it is checked
HELD_BACK = 1  # bytes of a larger one
ATTEMPTS = 3  # connections without one new byte, then whoever reads along is told
AT_ONCE = 8  # files that are fetched
MAX_KEPT = 200  # files, open ones: beyond, those that nobody reads go
MAX_KEPT_BYTES = 64 << 30
SPARE = 256 << 20  # bytes of disk that are left to others
CHECK_S = 0.5  # how often somebody who waits is asked whether the client is still there

Gone = Callable[[], bool]  # whether nobody waits for an answer any more


class Body(Protocol):
    """The bytes of a file from some offset on."""

    offset: int  # where they begin: as asked, or 0 where the server has only whole files

    def readinto(self, buffer: memoryview) -> int: ...


Source = Callable[[int], contextlib.AbstractContextManager[Body]]
"""Opens the file at an offset. Raises Wrong (another file than the sealed one), Broken (another try may go on), or any
other Error: then whoever reads along is told."""


class Broken(Unavailable):
    """A connection that ended too early."""


class Wrong(Refused):
    """The bytes that came are not the sealed ones."""


class Spooled:
    """One file of the spool."""

    def __init__(self, file: File, folder: Path, make_check: Callable[[File], Check]) -> None:
        self.file = file
        self.readers = 0  # guarded by the spool's lock
        self.may_read: set[str] = set()  # who has shown that the Hub lets them read it
        self._disk = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 (for as long as it is spooled)
        self._check = make_check(file)
        self.changed = threading.Condition()
        self._seek = threading.Lock()  # where a system cannot read at an offset
        self._length = 0  # bytes that have arrived
        self._verified = False
        self._wrong = ""
        self.fetching: Reader | None = None  # for whom
        self.failed: Error | None = None  # how the last fetch ended, if it did not end well

    @property
    def verified(self) -> bool:
        return self._verified

    @property
    def wrong(self) -> str:
        """Why it is not the sealed file; '' as long as nobody can say so."""
        return self._wrong

    def may_pass(self) -> int:
        """Return up to where bytes may be handed out now."""
        if self._verified:
            return self.file.size
        if self._wrong or self.file.size <= SMALL:
            return 0
        return min(self._length, self.file.size - HELD_BACK)

    # the one thread that fetches

    def fetch(self, source: Source) -> None:
        """Get what is missing, as long as somebody reads. Raises what `Source` does but Wrong, or Error (the disk)."""
        barren = 0
        try:
            while self._length < self.file.size:
                if not self.readers:
                    return
                before = self._length
                try:
                    with source(before) as body:
                        self._take(body)
                except Broken:
                    barren = barren + 1 if self._length == before else 0
                    if barren == ATTEMPTS:
                        raise
            self._judged(self._check.wrong())
        except Wrong as e:
            self._judged(str(e))

    def _take(self, body: Body) -> None:
        """Append what *body* brings. A server that has only whole files must begin with the bytes that we have."""
        size, position = self.file.size, body.offset
        with self._check.run() as run:
            while self.readers:
                buffer = run.buffer()
                count = body.readinto(buffer)
                if not count:
                    if position < size:
                        raise Wrong(f"{size} bytes are sealed, {position} came")
                    return
                if position + count > size:
                    raise Wrong(f"{size} bytes are sealed, more came")
                old = max(0, min(self._length - position, count))
                if old and self._read(position, old) != buffer[:old]:
                    raise Wrong("another try to download it began with other bytes")
                new = buffer[old:count]
                self._write(self._length, new)
                with self.changed:
                    self._length += len(new)
                    self.changed.notify_all()
                run.feed(new)
                position += count

    def _judged(self, wrong: str) -> None:
        with self.changed:
            self._wrong, self._verified = wrong, not wrong

    # the disk

    def send(self, to: socket.socket, position: int, end: int) -> None:
        """Send the bytes from *position* to *end*, which must be available. Raises OSError."""
        if hasattr(os, "sendfile"):
            to.sendfile(self._disk, position, end - position)
            return
        while position < end:
            data = self._read(position, min(1 << 20, end - position))
            to.sendall(data)
            position += len(data)

    def _read(self, position: int, count: int) -> bytes:
        data: bytes
        if hasattr(os, "pread"):
            data = os.pread(self._disk.fileno(), count, position)
            return data
        with self._seek:
            self._disk.seek(position)
            data = self._disk.read(count)
            return data

    def _write(self, position: int, data: memoryview) -> None:
        try:
            while data:
                if hasattr(os, "pwrite"):
                    count = os.pwrite(self._disk.fileno(), data, position)
                else:
                    with self._seek:
                        self._disk.seek(position)
                        count = self._disk.write(data)
                data, position = data[count:], position + count
        except OSError as e:
            raise Error(
                f"the disk cannot take {self.file.size} bytes: {(e.strerror or type(e).__name__).lower()}"
            ) from e

    def __del__(self) -> None:  # not before: a thread that still writes must not meet another file's descriptor
        self._disk.close()


class Reader:
    """Somebody who reads a file along, and can have it fetched."""

    def __init__(self, spooled: Spooled, source: Source, slots: threading.BoundedSemaphore) -> None:
        self.spooled, self._source, self._slots = spooled, source, slots
        self._tried = False

    def available(self, position: int, gone: Gone, *, patience_s: float | None = None) -> int:
        """Wait until bytes beyond *position* may be handed out; return up to where, *position* if *patience_s* is over.

        Raises Wrong, or why the download has ended; ConnectionAbortedError if the client is *gone*.
        """
        one, waited = self.spooled, 0.0
        with one.changed:
            while (end := one.may_pass()) <= position < one.file.size or not (one.verified or one.file.size):
                if one.wrong:
                    raise Wrong(one.wrong)
                self._fetch()
                if patience_s is not None and waited >= patience_s:
                    return position
                if not one.changed.wait(CHECK_S):
                    waited += CHECK_S
                    if gone():
                        raise ConnectionAbortedError
            return end

    def all(self, gone: Gone, *, patience_s: float | None = None) -> bool:
        """Wait until all of it is there and checked; False if *patience_s* is over."""
        size = self.spooled.file.size
        return self.available(max(size - HELD_BACK, 0), gone, patience_s=patience_s) == size

    def _fetch(self) -> None:
        """Have it fetched, unless that goes on; once with our own source, which may be allowed more than others'."""
        one = self.spooled
        if one.fetching is not None:
            return
        if one.failed is not None and self._tried:
            raise one.failed
        self._tried, one.fetching, one.failed = True, self, None
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        one, failed = self.spooled, None
        try:
            with self._slots:
                one.fetch(self._source)
        except Error as e:
            failed = e
        except Exception as e:  # a bug of ours: whoever waits must not wait for ever
            failed = Error(f"internal error: {type(e).__name__}: {e}")
        with one.changed:
            one.fetching, one.failed = None, failed
            one.changed.notify_all()


class Spool:
    """All files that are on their way or have been. From any thread."""

    def __init__(self, folder: Path, make_check: Callable[[File], Check] = Check) -> None:
        """*folder*: on which disk; it stays empty. *make_check*: what judges a file."""
        self._folder, self._make_check = folder, make_check
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, ...], Spooled] = OrderedDict()
        self._wrong: dict[tuple[tuple[str, ...], File], str] = {}
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def wrong(self, key: tuple[str, ...], file: File) -> str:
        """Return why *file* is blocked; '' if it is not."""
        return self._wrong.get((key, file), "")

    def verified(self, key: tuple[str, ...], file: File) -> bool:
        """Whether all of it is here and checked."""
        found = self._files.get(key)
        return found is not None and found.file == file and found.verified

    @contextlib.contextmanager
    def reading(self, key: tuple[str, ...], file: File, source: Source) -> Iterator[Reader]:
        """Let somebody read the *file* that *key* names (repo, commit, name). It stays until nobody reads it and room
        is wanted. Raises Wrong if it is blocked, Error if there is no room."""
        with self._lock:
            if why := self._wrong.get((key, file)):
                raise Wrong(why)
            found = self._files.get(key)
            if found is None or found.file != file:  # unknown, or sealed anew at the same commit
                self._make_room(file.size)
                found = self._files[key] = Spooled(file, self._folder, self._make_check)
            self._files.move_to_end(key)
            found.readers += 1
        try:
            yield Reader(found, source, self._slots)
        finally:
            with self._lock:
                found.readers -= 1
                if found.wrong:
                    self._wrong[key, file] = found.wrong
                    if self._files.get(key) is found:
                        del self._files[key]  # the last one who holds it closes it

    def _make_room(self, size: int) -> None:
        """Drop what nobody reads until *size* bytes more may come."""
        kept = sum(one.file.size for one in self._files.values())
        for key in [key for key, one in self._files.items() if not one.readers]:
            free = shutil.disk_usage(self._folder).free
            if len(self._files) < MAX_KEPT and kept + size <= MAX_KEPT_BYTES and size + SPARE <= free:
                return
            kept -= self._files.pop(key).file.size
        if size + SPARE > (free := shutil.disk_usage(self._folder).free):
            raise Error(f"the disk of {self._folder} has no room for {size} bytes; {free} are free")

    def close(self) -> None:
        with self._lock:
            self._files.clear()
