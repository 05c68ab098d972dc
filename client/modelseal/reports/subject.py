"""What a report is about: a verdict, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from modelseal.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Failure:
    """A judging command that ended without a verdict."""

    word: str  # refused, unavailable, log-misbehaved: as --json says it
    exit_code: int
    message: str
    repo: str  # whose files they should have been, in its whole spelling
    hint: str | None = None
    notes: tuple[str, str] | None = None  # log-misbehaved: the two notes


@dataclass(frozen=True, slots=True)
class Subject:
    outcome: Verdict | Failure
    path: str  # as the user typed it
    version: str  # of modelseal
