"""Logs without rules: leaves that nobody is entitled to, but with all their hashes and index lines."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.manifest import File
from modelseal_registry.append import Appender
from modelseal_registry.store import Head, Store
from tests.support import make
from tests.support.make import NOW, ORIGIN

ANA = make.key("ana", "ed25519")


@functools.cache
def release(number: int) -> str:
    """An unsigned release record of one of a few repos; what it weighs differs."""
    bundle = make.seal(ANA, f"hf://acme-lab/repo-{number % 7}", make.revision(number), _files(number))
    return make.release(bundle, ANA)


def _files(number: int) -> list[File]:
    return [make.file(f"part-{i}.gguf", b"%d" % (number // 3 + i)) for i in range(1 + number % 3)]


def begin(store: Store) -> Head:
    data = encode_leaf(make.operators([make.key("ops")]), (), NOW)
    with store.write() as tx:
        appender = Appender(tx)
        appender.add(data, Leaf.parse(data))
        appender.close(ORIGIN)
        return appender.finish()


def append(store: Store, numbers: list[int]) -> Head:
    with store.write() as tx:
        appender = Appender(tx)
        for number in numbers:
            data = encode_leaf(release(number), (), NOW)
            appender.add(data, Leaf.parse(data))
        appender.close(ORIGIN)
        return appender.finish()


def grow(store: Store, size: int) -> Iterator[Head]:
    """Bring the log to *size* with batches of very different lengths; yield the head after each."""
    yield begin(store)
    number = 0
    for step in [1, 2, 1, 3, 120, 1, 100, 1, 1, 250, 1, 1000]:
        with store.read() as tx:
            left = size - tx.head().size
        if left == 0:
            return
        step = min(step, left - 1)
        if left - step - 1 == 1:  # one leaf alone cannot be appended: the roots leaf needs its place
            step = step - 1 if step > 1 else step + 1
        yield append(store, list(range(number, number + step)))
        number += step
