"""Evidence as the registry answers it: a pure function of the published checkpoint, so it is computed once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from modelseal import gather
from modelseal.errors import Malformed, Unavailable
from modelseal.formats import names, paths
from modelseal.formats.note import MAX_NOTE
from modelseal_registry.static import Files

KEEP_ALL = 64 << 20  # bytes of evidence per process
# Answers share what was parsed for them, up to so many answers, or bytes of leaves; it would grow to the whole log.
SHARE = 1024
SHARE_BYTES = 16 << 20


@dataclass(slots=True)
class _Published:
    """What follows from one checkpoint, as far as somebody asked."""

    note: bytes
    kept: dict[tuple[str, str | None], bytes] = field(default_factory=dict)
    bytes: int = 0
    log: gather.Files | None = None
    left: int = 0  # answers


class Answers:
    """Evidence out of the static files, kept until another checkpoint is published.

    Used by many threads. What is kept is read without a lock, like `Files`; what is not is gathered by one after the
    other: no two compute the same, and threads that compute at once only wait for each other at every file they read.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._published = _Published(b"")
        self._turn = threading.Lock()

    def evidence(self, name: str) -> bytes:
        """Return the evidence for `[datasets/|spaces/]owner/name[@commit]`, Malformed if *name* is none.

        A repo that nobody has ever sealed gets evidence too: of its absence.
        """
        key = parse_name(name)
        note = self._files.get(paths.CHECKPOINT, MAX_NOTE)
        published = self._published
        if note != published.note:
            published = self._published = _Published(note)
        found = published.kept.get(key)
        if found is None:
            with self._turn:
                found = published.kept.get(key) or self._gather(published, *key)
                if published.bytes + len(found) > KEEP_ALL:
                    published.kept, published.bytes = {}, 0
                published.kept[key] = found
                published.bytes += len(found)
        return found

    def _gather(self, published: _Published, repo: str, revision: str | None) -> bytes:
        def get(path: str, limit: int) -> bytes:
            return published.note if path == paths.CHECKPOINT else self._files.get(path, limit)

        try:
            log = published.log
            if log is None or published.left <= 0 or log.bytes > SHARE_BYTES:
                log = published.log = gather.Files(get)
                published.left = SHARE
            published.left -= 1
            return log.evidence(repo, revision)
        except Malformed as e:
            raise Unavailable(f"the published files do not fit together: {e}") from e


def parse_name(name: str) -> tuple[str, str | None]:
    """Return (lower-case repo, commit or None): every spelling of a repo has one answer."""
    bare, at, commit = name.partition("@")
    if bare.startswith("hf:"):
        raise Malformed("evidence: the name stands without hf://")
    repo = names.repo("hf://" + bare, "evidence").lower()
    return repo, names.revision(commit, "evidence: revision") if at else None
