"""Files that operators write: who they are, and which names are watched.

    threshold = 2                  # operators.toml: how many of them must sign
    [[operators]]
    key = "ana.pub"                # beside this file
    [[operators]]
    key = "ben.pub"
    [[observers]]                  # may be left out
    key = "watcher.pub"

The watch-list is a plain text, one name a line, all that are to be watched; `#` begins a comment. So is the list of
what is to be observed, one repo a line:

    openai/gpt-oss-20b             # its main branch
    datasets/acme-lab/corpus@v2    # a branch, a tag or a commit of 40 hex digits
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelseal import keys, platform
from modelseal.errors import Malformed, Usage
from modelseal.formats import names, strict
from modelseal.formats.acts import MAX_WATCHED
from modelseal.formats.identity import MAX_KEYS, Key

MAX_FILE = 16 << 20
MOST = MAX_WATCHED  # names that one record adds, and as many that it removes
MAX_REPOS = 10_000  # lines of a list of repos

_REVISION = re.compile(r"(?!.*\.\.|.*//)[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repo as somebody typed it, and which revision of it: None is its main branch."""

    repo: str  # hf://...
    revision: str | None

    @property
    def short(self) -> str:
        return names.short(self.repo) + (f"@{self.revision}" if self.revision else "")


def wanted(text: str) -> Wanted:
    """Read REPO[@REV]: a branch, a tag or a commit. Usage for what anybody could have made: a pull request's ref."""
    name, at, revision = text.partition("@")
    try:
        repo = names.repo(name if name.startswith("hf://") else "hf://" + name, "repo")
    except Malformed as e:
        raise Usage(
            f"{names.printable(text)} is not a repo",
            hint="repos are written owner/name, datasets/owner/name or spaces/owner/name",
        ) from e
    if not at or revision == "main":
        return Wanted(repo, None)
    if revision.lower().startswith("refs/"):
        raise Usage(
            f"{names.printable(text)}: anybody can open a pull request",
            hint="name a branch, a tag or a commit; without @REV it is main",
        )
    if not _REVISION.fullmatch(revision):
        raise Usage(f"{names.printable(text)}: a revision is a branch, a tag or a commit of 40 hex digits")
    return Wanted(repo, revision)


def read_repos(path: Path) -> tuple[Wanted, ...]:
    """Return the repos of a list, each once. Every line is checked: Usage names the first that is wrong."""
    found: dict[tuple[str, str | None], Wanted] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            one = wanted(text)
        except Usage as e:
            raise Usage(f"{path}: line {number}: {e}", hint=e.hint) from e
        if (one.repo.lower(), one.revision) in found:
            raise Usage(f"{path}: line {number}: {one.short} stands there twice")
        found[one.repo.lower(), one.revision] = one
    if not found:
        raise Usage(f"{path}: no repo stands there")
    if len(found) > MAX_REPOS:
        raise Usage(f"{path}: {len(found)} repos, allowed are {MAX_REPOS}", hint="split it into several lists")
    return tuple(found.values())


def _read(path: Path) -> str:
    data = platform.read_file(path, MAX_FILE, "file", follow=True)
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise Usage(f"{path}: not UTF-8") from e
