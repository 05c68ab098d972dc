"""A bar with bytes, rate and time left for work that people wait for, nothing at all where nobody watches; and a word
where an answer takes long."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_PATIENCE_S = 0.4  # what is done by then needs no bar, nor the import that draws it
LONG_S = 3.0  # an answer that takes longer is waited for with a word


@contextlib.contextmanager
def shown(what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the bytes done since its last call (from any thread, never two at once).

    *what* is a word of ours ("hashing"), *total* in bytes. Draws on stderr only, only if that is a terminal and not
    *quiet*, and takes the bar away at the end: what remains is the report.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _count: None
        return
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.close()


@contextlib.contextmanager
def waiting(for_whom: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on stderr that there is no answer yet, if what is done inside takes long; nothing if *quiet*."""
    if quiet:
        yield
        return
    from threading import Timer

    says = f"modelseal: no answer from {for_whom} yet; waiting for it"
    timer = Timer(LONG_S, lambda: print(says, file=sys.stderr))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Bar:
    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._start = time.monotonic()
        self._done = 0
        self._drawn: Callable[[int], None] | None = None
        self._open = contextlib.ExitStack()

    def advance(self, count: int) -> None:
        self._done += count
        if self._drawn is not None:
            self._drawn(self._done)
        elif time.monotonic() - self._start > _PATIENCE_S:
            self._drawn = self._draw()

    def _draw(self) -> Callable[[int], None]:
        from rich import progress
        from rich.console import Console

        bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task(self._what, total=self._total, completed=self._done)
        self._open.enter_context(bar)
        return lambda done: bar.update(task, completed=done)

    def close(self) -> None:
        self._open.close()
