"""Bytes of one file, hashed while they pass: sha256, and blake3 where it is sealed.

They are computed in a thread beside the one that reads: both libraries give up Python's lock. Blocks are views of
buffers that are read into again only when they have been hashed.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import Protocol

from modelseal.formats.manifest import File

BLOCK = 256 << 10  # bytes: some of them stay in a processor's own cache; 1 MiB cost half as much again
BLOCKS = 8  # in flight, per file; with four, the thread that reads waited for the one that hashes


class Hasher(Protocol):
    def update(self, data: memoryview, /) -> object: ...
    def digest(self) -> bytes: ...


class Check:
    """The digests of *file* so far; may be fed in several runs, each by one thread."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._hashers: dict[str, Hasher] = {"sha256": hashlib.sha256()}
        if file.blake3 is not None:
            from blake3 import blake3

            self._hashers["blake3"] = blake3()

    def run(self) -> Run:
        return Run(list(self._hashers.values()))

    def wrong(self) -> str:
        """Return in what the bytes that were fed, all of them, differ from the file; '' if in nothing."""
        wants = {"sha256": self._file.sha256, "blake3": self._file.blake3}
        found = {name: hasher.digest() for name, hasher in self._hashers.items()}
        differs = [name for name, digest in found.items() if digest != wants[name]]
        if not differs:
            return ""
        if len(differs) < len(found):
            return "only one of the two digests in its seal is of these bytes: the seal contradicts itself"
        return f"sha256:{self._file.sha256.hex()} is sealed, sha256:{found['sha256'].hex()} came"


class Run:
    """A thread that hashes, for as long as bytes come. Use it as a context: at its end all blocks are hashed.

    One for all digests: so a block is fetched into a processor's cache once, and it is still faster than what reads.
    """

    def __init__(self, hashers: list[Hasher]) -> None:
        self._hashers = hashers
        self._buffers = [memoryview(bytearray(BLOCK)) for _ in range(BLOCKS)]
        self._free = threading.Semaphore(BLOCKS)
        self._blocks: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._turn = 0
        self._thread = threading.Thread(target=self._work, daemon=True)

    def buffer(self) -> memoryview:
        """Return the next buffer to read into, once nobody works on it any more."""
        self._free.acquire()
        self._turn += 1
        return self._buffers[self._turn % BLOCKS]

    def feed(self, block: memoryview) -> None:
        """Hash *block*, a part of the buffer that was handed out last; it may be empty."""
        self._blocks.put(block)

    def __enter__(self) -> Run:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._blocks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (block := self._blocks.get()) is not None:
            for hasher in self._hashers:
                hasher.update(block)
            self._free.release()
