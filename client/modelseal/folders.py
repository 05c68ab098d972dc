"""Walking a model folder: which files it has, which names are not the model's, and what must not be there.

Nothing is followed: each folder is opened from the handle of the one above it. Whether a file's *name* may stand in
a manifest is `formats.manifest`'s question, not asked here.

At the root, and only there, `.git .github .gitignore .gitattributes model.sig` do not belong to the model; they must
be what they claim to be, because a link or a folder in their place would be a way to leave things unlisted. Below
`.cache/huggingface` the files that the Hub's own client writes are passed over; anything else there is an added file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from modelseal.errors import Error, Usage
from modelseal.platform import Entry, Folder, is_link

MAX_DEPTH = 64  # folders below the root
MAX_ENTRIES = 1_000_000  # names of every kind, so that a walk ends
MAX_SEAL = 32 << 20  # bytes of a model.sig

IGNORED_FOLDERS = frozenset({".git", ".github"})
IGNORED = IGNORED_FOLDERS | {".gitignore", ".gitattributes", "model.sig"}

_HUB = ".cache/huggingface/"
_HUB_OWN = re.compile(
    r"\.cache/huggingface/(?:\.gitignore|CACHEDIR\.TAG|download/.+(?:\.metadata|\.lock|\.incomplete)|trees/[^/]+\.json)",
    re.DOTALL,
)
_CACHED_REPO = re.compile(r"(?:models|datasets|spaces|kernels)--.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file, and what tells whether it is still the same one."""

    name: str  # '/'-separated, below the root
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    ino: int
    dev: int

    @classmethod
    def of(cls, name: str, status: os.stat_result) -> Found:
        return cls(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


@dataclass(frozen=True, slots=True)
class Problem:
    """What must not be in a model folder. `kind`: link fifo socket device name ignored large deep unreadable."""

    name: str  # a name that is not UTF-8 is shown with \\xNN
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a walk found, each tuple in the order of its names' code points."""

    root: Path
    files: tuple[Found, ...]
    skipped: tuple[str, ...] = ()  # ignored names at the root
    hub: tuple[str, ...] = ()  # the Hub client's own files
    problems: tuple[Problem, ...] = ()

    @property
    def total(self) -> int:
        """Bytes in all files."""
        return sum(found.size for found in self.files)


def walk(root: Path) -> Listing:
    """Return what is in the folder *root*. Links on the way to it are followed (the user typed them), none below.

    Raises Usage if *root* is no readable folder, Error if it changes during the walk or has too many entries.
    """
    try:
        top = Folder.open(root)
    except (FileNotFoundError, ValueError) as e:
        raise Usage(f"{root}: no such folder") from e
    except NotADirectoryError as e:
        raise Usage(f"{root}: not a folder") from e
    except OSError as e:
        raise Usage(f"{root}: {_reason(e)}") from e
    state = _Walk(root)
    with top:
        state.folder(top, "", 0)
    return state.listing()


def is_hub_cache(path: Path) -> bool:
    """Whether *path* is a repo's folder in the Hub cache, or lies in one: its files are links into `blobs`."""
    for spelling in (path.absolute(), path.resolve()):
        for name, inner in zip(spelling.parts, spelling.parts[1:], strict=False):
            if _CACHED_REPO.fullmatch(name) and inner in ("blobs", "snapshots", "refs"):
                return True
    return all((path / name).is_dir() for name in ("blobs", "snapshots", "refs"))


@dataclass(slots=True)
class _Walk:
    root: Path
    entries: int = 0
    files: list[Found] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    hub: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def folder(self, folder: Folder, prefix: str, depth: int) -> None:
        """Take in all of *folder*; *prefix* is '' or its name with a '/' at the end."""
        inner: list[str] = []
        try:
            for entry in folder.entries():
                self.entries += 1
                if self.entries > MAX_ENTRIES:
                    raise Error(f"{self.root}: more than {MAX_ENTRIES} entries")
                self.entry(entry, prefix, inner)
        except OSError as e:  # a name that vanished between its listing and its status
            raise Error(f"{self.root / prefix}: changed while it was listed") from e
        for name in inner:
            self.below(folder, name, prefix, depth + 1)

    def below(self, above: Folder, name: str, prefix: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.problem(prefix + name, "deep", f"more than {MAX_DEPTH} folders deep")
            return
        try:
            folder = above.folder(name)
        except OSError as e:
            if e.errno in (errno.EACCES, errno.EPERM):
                self.problem(prefix + name, "unreadable", _reason(e))
                return
            raise Error(f"{prefix + name}: changed while it was listed") from e  # a link by now, or gone
        with folder:
            self.folder(folder, f"{prefix}{name}/", depth)

    def entry(self, entry: Entry, prefix: str, inner: list[str]) -> None:
        kind = _kind(entry.status)
        name = prefix + entry.shown
        if entry.name is None:
            self.problem(name, "name", "the name is not UTF-8")
        elif not prefix and entry.name in IGNORED:
            self.ignored(entry.name, kind, entry.status.st_size)
        elif kind == "folder":
            inner.append(entry.name)
        elif kind != "file":
            self.problem(name, kind, _WORDS[kind])
        elif name.startswith(_HUB) and _HUB_OWN.fullmatch(name):
            self.hub.append(name)
        else:
            self.files.append(Found.of(name, entry.status))

    def ignored(self, name: str, kind: str, size: int) -> None:
        if kind != "file" and not (kind == "folder" and name in IGNORED_FOLDERS):
            self.problem(name, "ignored", f"{_WORDS[kind]} under a name that is not compared")
        elif name == "model.sig" and size > MAX_SEAL:
            self.problem(name, "large", f"{size} bytes, a seal has at most {MAX_SEAL}")
        else:
            self.skipped.append(name)

    def problem(self, name: str, kind: str, detail: str) -> None:
        self.problems.append(Problem(name, kind, detail))

    def listing(self) -> Listing:
        return Listing(
            self.root,
            tuple(sorted(self.files, key=lambda found: found.name)),
            tuple(sorted(self.skipped)),
            tuple(sorted(self.hub)),
            tuple(sorted(self.problems, key=lambda problem: problem.name)),
        )


_WORDS = {
    "link": "a link; links are not followed",
    "folder": "a folder",
    "fifo": "a FIFO",
    "socket": "a socket",
    "device": "a device",
}


def _kind(status: os.stat_result) -> str:
    if is_link(status):
        return "link"
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISFIFO(mode):
        return "fifo"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()
