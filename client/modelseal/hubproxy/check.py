"""Bytes of one file, hashed while they pass: sha256, and blake3 where it is sealed.

Each digest is computed in a thread of its own beside the one that reads: both libraries give up Python's lock. Blocks
are views of buffers that the caller writes again only when `feed` has come round to them.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import Protocol

from modelseal.formats.manifest import File

BLOCK = 1 << 20  # bytes
BLOCKS = 4  # in flight, per file


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
    """One thread per digest, for as long as bytes come. Use it as a context: at its end all blocks are hashed."""

    def __init__(self, hashers: list[Hasher]) -> None:
        self._buffers = [memoryview(bytearray(BLOCK)) for _ in range(BLOCKS)]
        self._lanes = [_Lane(hasher) for hasher in hashers]
        self._turn = 0

    def buffer(self) -> memoryview:
        """Return the next buffer to read into, once no thread works on it any more."""
        for lane in self._lanes:
            lane.free.acquire()
        self._turn += 1
        return self._buffers[self._turn % BLOCKS]

    def feed(self, block: memoryview) -> None:
        """Hash *block*, the beginning of the buffer that was handed out last; it may be empty."""
        for lane in self._lanes:
            lane.blocks.put(block)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        for lane in self._lanes:
            lane.blocks.put(None)
        for lane in self._lanes:
            lane.thread.join()


class _Lane:
    def __init__(self, hasher: Hasher) -> None:
        self.free = threading.Semaphore(BLOCKS)
        self.blocks: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._hasher = hasher
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (block := self.blocks.get()) is not None:
            if block:
                self._hasher.update(block)
            self.free.release()
