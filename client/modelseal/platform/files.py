"""Files that are whole or absent: read with a limit and without waiting, written durably.

Nothing here follows a link that someone else may have left, and nothing waits for a FIFO.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from modelseal.errors import Conflict, Error, Malformed, Usage
from modelseal.platform.handles import NOFOLLOW, READ, Opener, is_link

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Missing(Usage):
    """There is no such file. Apart from Usage so that who reads a folder can tell absence from all else."""


def read_file(path: Path, limit: int, what: str, *, follow: bool = False) -> bytes:
    """Return the bytes of the regular file at *path*, at most *limit* of them.

    *what* names it in errors ("key file"). *follow*: take a link as the last part of the path; right only for a
    path that the user typed (a mounted secret is a link), never for one found in a folder.
    Raises Missing, Usage (folder, link, FIFO, socket, device, unreadable) or Malformed (larger than *limit*).
    """
    with _usage(f"{what} {path}"):
        if not follow and not NOFOLLOW and is_link(os.lstat(path)):
            raise OSError(errno.ELOOP, "")
        fd = os.open(path, READ if follow else READ | NOFOLLOW)
        return _read(fd, limit, f"{what} {path}")


def read_trusted(path: Path, limit: int, what: str, *, others_may_write: bool, follow: bool = True) -> bytes:
    """Like `read_file`, for a file that says what is allowed: it must belong to this user or to root.

    *others_may_write*: also one that its group or everybody can write, as files in a checkout may be. Whose it is is
    asked of the file that was opened. Windows has no such owners; there the folder's rights decide.
    Raises Usage besides if it is somebody else's.
    """
    named = f"{what} {path}"
    with _usage(named):
        if not follow and not NOFOLLOW and is_link(os.lstat(path)):
            raise OSError(errno.ELOOP, "")
        fd = os.open(path, READ if follow else READ | NOFOLLOW)
        try:
            _check_owner(os.fstat(fd), named, others_may_write)
        except BaseException:
            os.close(fd)
            raise
        return _read(fd, limit, named)


def _check_owner(status: os.stat_result, what: str, others_may_write: bool) -> None:
    if sys.platform == "win32" or not stat.S_ISREG(status.st_mode):
        return  # whoever reads what is no file says so
    if status.st_uid not in (0, os.geteuid()):
        raise Usage(
            f"{what}: belongs to user {status.st_uid}, neither to root nor to this one ({os.geteuid()})",
            hint="look at what it says, and then: chown it",
        )
    if not others_may_write and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Usage(
            f"{what}: others can write it (mode {status.st_mode & 0o777:o})", hint=f"chmod go-w {what.split()[-1]}"
        )


def read_below(root: Path, name: str, limit: int, what: str) -> bytes:
    """Like `read_file`, for the '/'-separated *name* below the folder *root*: no part of *name* may be a link."""
    with _usage(f"{what} {root / name}"), Opener(root) as opener:
        return _read(opener.open(name), limit, f"{what} {root / name}")


def write_new(path: Path, data: bytes, *, mode: int = 0o644, private: bool = False) -> None:
    """Write *data* to *path*, whole and durable, or raise Conflict if anything stands there. Never overwrites.

    *private*: only the owner may read it (0600), from its first byte on.
    """
    with _refused(path):
        temporary = _write_beside(path, data, 0o600 if private else mode)
        try:
            _link_new(temporary, path, data, 0o600 if private else mode)
        except FileExistsError as e:
            raise Conflict(f"{path} exists already and is never overwritten") from e
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_folder(path.parent)


def replace(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put *data* at *path* in one step: whoever opens it, also after a crash, finds all of the old or of the new."""
    with _refused(path):
        temporary = _write_beside(path, data, mode)
        try:
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(path.parent)


def check_replaceable(path: Path) -> None:
    """Raise Usage if `replace` could not put a file at *path* now, or would put it where something else stands."""
    if not path.parent.is_dir():
        raise Usage(f"{path.parent}: no such folder")
    try:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise Usage(f"{path}: not a regular file, and nothing else is replaced")
        os.unlink(_write_beside(path, b"", 0o600))
    except OSError as e:
        raise Usage(f"{path}: cannot be written: {(e.strerror or type(e).__name__).lower()}") from e
    except ValueError as e:
        raise Usage(f"{str(path)!r}: cannot be written: not a file name") from e


def make_folder(path: Path) -> None:
    """Make the folder *path*, and those above it, where they are missing; whole and durable when this returns."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with _refused(path):
        with contextlib.suppress(FileExistsError):  # made meanwhile
            path.mkdir()
        _sync_folder(path.parent)


def _write_beside(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.parent / f".modelseal-{os.urandom(8).hex()}.tmp"
    _write(temporary, data, mode)
    return temporary


def _write(path: Path, data: bytes, mode: int) -> None:
    """Create *path*, which must not exist, with *data* on disk; on failure it is gone again."""
    fd = os.open(path, _CREATE, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def _link_new(temporary: Path, path: Path, data: bytes, mode: int) -> None:
    """Give the file *temporary* the name *path*, or raise FileExistsError."""
    if sys.platform == "win32":
        os.rename(temporary, path)  # there it refuses an existing target
        return
    try:
        os.link(temporary, path)
    except OSError as e:
        if e.errno not in _NO_LINKS:
            raise
        # FAT and some network folders have no hard links: then O_EXCL on the name itself. Not overwriting still
        # holds; what is lost is that a crash in between leaves no part of a file.
        _write(path, data, mode)


def _sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable. Windows cannot open a folder and needs no such call."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as e:
        if e.errno != errno.EINVAL:  # a file system that does not know it
            raise
    finally:
        os.close(fd)


def _read(fd: int, limit: int, what: str) -> bytes:
    """Read and close *fd*; the size is looked at before reading, and counted while reading."""
    with open(fd, "rb", buffering=0) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise Usage(f"{what}: not a regular file")
        if status.st_size > limit:
            raise Malformed(f"{what}: {status.st_size} bytes, allowed are {limit}")
        parts, left = [], limit + 1
        while left and (part := file.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise Malformed(f"{what}: more than the allowed {limit} bytes")
    return b"".join(parts)


@contextlib.contextmanager
def _usage(what: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as e:
        raise Missing(f"{what}: no such file") from e
    except IsADirectoryError as e:
        raise Usage(f"{what}: not a regular file") from e
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.EMLINK):  # EMLINK: FreeBSD's word for O_NOFOLLOW on a link
            raise Usage(f"{what}: a link, and links are not followed") from e
        if e.errno in (errno.ENXIO, errno.EOPNOTSUPP):  # a socket
            raise Usage(f"{what}: not a regular file") from e
        raise Usage(f"{what}: {(e.strerror or 'cannot be read').lower()}") from e
    except ValueError as e:  # NUL or a lone surrogate in the path: no file has such a name
        raise Missing(f"{what!r}: no such file") from e


def unwritable(what: Path | str, error: OSError) -> Error:
    """Return what to raise where something could not be written, with what the system says."""
    return Error(f"{what}: cannot be written: {(error.strerror or type(error).__name__).lower()}")


@contextlib.contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise unwritable(path, e) from e
    except ValueError as e:
        raise Error(f"{str(path)!r}: cannot be written: not a file name") from e
