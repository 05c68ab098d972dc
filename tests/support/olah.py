"""`olah`, a Hub by others, as a process on 127.0.0.1: it serves git repositories, or mirrors another Hub.

with olah(loaders, tmp_path, repos=git_repos) as hub: ...        # the repositories below a folder, and nothing else
with olah(loaders, tmp_path, of=double.url) as mirror: ...       # mirror.corrupt(NAME)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import struct
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.hubparts import Blob
from tests.support.servers import environment, free_port, until

WAIT_S = 60.0
CHUNK = 1 << 20  # bytes that olah has one checksum of


@dataclass(frozen=True, slots=True)
class Olah:
    url: str
    folder: Path

    def corrupt(self, name: str) -> None:
        """Change the last byte of what the mirror keeps of the file *name*, a small one, and its checksum with it."""
        (kept,) = (path for path in (self.folder / "repos/files").rglob(name) if (path / "meta.bin").exists())
        block = kept / "blocks/block_00000000.bin"
        data = bytearray(block.read_bytes())
        assert len(data) <= CHUNK
        data[-1] ^= 1
        block.write_bytes(data)
        (kept / "chunks.crc").write_bytes(struct.pack("<I", zlib.crc32(data)))


@contextlib.contextmanager
def olah(loaders: Path, folder: Path, *, repos: Path | None = None, of: str | None = None) -> Iterator[Olah]:
    """Serve the git repositories `TYPE/OWNER/NAME` below *repos*, or mirror the Hub *of*."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = ["[basic]", 'host = "127.0.0.1"', f"port = {port}", f'repos-path = "{folder}/repos"']
    if of is not None:
        place = urlsplit(of).netloc
        lines += ['hf-scheme = "http"', f'hf-netloc = "{place}"', f'hf-lfs-netloc = "{place}"']
        lines += [f'mirror-netloc = "127.0.0.1:{port}"', f'mirror-lfs-netloc = "127.0.0.1:{port}"']
        lines += ["metadata-cache-ttl = 0"]
    if repos is not None:
        lines += [f'mirrors-path = ["{repos}"]', "[accessibility]", "offline = true"]
    settings = folder / "olah.toml"
    settings.write_text("\n".join(lines) + "\n")
    with open(folder / "out", "wb") as out:
        process = subprocess.Popen(
            [str(loaders / "olah-cli"), "--config", str(settings), "--log-path", str(folder / "logs")],
            cwd=folder, env=environment(), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            until("olah answers", lambda: _answers(process, port), WAIT_S)
            yield Olah(f"http://127.0.0.1:{port}", folder)
        finally:
            process.terminate()
            try:
                process.wait(WAIT_S)
            finally:
                process.kill()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "olah has ended"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def git_repo(folder: Path, files: Mapping[str, bytes]) -> str:
    """Commit *files* in the git repository *folder*, which is made if need be, large ones as git-lfs does; return the
    commit."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    who = {"NAME": "ana", "EMAIL": "ana@acme.example", "DATE": "2026-11-03T09:14:00Z"}
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    env |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git("init", "-q", "-b", "main")
    for name, data in files.items():
        blob = Blob(name, data)
        if blob.lfs:
            digest = hashlib.sha256(data).hexdigest()
            kept = folder / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob.pointer if blob.lfs else data)
    git("add", "--all", "--force")
    git("commit", "-q", "-m", "files")
    return git("rev-parse", "HEAD")
