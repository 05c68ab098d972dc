"""The reference tool of OpenSSF Model Signing, as its users run it (model_signing 1.1.1, key mode, P-256)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench.measure import Sample, environment, run

PROGRAM = Path(__file__).parents[2] / ".venv-peer/bin/model_signing"


@dataclass(frozen=True, slots=True)
class Peer:
    """The tool with a key pair and a place for its signatures, outside the folders that it signs."""

    folder: Path
    private: Path
    public: Path

    @classmethod
    def with_new_key(cls, folder: Path) -> Peer:
        if not PROGRAM.exists():
            raise FileNotFoundError(f"{PROGRAM} is missing: run `make bench` once, it installs it")
        folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        private, public = folder / "key.pem", folder / "key.pub.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return cls(folder, private, public)

    def sign(self, model: Path) -> Path:
        """Sign a folder and return the signature file."""
        signature = self.folder / f"{model.name}.sig"
        run(
            [PROGRAM, "sign", "key", "--private_key", self.private, "--signature", signature, model],
            environment(),
        )
        return signature

    def verify(self, model: Path, signature: Path) -> Callable[[], Sample]:
        """Return what verifies that folder, to be timed."""
        argv: list[str | Path] = [
            PROGRAM,
            "verify",
            "key",
            "--public_key",
            self.public,
            "--signature",
            signature,
            model,
        ]
        return lambda: run(argv, environment())
