"""What a guard has let through, refused and hidden: bounded, and without anybody's token."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field

from modelseal.values import dataclass

MAX_ENTRIES = 1000  # of each kind; what is beyond is only counted


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that did not pass because of a verdict."""

    word: str  # the verdict, as programs see it
    exit_code: int
    repo: str  # as people type it
    revision: str | None
    file: str | None  # None: nothing of the repo passes
    words: str  # one line, which may be printed


@dataclass(slots=True)
class Passed:
    """What has passed of a repo at a commit."""

    word: str
    files: set[str] = field(default_factory=set)
    bytes: int = 0


def _nobody(_refusal: Refusal) -> None:
    pass


class Ledger:
    """From any thread. *told*: called with each refusal that is new, and never by two threads at once."""

    def __init__(self, told: Callable[[Refusal], None] = _nobody) -> None:
        self._lock, self._told = threading.Lock(), told
        self.passed: dict[tuple[str, str], Passed] = {}  # by repo, as people type it, and commit
        self.refused: dict[Refusal, int] = {}  # and how often
        self.hidden: dict[tuple[str, str], tuple[str, ...]] = {}
        self.others = 0  # requests for what is no file of a repo

    def passes(self, repo: str, commit: str, word: str, file: str, count: int) -> None:
        with self._lock:
            if (repo, commit) not in self.passed and len(self.passed) >= MAX_ENTRIES:
                return
            one = self.passed.setdefault((repo, commit), Passed(word))
            one.bytes += count
            if len(one.files) < 100 * MAX_ENTRIES:
                one.files.add(file)

    def refuses(self, refusal: Refusal) -> None:
        with self._lock:
            if refusal in self.refused:
                self.refused[refusal] += 1
            elif len(self.refused) < MAX_ENTRIES:
                self.refused[refusal] = 1
                self._told(refusal)

    def hides(self, repo: str, commit: str, names: tuple[str, ...]) -> None:
        with self._lock:
            if names and len(self.hidden) < MAX_ENTRIES:
                self.hidden[repo, commit] = names

    def other(self) -> None:
        with self._lock:
            self.others += 1
