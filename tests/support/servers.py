"""A registry as operators run it: processes on this machine, started and ended one by one, every wait bounded.

with running(tmp_path / "reg") as registry:
    registry.approve("hf://acme-lab", owner, [(signer, "hf://acme-lab/*")])
    registry.post(make.sealed(signer, "hf://acme-lab/atlas"))
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support import make, schemas
from tests.support.make import Private

PROGRAM = Path(sys.executable).parent / "modelseal-registry"
WAIT_S = 30.0  # nothing here takes that long; a machine that is busy may


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """The environment without what this machine's user has set up for ModelSeal."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MODELSEAL_", "HF_"))}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def operate(
    folder: Path | None, *words: str | Path, fine: Iterable[int] | None = (0,), here: Path | None = None
) -> Ran:
    """Run `modelseal-registry --dir FOLDER WORDS...` in *here*; AssertionError if it ends otherwise than *fine*."""
    argv = [str(PROGRAM), *(("--dir", str(folder)) if folder else ()), *map(str, words)]
    done = subprocess.run(argv, env=environment(), cwd=here, capture_output=True, text=True, timeout=WAIT_S)
    assert "Traceback" not in done.stderr, done.stderr
    assert fine is None or done.returncode in fine, f"{argv} ended {done.returncode}\n{done.stdout}{done.stderr}"
    schemas.check("modelseal-registry", argv[1:], done.returncode, done.stdout)
    return Ran(done.returncode, done.stdout, done.stderr)


def until(what: str, condition: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """Wait until *condition* gives something true and return that; AssertionError with *what* if it does not."""
    end = time.monotonic() + wait_s
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {wait_s:g} s in vain: {what}"
        time.sleep(0.02)
    return found


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


class Process:
    """A server process: started with *words*, ready when it has said so."""

    def __init__(self, folder: Path, *words: str | Path) -> None:
        self.folder = folder
        self._log = open(folder.with_name(folder.name + ".err"), "ab")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(PROGRAM), "--dir", str(folder), *map(str, words)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def errors(self) -> str:
        """What it and its predecessors have said on stderr."""
        return Path(self._log.name).read_text()

    def ready(self) -> str:
        """Wait for `READY URL` and return the URL."""
        line = self.line()
        if not line.startswith("READY "):
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.errors}")
        return line.split()[1]

    def line(self) -> str:
        """Wait for one line of what it prints; empty if there is none."""
        assert self._process.stdout
        readable, _, _ = select.select([self._process.stdout], [], [], WAIT_S)
        return self._process.stdout.readline().decode() if readable else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it, wait for its end and return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._wait()

    def kill(self) -> None:
        self._process.kill()
        self._wait()

    def _wait(self) -> int:
        try:
            self._process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        finally:
            self._log.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self.kill()


@dataclass
class RegistryProcess:
    """A registry in a folder and the server that runs it, if one does."""

    folder: Path
    port: int
    invitation: str  # URL#sha256:HEX
    process: Process | None = None
    turns: dict[str, int] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.origin}"

    @property
    def public(self) -> Path:
        return self.folder / "public"

    def start(self) -> None:
        self.process = Process(self.folder, "serve")
        self.process.ready()

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        code = self.process.stop(number)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL the main process; its workers end by themselves."""
        assert self.process
        self.process.kill()
        self.process = None

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers by lower-case name, and body."""
        return ask(self.port, path, method, body, headers)

    def get(self, path: str) -> bytes:
        status, _, body = self.ask("/" + path)
        assert status == 200, f"{path}: {status} {body!r}"
        return body

    def post(self, submission: bytes, *, source: str = "127.0.0.1") -> tuple[int, Any]:
        """Submit from the address *source*; return status and answer."""
        headers = {"Content-Type": "application/json"}
        status, _, body = ask(self.port, "/records", "POST", submission, headers, source=source)
        return status, json.loads(body)

    def approve(
        self, namespace: str, owner: Private, signers: Iterable[tuple[Private, str]], title: str = "Acme Lab"
    ) -> int:
        """Claim *namespace* for *owner* and approve it through the commands; return the identity's leaf."""
        text = make.claim(namespace, [owner], signers, origin=self.origin, title=title)
        status, answer = self.post(make.submission(text, [owner]))
        assert status == 202, answer
        name = f"{namespace.removeprefix('hf://')}@{make.digest(text)[:12]}"
        done = operate(self.folder, "claims", "approve", name, "--without-evidence", "a test", "--yes", "--json")
        return int(done.json["leaf"])

    def publish(self, signer: Private, repo: str, number: int = 0) -> int:
        """Seal two small files as a release of *repo* and have it logged; return its leaf."""
        status, answer = self.post(self.sealed(signer, repo, number))
        assert status == 200, answer
        return int(answer["index"])

    def sealed(self, signer: Private, repo: str, number: int = 0) -> bytes:
        bundle = make.seal(signer, repo, make.revision(number))
        return make.submission(make.release(bundle, signer, origin=self.origin), [signer], bundle)


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    source: str = "127.0.0.1",
) -> tuple[int, dict[str, str], bytes]:
    """Ask as somebody at the address *source* (of this machine)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S, source_address=(source, 0))
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def make_registry(folder: Path, **settings: Any) -> RegistryProcess:
    """`init` a registry on a free port; nothing runs yet. It looks for no evidence, unless *settings* name a Hub."""
    port = free_port()
    made = operate(folder, "init", "--origin", f"127.0.0.1:{port}", "-q")
    configure(folder, **{"hub": "", **settings})
    return RegistryProcess(folder, port, made.out.strip())


def configure(folder: Path, **settings: Any) -> None:
    """Change `registry.toml`."""
    path = folder / "registry.toml"
    text = path.read_text()
    for name, value in settings.items():
        assert len(re.findall(rf"(?m)^{name} = ", text)) == 1, name
        lines = (
            f"{name} = {json.dumps(value)}" if line.startswith(f"{name} = ") else line for line in text.split("\n")
        )
        text = "\n".join(lines)
    path.write_text(text)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RegistryProcess]:
    """A registry that answers; whatever of it still runs at the end is ended."""
    registry = make_registry(folder)
    try:
        registry.start()
        yield registry
    finally:
        if registry.process:
            with registry.process:
                pass
