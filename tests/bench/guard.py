"""What checking costs a file on its way through a guard: the same server with its check and without.

One file, cold each time, from a Hub through the guard to a client that throws it away, all on this machine. Hub and
guard are processes of their own (`python -m tests.bench.guard hub|checked|unchecked`). The unchecked variant is the
same server with a check that looks at nothing; it exists here alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from blake3 import blake3

from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.hubproxy import Ledger, Server, Spool, Upstream
from modelseal.hubproxy.check import Check, Run
from modelseal.passing import Passing
from modelseal.verdict import Decision, Verdict, Word
from tests.bench import data
from tests.bench.measure import Row, Sample, busy, environment, foreign, in_turns, others_busy, ratios
from tests.bench.scale import Scale
from tests.bench.world import World

WANTED = 0.8
SIZE = 400_000_000  # bytes, or what the scale's large file has
NAME = "model.safetensors"
PATH = f"/bench/guard/resolve/main/{NAME}"
COMMIT = "9c1f0d2233ab4455667788990011223344556677"


def guard(scale: Scale, folder: Path, world: World) -> list[Row]:
    """MB a second of one large file, checked, as a multiple of the same unchecked; goal 0.8."""
    size = min(SIZE, scale.large)
    file = data.one_large(folder / "model", size) / NAME
    whole = file.read_bytes()
    sealed = json.dumps([size, hashlib.sha256(whole).hexdigest(), blake3(whole).hexdigest()])
    del whole
    with world.asleep(), _process("hub", str(file)) as hub:
        contenders: dict[str, Callable[[], Sample]] = {
            kind: lambda kind=kind: _through(kind, hub, sealed, size)  # type: ignore[misc]
            for kind in ("checked", "unchecked")
        }
        samples = in_turns(contenders, scale.rounds * 2)
    ours, others = (tuple(size / 1e6 / one.wall for one in samples[kind]) for kind in contenders)
    note = f"{size / 1e6:g} MB, sha256 and blake3{others_busy(samples['checked'])}"
    return [Row("a file through guard", "MB/s", ours, "unchecked", others, ratios(ours, others), WANTED, True, note)]


def _through(kind: str, hub: int, sealed: str, size: int) -> Sample:
    """Fetch the file through a fresh guard."""
    with _process(kind, str(hub), sealed) as port, socket.create_connection(("127.0.0.1", port)) as client:
        before, begin = busy(), time.perf_counter()
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        got, buffer = 0, bytearray(1 << 20)
        while count := client.recv_into(buffer):
            got += count
        wall = time.perf_counter() - begin
    if got < size:
        raise RuntimeError(f"{kind}: {got} bytes came, {size} were asked for")
    return Sample(wall, None, foreign=foreign(before, busy(), wall, wall))


@contextlib.contextmanager
def _process(*words: str) -> Iterator[int]:
    """Run this module with *words*; give the port that it says."""
    argv = [sys.executable, "-m", "tests.bench.guard", *words]
    with subprocess.Popen(argv, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Unseen(Run):
    """Hashes nothing, and needs no thread for that."""

    def feed(self, block: memoryview) -> None:
        self._free.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Unchecked(Check):
    """Takes everything for right."""

    def run(self) -> Run:
        return Unseen([])

    def wrong(self) -> str:
        return ""


class _Gate:
    """Lets one file pass, of whatever repo."""

    def __init__(self, file: File) -> None:
        self._file = file

    def passing(self, repo: str, revision: str | None) -> Passing:
        verdict = Verdict(Word.SEALED, "", "", Decision(Asked(repo, revision), None, ""))
        return Passing(verdict, repo, COMMIT, {self._file.name: self._file})


def _serve_guard(kind: str, hub: str, sealed: str) -> None:
    size, sha256, blake3_ = json.loads(sealed)
    file = File(NAME, size, bytes.fromhex(sha256), bytes.fromhex(blake3_))
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder), Check if kind == "checked" else Unchecked)
        server = Server(_Gate(file), Upstream(f"http://127.0.0.1:{hub}"), spool, Ledger())
        server.start()
        print(server.server_port, flush=True)
        threading.Event().wait()


def _serve_hub(file: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(Path(file).stat().st_size))
            self.end_headers()
            with open(file, "rb") as source:
                self.connection.sendfile(source)

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    kind, *words = sys.argv[1:]
    _serve_hub(*words) if kind == "hub" else _serve_guard(kind, *words)
