"""A Hub cache as the Hub's own client makes it.

cache = HubCache(tmp_path / "hub")
snapshot = cache.snapshot("models--acme-lab--atlas-7b", COMMIT, {"config.json": b"{}"})
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class HubCache:
    def __init__(self, hub: Path) -> None:
        self.hub = hub

    def snapshot(
        self, repo: str, commit: str, files: dict[str, bytes], *, links: bool = True, shared: tuple[str, ...] = ()
    ) -> Path:
        """Put *files* into the cache and return the snapshot. *links*: into blobs, as everywhere but on Windows;
        *shared*: names whose blob is itself a link into what all repos share."""
        root = self.hub / repo
        snapshot = root / "snapshots" / commit
        for folder in ("refs", "blobs", f".no_exist/{commit}", "trees"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "refs" / "main").write_text(commit)
        (root / ".no_exist" / commit / "loader.py").touch()
        (root / "trees" / f"{commit}.json").write_text('{"format_version": 1}')
        for name, data in files.items():
            path = snapshot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if not links:
                path.write_bytes(data)
                continue
            blob = root / "blobs" / hashlib.sha256(data).hexdigest()
            if name in shared:
                self.share(blob, data)
            else:
                blob.write_bytes(data)
            path.symlink_to(os.path.relpath(blob, path.parent))
        return snapshot

    def share(self, blob: Path, data: bytes) -> Path:
        """Put *data* where all repos share it, and a link to it at *blob*."""
        name = hashlib.sha256(b"xet" + data).hexdigest()
        store = self.hub / "blobs" / name[:2] / name
        store.parent.mkdir(parents=True, exist_ok=True)
        (self.hub / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
        store.write_bytes(data)
        blob.symlink_to(os.path.relpath(store, blob.parent))
        return store
