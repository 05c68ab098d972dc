"""Key files: made once with mode 0600, read from a file, standard input or an environment variable.

`NAME.key` is PKCS #8 in PEM, `NAME.pub` a SubjectPublicKeyInfo in PEM: what openssl and the OMS tools read and write.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from modelseal import platform
from modelseal.errors import Conflict, Malformed, Usage
from modelseal.formats.entries import Entry
from modelseal.keytext import PublicKey
from modelseal.values import dataclass

MAX_KEY_FILE = 64 << 10
TYPES = ("ecdsa-p256", "ed25519")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public half."""

    private: Any  # of the cryptography package; never printed
    public: PublicKey

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"

    def sign(self, message: bytes) -> bytes:
        """Return the signature: DER for P-256, 64 bytes for Ed25519."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        if self.public.algorithm == "ed25519":
            signature: bytes = self.private.sign(message)
        else:
            signature = self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        return signature

    def entry(self, message: bytes) -> Entry:
        """Return a record's signature entry over *message* (a DSSE PAE)."""
        return Entry(self.public.spki, self.sign(message))


def generate(kind: str) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if kind not in TYPES:
        raise Usage(f"{kind!r} is not a type of key", hint="types are " + ", ".join(TYPES))
    private: Any = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    )
    return SigningKey(private, PublicKey.of(private))


def encode_private(key: SigningKey, password: bytes | None) -> bytes:
    from cryptography.hazmat.primitives import serialization as ser

    cipher: Any = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    text: bytes = key.private.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, cipher)
    return text


def write_pair(name: Path, key: SigningKey, password: bytes | None) -> tuple[Path, Path]:
    """Write NAME.key (0600) and NAME.pub; neither is written if one of them exists."""
    private, public = name.with_name(name.name + ".key"), name.with_name(name.name + ".pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise Conflict(f"{path} exists; a key file is never overwritten", hint="choose another name with -o")
    platform.write_new(public, key.public.pem.encode())
    try:
        platform.write_new(private, encode_private(key, password), private=True)
    except BaseException:
        public.unlink(missing_ok=True)  # half a pair would be in the way of the next try
        raise
    return private, public


def load(source: str, password: bytes | None) -> SigningKey:
    """Return the private key at *source*: a path, `-` for standard input, or `env:NAME`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(source)
    if b"PRIVATE KEY-----" not in data:
        raise Usage(f"key {source}: not a private key in PEM", hint="make one with: modelseal keygen -o NAME")
    try:
        private = load_pem_private_key(data, password)
    except TypeError as e:  # cryptography's word for: a password is missing, or one is given for nothing
        if password is None:
            raise Usage(f"key {source}: it has a password", hint="give it with --password-file FILE") from e
        raise Usage(f"key {source}: it has no password, but one was given") from e
    except (ValueError, UnsupportedAlgorithm) as e:
        wrong = "wrong password, or not a key" if password else "not a private key in PEM"
        raise Usage(f"key {source}: {wrong}") from e
    try:
        return SigningKey(private, PublicKey.of(private))
    except Malformed as e:
        raise Usage(f"key {source}: only P-256 and Ed25519 keys sign here") from e


def given(key: SigningKey | Path | str, password: bytes | None = None) -> SigningKey:
    """Return *key*, loaded if it says only where to load it from."""
    return key if isinstance(key, SigningKey) else load(str(key), password)


def _read(source: str) -> bytes:
    if source.startswith("env:"):
        value = os.environ.get(source[4:])
        if value is None:
            raise Usage(f"key {source}: the environment variable is not set")
        return value.encode()
    if source == "-":
        return sys.stdin.buffer.read(MAX_KEY_FILE)
    path = Path(source)
    data = platform.read_file(path, MAX_KEY_FILE, "key", follow=True)
    return data


def readable_by_others(source: str) -> bool:
    """Whether the key file at *source* can be read by somebody but its owner."""
    if source == "-" or source.startswith("env:") or os.name == "nt":
        return False
    try:
        return bool(os.stat(source).st_mode & 0o077)
    except OSError:
        return False


def load_password(path: str | None) -> bytes | None:
    """Return the first line of the password file."""
    if path is None:
        return None
    data = platform.read_file(Path(path), MAX_KEY_FILE, "password file", follow=True)
    password = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not password:
        raise Usage(f"password file {path}: its first line is empty")
    return password


def load_public(path: Path) -> PublicKey:
    """Return the public key in the PEM file at *path*."""
    data = platform.read_file(path, MAX_KEY_FILE, "public key", follow=True)
    try:
        return PublicKey.parse_pem(data.decode("ascii", "replace"), str(path))
    except Malformed as e:
        raise Usage(str(e), hint="a public key file begins with -----BEGIN PUBLIC KEY-----") from e
