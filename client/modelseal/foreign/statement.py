"""The statement in a foreign signature: an in-toto Statement v1 with the predicate of OpenSSF Model Signing 1.0.

    {"_type":"https://in-toto.io/Statement/v1",
     "subject":[{"name":TEXT,"digest":{"sha256":ROOT}}],
     "predicateType":"https://model_signing/signature/v1.0",
     "predicate":{"resources":[{"name":TEXT,"algorithm":"sha256","digest":HEX},...],
                  "serialization":{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":[...]?}}}

ROOT is the SHA-256 of the raw digests in the order of the file. Unknown fields are allowed inside, as the specification
says; the subject's `name`, `allow_symlinks` and `ignore_paths` are the signer's words and change nothing: a signer who
could say what is not compared could leave a program out. A single file's name is `.` or its own.

0.2.0 wrote another one, `https://model_signing/Digests/v0.1`: one subject per file, no ROOT.
"""

from __future__ import annotations

import hashlib
from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.foreign.bundle import loads
from modelseal.formats import names, strict
from modelseal.formats.strict import Object
from modelseal.values import dataclass

MAX_STATEMENT = 24 << 20
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
LEGACY_PREDICATE = "https://model_signing/Digests/v0.1"

_LENGTHS = {"sha256": 32, "blake3": 32, "blake2b": 64}  # bytes
SINGLE = "."  # the name that the Python tool gives to a model of one file


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    digest: bytes
    size: int | None = None  # bytes; only our own seals say it


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str | None  # what the signer called the model; compared with nothing
    algorithm: str  # of the digests: sha256, blake3 or blake2b
    files: tuple[Resource, ...]  # in the order of the statement
    ignored: tuple[str, ...] = ()  # what the signer left out; never believed
    legacy: bool = False  # as 0.2.0 wrote it


def parse(payload: bytes) -> Manifest:
    """Read the statement of any release but 0.2.0."""
    what = "statement"
    top = _open(payload, what)
    kind = top.take("predicateType", strict.text())
    if kind == LEGACY_PREDICATE:
        raise Unsupported(f"{what}: {kind} is what model_signing 0.2.0 wrote, signed otherwise than is read")
    if kind != PREDICATE:
        raise Unsupported(f"{what}: predicateType is {kind[:80]!r}, read is only {PREDICATE!r}")
    subjects = top.take("subject", strict.sequence(_any))
    if len(subjects) != 1:
        raise Malformed(f"{what}: {len(subjects)} subjects, expected is 1")
    subject = Object(subjects[0], f"{what}: subject")
    name = subject.take("name", strict.text()) if subject.has("name") else None
    root = Object(subject.take("digest", _any), f"{what}: subject: digest").take("sha256", _digest("sha256"))
    predicate = Object(top.take("predicate", _any), f"{what}: predicate")
    algorithm, ignored = _serialization(Object(predicate.take("serialization", _any), f"{what}: serialization"))
    listed = predicate.take("resources", strict.sequence(_any))
    files = tuple(_resource(one, algorithm, f"{what}: resources") for one in listed)
    _check_files(files, what)
    digest = hashlib.sha256(b"".join(file.digest for file in files)).digest()
    if digest != root:
        raise Malformed(f"{what}: its digest over all files is {root.hex()}, but they come to {digest.hex()}")
    return Manifest(name, algorithm, files, ignored)


def parse_legacy(payload: bytes) -> Manifest:
    """Read the statement of 0.2.0."""
    what = "statement"
    top = _open(payload, what)
    top.take("predicateType", strict.constant(LEGACY_PREDICATE))
    files = []
    for one in top.take("subject", strict.sequence(_any)):
        subject = Object(one, f"{what}: subject")
        digest = Object(subject.take("digest", _any), f"{what}: subject: digest").take("sha256", _digest("sha256"))
        files.append(Resource(subject.take("name", _file_name), digest))
    _check_files(tuple(files), what)
    return Manifest(None, "sha256", tuple(files), legacy=True)


def is_legacy(payload: bytes) -> bool:
    """Whether the payload, unverified, looks like a statement of 0.2.0: for the words of an error only."""
    try:
        return _open(payload, "statement").take("predicateType", strict.text()) == LEGACY_PREDICATE
    except Malformed:
        return False


def _open(payload: bytes, what: str) -> Object:
    top = Object(loads(payload, what, limit=MAX_STATEMENT), what)
    top.take("_type", strict.constant(STATEMENT_TYPE))
    return top


def _serialization(value: Object) -> tuple[str, tuple[str, ...]]:
    method = value.take("method", strict.text())
    if method == "shards":
        raise Unsupported(f"{value.what}: digests of parts of files (shards) are not read; sign whole files")
    if method != "files":
        raise Unsupported(f"{value.what}: method is {method[:80]!r}, read is only 'files'")
    algorithm = value.take("hash_type", strict.text())
    _known(algorithm, value.what)
    if value.has("allow_symlinks"):
        value.take("allow_symlinks", _boolean)
    if not value.has("ignore_paths"):
        return algorithm, ()
    return algorithm, value.take("ignore_paths", strict.sequence(strict.text()))


def _known(algorithm: str, what: str) -> None:
    if algorithm not in _LENGTHS:
        raise Unsupported(f"{what}: {algorithm[:80]!r} is not a known digest; known are {', '.join(_LENGTHS)}")


def _resource(value: Any, expected: str, what: str) -> Resource:
    found = Object(value, what)
    name = found.take("name", _file_name)
    algorithm = found.take("algorithm", strict.text())
    _known(algorithm, what)
    if algorithm != expected:
        raise Malformed(f"{what}: {names.printable(name)}: a {algorithm} digest in a list of {expected}")
    digest = found.take("digest", _digest(algorithm))
    size = found.take("size", _any) if found.has("size") else None
    return Resource(name, digest, size if type(size) is int and size >= 0 else None)


def _check_files(files: tuple[Resource, ...], what: str) -> None:
    if not files:
        raise Malformed(f"{what}: it lists no files")
    listed = [file.name for file in files]
    if len(files) > 1 and SINGLE in listed:
        raise Malformed(f"{what}: the name {SINGLE} is for a model of one file, and there are {len(files)}")
    seen: set[str] = set()
    for name in listed:
        if name in seen:
            raise Malformed(f"{what}: {names.printable(name)} is listed twice")
        seen.add(name)
    names.check_file_names(listed, what)


def _file_name(value: Any, what: str) -> str:
    return SINGLE if value == SINGLE else names.file_name(value, what)


def _digest(algorithm: str) -> strict.Check[bytes]:
    """A digest in hex; both cases, because the reference tool reads both."""
    digits = 2 * _LENGTHS[algorithm]

    def check(value: Any, what: str) -> bytes:
        text = strict.text()(value, what)
        if len(text) != digits:
            raise Malformed(f"{what}: {len(text)} digits, a {algorithm} digest has {digits}")
        return bytes.fromhex(_HEX(text, what))

    return check


_HEX = strict.text(r"[0-9a-fA-F]*")


def _boolean(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{what}: not true or false")
    return value


def _any(value: Any, what: str) -> Any:
    return value
