"""Time that may be spent waiting for others."""

from __future__ import annotations

import time

from modelseal import errors


class Budget:
    """The time, in seconds from now, that one journey may spend waiting for others."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than 0; raise Unavailable if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise errors.Unavailable(f"no answer within {self._seconds:g} s")
        return left

    def share(self, parts: int) -> Budget:
        """Return a budget of one of *parts* equal parts of what is left, beginning now."""
        return Budget(self.left() / parts)
