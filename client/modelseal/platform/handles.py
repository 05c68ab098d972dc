"""Folders by handle: what is opened below one cannot be led elsewhere by a link.

Where the system can, every step is `openat` with O_NOFOLLOW on the handle of the folder above, so a folder that is
swapped for a link between two steps is refused by the kernel. Elsewhere (Windows has no such call in Python) names are
opened by path: every folder on the way must still be the one that was entered, and a file is looked at before and after
it is opened. That leaves a gap which only someone can use who can write the folder at that very moment.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

# O_NONBLOCK: a FIFO without a writer answers at once instead of waiting for one.
READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = READ | getattr(os, "O_DIRECTORY", 0)

# Whether this system opens names below an open folder. Looked at when a folder is opened: a test may say no.
HANDLES = bool(
    NOFOLLOW
    and hasattr(os, "O_DIRECTORY")
    and {os.open, os.stat, os.readlink} <= os.supports_dir_fd
    and os.scandir in os.supports_fd
)


class Entry(NamedTuple):
    """One name in a folder. `name` is None where the bytes of the name are not UTF-8; `shown` is always printable
    as UTF-8. `status` is that of the name itself: a link's, not its target's."""

    name: str | None
    shown: str
    status: os.stat_result


class Folder:
    """An open folder. Close it, or use it in a `with`; one that was opened through it must be closed before it."""

    def __init__(self, path: Path, fd: int | None, above: Folder | None = None) -> None:
        self._path = path  # used only where there is no handle
        self._fd = fd
        self._above = above
        self._is = _same_file(os.stat(path)) if fd is None else None

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open the folder at *path*. Links on the way to it are followed: the user typed them. Raises OSError."""
        if not HANDLES:
            return cls(_a_folder(path, os.stat(path)), None)
        return cls(path, os.open(path, _FOLDER))

    def folder(self, name: str) -> Folder:
        """Open the folder *name* in this one; OSError if it is none, or a link."""
        if self._fd is None:
            path = self._named(name)
            return Folder(_a_folder(path, _no_link(path, os.lstat(path))), None, self)
        fd = os.open(_component(name).encode(), _FOLDER | NOFOLLOW, dir_fd=self._fd)
        return Folder(self._path, fd)  # nobody asks for the path of a handle

    def file(self, name: str) -> int:
        """Open *name* in this folder for reading and return its descriptor; OSError if it is a link.

        The caller looks with `os.fstat` whether it is a regular file.
        """
        if self._fd is None:
            path = self._named(name)
            before = _no_link(path, os.lstat(path))
            fd = os.open(path, READ)
            if _same_file(os.fstat(fd)) != _same_file(before):
                os.close(fd)
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))  # swapped meanwhile
            return fd
        return os.open(_component(name).encode(), READ | NOFOLLOW, dir_fd=self._fd)

    def status(self, name: str) -> os.stat_result:
        """Return the status of *name* itself: a link's, not its target's. Raises OSError."""
        if self._fd is None:
            return os.lstat(self._named(name))
        return os.stat(_component(name).encode(), dir_fd=self._fd, follow_symlinks=False)

    def link(self, name: str) -> str | None:
        """Return what the link *name* says, `/`-separated; None if that is not UTF-8. Raises OSError."""
        if self._fd is None:
            raw = os.fsencode(os.readlink(self._named(name)))
        else:
            raw = os.readlink(_component(name).encode(), dir_fd=self._fd)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return text.replace("\\", "/") if os.name == "nt" else text

    def entries(self) -> Iterator[Entry]:
        """Every name in this folder with its status, in no order. A name that vanishes meanwhile raises OSError."""
        if self._fd is None:
            self._check()
        with os.scandir(self._path if self._fd is None else self._fd) as found:
            for entry in found:
                # On Windows a DirEntry's own status lacks the file's number and volume.
                status = os.lstat(entry.path) if self._fd is None else entry.stat(follow_symlinks=False)
                name = entry.name
                if not name.isascii():
                    raw = os.fsencode(name)
                    try:
                        name = raw.decode("utf-8")
                    except UnicodeDecodeError:
                        yield Entry(None, raw.decode("utf-8", "backslashreplace"), status)
                        continue
                yield Entry(name, name, status)
        if self._fd is None:
            self._check()

    def close(self) -> None:
        if self._fd is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _named(self, name: str) -> Path:
        self._check()
        return self._path / _component(name)

    def _check(self) -> None:
        """Without handles: this folder and those above it, up to the one that was typed, are what was entered."""
        inner: Folder | None = self
        while inner is not None:
            status = os.stat(inner._path) if inner._above is None else _no_link(inner._path, os.lstat(inner._path))
            if _same_file(status) != inner._is:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(inner._path))
            inner = inner._above

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Opener:
    """Opens files below *root* by '/'-separated names, one component at a time, without following links.

    The last folder stays open, so names in order cost one call each. For one thread; raises OSError.
    """

    def __init__(self, root: Path | Folder) -> None:
        self._root = root if isinstance(root, Folder) else Folder.open(root)
        self._at = ""
        self._open: list[Folder] = []  # those below the root that lead to `_at`

    def open(self, name: str) -> int:
        """Return a descriptor of the file *name*; the caller closes it."""
        at, _, last = name.rpartition("/")
        if at != self._at:
            self._leave()
            try:
                for part in at.split("/") if at else ():
                    self._open.append(self._folder.folder(part))
                    if HANDLES and len(self._open) > 1:
                        self._open.pop(-2).close()  # without handles those above are still asked whether they moved
            except BaseException:
                self._leave()
                raise
            self._at = at
        return self._last(self._folder, last)

    @property
    def _folder(self) -> Folder:
        return self._open[-1] if self._open else self._root

    def _last(self, folder: Folder, name: str) -> int:
        return folder.file(name)

    def _leave(self) -> None:
        for folder in reversed(self._open):
            folder.close()
        self._open, self._at = [], ""

    def close(self) -> None:
        self._leave()
        self._root.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_link(status: os.stat_result) -> bool:
    """Whether *status* is that of a link, or of what Windows has instead (junctions, mount points, placeholders)."""
    if sys.platform == "win32":
        return bool(status.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)
    return stat.S_ISLNK(status.st_mode)


def _component(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or (os.name == "nt" and set(name) & set('\\:*?"<>|')):
        raise ValueError(f"not the name of one file: {name!r}")
    return name


def _same_file(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _no_link(path: Path, status: os.stat_result) -> os.stat_result:
    if is_link(status):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return status


def _a_folder(path: Path, status: os.stat_result) -> Path:
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return path
