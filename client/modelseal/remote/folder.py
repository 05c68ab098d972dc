"""The static files of a registry or mirror in a folder."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from modelseal import errors
from modelseal.platform import Opener
from modelseal.remote.http import PATH


class Folder:
    """The static files of a registry or mirror in a folder: regular files only, no link followed inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.url = str(self.path)

    def get(self, path: str, limit: int) -> bytes:
        """Return the file at *path*, of at most *limit* bytes."""
        if not PATH.fullmatch(path):
            raise ValueError(f"not a path of ours: {path!r}")
        where = f"{self.path}/{path}"
        try:
            opener = Opener(self.path)
        except OSError as e:
            raise errors.Unavailable(f"{self.path}: not a folder that can be read ({e.strerror})") from e
        try:
            with opener:
                fd = opener.open(path)
                try:
                    status = os.fstat(fd)
                    if not stat.S_ISREG(status.st_mode):
                        raise errors.Unavailable(f"{where}: not a regular file")
                    # Memory is taken for as much as is asked for: what is there first, not the 32 MiB that may be.
                    data = _read(fd, min(limit, status.st_size) + 1)
                    if status.st_size < len(data) <= limit:  # it has grown meanwhile
                        data += _read(fd, limit + 1 - len(data))
                finally:
                    os.close(fd)
        except FileNotFoundError as e:
            raise errors.NotFound(f"{where}: not found") from e
        except OSError as e:
            if e.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise errors.Unavailable(f"{where}: a link, or not a folder, on the way") from e
            raise errors.Unavailable(f"{where}: {e.strerror}") from e
        if len(data) > limit:
            raise errors.Unavailable(f"{where}: more than {limit} bytes")
        return data

    def evidence(self, repo: str, revision: str | None, limit: int) -> None:
        """A folder only has static files: the caller gathers the evidence from them."""


def _read(fd: int, most: int) -> bytes:
    """Return up to *most* bytes; fewer only at the end. A file object would ask the system twice as often."""
    data = os.read(fd, most)
    while 0 < len(data) < most and (more := os.read(fd, most - len(data))):
        data += more
    return data
