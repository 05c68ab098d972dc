"""BLAKE2b digests, which OpenSSF Model Signing allows and hardly anybody uses: one file after the other, read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from modelseal.errors import Error
from modelseal.folders import Found, Listing

_BLOCK = 1 << 20  # bytes


def hash_files(listing: Listing, files: list[Found], progress: Callable[[int], None]) -> dict[str, bytes]:
    """Return name -> digest (64 bytes). Raises Error, naming the file, if one is not as it was listed."""
    digests = {}
    with listing.opener() as opener:
        for found in files:
            try:
                with open(opener.open(found.name), "rb", buffering=0) as file:
                    _check(found, os.fstat(file.fileno()))
                    hasher = hashlib.blake2b()
                    while block := file.read(_BLOCK):
                        hasher.update(block)
                        progress(len(block))
                    _check(found, os.fstat(file.fileno()))
            except OSError as e:
                raise Error(f"{found.name} cannot be read, or changed while it was read") from e
            digests[found.name] = hasher.digest()
    return digests


def _check(found: Found, status: os.stat_result) -> None:
    if not found.is_still(status):
        raise Error(f"{found.name} changed while it was read")
