"""What the registry signs itself: checkpoints, by the log key and by its own cosigner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelseal.formats import note
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.note import Note, Verifier
from modelseal_registry.store import Head

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """The log key, whose name is the origin, and the cosigner's key under its own name."""

    origin: str
    log_key: Ed25519PrivateKey = field(repr=False)
    cosigner: str
    cosigner_key: Ed25519PrivateKey = field(repr=False)

    @property
    def log(self) -> Verifier:
        return Verifier(self.origin, note.ED25519, self.log_key.public_key().public_bytes_raw())

    @property
    def own(self) -> Verifier:
        return Verifier(self.cosigner, note.COSIGNATURE, self.cosigner_key.public_key().public_bytes_raw())

    def sign(self, head: Head, time: int) -> str:
        """Return the note of *head*: the log's line is the same whenever it is asked, the cosigner's says *time*."""
        text = Checkpoint(self.origin, head.size, head.root).encode()
        lines = (note.sign(text, self.origin, self.log_key), note.cosign(text, self.cosigner, self.cosigner_key, time))
        return Note(text, lines).encode()
