"""The sha256 of all files, as far as the Hub's word goes.

Of a file in LFS or Xet the Hub tells the sha256. Of the others it tells git's id, a SHA-1 over length and content: they
are fetched, must have that id, and their sha256 is computed here.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from urllib.parse import quote

from modelseal.errors import Malformed, Refused
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.hub import client
from modelseal.hub.client import Token
from modelseal.hub.listing import kind_of, what_is
from modelseal.listed import HubFile, HubListing

AT_ONCE = 8


def files_of(
    listing: HubListing, *, progress: Callable[[int], None] | None = None, token: Token = None
) -> tuple[File, ...]:
    """Return every file of *listing* but those that no seal covers, with its sha256; sorted.

    Files outside LFS are fetched; *progress* is told their bytes as they come. Refused: other bytes than listed, or a
    name that no seal can hold.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    covered = listing.covered
    try:
        for file in covered:  # before anything is fetched
            manifest.file_name(file.name, what_is(listing.asked, listing.commit))
    except Malformed as e:
        raise Refused(str(e)) from e
    with contextlib.ExitStack() as open_:
        pool = open_.enter_context(ThreadPoolExecutor(AT_ONCE))
        open_.callback(pool.shutdown, wait=True, cancel_futures=True)  # runs first: the first failure ends it all
        found = {pool.submit(_sha256, listing, file, token): file for file in covered if file.sha256 is None}
        digests: dict[str, bytes] = {}
        for future in as_completed(found):
            digests[found[future].name] = future.result()
            if progress is not None:
                progress(found[future].size)
    files = tuple(
        File(
            file.name,
            file.size,
            digests[file.name] if file.sha256 is None else file.sha256,
            gitoid=file.blob_id if file.sha256 is None else None,
        )
        for file in covered
    )
    try:
        manifest.check_files(files, what_is(listing.asked, listing.commit))
    except Malformed as e:
        raise Refused(str(e)) from e
    return files


def small_bytes(listing: HubListing) -> int:
    """Return how many bytes `files_of` fetches."""
    return sum(file.size for file in listing.covered if file.sha256 is None)


def _sha256(listing: HubListing, file: HubFile, token: Token) -> bytes:
    """Fetch *file*, which is not in LFS; Refused if its bytes are not those listed."""
    kind, rest = kind_of(listing.repo)
    prefix = "" if kind == "models" else f"/{kind}"
    path = f"{prefix}/{rest}/resolve/{listing.commit}/{quote(file.name)}"
    about = f"{what_is(listing.asked, listing.commit)}: {names.printable(file.name)}"
    size, sha256 = 0, hashlib.sha256()
    git = manifest.git_blob(file.size)
    hub = client.at(listing.endpoint, listing.token if token is None else token)
    with client.stream(hub, path, what=about, limit=file.size, elsewhere=True) as found:
        for part in found.parts:
            size += len(part)
            sha256.update(part)
            git.update(part)
    if size != file.size:
        raise Refused(f"{about}: {size} bytes came, {file.size} are listed")
    if git.hexdigest() != file.blob_id:
        raise Refused(f"{about}: the git blob {git.hexdigest()} came, {file.blob_id} is listed")
    return sha256.digest()
