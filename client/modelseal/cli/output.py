"""What is printed: results on stdout, all else on stderr; with --json exactly one object on stdout.

Every text that comes from outside is escaped here, so that no file name or title can look like a line of ours.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import click

from modelseal.errors import Error, Misbehaviour

SCHEMA = "modelseal.v1"
WIDTH = 10  # of `  key:` with its blanks

_WORDS = {2: "usage", 6: "unavailable", 7: "internal", 8: "log-misbehaved", 10: "pending", 130: "interrupted"}


def say(text: str) -> None:
    """Print a line of the result."""
    click.echo(text)


def tell(text: str) -> None:
    """Print a line that is not the result."""
    click.echo(text, err=True)


def line(key: str, text: str) -> None:
    """Print `  key:    text`; further lines of *text* stand below it."""
    say(_line(key, text))


def tell_line(key: str, text: str) -> None:
    """The same where it is not the result."""
    tell(_line(key, text))


def _line(key: str, text: str) -> str:
    return f"  {key + ':':<{WIDTH - 1}} " + text.replace("\n", "\n" + " " * (WIDTH + 2))


def emit(value: dict[str, Any]) -> None:
    """Print the one object of --json."""
    from modelseal.formats import strict

    click.echo(strict.encode({"schema": SCHEMA, **value}))


def digest(text: str) -> str:
    """Return hex whole, or its first 12 digits on a terminal, where a person reads."""
    return text[:12] + "…" if sys.stdout.isatty() and _can_print("…") else text


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def size(count: int) -> str:
    """Return bytes as people read them: 15.2 GB."""
    from modelseal.reports.words import shown_size

    return shown_size(count)


def escaped(text: str, *, longest: int = 200) -> str:
    """Return *text*, which comes from outside, so that it can neither end a line nor move a cursor."""
    from modelseal.formats.names import printable

    return printable(text, longest=longest)


def harmless(text: str) -> str:
    """The same for a sentence of ours, in which names may be escaped already: backslashes stay as they are."""
    return escaped(text, longest=4000).replace("\\\\", "\\")


def lines(pairs: Iterable[tuple[str, str]]) -> None:
    for key, text in pairs:
        line(key, text)


def word_of(status: int) -> str:
    """Return what --json calls a command that ended without a result."""
    return _WORDS.get(status, "terminated" if status == 143 else "refused")


def failure(name: str, message: str, hint: str | None, status: int, json: bool, error: Error | None = None) -> NoReturn:
    """Say why a command ended without a result, and exit."""
    message, hint = harmless(message), harmless(hint) if hint else None
    try:
        _say_failure(name, message, hint, status, json, error)
    except OSError:  # where it should be said nothing can be written; most likely here it can
        with contextlib.suppress(OSError):
            tell(f"{name}: {message}")
    sys.exit(status)


def _say_failure(name: str, message: str, hint: str | None, status: int, json: bool, error: Error | None) -> None:
    if json:
        value: dict[str, Any] = {"verdict": word_of(status), "exit": status, "error": message, "hint": hint}
        value["use"] = "retry" if status in (6, 7, 10) else "no"
        if isinstance(error, Misbehaviour):
            value["proof"] = [error.older, error.newer]
        emit(value)
    elif isinstance(error, Misbehaviour):
        say(f"LOG MISBEHAVED: {message}")
        two_notes(error.older, error.newer)
    elif status == 10:
        say(f"PENDING: {message}")
        if hint:
            line("next", hint)
    else:
        tell(f"{name}: {message}")
        if hint:
            tell(f"{name}: hint: {hint}")


def two_notes(older: str, newer: str) -> None:
    """Print the proof that a log broke its promise: two notes signed by its key."""
    for title, note in (("seen before", older), ("answered now", newer)):
        line(title, "")
        for part in note.splitlines():
            say("    " + escaped(part, longest=1000))
