"""Makers of keys and signed texts for tests: small, deterministic, with nothing hidden.

ops, ana = key("ops"), key("ana", "ed25519")
text = claim("hf://acme-lab", controllers=[ana], signers=[(ana, "hf://acme-lab/*")])
admitted = submission(identity(text, [ana]), [ops])
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelseal.formats import envelope, manifest, records, strict
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.envelope import Bundle
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Submission
from modelseal.formats.manifest import File, Statement
from modelseal.keytext import PublicKey

ORIGIN = "registry.example"
NOW = 1_795_542_901  # log time at which the tests begin
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Private:
    """A private key with its public half at hand."""

    secret: Any
    public: PublicKey

    @property
    def key(self) -> Key:
        return self.public.key

    def sign(self, message: bytes) -> bytes:
        if self.public.algorithm == "ed25519":
            return bytes(self.secret.sign(message))
        return bytes(self.secret.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))

    def entry(self, kind: str, text: str) -> Entry:
        return Entry(self.public.spki, self.sign(envelope.pae(kind, text.encode())))


def key(name: str, algorithm: str = "ecdsa-p256") -> Private:
    """The same name gives the same key."""
    seed = hashlib.sha256(f"{algorithm} {name}".encode()).digest()
    secret: Any
    if algorithm == "ed25519":
        secret = Ed25519PrivateKey.from_private_bytes(seed)
    else:
        secret = ec.derive_private_key(int.from_bytes(seed) % (P256_ORDER - 1) + 1, ec.SECP256R1())
    return Private(secret, PublicKey.of(secret))


def ed25519(name: str) -> Ed25519PrivateKey:
    """A key for notes."""
    secret = key(name, "ed25519").secret
    assert isinstance(secret, Ed25519PrivateKey)
    return secret


def revision(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


def text(type_: str, *, origin: str = ORIGIN, **fields: Any) -> str:
    """The canonical text of any record."""
    return strict.encode({"v": 1, "type": type_, "origin": origin, **fields})


def key_set(
    controllers: Sequence[Private], signers: Iterable[tuple[Private, str]], threshold: int = 1
) -> dict[str, Any]:
    return {
        "controllers": strict.ordered([one.key.value() for one in controllers]),
        "threshold": threshold,
        "signers": strict.ordered([{**one.key.value(), "scope": scope} for one, scope in signers]),
    }


def fingerprints(keys: Iterable[Private]) -> list[Any]:
    """A list of K."""
    return strict.ordered([one.key.value() for one in keys])


def operators(keys: Sequence[Private], threshold: int = 1, **changed: Any) -> str:
    fields: dict[str, Any] = {
        "seq": 1, "prev": None, "keys": fingerprints(keys), "threshold": threshold,
        "observers": [], "rules": 1, "sigstore": None,
    }  # fmt: skip
    return text("operators", **{**fields, **changed})


def claim(
    namespace: str,
    controllers: Sequence[Private] = (),
    signers: Iterable[tuple[Private, str]] = (),
    *,
    threshold: int = 1,
    seq: int = 1,
    prev: str | None = None,
    **changed: Any,
) -> str:
    """The first claim of *namespace*; with `seq` and `prev` (hex) a later one."""
    fields: dict[str, Any] = {
        "seq": seq, "prev": prev, "namespace": namespace, "title": "Acme Lab", "domain": "acme.example",
        "hub_owner_id": None, "accounts": [], "former": [], "families": [], "republishers": [],
        "key_set": key_set(controllers, signers, threshold) if seq == 1 else None,
    }  # fmt: skip
    return text("claim", **{**fields, **changed})


def entries(kind: str, record: str, by: Iterable[Private]) -> tuple[Entry, ...]:
    return tuple(ordered_entries([one.entry(kind, record) for one in by]))


def identity(claim_text: str, claimed_by: Iterable[Private], *, turn: int = 1, **changed: Any) -> str:
    fields: dict[str, Any] = {
        "turn": turn, "claim": claim_text,
        "claim_signatures": [entry.value() for entry in entries(envelope.CLAIM, claim_text, claimed_by)],
        "resembles": [], "evidence": [], "basis": "operators-word",
    }  # fmt: skip
    return text("identity", **{**fields, **changed})


def keys(namespace: str, new: dict[str, Any], *, seq: int, prev: str, origin: str = ORIGIN) -> str:
    """A record of type `keys`; *prev* is the hex digest of the chain's last record."""
    return text("keys", origin=origin, seq=seq, prev=prev, namespace=namespace, key_set=new)


