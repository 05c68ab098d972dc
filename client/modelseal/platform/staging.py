"""A folder that gets its name only when all of it is right, and is gone otherwise, also if this process is killed.

    with Staging(Path("./approved")) as staging:
        fill(staging.folder)
        staging.move()      # without this nothing stays

What holds after SIGKILL: `./approved` is not there. The unfinished folder beside it is removed by a small process that
waits for our end, and if that was killed too (a container that stopped) by the next call for the same place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from modelseal.errors import Conflict, Usage
from modelseal.platform.files import unwritable
from modelseal.platform.kept import sync

PREFIX = ".modelseal-staging-"

_REMOVE = 'read -r _; exec rm -rf -- "$1"'  # `read` ends when the other end of the pipe is closed, for whatever reason


class Staging:
    """An unfinished folder beside *target*, private until it is moved. Raises Conflict if *target* exists."""

    def __init__(self, target: Path) -> None:
        self._target = target
        check_new(target)

    def __enter__(self) -> Self:
        parent = self._target.absolute().parent
        try:
            _sweep(parent)
            self._place, self._lock = _fresh(parent)
        except OSError as e:
            raise unwritable(self._target, e) from e
        self._remover = _remover(self._place)
        self.folder = self._place / "folder"  # made as the user's umask says; the place above it is private
        try:
            self.folder.mkdir()
        except OSError as e:
            self.__exit__(None, None, None)
            raise unwritable(self._target, e) from e
        return self

    def move(self) -> None:
        """Give the folder its name; it is on disk, whole, before it has it."""
        try:
            sync(Path(above) for above, _, _ in os.walk(self.folder))
            check_new(self._target)
            self.folder.rename(self._target)  # what is empty and was made meanwhile gives way; anything else refuses
            sync([self._target.absolute().parent])
        except OSError as e:
            raise unwritable(self._target, e) from e

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        if self._remover is not None:
            self._remover.communicate()


class NewFile:
    """A file being written, which must not exist; raises Error if that fails. Closed, it is on disk.

    *what* names it in errors: where it is being written is gone by the time somebody reads that.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._what = what
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, flags, 0o666)
        except OSError as e:
            raise unwritable(what, e) from e

    def write(self, data: memoryview) -> None:
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as e:
            raise unwritable(self._what, e) from e

    def __enter__(self) -> Callable[[memoryview], None]:
        return self.write

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                os.fsync(self._fd)
        except OSError as e:
            raise unwritable(self._what, e) from e
        finally:
            os.close(self._fd)


def check_new(target: Path) -> None:
    """Refuse early what cannot be given the name *target*."""
    if os.path.lexists(target):
        raise Conflict(f"{target} exists already and is not overwritten")
    if not target.absolute().parent.is_dir():
        raise Usage(f"{target.parent}: no such folder")


def _fresh(parent: Path) -> tuple[Path, int | None]:
    """Make a private folder and lock it: who finds it unlocked may remove it."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        if sys.platform == "win32":
            return place, None
        with contextlib.suppress(FileNotFoundError):  # swept before it was locked
            lock = _locked(place)
            if lock is None:
                continue
            if place.exists():
                return place, lock
            os.close(lock)


def _locked(place: Path) -> int | None:
    """Return a descriptor that holds the folder's lock; None if another process does."""
    if sys.platform == "win32":
        return None
    import fcntl

    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_uid == os.geteuid():
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
    except OSError:
        pass
    os.close(fd)
    return None


def _sweep(parent: Path) -> None:
    """Remove what killed processes have left here."""
    for place in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _locked(place)
            if lock is not None:
                shutil.rmtree(place, ignore_errors=True)
                os.close(lock)


def _remover(place: Path) -> subprocess.Popen[bytes] | None:
    """Start what removes *place* when this process has ended; without a shell it stays for the next call."""
    if sys.platform == "win32":
        return None
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE, "sh", str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a closed terminal are not for it
        )
    except OSError:
        return None
