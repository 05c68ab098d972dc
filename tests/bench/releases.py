"""Sealed releases in bulk, made without a folder: what a registry gets to see of them is the same."""

from __future__ import annotations

from modelseal.formats.manifest import File
from tests.support import make

SHARDS = 2  # weight files in each release


def release(signer: make.Private, repo: str, number: int, origin: str = make.ORIGIN) -> bytes:
    """Return what is posted for release *number* of *repo*: other files and another commit for each number."""
    files = [
        make.file("config.json", b"{}"),
        *(_shard(f"{repo} {number} {shard}", f"model-{shard:05}.safetensors") for shard in range(SHARDS)),
    ]
    seal = make.seal(signer, repo, make.revision(number), files)
    return make.submission(make.release(seal, signer, origin=origin), [signer], seal)


def _shard(seed: str, name: str) -> File:
    small = make.file(name, seed.encode())
    return File(name, 5_000_000_000, small.sha256, small.sha256)
