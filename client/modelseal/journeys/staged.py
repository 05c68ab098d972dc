"""Where a download waits until it is verified: a private Hub cache that only this program looks into.

It is kept when a download ends early, so that the next one goes on, and what was right in it when one was refused; it
is gone when all was moved. One run at a time holds it: two for the same place wait for each other. What nobody went on
with for KEPT_S is removed by the next download into the same Hub cache.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modelseal.errors import Error, Refused
from modelseal.folders import Listing
from modelseal.formats.names import printable
from modelseal.hubcache import Snapshot
from modelseal.journeys.gathered import really
from modelseal.platform import kept, unwritable
from modelseal.times import span
from modelseal.values import dataclass

if TYPE_CHECKING:
    from modelseal.hub import HubListing

WAIT_S = 12 * 3600.0  # for another run that downloads the same; it may be large
KEPT_S = 14 * 24 * 3600  # since anything in it changed; nobody holds it


@dataclass(frozen=True, slots=True)
class Stage:
    """What lies in *folder*: at most one Hub cache, which gets another name each time something in it was refused,
    because huggingface_hub remembers by its path what a Hub said."""

    folder: Path

    @property
    def cache(self) -> Path:
        """The Hub cache of this download."""
        found = sorted(self.folder.glob("hub-*"))
        return found[0] if found else self._new()

    @property
    def scratch(self) -> Path:
        """An empty folder in which names are made ready."""
        path = self.folder / "scratch"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def has(self, commit: str) -> frozenset[str]:
        """Return the names of the files that an earlier run has left."""
        found = []
        for snapshot in self.cache.glob(f"*/snapshots/{commit}"):
            found += [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
        return frozenset(found)

    def _new(self) -> Path:
        return self.folder / f"hub-{secrets.token_hex(4)}"

    def download(
        self, listing: HubListing, wanted: Iterable[str], *, quiet: bool, token: str | bool | None
    ) -> tuple[Path, Listing]:
        """Bring *wanted* and return the snapshot with what came. Unavailable, NotFound, Refused as the Hub has it."""
        from modelseal import hub

        cache, wanted = self.cache, list(wanted)
        for stale in cache.glob("*/blobs/*.incomplete"):  # of a killed one: it is not gone on with
            stale.unlink(missing_ok=True)
        _check_room(self.folder, listing, cache, wanted)
        with _gave_up(self.folder):
            silent = quiet or not sys.stderr.isatty()  # bars are for whoever watches

            def trouble(host: str) -> None:
                if not quiet:
                    print(f"modelseal: {host} does not answer as it should; it is asked again", file=sys.stderr)

            work = partial(hub.download, listing, wanted, cache, quiet=silent, token=token, trouble=trouble)
            snapshot = _apart(work)
        repo = Path(os.path.realpath(snapshot.parent.parent))
        return snapshot, Snapshot(repo, repo.name, listing.commit).walk()

    def files(self, snapshot: Path, listing: Listing, names: Iterable[str]) -> dict[str, Path]:
        """Return where each of *names* really lies; Error if it is not the file of *listing* any more."""
        found = {one.name: one for one in listing.files}
        inside, paths = Path(os.path.realpath(self.folder)), {}
        for name in names:
            path = really(snapshot / name, found[name], inside)
            if path is None:
                raise Error(f"{printable(name)} changed while it was checked")
            paths[name] = path
        return paths

    def refuse(self, snapshot: Path, wrong: Iterable[str]) -> None:
        """Forget what was *wrong*, and all that the Hub said; what was right stays for the next run."""
        inside = Path(os.path.realpath(self.folder))
        for name in wrong:
            real = Path(os.path.realpath(snapshot / name))
            if real.is_relative_to(inside):
                real.unlink(missing_ok=True)
            (snapshot / name).unlink(missing_ok=True)
        cache = self.cache
        for said in (*cache.glob("*/trees"), *cache.glob("*/.no_exist")):
            shutil.rmtree(said, ignore_errors=True)
        with contextlib.suppress(OSError):
            cache.rename(self._new())

    def drop(self) -> None:
        """All was moved."""
        kept.drop(self.folder)


@contextlib.contextmanager
def stage(folder: Path, *, waiting: Callable[[], None]) -> Iterator[Stage]:
    """Hold the stage *folder*; *waiting* is called if another run holds it."""
    with kept.held(folder, waiting=waiting, timeout_s=WAIT_S) as path:
        yield Stage(path)


def drop_old(folder: Path, *, quiet: bool) -> None:
    """Remove what other downloads have left beside the stage *folder*, and say so."""
    for path in kept.drop_old(folder.parent, time.time() - KEPT_S, but=folder):
        if not quiet:
            says = f"a download that did not end, and that nobody went on with for {span(KEPT_S)}, was removed"
            print(f"modelseal: {says}: {printable(str(path), longest=1000)}", file=sys.stderr)


def _check_room(folder: Path, listing: HubListing, cache: Path, wanted: Iterable[str]) -> None:
    """Refuse early what does not fit on the disk."""
    sizes = {file.name: file.size for file in listing.files}
    snapshots = list(cache.glob(f"*/snapshots/{listing.commit}"))
    needed = sum(sizes[name] for name in wanted if not any((one / name).exists() for one in snapshots))
    free = shutil.disk_usage(folder).free
    if needed > free:
        from modelseal.reports.words import shown_size

        raise Error(
            f"{folder}: {shown_size(needed)} are to be downloaded, and {shown_size(free)} are free there",
            hint="make room, or name another place with --cache-dir or --local-dir",
        )


def _apart(work: Callable[[], Path]) -> Path:
    """Do *work* in a thread of its own: huggingface_hub waits for all its threads before it lets an interrupt through,
    which for a large file is hours."""
    done: list[Path | BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as e:
            done.append(e)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(1.0)
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


@contextlib.contextmanager
def _gave_up(folder: Path) -> Iterator[None]:
    """Turn what huggingface_hub raises besides its own errors into ours: full disks, and answers that make no sense."""
    try:
        yield
    except Error:
        raise
    except OSError as e:
        if e.errno is None:  # its own: "consistency check failed", and the like
            raise Refused(f"the download failed: {printable(str(e), longest=500)}") from e
        raise unwritable(folder, e) from e
    except Exception as e:  # what a Hub's answer made of it
        raise Refused(f"the download failed: {type(e).__name__}: {printable(str(e), longest=500)}") from e
