"""A Hub cache as a whole: where it lies, which repos and snapshots it has, and what in it is neither.

    HUB/models--acme-lab--atlas-7b/snapshots/<commit>/      a snapshot of acme-lab/atlas-7b
    HUB/models--acme-lab--atlas-7b/refs/main                the commit that `main` was when somebody asked the Hub
    HUB/datasets--acme-lab--corpus/...                      and so for datasets and spaces

Nothing here is trusted: names of folders say which repo a program would take for which, and `refs` only which of its
snapshots; whose the files are is for the log to say. No folder is entered further than to list its snapshots.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelseal import folders, layouts, platform
from modelseal.errors import Error, Malformed, Usage
from modelseal.formats import names
from modelseal.platform import Missing
from modelseal.values import dataclass

MAX_REF = 200  # bytes: a commit, and perhaps a line end

_SEGMENT = re.compile(r"(?!\.{1,2}$)[^\\/\0-\x1f]{1,255}")
_OWN = {"blobs", "CACHEDIR.TAG", "version.txt", "version_diffusers_cache.txt"}  # of the Hub's clients; and `.locks`


@dataclass(frozen=True, slots=True)
class Repo:
    """A repo in a Hub cache."""

    folder: Path
    name: str  # hf://acme-lab/atlas-7b, spelled as the folder is
    commits: tuple[str, ...]  # of its snapshots
    unfinished: int = 0  # downloads that have not ended
    unreadable: str = ""  # why its snapshots could not be listed, if so

    def snapshot(self, commit: str) -> Path:
        return self.folder / "snapshots" / commit

    def ref(self, revision: str) -> str | None:
        """Return the commit that the cache keeps for a branch or tag; None if it keeps none."""
        segments = revision.split("/")
        if not all(_SEGMENT.fullmatch(segment) for segment in segments):
            return None
        path = self.folder.joinpath("refs", *segments)
        try:
            text = platform.read_file(path, MAX_REF, "ref").decode("ascii", "replace").strip()
        except Missing:
            return None
        except Usage:  # a folder (the first part of longer names), a link, a pipe
            return None
        except Error as e:
            raise Usage(f"{path} is no commit: {e}") from e
        if not names.is_commit(text):
            raise Usage(f"{path} is no commit of 40 hex digits: {names.printable(text)!r}")
        return text


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something in a Hub cache that no verdict is about."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Inventory:
    hub: Path
    repos: tuple[Repo, ...]
    passed_over: tuple[PassedOver, ...]

    def find(self, name: str) -> Repo | None:
        """Return the repo *name*: of this spelling, else the only one in another case, as the Hub takes it; Usage if
        there are several."""
        for one in self.repos:
            if one.name == name:
                return one
        alike = [one for one in self.repos if one.name.lower() == name.lower()]
        if len(alike) > 1:
            spelled = " and ".join(names.short(one.name) for one in alike)
            raise Usage(f"{names.short(name)} is in the Hub cache {self.hub} as {spelled}", hint="type one of them")
        return alike[0] if alike else None


def default(env: Mapping[str, str]) -> Path:
    """Return where the Hub's own client has its cache: HF_HUB_CACHE, else below HF_HOME, else below the user's own."""
    home = env.get("HF_HOME") or str(Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    named = env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or str(Path(home) / "hub")
    return Path(os.path.expandvars(named)).expanduser()


def of(hub: Path) -> Inventory:
    """Return what is in the Hub cache *hub*; Usage if it is no readable folder."""
    try:
        found = sorted(os.listdir(hub))
    except FileNotFoundError as e:
        raise Missing(f"{hub}: no such folder") from e
    except NotADirectoryError as e:
        raise Usage(f"{hub}: not a folder") from e
    except (OSError, ValueError) as e:
        raise Usage(f"{hub}: {folders.reason(e) if isinstance(e, OSError) else 'no such folder'}") from e
    repos: list[Repo] = []
    passed_over: list[PassedOver] = []
    for folder in found:
        if folder in _OWN or folder.startswith("."):
            continue
        one = _entry(hub / folder)
        if isinstance(one, PassedOver):
            passed_over.append(one)
        else:
            repo, inside = one
            repos += [repo] if repo.commits or repo.unreadable else []
            passed_over += inside
    return Inventory(hub, tuple(repos), tuple(passed_over))


def _entry(path: Path) -> tuple[Repo, list[PassedOver]] | PassedOver:
    """Return what the entry *path* of a Hub cache is: a repo and what in it is no snapshot, or nothing of the kind."""
    try:
        name = layouts.cached_name(path.name)
    except Malformed as e:
        return PassedOver(path, f"no repo that can be sealed: {e}")
    if name is None:
        return PassedOver(path, "not a repo's folder")
    if not path.exists():
        return PassedOver(path, "a link that leads nowhere")
    if not path.is_dir():
        return PassedOver(path, "not a folder")
    unfinished = _unfinished(path)
    try:
        inside = sorted(os.listdir(path / "snapshots"))
    except (FileNotFoundError, NotADirectoryError):
        return PassedOver(path, _downloads(unfinished) if unfinished else "no snapshot in it")
    except OSError as e:
        return Repo(path, name, (), unfinished, f"its snapshots cannot be listed: {folders.reason(e)}"), []
    commits = tuple(one for one in inside if names.is_commit(one))
    others = [
        PassedOver(path / "snapshots" / one, "a snapshot that is not named by a commit of 40 hex digits")
        for one in inside
        if one not in commits
    ]
    if unfinished or not inside:
        others.append(PassedOver(path, _downloads(unfinished) if unfinished else "no snapshot in it"))
    return Repo(path, name, commits, unfinished), others


def _downloads(count: int) -> str:
    return f"{count} download{' has' if count == 1 else 's have'} not ended; what is there of them is in no snapshot"


def _unfinished(repo: Path) -> int:
    return sum(1 for _ in _incomplete(repo / "blobs"))


def _incomplete(blobs: Path) -> Iterator[str]:
    try:
        yield from (name for name in os.listdir(blobs) if name.endswith(".incomplete"))
    except OSError:  # without links there are none; what cannot be read is said of the snapshots
        return