def digest(record: str) -> str:
    return records.digest(record).hex()


def file(name: str, data: bytes = b"weights") -> File:
    return File(name, len(data), hashlib.sha256(data).digest())


def seal(
    signer: Private,
    repo: str,
    commit: str,
    files: Sequence[File] | None = None,
    *,
    created: int = NOW,
) -> str:
    """The bundle of a seal."""
    files = tuple(sorted(files or (file("config.json", b"{}"), file("model.safetensors")), key=lambda f: f.name))
    payload = Statement(repo, commit, created, files).encode()
    return Bundle(payload, signer.sign(envelope.pae(envelope.STATEMENT, payload)), signer.public.hint).encode()


def release(bundle: str, signer: Private, /, **changed: Any) -> str:
    """The release record that fits the seal *bundle*."""
    payload = Bundle.parse(bundle).payload
    statement = Statement.parse(payload)
    fields: dict[str, Any] = {
        "signer": signer.key.value(), "repo": statement.repo, "revision": statement.revision,
        "seal": hashlib.sha256(payload).hexdigest(), "bundle": hashlib.sha256(bundle.encode()).hexdigest(),
        "bundle_size": len(bundle.encode()), "files": len(statement.files), "total_bytes": statement.total_bytes,
        "fileset": manifest.fileset(statement.files).hex(),
        "weights": [weight.hex() for weight in manifest.weights(statement.files)], "card": None, "replaces": None,
    }  # fmt: skip
    return text("release", **{**fields, **changed})


def revocation(namespace: str, reason: str = "malicious", **target: Any) -> str:
    """*target*: `repo` and `seal`, or `fileset` (hex)."""
    fields: dict[str, Any] = {
        "namespace": namespace, "repo": None, "seal": None, "fileset": None, "signer": None,
        "reason": reason, "replacement": None,
    }  # fmt: skip
    return text("revocation", **{**fields, **target})


def observation(repo: str, commit: str, by: Private, files: Sequence[File] = (), /, **changed: Any) -> str:
    """What *by* saw at *commit*: by default the files that `seal` seals by default, on the Hub's word."""
    found = tuple(files) or (file("config.json", b"{}"), file("model.safetensors"))
    fields: dict[str, Any] = {
        "signer": by.key.value(), "repo": repo, "revision": commit, "files": len(found),
        "total_bytes": sum(one.size for one in found), "fileset": manifest.fileset(found).hex(),
        "basis": "hub-metadata", "prev": None,
    }  # fmt: skip
    return text("observation", **{**fields, **changed})


def last_observation(texts: Iterable[str], by: Private, repo: str, commit: str) -> str | None:
    """The `prev` of *by*'s next observation of this commit: the digest of its last one among the records *texts*."""
    about, last = (by.key, repo.lower(), commit), None
    for one in texts:
        record = records.parse_any(one) if '"type":"observation"' in one else None
        if not isinstance(record, records.Observation):
            continue
        if (record.signer, record.repo.lower(), record.revision) == about:
            last = digest(one)
    return last


def withdrawal(repo: str, commit: str, reason: str = "malicious", **changed: Any) -> str:
    return text("withdrawal", **{"repo": repo, "revision": commit, "reason": reason, **changed})


def submission(record: str, by: Iterable[Private], bundle: str | None = None) -> bytes:
    """What is posted: *record* (or a claim) signed by all of *by*, with its seal."""
    parsed = records.parse_any(record)
    kind = envelope.CLAIM if isinstance(parsed, records.Claim) else envelope.RECORD
    return Submission(record, parsed, entries(kind, record, by), bundle).encode()


def sealed(signer: Private, repo: str, number: int = 0, files: Sequence[File] | None = None) -> bytes:
    """A whole release: the submission of a seal of *repo* at `revision(number)` and its record."""
    bundle = seal(signer, repo, revision(number), files)
    return submission(release(bundle, signer), [signer], bundle)
