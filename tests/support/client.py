"""A client as people run it: the real command, a HOME of its own, and addresses that may lie to it.

with Address(world) as address:
    someone = Someone(tmp_path, world, address)
    someone.run("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b").says(0, "VERIFIED")
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn, Self

import blake3

from modelseal import cli, root
from modelseal.formats.manifest import File
from modelseal.formats.trust import Trust
from tests.support import schemas
from tests.support.servers import environment
from tests.support.trust import Files, Repository
from tests.support.world import World

PROGRAM = Path(sys.executable).parent / "modelseal"
WAIT_S = 60.0
Answer = bytes | Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def says(self, code: int, *words: str) -> Self:
        """Insist on the exit status and on *words* in what was printed; never a traceback."""
        printed = self.out + self.err
        assert "Traceback" not in printed, printed
        assert self.code == code, f"exit {self.code}, expected {code}\n{printed}"
        for word in words:
            assert word in printed, f"{word!r} is not in:\n{printed}"
        return self

    @property
    def json(self) -> Any:
        """The one object of --json."""
        return json.loads(self.out)


class _Quiet(ThreadingHTTPServer):
    """Clients hang up here, as they should; that is no error."""

    def handle_error(self, *words: Any) -> None:
        pass


class Address:
    """An HTTP address that answers with *files*; a test may put anything in the place of any of them."""

    def __init__(self, files: dict[str, bytes] | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, Answer] = dict(files or {})
        self.asked: list[str] = []
        self.posted: list[bytes] = []
        address = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: else each answer waits 40 ms for an ACK

            def do_GET(self) -> None:
                address._answer(self)

            do_POST = do_GET

            def log_message(self, *words: Any) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def serve(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        self.asked.append(path)
        found = self.files.get(path)
        if handler.command == "POST":
            self.posted.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        if callable(found):
            found(handler)
            return
        status, body = (404, b"") if found is None else (200, found)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more: connections are refused."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def redirect(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def status(code: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    """More bytes than anybody wants, for as long as somebody reads (at most 4 GB)."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(4096):
            handler.wfile.write(b"\0" * (1 << 20))
    except OSError:
        pass


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """One byte each half second, for a minute."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(120):
            handler.wfile.write(b"{")
            handler.wfile.flush()
            time.sleep(0.5)
    except OSError:
        pass


class Someone:
    """A person with a HOME, an empty working folder, and trust in *world*'s registry."""

    def __init__(self, folder: Path, world: World, *addresses: Address, registry: Address | None = None) -> None:
        """*addresses* are asked in their order; *registry*, by default the first of them, takes records."""
        self.here = folder / "here"
        self.home = folder / "home"
        self.here.mkdir(parents=True)
        self.home.mkdir()
        urls = tuple(address.url for address in addresses)
        says: Trust = replace(world.trust, url=(registry or addresses[0]).url, addresses=urls)
        self.trust_files = dict(Repository(folder / "tuf", says).files())
        for address in addresses:
            address.files.update(self.trust_files)
        reader = Files(self.trust_files, urls[0])
        first = reader["trust/1.root.json"]
        root.add(reader, hashlib.sha256(first).digest(), self.home, int(time.time()), env=self.env)

    @property
    def env(self) -> dict[str, str]:
        return {**environment(), "HOME": str(self.home), "MODELSEAL_HOME": str(self.home)}

    def run(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
        """Run `modelseal WORDS...`."""
        done = subprocess.run(
            [str(PROGRAM), *map(str, words)],
            cwd=self.here,
            env={**self.env, **(env or {})},
            capture_output=True,
            timeout=WAIT_S,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        schemas.check("modelseal", [str(word) for word in words], ran.code, ran.out)
        return ran

    def types(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
        """The same command inside this process: where many answers are tried in turn."""
        return inside(self.here, {**self.env, **(env or {})}, *map(str, words))

    def folder(self, name: str, contents: dict[str, bytes]) -> Path:
        """Write a model folder."""
        for file, data in contents.items():
            path = self.here / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.here / name


def typed(*words: str, main: Callable[[Sequence[str]], NoReturn] = cli.main) -> Ran:
    """Run the command inside this process: for errors that are found before anything is done, or where a process of
    its own would show no more. *main*: of which program."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    before = signal.getsignal(signal.SIGTERM)
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(words)
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        signal.signal(signal.SIGTERM, before)
    printed = []
    for stream in (out, err):
        stream.seek(0)
        printed.append(stream.read())
    program = "modelseal" if main is cli.main else "modelseal-registry"
    schemas.check(program, words, code, printed[0])
    return Ran(code, *printed)


def inside(
    folder: Path, env: Mapping[str, str], *words: str, main: Callable[[Sequence[str]], NoReturn] = cli.main
) -> Ran:
    """The same in *folder* and with the environment *env*."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        with contextlib.chdir(folder):
            return typed(*words, main=main)
    finally:
        os.environ.clear()
        os.environ.update(before)


def sealed_files(contents: dict[str, bytes]) -> tuple[File, ...]:
    """The files of a manifest, with both digests."""
    return tuple(
        File(name, len(data), hashlib.sha256(data).digest(), blake3.blake3(data).digest())
        for name, data in sorted(contents.items())
    )
