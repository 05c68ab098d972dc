"""Files that operators write: who they are, and which names are watched.

    threshold = 2                  # operators.toml: how many of them must sign
    [[operators]]
    key = "ana.pub"                # beside this file
    [[operators]]
    key = "ben.pub"
    [[observers]]                  # may be left out
    key = "watcher.pub"

The watch-list is a plain text, one name a line, all that are to be watched; `#` begins a comment.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from modelseal import keys, platform
from modelseal.errors import Malformed, Usage
from modelseal.formats import names, strict
from modelseal.formats.acts import MAX_WATCHED
from modelseal.formats.identity import MAX_KEYS, Key

MAX_FILE = 16 << 20
MOST = MAX_WATCHED  # names that one record adds, and as many that it removes


def read_operators(path: Path) -> tuple[tuple[Key, ...], int, tuple[Key, ...]]:
    """Return (keys, threshold, observers' keys) of an operators.toml."""
    folder = path.parent

    def key(value: Any, what: str) -> Key:
        fields = strict.Object(value, what)
        found = keys.load_public(folder / fields.take("key", strict.text(longest=4096))).key
        fields.done()
        return found

    try:
        file = strict.Object(tomllib.loads(_read(path)), str(path))
        found = file.take("operators", strict.sequence(key, least=1, most=MAX_KEYS))
        threshold = file.take("threshold", strict.integer(1))
        observers = file.take("observers", strict.sequence(key, most=MAX_KEYS)) if file.has("observers") else ()
        file.done()
        for name, members in (("operators", found), ("observers", observers)):
            if len(set(members)) != len(members):
                raise Malformed(f"{path}: {name}: a key occurs twice")
        if threshold > len(found):
            raise Malformed(f"{path}: threshold {threshold} of {len(found)} operators")
    except tomllib.TOMLDecodeError as e:
        raise Usage(f"{path}: not TOML: {names.printable(str(e))}") from e
    except Malformed as e:
        raise Usage(str(e), hint="for all fields see: modelseal-registry operators --help") from e
    return tuple(found), threshold, tuple(observers)


def read_names(path: Path) -> tuple[str, ...]:
    """Return the namespaces of a watch-list, `hf://` optional."""
    found: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            name = names.namespace(text if text.startswith("hf://") else "hf://" + text, "name")
        except Malformed as e:
            raise Usage(f"{path}: line {number}: {names.printable(text)} is not a namespace") from e
        if name.lower() in found:
            raise Usage(f"{path}: line {number}: {names.printable(text)} stands there twice")
        found[name.lower()] = name
    return tuple(found.values())


def _read(path: Path) -> str:
    data = platform.read_file(path, MAX_FILE, "file", follow=True)
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise Usage(f"{path}: not UTF-8") from e
