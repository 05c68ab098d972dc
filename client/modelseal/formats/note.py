"""Signed notes, their keys, and the two kinds of signatures that we know (C2SP signed-note and tlog-cosignature).

    registry.example                                      the text: here a checkpoint
    2
    q1xPh...=

    — registry.example Az3grl...                          U+2014, name, base64(key id, signature)

A key is written as a vkey, `name+hex(key id)+base64(type, public key)`. Types: 0x01 Ed25519 over the text, 0x04 a
cosignature, 8 bytes of time and Ed25519 over `cosignature/v1`, that time and the text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from modelseal.errors import Malformed
from modelseal.formats import ed25519, strict
from modelseal.values import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE = 64 << 10
MAX_LINES = 64

_LINE = re.compile(r"— ([^ ]+) ([A-Za-z0-9+/=]+)")


def _check_name(name: str, what: str) -> None:
    if not name or "+" in name or any(c.isspace() or unicodedata.category(c) == "Cc" for c in name):
        raise Malformed(f"{what}: {name[:80]!r} is not a key name")


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line."""

    name: str
    raw: bytes  # key id (4 bytes), then what the kind says

    @property
    def claimed_time(self) -> int | None:
        """POSIX seconds that it claims if it is a cosignature, unchecked; None for other kinds."""
        return int.from_bytes(self.raw[4:12], "big") if len(self.raw) == 4 + 8 + 64 else None

    def encode(self) -> str:
        return f"— {self.name} {strict.to_base64(self.raw)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, unverified."""

    text: str  # ends in LF
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes | str, what: str = "note") -> Note:
        whole = strict.decode(data, what, limit=MAX_NOTE)
        if any(unicodedata.category(c) == "Cc" for c in whole if c != "\n"):
            raise Malformed(f"{what}: a control character")
        text, gap, tail = whole.rpartition("\n\n")
        if not gap or not text or not tail.endswith("\n"):
            raise Malformed(f"{what}: not a signed note")
        lines = tail.removesuffix("\n").split("\n")
        if len(lines) > MAX_LINES:
            raise Malformed(f"{what}: more than {MAX_LINES} signature lines")
        signatures = []
        for line in lines:
            match = _LINE.fullmatch(line)
            if not match:
                raise Malformed(f"{what}: {line[:80]!r} is not a signature line")
            _check_name(match[1], what)
            raw = strict.base64_text(match[2], f"{what}: signature")
            if len(raw) < 5:
                raise Malformed(f"{what}: a signature is too short")
            signatures.append(Signature(match[1], raw))
        return cls(text + "\n", tuple(signatures))

    def encode(self) -> str:
        return self.text + "\n" + "".join(signature.encode() for signature in self.signatures)

    def by(self, key: Verifier) -> list[Signature]:
        """Return the lines that claim to be by *key*: its name and id, checked or not."""
        return [s for s in self.signatures if s.name == key.name and s.raw[:4] == key.id]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A vkey."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str, what: str = "vkey") -> Verifier:
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not re.fullmatch(r"[0-9a-f]{8}", parts[1], re.ASCII):
            raise Malformed(f"{what}: not of the form NAME+ID+KEY")
        name = parts[0]
        _check_name(name, what)
        raw = strict.base64_text(parts[2], what)
        if not raw or raw[0] not in (ED25519, COSIGNATURE):
            raise Malformed(f"{what}: {name}: not an Ed25519 key of type 1 or 4")
        if not ed25519.is_sound(raw[1:]):
            raise Malformed(f"{what}: {name}: not a sound Ed25519 key")
        key = cls(name, raw[0], raw[1:])
        if key.id.hex() != parts[1]:
            raise Malformed(f"{what}: {name}: the key id is {key.id.hex()}, not {parts[1]}")
        return key

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)

    def encode(self) -> str:
        return f"{self.name}+{self.id.hex()}+{strict.to_base64(bytes([self.kind]) + self.public)}"

    def check(self, text: str, signature: Signature) -> int:
        """Refuse unless *signature* is this key's over *text*; return its time (0 for a kind without one)."""
        body, time = signature.raw[4:], 0
        message = text.encode()
        if self.kind == COSIGNATURE:
            time, body = int.from_bytes(body[:8], "big"), body[8:]
            message = _cosigned(text, time)
        if len(body) != 64 or not _verify(self.public, body, message):
            raise Malformed(f"note: the signature of {self.name} does not verify")
        return time


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _verify(public: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def sign(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """Return *name*'s signature over *text* (type 0x01)."""
    public = key.public_key().public_bytes_raw()
    return Signature(name, key_id(name, ED25519, public) + key.sign(text.encode()))


def cosign(text: str, name: str, key: Ed25519PrivateKey, time: int) -> Signature:
    """Return *name*'s cosignature of the checkpoint *text* at *time* (type 0x04)."""
    public = key.public_key().public_bytes_raw()
    signed = time.to_bytes(8, "big") + key.sign(_cosigned(text, time))
    return Signature(name, key_id(name, COSIGNATURE, public) + signed)
