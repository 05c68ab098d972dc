"""Manifests and the statement that a seal signs (FORMAT.md 4): which files, of which repo, at which commit.

The statement is an in-toto Statement v1 with the predicate of OpenSSF Model Signing 1.0; what that lacks stands in
`subject[0].uri`, its `gitCommit` digest and annotations, and in `size`, `blake3` and `gitoid` of each resource.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import names, strict
from modelseal.values import dataclass

# Root only; all but model.sig are git's own. Never inside a manifest, never compared.
IGNORED = (".git", ".gitattributes", ".github", ".gitignore", "model.sig")
WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".onnx", ".h5", ".msgpack")
MAX_WEIGHTS = 16
MAX_PAYLOAD = 24 << 20

_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"

_note = strict.text(longest=200)
_gitoid = strict.text(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class File:
    """One sealed file."""

    name: str
    size: int
    sha256: bytes
    blake3: bytes | None = None
    gitoid: str | None = None  # git blob id, where known

    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "name": self.name, "algorithm": "sha256", "digest": self.sha256.hex(), "size": self.size,
        }  # fmt: skip
        if self.blake3 is not None:
            value["blake3"] = self.blake3.hex()
        if self.gitoid is not None:
            value["gitoid"] = self.gitoid
        return value

    @classmethod
    def read(cls, value: Any, what: str) -> File:
        f = strict.Object(value, what)
        f.take("algorithm", strict.constant("sha256"))
        file = cls(
            f.take("name", file_name),
            f.take("size", strict.integer()),
            f.take("digest", strict.hexadecimal),
            f.take("blake3", strict.hexadecimal) if f.has("blake3") else None,
            f.take("gitoid", _gitoid) if f.has("gitoid") else None,
        )
        f.done()
        return file


def file_name(value: Any, what: str) -> str:
    name = names.file_name(value, what)
    if names.folded(name.split("/")[0]) in IGNORED:
        raise Malformed(f"{what}: {names.printable(name)}: an ignored name cannot be sealed")
    return name


def check_files(files: tuple[File, ...], what: str) -> None:
    """Sorted by name, at least one, and no two are the same file anywhere."""
    if not files:
        raise Malformed(f"{what}: no files")
    if any(a.name >= b.name for a, b in itertools.pairwise(files)):
        raise Malformed(f"{what}: the files are not sorted by name, or one occurs twice")
    names.check_file_names([file.name for file in files], what)


def git_blob(size: int) -> hashlib._Hash:
    """Return the begun digest of git's id (`gitoid`) of a file of *size* bytes; it wants those bytes yet."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def fileset(files: tuple[File, ...]) -> bytes:
    """Return what makes contents equal: SHA-256 over the sorted lines `name NUL size NUL sha256 LF`."""
    lines = sorted(f"{file.name}\0{file.size}\0{file.sha256.hex()}\n".encode() for file in files)
    return hashlib.sha256(b"".join(lines)).digest()


def weights(files: tuple[File, ...]) -> tuple[bytes, ...]:
    """Return the digests of the 16 largest weight files, distinct and sorted."""
    found = [file for file in files if file.name.endswith(WEIGHTS)]
    found.sort(key=lambda file: (-file.size, file.name))
    return tuple(sorted({file.sha256 for file in found[:MAX_WEIGHTS]}))


@dataclass(frozen=True, slots=True)
class Statement:
    """What a seal says: these files are that repo at that commit."""

    repo: str
    revision: str
    created: int  # POSIX seconds, a claim
    files: tuple[File, ...]
    license: str | None = None
    base_model: str | None = None

    @property
    def uri(self) -> str:
        return f"{self.repo}@{self.revision}"

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    def encode(self) -> bytes:
        """Return the DSSE payload."""
        root = hashlib.sha256(b"".join(file.sha256 for file in self.files)).hexdigest()
        claims: dict[str, Any] = {
            "v": 1, "repo": self.repo, "revision": self.revision, "created": self.created,
        }  # fmt: skip
        if self.license is not None:
            claims["license"] = self.license
        if self.base_model is not None:
            claims["base_model"] = self.base_model
        return strict.encode(
            {
                "_type": _STATEMENT_TYPE,
                "subject": [
                    {
                        "name": self.repo.rsplit("/", 1)[1],
                        "uri": self.uri,
                        "digest": {"sha256": root, "gitCommit": self.revision},
                        "annotations": {"modelseal": claims},
                    }
                ],
                "predicateType": _PREDICATE_TYPE,
                "predicate": {
                    "resources": [file.value() for file in self.files],
                    "serialization": {
                        "method": "files",
                        "hash_type": "sha256",
                        "allow_symlinks": False,
                        "ignore_paths": list(IGNORED),
                    },
                },
            }
        ).encode()

    @classmethod
    def parse(cls, payload: bytes) -> Statement:
        """Read what is ours to vary; all else must be what `encode` writes, byte for byte."""
        what = "statement"
        value = strict.loads(strict.decode(payload, what, limit=MAX_PAYLOAD), what)  # its spelling is compared below
        try:
            claims = strict.Object(value["subject"][0]["annotations"]["modelseal"], what)
            resources = value["predicate"]["resources"]
        except (TypeError, LookupError) as e:
            raise Malformed(f"{what}: not a ModelSeal statement") from e
        claims.take("v", strict.version)
        found = cls(
            repo=claims.take("repo", names.repo),
            revision=claims.take("revision", names.revision),
            created=claims.take("created", strict.integer()),
            files=strict.sequence(File.read)(resources, f"{what}: resources"),
            license=claims.take("license", _note) if claims.has("license") else None,
            base_model=claims.take("base_model", _note) if claims.has("base_model") else None,
        )
        claims.done()
        check_files(found.files, what)
        try:
            same = found.encode() == payload
        except UnicodeError:
            same = False
        if not same:
            strict.parse(payload, what, limit=MAX_PAYLOAD)  # says so if nothing but the spelling is wrong
            raise Malformed(f"{what}: it says more, less or other than a ModelSeal statement")
        return found
