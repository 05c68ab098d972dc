"""A private folder that is kept between runs and held by one at a time: a download that ended early is not lost.

    with held(hub / ".locks/modelseal/models--acme-lab--atlas-7b", waiting=tell) as folder:
        fill(folder)
        drop(folder)        # all of it was moved; without this it is there for the next run

The holder may be killed at any time: the system drops its lock, and the next one finds what it left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from modelseal.errors import Error, Unavailable
from modelseal.platform.files import make_folder, unwritable
from modelseal.platform.locks import lock

_POLL_S = 0.05
_FEW = 8  # files that are synced one after the other; more: by as many threads


@contextlib.contextmanager
def held(path: Path, *, waiting: Callable[[], None], timeout_s: float) -> Iterator[Path]:
    """Hold the folder *path* (0700), made where it is missing; *waiting* is called once if another one holds it.

    Raises Unavailable after *timeout_s*, Error if it cannot be made, or is a link or open to others.
    """
    make_folder(path.parent)
    deadline = time.monotonic() + timeout_s
    if sys.platform == "win32":
        with lock(path.with_name(path.name + ".lock"), timeout_s=timeout_s):
            os.makedirs(path, exist_ok=True)
            yield path
        return
    fd = _first(path)
    try:
        if fd is None:
            waiting()
        while fd is None:
            if time.monotonic() >= deadline:
                raise Unavailable(f"{path} is held by another process", hint="try again when it has ended")
            time.sleep(_POLL_S)
            fd = _first(path)
        yield path
    finally:
        if fd is not None:
            os.close(fd)  # drops the lock


def drop(path: Path) -> None:
    """Remove what `held` holds: whoever waits for it makes it anew."""
    shutil.rmtree(path, ignore_errors=True)


def drop_old(folder: Path, before: float, *, but: Path) -> tuple[Path, ...]:
    """Remove the folders in *folder* that nobody holds and in which nothing changed since *before* (POSIX seconds);
    *but* stays, and so does what is not ours to remove. Return what was removed."""
    dropped = []
    for path in sorted(folder.iterdir()):
        if path.name == but.name or path.is_symlink() or not path.is_dir() or _changed(path) >= before:
            continue
        with contextlib.suppress(Error), held(path, waiting=lambda: None, timeout_s=0):
            if _changed(path) < before:  # nobody went on with it until it was held
                drop(path)
                dropped.append(path)
    return tuple(dropped)


def _changed(path: Path) -> float:
    """Return when something in the folder *path* was last changed; infinity if that cannot be known."""

    def unknown(error: OSError) -> None:
        raise error

    try:
        found = [os.lstat(path).st_mtime]
        for above, folders, files in os.walk(path, onerror=unknown):
            found += [os.lstat(os.path.join(above, name)).st_mtime for name in (*folders, *files)]
    except OSError:
        return float("inf")
    return max(found)


def _first(path: Path) -> int | None:
    """Return a descriptor that holds the folder's lock; None if another one does, or the folder was just removed."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:  # removed by the one who held it
        return None
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Error(f"{path}: a link or a file, where a folder of our own should be") from e
        raise unwritable(path, e) from e
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise Error(f"{path}: others may write there; remove it")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, status):
            return fd
    except OSError as e:
        os.close(fd)
        if e.errno in (errno.EAGAIN, errno.EACCES):
            return None
        raise Error(f"{path}: cannot be locked: {(e.strerror or type(e).__name__).lower()}") from e
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _is_at(path: Path, status: os.stat_result) -> bool:
    """Whether the folder that was locked still has its name: who held it before may have removed it."""
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        return False
    return (now.st_dev, now.st_ino) == (status.st_dev, status.st_ino)


def sync(paths: Iterable[Path]) -> None:
    """Have the bytes of the files, and the names in the folders, of *paths* on disk when this returns."""
    every = list(paths)
    if len(every) < _FEW:
        for path in every:
            _sync(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_FEW) as pool:  # the system writes for several at once
        list(pool.map(_sync, every))


def _sync(path: Path) -> None:
    if sys.platform == "win32" and path.is_dir():
        return
    fd = os.open(path, (os.O_RDWR if sys.platform == "win32" else os.O_RDONLY) | getattr(os, "O_CLOEXEC", 0))
    try:
        with contextlib.suppress(OSError):  # a file system that does not know it
            os.fsync(fd)
    finally:
        os.close(fd)
