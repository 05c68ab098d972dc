"""One command with a clock on its steps: `python steps.py OUT.json verify ...` (for `profile`).

Of each step the CPU seconds of all threads and the seconds by the clock, without those of the steps within it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

Seconds = tuple[float, float]  # CPU of all threads, by the clock


class Clock:
    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {}
        self._inner: list[list[float]] = [[0.0, 0.0]]

    def timed(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            before = _now()
            self._inner.append([0.0, 0.0])
            try:
                return function(*args, **named)
            finally:
                inner, step = self._inner.pop(), self.steps.setdefault(label, [0.0, 0.0])
                for i, spent in enumerate(now - then for now, then in zip(_now(), before, strict=True)):
                    step[i] += spent - inner[i]
                    self._inner[-1][i] += spent

        return run

    def on(self, owner: Any, name: str, label: str) -> None:
        """From now on time what *owner* calls *name*."""
        setattr(owner, name, self.timed(label, getattr(owner, name)))


def _now() -> Seconds:
    return time.process_time(), time.perf_counter()


def _imports() -> Any:
    """Import what both commands do, and return where their steps are called from."""
    from modelseal import cache, cli, folders, standing
    from modelseal.cli import report, sign, verify  # noqa: F401
    from modelseal.formats import manifest
    from modelseal.journeys import digests
    from modelseal.journeys import sign as signing
    from modelseal.journeys import verify as verifying

    return cache, cli, folders, standing, manifest, digests, signing, verifying


def main() -> None:
    clock = Clock()
    cache, cli, folders, standing, manifest, digests, signing, verifying = clock.timed("imports", _imports)()
    clock.on(folders, "walk", "walking, twice")
    clock.on(digests, "hash_files", "hashing")
    clock.on(signing, "hash_files", "hashing")
    clock.on(cache.DigestCache, "find", "cache of digests")
    clock.on(cache.DigestCache, "keep", "cache of digests")
    clock.on(verifying, "ask", "evidence: signatures, proofs, rules")
    clock.on(standing, "check_seal", "reading the seal")
    clock.on(verifying, "compare", "comparing")
    clock.on(verifying, "judge", "a row for every file")
    clock.on(manifest.Statement, "encode", "writing the statement")
    clock.on(signing, "check_seal", "reading the seal")
    out, *words = sys.argv[1:]
    try:
        cli.run(cli.modelseal, "modelseal", words)
    except SystemExit as e:
        import json

        with open(out, "w") as file:
            json.dump(clock.steps, file)
        sys.stdout.flush()
        os._exit(int(e.code or 0))  # as the command itself does


if __name__ == "__main__":
    main()
