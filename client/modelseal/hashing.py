"""Digests of the files that a walk found, as fast as the machine reads, from handles that cannot be led elsewhere.

SHA-256 cannot be spread over processors within one file, BLAKE3 can. So: workers take whole files, largest first;
small files go in groups, because handing over a task costs more than hashing one; a file so large that the others
would wait for it is read by one thread and hashed by others. Files are read into buffers, not mapped: a mapped file
that someone truncates kills the process.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import mmap
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Protocol

from modelseal import folders
from modelseal.errors import Error
from modelseal.folders import Found, Listing
from modelseal.platform import Opener, cores
from modelseal.values import dataclass

MAX_JOBS = 8
_SMALL = 1 << 20  # bytes: smaller files are read in one go, in groups
_GROUP_FILES, _GROUP_BYTES = 100, 16 << 20
_WIDE = 32 << 20  # bytes: below it, one file is never worth several threads
_BLOCK = 1 << 20  # stays in a processor's own cache
_WIDE_BLOCK, _WIDE_BLOCKS = 2 << 20, 4  # 8 MiB per worker; larger blocks were slower, they fall out of the cache

_MOVED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EISDIR}  # gone, or by now something else

Progress = Callable[[int], None]
_Write = Callable[[memoryview], None]
_NO_COPY: contextlib.AbstractContextManager[None] = contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Digests:
    """What was asked for, of one file."""

    size: int  # bytes
    sha256: bytes | None
    blake3: bytes | None


class _Hasher(Protocol):
    def update(self, data: memoryview, /) -> object: ...
    def digest(self) -> bytes: ...


def hash_folder(
    path: Path | str,
    *,
    sha256: bool = True,
    blake3: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[Listing, dict[str, Digests]]:
    """Return what is in the folder *path* and the digests of its files, all as of one moment.

        listing, digests = modelseal.hash_folder("./atlas-7b", blake3=False)
        for name, one in digests.items():
            print(one.sha256.hex(), one.size, name)

    The listing's `problems` (links, devices, names that are not UTF-8) are for the caller to judge. *jobs*: threads,
    by default one per processor. *progress* is called with the bytes read since its last call.
    Raises Usage (no folder) or Error (it changed meanwhile).
    """
    root = Path(path)
    listing = folders.walk(root)
    digests = hash_files(listing, None, sha256=sha256, blake3=blake3, jobs=jobs, progress=progress)
    if folders.walk(root) != listing:  # a download still running, say
        raise Error(f"{path} changed while it was read")
    return listing, digests


def hash_files(
    listing: Listing,
    names: Collection[str] | None,
    *,
    sha256: bool,
    blake3: bool,
    jobs: int | None = None,
    progress: Progress | None = None,
    into: Path | None = None,
) -> dict[str, Digests]:
    """Return the digests of the files *names* (None: all) of *listing*, in the listing's order.

    *jobs*: threads, by default one per processor up to MAX_JOBS. *progress* is called with the bytes read since the
    last call, from any thread, never by two at once; what it raises ends the work. *into*: an empty folder in which a
    copy of each file is made, of the very bytes that were hashed.
    Raises Error, naming the file, if one is not the file that was walked, changes while it is read, or cannot be read.
    """
    if not (sha256 or blake3):
        raise ValueError("no digest was asked for")
    files = _chosen(listing, names)
    workers = max(1, jobs if jobs is not None else min(cores(), MAX_JOBS))
    work = _Work(listing, sha256, blake3, workers, progress, into)
    work.run(_tasks(files), wide=max(_WIDE, sum(found.size for found in files) // (2 * workers)))
    return {found.name: work.digests[found.name] for found in files}


def _chosen(listing: Listing, names: Collection[str] | None) -> list[Found]:
    if names is None:
        return list(listing.files)
    wanted = set(names)
    files = [found for found in listing.files if found.name in wanted]
    if len(files) != len(wanted):
        raise ValueError(f"not in the listing: {sorted(wanted - {found.name for found in files})[0]!r}")
    return files


def _tasks(files: Iterable[Found]) -> deque[list[Found]]:
    """Large files one by one, largest first, then groups of small ones, by name: neighbours share their folder."""
    large: list[Found] = []
    groups: deque[list[Found]] = deque()
    group: list[Found] = []
    held = 0
    for found in files:
        if found.size >= _SMALL:
            large.append(found)
            continue
        if len(group) == _GROUP_FILES or held + found.size > _GROUP_BYTES:
            groups.append(group)
            group, held = [], 0
        group.append(found)
        held += found.size
    if group:
        groups.append(group)
    for found in sorted(large, key=lambda found: found.size):
        groups.appendleft([found])
    return groups


class _Work:
    """One call of `hash_files`: tasks are taken by workers until none is left or one failed."""

    def __init__(
        self, listing: Listing, sha256: bool, blake3: bool, workers: int, progress: Progress | None, into: Path | None
    ) -> None:
        self.digests: dict[str, Digests] = {}
        self._root, self._opener, self._into = listing.root, listing.opener, into
        self._sha256, self._workers = sha256, workers
        self._blake3: Any = None
        if blake3:
            import blake3 as module

            self._blake3 = module.blake3
        self._progress = progress
        self._reporting = threading.Lock()
        self._failures: list[BaseException] = []

    def run(self, tasks: deque[list[Found]], *, wide: int) -> None:
        """Do all *tasks*, the caller's thread among the workers (so Ctrl-C ends it), and raise the first failure."""
        others = [
            threading.Thread(target=self._worker, args=(tasks, wide), daemon=True)
            for _ in range(min(self._workers, len(tasks)) - 1)
        ]
        try:
            for thread in others:
                thread.start()
            self._worker(tasks, wide)
            for thread in others:
                thread.join()
        except BaseException as e:  # Ctrl-C while waiting: the others end at their next block
            self._failures.append(e)
        if self._failures:
            raise self._failures[0]

    def _worker(self, tasks: deque[list[Found]], wide: int) -> None:
        try:
            buffer = _buffer(_BLOCK)
            with self._opener() as opener:
                while not self._failures:
                    try:
                        task = tasks.popleft()
                    except IndexError:
                        return
                    for found in task:
                        self.digests[found.name] = self._file(opener, found, buffer, wide=found.size >= wide)
        except OSError as e:
            self._failures.append(Error(f"{self._root}: {(e.strerror or 'cannot be read').lower()}"))
        except BaseException as e:
            self._failures.append(e)

    def _file(self, opener: Opener, found: Found, buffer: memoryview, *, wide: bool) -> Digests:
        sha256 = hashlib.sha256() if self._sha256 else None
        threads = self._workers if wide else 1
        blake3 = self._blake3(max_threads=threads) if self._blake3 else None
        hashers = [hasher for hasher in (sha256, blake3) if hasher is not None]
        try:
            with io.FileIO(opener.open(found.name)) as file, self._copy(found) as write:
                self._same(file, found)
                if wide and self._workers > 1:
                    size = self._read_wide(file, found, hashers, write)
                else:
                    size = self._read(file, found, hashers, buffer, write)
                self._same(file, found)
        except OSError as e:
            if e.errno in _MOVED:
                raise _changed(found) from e
            raise Error(f"{found.name}: cannot be read: {(e.strerror or 'no reason given').lower()}") from e
        if size != found.size:
            raise _changed(found)
        return Digests(size, sha256.digest() if sha256 else None, blake3.digest() if blake3 else None)

    def _copy(self, found: Found) -> contextlib.AbstractContextManager[_Write | None]:
        """What takes the bytes of *found* besides the hashers."""
        if self._into is None:
            return _NO_COPY
        from modelseal.platform.staging import NewFile

        return NewFile(self._into / found.name, f"the copy of {found.name}")

    def _same(self, file: io.FileIO, found: Found) -> None:
        if not found.is_still(os.fstat(file.fileno())):
            raise _changed(found)

    def _read(
        self, file: io.FileIO, found: Found, hashers: list[_Hasher], buffer: memoryview, write: _Write | None
    ) -> int:
        """Read and hash in this thread; return the size. One byte more than expected ends it."""
        size = 0
        while size <= found.size and (count := file.readinto(buffer)):
            for hasher in hashers:
                hasher.update(buffer[:count])
            if write is not None:
                write(buffer[:count])
            size += count
            self._report(count)
            if size == found.size < _SMALL:
                break  # spare the call that finds the end: the status is compared again anyway
        return size

    def _read_wide(self, file: io.FileIO, found: Found, hashers: list[_Hasher], write: _Write | None) -> int:
        """Read in this thread while each hasher works in its own on blocks of a ring; return the size."""
        ring = [_buffer(_WIDE_BLOCK) for _ in range(_WIDE_BLOCKS)]
        lanes = [_Lane(hasher) for hasher in hashers]
        size = turn = 0
        try:
            while size <= found.size and not self._failures:
                block = ring[turn % len(ring)]
                for lane in lanes:
                    lane.free.acquire()  # this lane is done with the block, it is len(ring) turns old
                if not (count := file.readinto(block)):
                    break
                for lane in lanes:
                    lane.put(block[:count])
                if write is not None:
                    write(block[:count])
                size += count
                turn += 1
                self._report(count)
        finally:
            for lane in lanes:
                lane.close()
        return size

    def _report(self, count: int) -> None:
        if self._progress is not None:
            with self._reporting:
                self._progress(count)


class _Lane:
    """A thread that feeds blocks, in order, to one hasher."""

    def __init__(self, hasher: _Hasher) -> None:
        import queue

        self.free = threading.Semaphore(_WIDE_BLOCKS)
        self._blocks: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._hasher = hasher
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, block: memoryview) -> None:
        self._blocks.put(block)

    def close(self) -> None:
        """Finish what was put, then end."""
        self._blocks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._hasher.update(block)
            self.free.release()


def _buffer(size: int) -> memoryview:
    """A buffer that begins on a page: into one 16 bytes further, where malloc puts it, some processors copy from the
    page cache five times slower (measured on EPYC; the addresses of source and target then alias)."""
    return memoryview(mmap.mmap(-1, size))


def _changed(found: Found) -> Error:
    return Error(f"{found.name} changed while it was read")
