"""The Hub cache that a guard gives to programs: a folder of its own, in which nothing lies that may not pass.

    1 what could not be judged last time is back          3 every blob is what its name says
    2 what clients left half done or noted is gone        4 every snapshot has only files that may pass

Clients take a blob by its name, go on with what is unfinished, and believe notes about what the Hub has; so none of it
is left as some earlier program may have made it. What is wrong is moved aside, a repo at a time, and said.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from modelseal import folders, hashing, layouts, platform, progress
from modelseal.errors import Error, Malformed, Unavailable
from modelseal.folders import Listing
from modelseal.formats.names import is_commit, printable
from modelseal.passing import Gate, Stopped
from modelseal.platform.kept import held
from modelseal.values import dataclass

SLOTS = 64  # guards of one user that run at the same time
_KEPT = {"CACHEDIR.TAG", "version.txt", "version_diffusers_cache.txt", ".locks"}
_FORGOTTEN = (".no_exist", "trees")
_BLOB = re.compile(r"[0-9a-f]{64}")  # as we name them to clients: by their sha256


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that was moved out of the cache."""

    path: Path  # where it is now
    why: str
    is_for_now: bool  # nobody could say: it comes back when somebody can


@dataclass(frozen=True, slots=True)
class Own:
    """The folders of one guard."""

    folder: Path

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    @property
    def modules(self) -> Path:
        """Where `transformers` copies code to."""
        return self.folder / "modules"

    @property
    def datasets(self) -> Path:
        """Where `datasets` keeps what it has made of files."""
        return self.folder / "datasets"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"


@contextlib.contextmanager
def own() -> Iterator[Own]:
    """Hold a folder that no other guard uses, the first that is free: what it has is there again next time."""
    above = platform.cache_folder() / "guard"
    for number in range(1, SLOTS + 1):
        with contextlib.ExitStack() as open_:
            try:
                found = Own(open_.enter_context(held(above / str(number), waiting=lambda: None, timeout_s=0)))
            except Unavailable:
                continue
            for made in (found.modules, found.datasets, found.spool):  # what was derived is checked by nobody
                shutil.rmtree(made, ignore_errors=True)
            for made in (found.hub, found.modules, found.datasets, found.spool):
                with _words(made):
                    made.mkdir(exist_ok=True)
            yield found
            return
    raise Unavailable(f"{SLOTS} guards of this user run already")


def admit(own: Own, gate: Gate, *, quiet: bool = True) -> tuple[Aside, ...]:
    """Leave in the cache what may pass; return what was moved aside. Raises Error (the folder)."""
    hub, waits = own.hub, own.folder / "waits"
    with _words(hub):
        if waits.is_dir():
            for entry in sorted(os.scandir(waits), key=lambda entry: entry.name):  # 1
                if not os.path.lexists(hub / entry.name):
                    os.rename(entry.path, hub / entry.name)
        aside: list[Aside] = []
        for name in sorted(set(os.listdir(hub)) - _KEPT):
            found = _judged(hub / name, gate, quiet)
            if found is not None:
                comes_back = found[1] and not os.path.lexists(waits / name)
                to = waits / name if comes_back else _new(own.folder / "aside", name)
                to.parent.mkdir(exist_ok=True)
                os.rename(hub / name, to)
                aside.append(Aside(to, found[0], comes_back))
        return tuple(aside)


def _new(folder: Path, name: str) -> Path:
    return next(path for number in itertools.count(1) if not os.path.lexists(path := folder / f"{name}.{number}"))


def _judged(path: Path, gate: Gate, quiet: bool) -> tuple[str, bool] | None:
    """Return why *path* must not stay in the cache, and whether that is only for now; None if it may."""
    try:
        repo = layouts.cached_name(path.name)
        if repo is None or path.is_symlink() or not path.is_dir():
            return "not a repo's folder", False
        for name in _FORGOTTEN:  # 2
            if os.path.lexists(path / name):
                shutil.rmtree(path / name)
        blobs = _blobs(path / "blobs", quiet)  # 3
        snapshots = sorted(os.listdir(path / "snapshots")) if (path / "snapshots").is_dir() else []
        for commit in snapshots:  # 4
            if not is_commit(commit):
                return f"snapshots/{printable(commit)} is no snapshot", False
            wrong = _snapshot(path / "snapshots" / commit, repo, commit, blobs, gate, quiet)
            if wrong is not None:
                return wrong
    except Malformed as e:
        return f"no repo that can be sealed: {e}", False
    except Error as e:
        return str(e), False
    return None


def _blobs(folder: Path, quiet: bool) -> frozenset[str]:
    """Return the names of the blobs, which are their sha256; what is unfinished is gone. Raises Error."""
    if not os.path.lexists(folder):
        return frozenset()
    for name in os.listdir(folder):
        if name.endswith(".incomplete"):  # a client would go on with it, whoever began it
            os.unlink(folder / name)
    listing = folders.walk(folder)
    if listing.problems or listing.skipped or listing.hub:
        raise Error("among its blobs is something else than files")
    for name, digest in _sha256(listing, quiet).items():
        if not _BLOB.fullmatch(name) or digest.hex() != name:
            raise Error(f"the blob {printable(name)} is not what its name says: sha256:{digest.hex()}")
    return frozenset(found.name for found in listing.files)


def _snapshot(
    path: Path, repo: str, commit: str, blobs: frozenset[str], gate: Gate, quiet: bool
) -> tuple[str, bool] | None:
    listing = layouts.find(path).walk()
    if not (listing.files or listing.skipped or listing.problems):
        return None
    if listing.problems or listing.skipped:
        name = (*listing.skipped, *(one.name for one in listing.problems))[0]
        return f"{printable(name)} did not come through a guard", False
    found = gate.passing(repo, commit)
    if isinstance(found, Stopped):
        return found.words, found.is_for_now
    plain = [one.name for one in listing.files if not (path / one.name).is_symlink()]
    digests = {name: digest.hex() for name, digest in _sha256(listing, quiet, plain).items()}
    for one in listing.files:
        digest = digests.get(one.name) or os.path.basename(os.readlink(path / one.name))
        file = found.files.get(one.name)
        if one.name not in digests and digest not in blobs:
            return f"{printable(one.name)} is no link to a blob of it", False
        if file is None or file.sha256.hex() != digest:
            return f"{printable(one.name)} is not the sealed file", False
    return None


def _sha256(listing: Listing, quiet: bool, names: list[str] | None = None) -> dict[str, bytes]:
    total = sum(found.size for found in listing.files if names is None or found.name in names)
    with progress.shown("verifying", total, quiet=quiet) as step:
        digests = hashing.hash_files(listing, names, sha256=True, blake3=False, progress=step)
    return {name: one.sha256 for name, one in digests.items() if one.sha256 is not None}


@contextlib.contextmanager
def _words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise Error(f"{e.filename or path}: {folders.reason(e)}") from e
