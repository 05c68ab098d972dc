"""An exclusive lock between processes, which the operating system drops when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from modelseal.errors import Error, Unavailable

_POLL_S = 0.02


@contextlib.contextmanager
def lock(path: Path, *, timeout_s: float = 30.0) -> Iterator[None]:
    """Hold the lock file *path* (created if absent, never removed: removing it would let two hold "it").

    Waits at most *timeout_s* seconds, 0 asks once; then raises Unavailable. Threads exclude each other too.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as e:
        raise Error(f"lock file {path}: {(e.strerror or 'cannot be opened').lower()}") from e
    try:
        deadline = time.monotonic() + timeout_s
        while not _try(fd, path):
            if time.monotonic() >= deadline:
                raise Unavailable(f"{path} is locked by another process", hint="try again when it has ended")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(fd)  # drops the lock


def _try(fd: int, path: Path) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        if e.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise Error(f"lock file {path}: {(e.strerror or 'cannot be locked').lower()}") from e
    return True
