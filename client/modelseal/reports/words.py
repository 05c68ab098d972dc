"""A verdict in words: what stands on its first line, and what to do next. Texts from outside come out escaped."""

from __future__ import annotations

from typing import Any

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.times import utc
from modelseal.verdict import Verdict, Word


def first_line(verdict: Verdict) -> str:
    decision = verdict.decision
    word = verdict.word.text
    if decision.as_of and verdict.word == Word.VERIFIED and decision.time is not None:
        word = f"VERIFIED AS OF {utc(decision.time)}"
    name = names.short(decision.repo or decision.asked.repo)
    return " ".join(part for part in (word, verdict.qualifier, name) if part) + printable(verdict.says, longest=2000)


def next_steps(verdict: Verdict) -> list[dict[str, Any]]:
    name = names.short(verdict.decision.repo or verdict.decision.asked.repo)
    show = ["modelseal", "show", name]
    steps: dict[Word, tuple[list[str], str, str]] = {
        Word.FAILED: (show, "download again from the owner, and see what is sealed", "anyone"),
        Word.UNKNOWN: ([], "ask its owner to seal it; nothing here says whose it is", "person"),
        Word.UNAVAILABLE: (["modelseal", "trust", "status"], "try again later, or see what is trusted", "anyone"),
        Word.LOG_MISBEHAVED: ([], "use nothing from it; keep these two notes and show them to its mirrors", "person"),
    }
    if verdict.word not in steps:
        return []
    argv, why, by = steps[verdict.word]
    return [{"argv": argv, "why": why, "by": by}]
