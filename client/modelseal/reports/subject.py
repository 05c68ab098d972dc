"""What a report is about: a verdict, or why there is none; or those of a whole Hub cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.values import dataclass
from modelseal.verdict import WORST_FIRST, Verdict, Word

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict


@dataclass(frozen=True, slots=True)
class Failure:
    """A judging command that ended without a verdict."""

    word: str  # refused, unavailable, log-misbehaved: as --json says it
    exit_code: int
    message: str
    repo: str | None  # whose files they should have been, in its whole spelling; None with --signature
    hint: str | None = None
    notes: tuple[str, str] | None = None  # log-misbehaved: the two notes


@dataclass(frozen=True, slots=True)
class Subject:
    outcome: Verdict | SignatureVerdict | Failure
    path: str | None  # as the user typed it; None where only a name was judged
    version: str  # of modelseal
    signature: str = ""  # the path of another tool's signature, where one was checked

    @property
    def about(self) -> str:
        """The repo as people write it; the path where none was asked about."""
        if isinstance(self.outcome, Verdict):
            return names.short(self.outcome.decision.repo or self.outcome.decision.asked.repo)
        if isinstance(self.outcome, Failure) and self.outcome.repo is not None:
            return names.short(self.outcome.repo)
        return self.shown_path or "model"

    @property
    def shown_path(self) -> str | None:
        return printable(self.path, longest=1000) if self.path is not None else None

    @property
    def word(self) -> str:
        """The verdict as programs see it."""
        return self.outcome.word if isinstance(self.outcome, Failure) else self.outcome.word.value


@dataclass(frozen=True, slots=True)
class Scanned:
    """A snapshot in a Hub cache, or a repo that is to be locked, and what is said of it."""

    repo: str  # hf://acme-lab/atlas-7b, as the cache spells it
    revision: str | None  # None: not even its snapshots could be listed
    path: str  # empty: only the name was judged
    outcome: Verdict | Failure  # Failure: unavailable, or log-misbehaved
    cache: str = ""  # the Hub cache that it lies in
    absent: bool = False  # it is in the lock, and not in the cache

    @property
    def word(self) -> str:
        """The verdict as programs see it."""
        return self.outcome.word if isinstance(self.outcome, Failure) else self.outcome.word.value

    @property
    def rank(self) -> tuple[int, str, str]:
        """What is worse comes first."""
        return WORST_FIRST.index(self.outcome.exit_code), self.repo.lower(), self.path


# What a scan ends for unless it is told otherwise: whoever scans a cache knows that most of it is not sealed.
FAIL_ON = tuple(word.value for word in Word if word.exit_code not in (0, 5, 9))


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies in Hub caches, or what a lock lists; true only if no verdict is one of `fail_on`."""

    found: tuple[Scanned, ...]  # worst first
    caches: tuple[str, ...]  # none: names were judged, for the lock
    passed_over: tuple[tuple[str, str], ...] = ()  # path, and why no verdict is about it
    fail_on: tuple[str, ...] = FAIL_ON
    named: bool = False  # the caches were, and are not just the one of the Hub's own client
    of_lock: bool = False  # what a lock lists, and not all that the caches hold
    lock: str | None = None  # that lock, where it was typed
    command: str = "verify"  # which says all about one of them
    ends: int | None = None  # the exit status, where more than the verdicts decides that

    @property
    def exit_code(self) -> int:
        """The exit status of the worst verdict among `fail_on`."""
        if self.ends is not None:
            return self.ends
        return next((one.outcome.exit_code for one in self.found if one.word in self.fail_on), 0)

    @property
    def word(self) -> str:
        """The worst verdict of all, also if it is none of `fail_on`; `empty` if there is none."""
        return self.found[0].word if self.found else "empty"

    @property
    def repos(self) -> int:
        return len({one.repo.lower() for one in self.found})

    def __bool__(self) -> bool:
        return self.exit_code == 0
