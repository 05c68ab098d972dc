"""Folders by handle: what is opened below one cannot be led elsewhere by a link.

On POSIX every step is `openat` with O_NOFOLLOW on the handle of the folder above, so a folder that is swapped for
a link between two steps is refused by the kernel. Windows has no such call in Python: there each component is
looked at before it is opened, which leaves a gap that only someone who can write the folder can use.
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


class Entry(NamedTuple):
    """One name in a folder. `name` is None where the bytes of the name are not UTF-8; `shown` is always printable
    as UTF-8. `status` is that of the name itself: a link's, not its target's."""

    name: str | None
    shown: str
    status: os.stat_result


class Folder:
    """An open folder. Close it, or use it in a `with`."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path  # what Windows opens; elsewhere the handle alone is used
        self._fd = fd

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open the folder at *path*. Links on the way to it are followed: the user typed them. Raises OSError."""
        if sys.platform == "win32":
            if not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            return cls(path, -1)
        return cls(path, os.open(path, _FOLDER))

    def folder(self, name: str) -> Folder:
        """Open the folder *name* in this one; OSError if it is none, or a link."""
        if sys.platform == "win32":
            path = _unlinked(self._path / _component(name))
            if not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            return Folder(path, -1)
        fd = os.open(_component(name).encode(), _FOLDER | NOFOLLOW, dir_fd=self._fd)
        return Folder(self._path / name, fd)

    def file(self, name: str) -> int:
        """Open *name* in this folder for reading and return its descriptor; OSError if it is a link.

        The caller looks with `os.fstat` whether it is a regular file.
        """
        if sys.platform == "win32":
            return os.open(_unlinked(self._path / _component(name)), READ)
        return os.open(_component(name).encode(), READ | NOFOLLOW, dir_fd=self._fd)

    def entries(self) -> Iterator[Entry]:
        """Every name in this folder with its status, in no order. A name that vanishes meanwhile raises OSError."""
        with os.scandir(self._path if sys.platform == "win32" else self._fd) as found:
            for entry in found:
                # On Windows a DirEntry's own status lacks the file's number and volume.
                status = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
                name = entry.name
                if not name.isascii():
                    raw = os.fsencode(name)
                    try:
                        name = raw.decode("utf-8")
                    except UnicodeDecodeError:
                        yield Entry(None, raw.decode("utf-8", "backslashreplace"), status)
                        continue
                yield Entry(name, name, status)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

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

    def __init__(self, root: Path) -> None:
        self._root = Folder.open(root)
        self._at = ""
        self._folder = self._root

    def open(self, name: str) -> int:
        """Return a descriptor of the file *name*; the caller closes it."""
        at, _, last = name.rpartition("/")
        if at != self._at:
            self._leave()
            for part in at.split("/") if at else ():
                inner = self._folder.folder(part)
                if self._folder is not self._root:
                    self._folder.close()
                self._folder = inner
            self._at = at
        return self._folder.file(last)

    def _leave(self) -> None:
        if self._folder is not self._root:
            self._folder.close()
        self._folder, self._at = self._root, ""

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


def _unlinked(path: Path) -> Path:
    if is_link(os.lstat(path)):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return path
