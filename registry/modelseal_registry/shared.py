"""What the processes of one server share: a few numbers in memory, made by the main process before it starts workers.

    shared = Shared.create()      in the main process; goes to the workers with what they are started with
    counts = shared.mine()        in a worker: its own row, which nobody else writes

No process waits for another. A row belongs to one worker and is added up by whoever asks; a cell of the rate limits is
one number that is read and written as a whole, so that a race costs a request too many and nothing else.
"""

from __future__ import annotations

import multiprocessing
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ROWS = 128  # workers, with those that were started again; after that rows are shared, and a count may be lost
CELLS = 1 << 16  # of the rate limits: two addresses in one cell share a limit
GAUGES = ("trouble",)  # 1 while the sequencer cannot write or publish


@dataclass(frozen=True, slots=True)
class Shared:
    width: int  # numbers in a row
    key: bytes  # of the hash that picks a cell: nobody outside can aim at another's
    cells: Any  # CELLS doubles
    rows: Any  # ROWS * width doubles
    gauges: Any  # set by the main process
    started: Any  # workers so far

    @classmethod
    def create(cls, width: int) -> Shared:
        # The way in which the workers are started, too: what is made for another cannot be handed over.
        context = multiprocessing.get_context("spawn")
        return cls(
            width,
            secrets.token_bytes(16),
            context.RawArray("d", CELLS),
            context.RawArray("d", ROWS * width),
            context.RawArray("d", len(GAUGES)),
            context.Value("i", 0),
        )

    def mine(self) -> Counts:
        """Return a row for this process."""
        with self.started.get_lock():
            number = self.started.value
            self.started.value += 1
        return Counts(self.rows, number % ROWS * self.width)

    def totals(self) -> list[float]:
        """Return the sum of all rows."""
        numbers = self.rows[: min(self.started.value, ROWS) * self.width]
        return [sum(numbers[at :: self.width]) for at in range(self.width)]

    def gauge(self, name: str) -> float:
        value: float = self.gauges[GAUGES.index(name)]
        return value

    def set_gauge(self, name: str, value: float) -> None:
        self.gauges[GAUGES.index(name)] = value


class Counts:
    """One process's row; its threads take turns."""

    def __init__(self, numbers: Any, begin: int) -> None:
        self._numbers = numbers
        self._begin = begin
        self._lock = threading.Lock()

    def add(self, parts: Sequence[tuple[int, float]]) -> None:
        """*parts*: (place in the row, what is added to it)."""
        with self._lock:
            for at, amount in parts:
                self._numbers[self._begin + at] += amount
