"""The registry's own private keys, one file each in DIR/keys: Ed25519, 0600, written once, never overwritten."""

from __future__ import annotations

from pathlib import Path

from modelseal import keys, platform
from modelseal.errors import Usage
from modelseal.keys import SigningKey

LOG = "log.key"  # signs checkpoints
COSIGNER = "cosigner.key"  # gives them a time
ONLINE = "online.key"  # TUF snapshot and timestamp
NEXT_ONLINE = "online.next.key"  # the same, from the root on that is drafted
OPERATOR = "operator-for-trying-out.key"  # operators' records, TUF root and targets


def create(path: Path) -> SigningKey:
    """Make a key and write it; Conflict if anything stands there."""
    key = keys.generate("ed25519")
    platform.write_new(path, keys.encode_private(key, None), private=True)
    return key


def load(path: Path) -> SigningKey:
    """Read a key that `create` wrote; Usage if it is none, or if others may read it."""
    key = keys.load(str(path), None)
    if keys.readable_by_others(str(path)):
        raise Usage(f"key file {path} can be read by others", hint=f"chmod 600 {path}")
    if key.public.algorithm != "ed25519":
        raise Usage(f"key file {path}: a key of type {key.public.algorithm}, expected ed25519")
    return key
