"""Somebody who types commands: a HOME, a folder to work in, keys; with a registry that is trusted, or with none.

ana = Person(tmp_path, registry)
ana.key("ci")                                        # ci.key, ci.pub
ana.run("keygen", "-o", "other").says(0, "SHA256:")
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from modelseal import keys, remote, root
from modelseal.keys import SigningKey
from tests.support import make, schemas
from tests.support.client import WAIT_S, Ran, inside
from tests.support.make import Private
from tests.support.servers import RegistryProcess, environment

COMMIT = "9c1f0d2233ab4455667788990011223344556677"
MODEL = {"config.json": b"{}", "model.safetensors": b"weights"}


class Person:
    def __init__(self, folder: Path, registry: RegistryProcess | None = None) -> None:
        self.here, self.home = folder / "here", folder / "home"
        self.here.mkdir(parents=True)
        self.registry = registry
        if registry is not None:
            url, _, fingerprint = registry.invitation.partition("#sha256:")
            reader = remote.open_reader(url, remote.Budget(WAIT_S))
            root.add(reader, bytes.fromhex(fingerprint), self.home, int(time.time()), env={})

    @property
    def env(self) -> dict[str, str]:
        return {**environment(), "HOME": str(self.home), "MODELSEAL_HOME": str(self.home)}

    def run(self, *words: str | Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ran:
        """Run `python -m modelseal WORDS...` as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "modelseal", *map(str, words)],
            cwd=self.here,
            env={**self.env, **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=WAIT_S,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        schemas.check("modelseal", [str(word) for word in words], ran.code, ran.out)
        return ran

    def types(self, *words: str) -> Ran:
        """The same inside this process, for errors that are found before anything is done."""
        return inside(self.here, self.env, *words)

    def model(self, name: str = "atlas-7b", contents: Mapping[str, bytes] = MODEL) -> Path:
        for file, data in contents.items():
            path = self.here / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.here / name

    def key(self, name: str, algorithm: str = "ecdsa-p256") -> Private:
        """Write NAME.key and NAME.pub; the same name gives the same key."""
        private = make.key(name, algorithm)
        keys.write_pair(self.here / name, SigningKey(private.secret, private.public), None)
        return private

    def ns_toml(
        self, namespace: str, controllers: list[str], signers: list[str], threshold: int = 1, title: str = "Acme Lab"
    ) -> Path:
        lines = [f'namespace = "hf://{namespace}"', f'title = "{title}"', 'domain = "acme.example"']
        lines += [f"threshold = {threshold}"]
        lines += [f'[[controllers]]\nkey = "{name}.pub"' for name in controllers]
        lines += [f'[[signers]]\nkey = "{name}.pub"\nscope = ["hf://{namespace}/*"]' for name in signers]
        path = self.here / "ns.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def owns(self, namespace: str, owner: str = "ana", signer: str = "ci") -> None:
        """Have *namespace* admitted: *owner* controls it, *signer* seals all of it."""
        assert self.registry is not None
        controller, key = self.key(owner), self.key(signer)
        self.registry.approve(f"hf://{namespace}", controller, [(key, f"hf://{namespace}/*")])

    def left(self) -> set[str]:
        """Every file in the working folder."""
        return {str(path.relative_to(self.here)) for path in self.here.rglob("*") if not path.is_dir()}
