"""A registry, a publisher and a consumer on this machine, used as people use them: through the commands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from modelseal.keytext import PublicKey
from tests.bench.measure import Sample, environment, run
from tests.support import make
from tests.support.servers import configure

BIN = Path(sys.executable).parent
NAMESPACE = "bench"
READY_S = 30
LIMITS = ("writes_per_minute", "reads_per_minute", "releases_per_day", "releases_per_repo", "repos_per_signer")


class World:
    """The namespace `bench` is claimed and approved, its key may seal all of it, the consumer trusts the registry."""

    program = BIN / "modelseal"
    operate = BIN / "modelseal-registry"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.dir = folder / "registry"
        self.key = folder / "signer.key"
        self.env = environment() | {"MODELSEAL_HOME": str(folder / "home"), "NO_COLOR": "1"}
        self.port = _free_port()
        self.origin = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.origin}"
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            trust = self._say(self.operate, "--dir", self.dir, "init", "--origin", self.origin)
            configure(self.dir, hub="")  # or a process would look for evidence beside what is measured
            configure(self.dir, **dict.fromkeys(LIMITS, 10**9))
            self.serve()
            found = re.search(r"\S+#sha256:[0-9a-f]{64}", trust)
            assert found, f"no trust root in {trust!r}"
            self._say(self.program, "trust", "add", found[0], "--yes")
            self._say(self.program, "keygen", "-o", self.folder / "signer")
            self._claim()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self) -> None:
        """Start the registry and wait until it says that it is ready."""
        events = self.folder / "registry.log"
        with open(events, "a") as log:
            self._server = subprocess.Popen(
                [str(self.operate), "--dir", str(self.dir), "serve", "--listen", f"127.0.0.1:{self.port}"],
                env=dict(self.env),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._server.stdout
        if not self._server.stdout.readline().startswith("READY"):
            raise RuntimeError(f"the registry did not start: {events.read_text()}")

    def stop(self) -> None:
        if self._server:
            self._server.terminate()
            self._server.communicate(timeout=READY_S)
            self._server = None

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Without the registry: what is measured in here needs none and shares the machine with nothing of ours."""
        self.stop()
        os.sync()  # nor with writing back what was just made
        yield
        self.serve()

    @property
    def pid(self) -> int:
        assert self._server
        return self._server.pid

    @property
    def signer(self) -> make.Private:
        secret = load_pem_private_key(self.key.read_bytes(), None)
        return make.Private(secret, PublicKey.of(secret))

    def publish(self, model: Path, repo: str) -> Path:
        """Seal and publish a folder; return its evidence."""
        evidence = model.with_name(model.name + ".evidence")
        self._say(
            *(self.program, "publish", model, "--repo", repo, "--revision", make.revision(1), "--no-hub"),
            *("--key", self.key),
            *("--registry", self.url, "--save", evidence),
            # Beside the folder: model_signing refuses any signature file in it but the one that it is given.
            *("--signature", model.with_name(model.name + ".seal")),
        )
        return evidence

    def verify(self, model: Path, repo: str, evidence: Path, *options: str) -> Callable[[], Sample]:
        """Return what verifies that folder without asking anybody, to be timed."""
        argv = self.verify_argv(model, repo, evidence, *options)
        return lambda: run(argv, self.env)

    def verify_argv(self, model: Path, repo: str, evidence: Path, *options: str) -> list[str | Path]:
        """Return the command. Where there is much to hash it hashes only new files, or with --recheck."""
        return [self.program, "verify", model, "--repo", repo, "--evidence", evidence, "--offline", *options]

    def sign_argv(self, model: Path, repo: str) -> list[str | Path]:
        """Return the command that seals that folder, with both digests of every file."""
        argv: list[str | Path] = [self.program, "sign", model, "--repo", repo, "--revision", make.revision(2)]
        return [*argv, "--no-hub", "--key", self.key, "--signature", self.folder / f"{model.name}.seal"]

    def _claim(self) -> None:
        text = self.folder / "ns.toml"
        text.write_text(
            f'namespace = "hf://{NAMESPACE}"\ntitle = "Bench"\nthreshold = 1\n'
            f'[[controllers]]\nkey = "signer.pub"\n'
            f'[[signers]]\nkey = "signer.pub"\nscope = ["hf://{NAMESPACE}/*"]\n'
        )
        self._say(self.program, "claim", text, "--key", self.key, "--registry", self.url, fine=(0, 10))
        name = self._say(self.operate, "--dir", self.dir, "claims", "list", "--quiet").strip()
        self._say(
            *(self.operate, "--dir", self.dir, "claims", "approve", name),
            *("--without-evidence", "a bench on one machine"),
        )

    def _say(self, *argv: str | Path, fine: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [str(word) for word in argv], env=dict(self.env), cwd=self.folder, capture_output=True, text=True
        )
        if done.returncode not in fine:
            raise RuntimeError(f"{' '.join(map(str, argv))}: ended {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
