"""Sign a folder without a repo: the signature that every tool of OpenSSF Model Signing reads, and that names no owner.

1 hash      2 statement, sign      3 check what was made      4 write it, over nothing but an older one by the same key
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from modelseal import keys, platform
from modelseal.errors import Conflict, Malformed
from modelseal.formats import envelope, plain, strict
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.manifest import File
from modelseal.journeys import sign as sealing
from modelseal.journeys.digests import Hashing
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class PlainlySigned:
    signature: str  # the bundle's text
    files: tuple[File, ...]
    public: PublicKey
    path: Path

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the signed payload."""
        return hashlib.sha256(Bundle.parse(self.signature).payload).hexdigest()

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)


def sign_plain(
    path: Path | str,
    key: SigningKey | Path | str,
    *,
    password: bytes | None = None,
    signature: Path | str | None = None,
    jobs: int | None = None,
    quiet: bool = True,
) -> PlainlySigned:
    """Sign the files of the folder *path*, sha256 only, and write the signature to *signature* [PATH/model.sig].

    Raises Usage (folder, key), Conflict (something else stands there), Error (the folder changed).
    """
    folder, key = Path(path), keys.given(key, password)
    target = sealing.place(folder, signature)
    _check_place(target, key.public)
    files = sealing.files_of(folder, Hashing("sha256", jobs), quiet=quiet)  # 1
    payload = plain.encode(folder.resolve().name or "model", files)  # 2
    bundle = Bundle(payload, key.sign(envelope.pae(envelope.STATEMENT, payload)), key.public.hint)
    text = bundle.encode()
    made = Bundle.parse(text)
    key.public.check(made.signature, envelope.pae(envelope.STATEMENT, made.payload), sealing.SEAL)  # 3
    sealing.write(target, text)  # 4
    return PlainlySigned(text, files, key.public, target)


def _check_place(target: Path, public: PublicKey) -> None:
    try:
        data = platform.read_file(target, MAX_SEAL, "signature")
    except platform.Missing:
        return
    try:
        bundle = Bundle.parse(data)
        statement = strict.parse(bundle.payload, "statement", limit=MAX_SEAL)
        ours = bundle.hint == public.hint and _is_plain(statement)
    except Malformed:
        ours = False
    if not ours:
        raise Conflict(
            f"{target} is not a plain signature by this key and is not overwritten",
            hint="move it away, or write elsewhere with --signature FILE",
        )


def _is_plain(statement: object) -> bool:
    """Whether it is one of ours without a repo: a seal must not be lost to it."""
    try:
        subject = statement["subject"][0]  # type: ignore[index]
        return statement["predicateType"] == plain.PREDICATE and set(subject) == {"name", "digest"}  # type: ignore[index]
    except (TypeError, LookupError):
        return False
