"""Request bodies: read within limits of number, size and time, so that slow senders do not stop anybody else.

A body is read by the thread that serves its request, and granian's `read` returns when all is there or the connection
is gone, without a time limit. So at most MOST of a worker's threads are with submissions, and at most LARGE of them
with large ones; who comes then is asked to come again. And a watcher cuts the connection of a sender who needs more
than CHUNK_S for CHUNK bytes, which ends that read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelseal.errors import Error, Unavailable

MOST = 20  # submissions at once in one process; `server.THREADS` less these are left to readers
LARGE = 2  # of them, with bodies that are
LARGE_BYTES = 1 << 20  # or larger: in memory a body is there more than once
CHUNK = 64 << 10
CHUNK_S = 10.0  # 52 kbit/s
LOOK_S = 1.0

_INFO_BYTES = 104  # of `struct tcp_info`, as all kernels since 2.6 have it
_LAST_DATA_SENT = slice(44, 48)  # u32, milliseconds ago


class Incomplete(Error):
    """The body ended before its length, or was cut for being slow; 408."""


@dataclass(slots=True)
class _Read:
    peer: str
    began: float
    chunk: float  # when the chunk that is read now began


class Bodies:
    """For all threads of a process."""

    def __init__(self) -> None:
        self._all = threading.BoundedSemaphore(MOST)
        self._large = threading.BoundedSemaphore(LARGE)
        self._reads: dict[int, _Read] = {}
        self._lock = threading.Lock()
        self._watched = sys.platform != "linux"  # elsewhere nothing tells which connections are ours

    @contextlib.contextmanager
    def place(self, length: int) -> Iterator[None]:
        """Hold a place for a submission of *length* bytes; Unavailable if all are taken."""
        with contextlib.ExitStack() as stack:
            for places in (self._all, self._large) if length > LARGE_BYTES else (self._all,):
                if not places.acquire(blocking=False):
                    raise Unavailable("too many submissions at once; try again")
                stack.callback(places.release)
            yield

    def read(self, environ: dict[str, Any], length: int) -> bytes:
        """Return the body, exactly *length* bytes."""
        with self._lock:
            if not self._watched:
                threading.Thread(target=self._watch, name="bodies", daemon=True).start()
                self._watched = True
        now = time.monotonic()
        mine = self._reads[threading.get_ident()] = _Read(environ.get("REMOTE_ADDR", ""), now, now)
        body = bytearray()
        try:
            while (missing := length - len(body)) > 0:
                chunk = environ["wsgi.input"].read(min(missing, CHUNK))
                body += chunk
                if len(chunk) < min(missing, CHUNK):
                    raise Incomplete(f"{len(body)} of {length} bytes arrived in time")
                mine.chunk = time.monotonic()
        finally:
            del self._reads[threading.get_ident()]
        return bytes(body)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_S)
            now = time.monotonic()
            for read in list(self._reads.values()):
                if now - read.chunk > CHUNK_S:
                    with contextlib.suppress(OSError):
                        _cut(read.peer, now - read.began)


def _cut(peer: str, silent_s: float) -> None:
    """Shut the connections with *peer* on which nothing was answered for *silent_s*.

    Which of them the read hangs on is not known here. The others are idle, or as slow; whoever is cut without fault (a
    long upload from the same address, which began earlier) sends it again.
    """
    if sys.platform != "linux":  # elsewhere nobody tells how long a connection has been silent: only the caps hold
        return
    for name in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(name)))  # OSError if it is no socket
        except OSError:
            continue
        with found, contextlib.suppress(OSError):
            if found.family not in (socket.AF_INET, socket.AF_INET6) or found.getpeername()[0] != peer:
                continue
            info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
            if int.from_bytes(info[_LAST_DATA_SENT], sys.byteorder) / 1000 >= silent_s - LOOK_S:
                found.shutdown(socket.SHUT_RDWR)
