"""Evidence as the registry answers it: a pure function of the published checkpoint, so it is computed once."""

from __future__ import annotations

from modelseal.errors import Malformed
from modelseal.formats import names, paths
from modelseal.formats.note import MAX_NOTE
from modelseal.gather import gather
from modelseal_registry.static import Files

KEEP_ALL = 64 << 20  # bytes of evidence per process


class Answers:
    """Evidence out of the static files, kept until another checkpoint is published.

    Used by many threads without a lock, like `Files`: two may compute the same answer, none gets a wrong one.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._note = b""
        self._kept: dict[tuple[str, str | None], bytes] = {}
        self._bytes = 0

    def evidence(self, name: str) -> bytes:
        """Return the evidence for `[datasets/|spaces/]owner/name[@commit]`, Malformed if *name* is none.

        A repo that nobody has ever sealed gets evidence too: of its absence.
        """
        repo, revision = parse_name(name)
        note = self._files.get(paths.CHECKPOINT, MAX_NOTE)
        if note != self._note:
            self._note, self._kept, self._bytes = note, {}, 0
        kept = self._kept  # of this note, also if another thread replaces it now
        found = kept.get((repo, revision))
        if found is None:

            def get(path: str, limit: int) -> bytes:
                return note if path == paths.CHECKPOINT else self._files.get(path, limit)

            found = gather(get, repo, revision)
            if self._bytes + len(found) > KEEP_ALL:
                kept = self._kept = {}
                self._bytes = 0
            kept[repo, revision] = found
            self._bytes += len(found)
        return found


def parse_name(name: str) -> tuple[str, str | None]:
    """Return (lower-case repo, commit or None): every spelling of a repo has one answer."""
    bare, at, commit = name.partition("@")
    if bare.startswith("hf:"):
        raise Malformed("evidence: the name stands without hf://")
    repo = names.repo("hf://" + bare, "evidence").lower()
    return repo, names.revision(commit, "evidence: revision") if at else None
