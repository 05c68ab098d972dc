"""Independent witnesses: each a key of its own, and cosignatures at the times it is told, honest or not.

a, b, c = (Witness.named(name) for name in "abc")
policy = quorum(world.signer.log, world.signer.own, [a, b, c], 2)         # 2 of 3
note = b.cosign(a.cosign(note, NOW), NOW + 5)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelseal.formats import note
from modelseal.formats.note import Note, Verifier
from modelseal.formats.policy import Policy, parse_policy
from tests.support.make import ed25519


@dataclass(frozen=True)
class Witness:
    """Somebody who cosigns checkpoints under the key name *name*."""

    name: str
    secret: Ed25519PrivateKey

    @classmethod
    def named(cls, name: str) -> Witness:
        """The same name gives the same key; its key name is `NAME.example`."""
        return cls(f"{name}.example", ed25519(f"witness {name}"))

    @property
    def key(self) -> Verifier:
        return Verifier(self.name, note.COSIGNATURE, self.secret.public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        return self.key.encode()

    def cosign(self, signed: str, time: int) -> str:
        """Return the note *signed* with this witness's line behind the others."""
        found = Note.parse(signed)
        line = note.cosign(found.text, self.name, self.secret, time)
        return Note(found.text, (*found.signatures, line)).encode()


def quorum_text(log: Verifier, own: Verifier, witnesses: Sequence[Witness | Verifier], k: int) -> bytes:
    """The target `policy` of k of these witnesses, named w1, w2, ...; no rule is looked at."""
    keys = [one.key if isinstance(one, Witness) else one for one in witnesses]
    named = [(f"w{number}", one) for number, one in enumerate(keys, 1)]
    lines = [f"log {log.encode()}", f"witness own {own.encode()}"]
    lines += [f"witness {name} {one.encode()}" for name, one in named]
    lines += [f"group mirrors {k} {' '.join(name for name, _ in named)}", "quorum mirrors"]
    return ("\n".join(lines) + "\n").encode()


def quorum(log: Verifier, own: Verifier, witnesses: Sequence[Witness], k: int) -> Policy:
    """The same as a client reads it; Malformed if it is none that a client takes."""
    return parse_policy(quorum_text(log, own, witnesses, k), own)
