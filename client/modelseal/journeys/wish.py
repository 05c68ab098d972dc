"""What of a repo is wanted and where, and what came of it."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from modelseal.journeys.at_hub import Token
from modelseal.values import dataclass
from modelseal.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Got:
    """What came of it; true only if the files at `path` may be used (after a dry run: if they could be had)."""

    verdict: Verdict
    path: Path | None = None  # None: nothing was handed over
    revision: str | None = None  # the commit, once it is known
    fetched: tuple[str, ...] = ()  # names of files that were downloaded, or would be
    fetched_bytes: int = 0
    present: int = 0  # files that were right there already
    ignored: tuple[str, ...] = ()  # files of the repo that no seal covers; they are not downloaded
    removed: tuple[str, ...] = ()  # what lay in the snapshot and is not of the release
    called: str | None = None  # how the Hub calls the repo now, where that is another name
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code

    def __bool__(self) -> bool:
        return bool(self.verdict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a repo is wanted, and where."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    local_dir: Path | None = None
    cache_dir: Path | None = None
    dry_run: bool = False
    local_only: bool = False  # the Hub is not asked
    token: Token = field(default=None, repr=False)
    endpoint: str | None = None
    only: str | None = None  # one file by its name, which is no pattern
