"""What a gate answers when a program wants a repo: what of it may pass, or why nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from modelseal.errors import Error, Misbehaviour, Unavailable
from modelseal.formats.manifest import File
from modelseal.formats.names import printable
from modelseal.values import dataclass
from modelseal.verdict import Verdict, Word


@dataclass(frozen=True, slots=True)
class Passing:
    """Files that may pass, if their bytes are these; nothing else of the repo may."""

    verdict: Verdict  # SEALED, or what is accepted; no byte was seen yet
    repo: str  # hf://..., as it was asked for: trust follows this name, whatever the Hub calls the repo
    commit: str  # 40 hex: what the asked revision stands for, and where the Hub has the files
    files: Mapping[str, File]  # by name

    @property
    def word(self) -> str:
        return "accepted" if self.verdict.accepted else self.verdict.word.value


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing of the repo may pass."""

    outcome: Verdict | Error
    words: str  # one line, which may be printed

    @property
    def exit_code(self) -> int:
        """That of a verdict: whatever is no answer counts as UNAVAILABLE."""
        return self.outcome.exit_code if isinstance(self.outcome, Verdict | Misbehaviour) else 6

    @property
    def word(self) -> str:
        if isinstance(self.outcome, Verdict):
            return self.outcome.word.value
        return (Word.LOG_MISBEHAVED if isinstance(self.outcome, Misbehaviour) else Word.UNAVAILABLE).value

    @property
    def is_for_now(self) -> bool:
        """Whether asking again soon may give another answer."""
        return self.exit_code == 6

    @classmethod
    def by(cls, error: Error, name: str) -> Stopped:
        """The same for an *error*, about the repo *name*."""
        unavailable = isinstance(error, Unavailable)
        hint = f"; {error.hint}" if error.hint and unavailable else ""
        return cls(error, printable(f"UNAVAILABLE {name}: {error}{hint}", longest=2000).replace("\\\\", "\\"))


class Gate(Protocol):
    """Says what may pass. May block on the network; from any thread."""

    def passing(self, repo: str, revision: str | None) -> Passing | Stopped:
        """Return what may pass of *repo* (hf://...) at *revision*: 40 hex, a branch or tag, or None for the newest."""
