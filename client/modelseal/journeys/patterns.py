"""Which files of a repo are meant: patterns as `hf download --include --exclude` takes them. Pure.

`*` matches across `/` too, case counts, a pattern that ends in `/` means all below, and `\\` is read as `/`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from modelseal.errors import Usage


def chosen(names: Iterable[str], include: Iterable[str], exclude: Iterable[str]) -> tuple[str, ...]:
    """Return those of *names* that match one of *include* (none: all) and none of *exclude*. Usage if none does."""
    wanted, unwanted = [_read(text) for text in include], [_read(text) for text in exclude]
    every = tuple(names)
    found = tuple(
        name for name in every if (not wanted or _matches(name, wanted)) and not (unwanted and _matches(name, unwanted))
    )
    if not found:
        raise Usage(f"none of the {len(every)} files matches what is to be included and excluded")
    return found


def _read(text: str) -> str:
    if not text:
        raise Usage("an empty pattern matches nothing")
    text = text.replace("\\", "/")
    return text + "*" if text.endswith("/") else text


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
