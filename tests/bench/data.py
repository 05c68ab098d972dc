"""Folders to hash: deterministic bytes that no disk can compress or share."""

from __future__ import annotations

import random
import time
from pathlib import Path

BLOCK = 8 << 20  # bytes written at a time


def _bytes(source: random.Random, size: int) -> bytes:
    return source.randbytes(size)


def one_large(folder: Path, size: int) -> Path:
    """One weight file of *size* bytes and a config: a model in one piece."""
    source = random.Random(1)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bench"}\n')
    block = _bytes(source, min(BLOCK, size))
    with open(folder / "model.safetensors", "wb") as file:
        written = 0
        while written < size:
            # A counter in front makes each block another one.
            piece = written.to_bytes(8) + block[8:]
            file.write(piece[: size - written])
            written += len(piece)
    return folder


def many_small(folder: Path, count: int, total: int) -> Path:
    """*count* files of *total* bytes together, sizes spread from a tenth to twice the mean, 50 in a folder."""
    source = random.Random(2)
    weights = [source.uniform(0.1, 1.9) for _ in range(count)]
    scale = total / sum(weights)
    for number, weight in enumerate(weights):
        path = folder / f"part-{number // 50:03}" / f"shard-{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(source, max(1, int(weight * scale))))
    return folder


def shards(folder: Path, count: int, size: int) -> Path:
    """A model in *count* weight files of *size* bytes, with 200 small files beside them."""
    source = random.Random(4)
    folder.mkdir(parents=True)
    for number in range(200):
        (folder / f"file-{number:03}.json").write_bytes(_bytes(source, source.randrange(1000, 40_000)))
    for number in range(count):
        inner = one_large(folder / "made", size)
        (inner / "model.safetensors").rename(folder / f"model-{number + 1:05}-of-{count:05}.safetensors")
        (inner / "config.json").unlink()
        inner.rmdir()
    return folder


def wait_until_settled(folder: Path) -> None:
    """Wait until the files are so old that the client keeps their digests."""
    newest = max(path.stat().st_ctime for path in folder.rglob("*"))
    time.sleep(max(0.0, newest + 2.5 - time.time()))


def ten_small(folder: Path) -> Path:
    """Ten files of one to four kilobytes: what is left to measure is starting, evidence and signatures."""
    source = random.Random(3)
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f"file-{number}.json").write_bytes(_bytes(source, source.randrange(1000, 4000)))
    return folder
