"""What a report is about: a verdict, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.values import dataclass
from modelseal.verdict import Verdict

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
    path: str  # as the user typed it
    version: str  # of modelseal
    signature: str = ""  # the path of another tool's signature, where one was checked

    @property
    def about(self) -> str:
        """The repo as people write it; the path where none was asked about."""
        if isinstance(self.outcome, Verdict):
            return names.short(self.outcome.decision.repo or self.outcome.decision.asked.repo)
        if isinstance(self.outcome, Failure) and self.outcome.repo is not None:
            return names.short(self.outcome.repo)
        return printable(self.path, longest=1000)

    @property
    def word(self) -> str:
        """The verdict as programs see it."""
        return self.outcome.word if isinstance(self.outcome, Failure) else self.outcome.word.value
