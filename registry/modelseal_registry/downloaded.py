"""Every byte of what a Hub lists: fetched into a private folder, hashed, compared with the listing, and removed.

The folder lies in TMPDIR, for this user alone; what a killed process leaves there goes with its end, or by the next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from modelseal import hub, progress
from modelseal.errors import Error, Refused, Unavailable
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.hub import HubFile, HubListing
from modelseal.platform.staging import Staging
from modelseal.reports.words import shown_size

MARGIN = 64 << 20  # bytes that stay free: the Hub's client keeps books beside the files
_BLOCK = 1 << 20


def read(listing: HubListing, wanted: tuple[HubFile, ...], *, quiet: bool) -> tuple[File, ...]:
    """Return the digests of the files *wanted* of *listing*, from their bytes.

    Unavailable if the disk has no room for them. Refused if the bytes are not those that the Hub lists.
    """
    place = Path(tempfile.gettempdir())
    size = sum(file.size for file in wanted)
    check_room(place, size, names.short(listing.asked))
    with Staging(place / f"modelseal-observe-{os.getpid()}") as staging:
        folder = _fetch(listing, wanted, staging.folder, quiet)
        inside = staging.folder.resolve()
        with progress.shown("hashing", size, quiet=quiet) as advance:
            return tuple(_file(folder / one.name, inside, one, advance) for one in wanted)


def _fetch(listing: HubListing, wanted: tuple[HubFile, ...], into: Path, quiet: bool) -> Path:
    try:
        return hub.download(listing, [file.name for file in wanted], into, quiet=quiet, token=False)
    except Error:
        raise
    except OSError as e:
        if e.errno is not None:
            raise Unavailable(f"{into}: cannot be written: {(e.strerror or type(e).__name__).lower()}") from e
        raise Refused(f"what the Hub sends is not what it lists: {names.printable(str(e))}") from e  # of another size
    except Exception as e:  # what an answer without sense made of the Hub's client
        raise Refused(f"what the Hub sends makes no sense: {type(e).__name__}: {names.printable(str(e))}") from e


def check_room(place: Path, size: int, what: str) -> None:
    """Refuse before anything is fetched what does not fit into the folder *place*."""
    free = shutil.disk_usage(place).free
    if free < size + MARGIN:
        raise Unavailable(
            f"{what}: {shown_size(size)} would be fetched, and {place} has room for {shown_size(free)}",
            hint="set TMPDIR to a folder with more room; without --download only small files are fetched",
        )


def _file(path: Path, inside: Path, listed: HubFile, advance: Callable[[int], None]) -> File:
    """Hash one file; the Hub's client stores it behind a link, which must stay *inside* our folder."""
    what = names.printable(listed.name)
    real = path.resolve()
    if not real.is_relative_to(inside) or not real.is_file():
        raise Error(f"{what}: it was not stored where it was to be stored")
    digest = hashlib.sha256()
    gitoid = manifest.git_blob(listed.size)
    size = 0
    with open(real, "rb") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            digest.update(block)
            if listed.sha256 is None:
                gitoid.update(block)
            advance(len(block))
    if size != listed.size:
        raise Refused(f"{what}: the Hub lists {listed.size} bytes and sends {size}")
    if listed.sha256 is not None:
        if digest.digest() != listed.sha256:
            raise Refused(f"{what}: the Hub lists sha256:{listed.sha256.hex()} and sends sha256:{digest.hexdigest()}")
    elif gitoid.hexdigest() != listed.blob_id:
        raise Refused(f"{what}: the Hub lists the git blob {listed.blob_id} and sends {gitoid.hexdigest()}")
    return File(listed.name, size, digest.digest())
