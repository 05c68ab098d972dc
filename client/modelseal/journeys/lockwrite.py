"""Writing modelseal.lock: under a lock between processes, in one step; and all that a machine without network needs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelseal import lockfile, platform, root
from modelseal.allowed import LOCK
from modelseal.errors import Error
from modelseal.formats.trust import Head
from modelseal.journeys.allow import read_lock
from modelseal.journeys.ask import Answer, evidence_name
from modelseal.lockfile import Entry, Lock


@contextlib.contextmanager
def held(path: Path) -> Iterator[Lock]:
    """The lock at *path* as it is now, held against other processes of this user until the block ends."""
    folder = platform.state_folder() / "locks"
    name = hashlib.sha256(os.path.realpath(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise Error(f"{folder}: {(e.strerror or 'cannot be created').lower()}") from e
    with platform.lock(folder / f"{name}.lock"):
        platform.check_replaceable(path)
        try:
            there = read_lock(path)
        except platform.Missing:
            there = Lock()
        yield there


def write(path: Path, entries: Iterable[Entry], heads: Iterable[tuple[str, Head]]) -> tuple[Lock, bool]:
    """Put *entries* and *heads* into the lock as it is now: another process may have added its own meanwhile.

    Return what it says then, and whether that had to be written.
    """
    with held(path) as there:
        new = there
        for entry in entries:
            new = new.with_entry(entry)
        for origin, head in heads:
            new = _moved(new, origin, head)
        moved = new != there or not path.exists()
        if moved:
            platform.replace(path, lockfile.encode(new))
    return new, moved


def _moved(there: Lock, origin: str, head: Head) -> Lock:
    """A head only moves forward; the same tree, cosigned later, is no reason for a diff."""
    note = there.note(origin)
    if note is not None and lockfile.size_of(note) >= head.size:
        return there
    return there.with_note(origin, head.note)


def save_all(folder: Path, new: Lock, answers: Mapping[str, Answer]) -> tuple[Path, ...]:
    """Write evidence, trust roots and the lock, the lock last: a machine without network can verify with these."""
    platform.make_folder(folder)
    wrote: list[Path] = []

    def put(name: str, data: bytes) -> None:
        platform.replace(folder / name, data)
        wrote.append(folder / name)

    for answer in answers.values():
        if answer.evidence is not None:
            put(evidence_name(answer.decision.asked.repo), answer.evidence)
    origins = {one.log for one in new.entries}
    for entry in root.entries(platform.config_folder()):
        name = entry.trust.origin.replace("/", "+").replace(":", "@")
        if entry.trust.origin not in origins:
            continue
        if entry.globs:  # what says for which names goes with it
            wrote.append(root.copy(entry, folder / name))
        else:
            put(f"{name}.trust", root.save(entry))
    put(LOCK, lockfile.encode(new))
    return tuple(wrote)
