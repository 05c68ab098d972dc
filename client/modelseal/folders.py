"""Walking a model folder: which files it has, which names are not the model's, and what must not be there.

Nothing is followed: each folder is opened from the handle of the one above it (`hubcache` says which links of a Hub
cache are). Whether a file's *name* may stand in a manifest is `formats.manifest`'s question, not asked here.

At the root, and only there, `.git .github .gitignore .gitattributes model.sig` do not belong to the model; they must
be what they claim to be, because a link or a folder in their place would be a way to leave things unlisted. Below
`.cache/huggingface` the files that the Hub's own client writes are passed over; anything else there is an added file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Protocol

from modelseal.errors import Error, Usage
from modelseal.platform import Entry, Folder, Opener, is_link
from modelseal.values import dataclass

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

    def is_still(self, status: os.stat_result) -> bool:
        """Whether *status* is that of the regular file that was found, unchanged."""
        same_file = status.st_ino == self.ino and status.st_dev == self.dev and stat.S_ISREG(status.st_mode)
        same_times = status.st_mtime_ns == self.mtime_ns and status.st_ctime_ns == self.ctime_ns
        return same_file and same_times and status.st_size == self.size


@dataclass(frozen=True, slots=True)
class Problem:
    """What must not be in a model folder. `kind`: link fifo socket device name ignored large deep unreadable."""

    name: str  # a name that is not UTF-8 is shown with \\xNN
    kind: str
    detail: str


class Source(Protocol):
    """Where files lie, if that is not simply a folder. Two that are equal mean the same place."""

    def walk(self) -> Listing: ...

    def opener(self) -> Opener: ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What a walk found, each tuple in the order of its names' code points.

    `again` walks the same place once more, `opener` opens its files; nobody else knows how they lie there.
    """

    root: Path
    files: tuple[Found, ...]
    skipped: tuple[str, ...] = ()  # ignored names at the root
    hub: tuple[str, ...] = ()  # the Hub client's own files
    problems: tuple[Problem, ...] = ()
    source: Source | None = None  # None: a plain folder

    def again(self) -> Listing:
        """Return what is there now."""
        return walk(self.root) if self.source is None else self.source.walk()

    def opener(self) -> Opener:
        """Return what opens the files by name, for one thread; to be closed."""
        return Opener(self.root) if self.source is None else self.source.opener()

    @property
    def total(self) -> int:
        """Bytes in all files."""
        return sum(found.size for found in self.files)


def walk(root: Path) -> Listing:
    """Return what is in the folder *root*. Links on the way to it are followed (the user typed them), none below.

    Raises Usage if *root* is no readable folder, Error if it changes during the walk or has too many entries.
    """
    with open_folder(root) as top:
        return walk_open(root, top)


def open_folder(path: Path) -> Folder:
    """Open a folder that the user named, or raise Usage."""
    try:
        return Folder.open(path)
    except (FileNotFoundError, ValueError) as e:
        raise Usage(f"{path}: no such folder") from e
    except NotADirectoryError as e:
        raise Usage(f"{path}: not a folder") from e
    except OSError as e:
        raise Usage(f"{path}: {reason(e)}") from e


# Given a folder, a link in it and how many folders deep it lies: the status of the regular file that the link stands
# for, or why it is not followed.
Follow = Callable[[Folder, str, int], os.stat_result | str]


def walk_open(root: Path, top: Folder, *, follow: Follow | None = None, source: Source | None = None) -> Listing:
    """Return what is in *top*, the open folder that *root* names; with *follow*, a snapshot in a Hub cache."""
    state = _Walk(root, follow)
    state.folder(top, "", 0)
    return state.listing(source)


@dataclass(slots=True)
class _Walk:
    root: Path
    follow: Follow | None
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
                self.entry(folder, entry, prefix, inner)
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
                self.problem(prefix + name, "unreadable", reason(e))
                return
            raise Error(f"{prefix + name}: changed while it was listed") from e  # a link by now, or gone
        with folder:
            self.folder(folder, f"{prefix}{name}/", depth)

    def entry(self, folder: Folder, entry: Entry, prefix: str, inner: list[str]) -> None:
        status, kind, why = entry.status, kind_of(entry.status), ""
        name = prefix + entry.shown
        if kind == "link" and self.follow is not None and entry.name is not None:
            found = self.follow(folder, entry.name, prefix.count("/"))
            if isinstance(found, str):
                why = found
            else:
                status, kind = found, "file"
        if entry.name is None:
            self.problem(name, "name", "the name is not UTF-8")
        elif why:
            self.problem(name, kind, why)
        elif not prefix and entry.name in IGNORED:
            self.ignored(entry.name, kind, status.st_size)
        elif kind == "folder":
            inner.append(entry.name)
        elif kind != "file":
            self.problem(name, kind, WORDS[kind])
        elif self.follow is None and name.startswith(_HUB) and _HUB_OWN.fullmatch(name):
            self.hub.append(name)
        else:
            self.files.append(Found.of(name, status))

    def ignored(self, name: str, kind: str, size: int) -> None:
        if kind != "file" and not (kind == "folder" and name in IGNORED_FOLDERS):
            self.problem(name, "ignored", f"{WORDS[kind]} under a name that is not compared")
        elif name == "model.sig" and size > MAX_SEAL:
            self.problem(name, "large", f"{size} bytes, a seal has at most {MAX_SEAL}")
        else:
            self.skipped.append(name)

    def problem(self, name: str, kind: str, detail: str) -> None:
        self.problems.append(Problem(name, kind, detail))

    def listing(self, source: Source | None) -> Listing:
        return Listing(
            self.root,
            tuple(sorted(self.files, key=lambda found: found.name)),
            tuple(sorted(self.skipped)),
            tuple(sorted(self.hub)),
            tuple(sorted(self.problems, key=lambda problem: problem.name)),
            source,
        )


WORDS = {
    "link": "a link; links are not followed",
    "folder": "a folder",
    "fifo": "a FIFO",
    "socket": "a socket",
    "device": "a device",
}


def kind_of(status: os.stat_result) -> str:
    """Return file, folder, link, fifo, socket or device."""
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


def reason(error: OSError) -> str:
    """Return what the system says, in the style of our messages."""
    return (error.strerror or "cannot be read").lower()
