"""REPO[@REV] as what lies in the Hub cache: which of its snapshots is meant.

@COMMIT          that snapshot                      nothing     what refs/main says, if the cache keeps that;
@BRANCH, @TAG    what refs/<name> in the cache says             else the only snapshot
"""

from __future__ import annotations

import os
from pathlib import Path

from modelseal import inventory
from modelseal.errors import Malformed, Usage
from modelseal.formats import names
from modelseal.formats.names import Asked, printable
from modelseal.inventory import Repo
from modelseal.platform import Missing
from modelseal.values import dataclass

MAX_LISTED = 10


@dataclass(frozen=True, slots=True)
class Cached:
    """A snapshot in the Hub cache, and whose it is by the name that was typed."""

    path: Path
    asked: Asked


def is_repo(text: str) -> bool:
    """Whether *text* is written as REPO[@REV]."""
    return _name(text) is not None


def no_path(text: str) -> str:
    """Return *text*, a REPO[@REV]; Usage if it is what lies here too: then nobody can tell which is meant."""
    if os.path.lexists(text):
        shown = printable(text)
        raise Usage(
            f"{shown} may be a repo, and a path too",
            hint=f"for the path: modelseal verify ./{shown} --repo OWNER/NAME; for the repo: modelseal verify hf://{shown}",
        )
    return text


def find(text: str, cache: Path | str | None = None) -> Cached:
    """Return the snapshot that *text*, a REPO[@REV], means in the Hub cache *cache* (None: the one of this user).

    Raises Usage, with what is there instead, if *text* is no repo, or a path as well, or no snapshot is meant.
    """
    name = _name(text)
    if name is None:
        raise Usage(
            f"{printable(text)} is not a repo",
            hint="repos are written owner/name, datasets/owner/name or spaces/owner/name",
        )
    hub = folder(cache)
    _, at, revision = text.partition("@")
    if at and not revision:
        raise Usage(f"{printable(text)}: a commit, branch or tag is wanted after the @")
    try:
        there = inventory.of(hub)
    except Missing as e:
        raise Usage(f"{names.short(name)} is not in the Hub cache: {hub}: no such folder", hint=_ELSEWHERE) from e
    repo = there.find(name)
    if repo is None:
        raise Usage(f"{names.short(name)} is not in the Hub cache {hub}", hint=_ELSEWHERE)
    return Cached(repo.snapshot(commit := _commit(repo, name, revision or None)), Asked(name, commit))


_ELSEWHERE = (
    "another cache: --cache-dir DIR; a folder: modelseal verify ./FOLDER --repo REPO; all that is there: modelseal scan"
)


def folder(cache: Path | str | None) -> Path:
    """Return the Hub cache that somebody named, else the one of this user."""
    return Path(cache).expanduser() if cache is not None else inventory.default(os.environ)


def _name(text: str) -> str | None:
    try:
        return names.parse_repo(text.partition("@")[0]).repo
    except Malformed:
        return None


def _commit(repo: Repo, name: str, revision: str | None) -> str:
    short = names.short(name)
    if repo.unreadable:
        raise Usage(f"{repo.folder}: {repo.unreadable}")
    if revision is not None and names.is_commit(revision):
        if revision not in repo.commits:
            raise Usage(f"{short}@{revision} is not in the Hub cache {repo.folder.parent}", hint=_those(repo, short))
        return revision
    commit = repo.ref(revision or "main")
    if commit is not None:
        if commit not in repo.commits:
            there = f"{revision or 'main'} of {short} is {commit} by the Hub cache {repo.folder.parent}"
            raise Usage(f"{there}, and no snapshot of that is there", hint=_those(repo, short))
        return commit
    if revision not in (None, "main"):
        says = f"the Hub cache {repo.folder.parent} keeps no branch or tag {printable(revision or '')} of {short}"
        raise Usage(says, hint=_those(repo, short))
    if len(repo.commits) != 1:
        says = f"the Hub cache {repo.folder.parent} has {len(repo.commits)} snapshots of {short}; which one?"
        raise Usage(says, hint=_those(repo, short))
    return repo.commits[0]


def _those(repo: Repo, short: str) -> str:
    """Say what to type for each snapshot that is there."""
    listed = [f"modelseal verify {short}@{commit}" for commit in repo.commits[:MAX_LISTED]]
    more = len(repo.commits) - len(listed)
    return " or ".join(listed) + (f" or one of {more} more" if more else "")
