"""manifests/samples/: a real seal with its log, and the small log of FORMAT.md, whole, to be verified by hand."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modelseal.formats import names, strict
from modelseal.formats.checkpoint import encode_proof
from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import File
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import encode_registry
from modelseal_registry.signing import Signer
from tests.support import make as makers
from tests.support.make import Private
from tests.support.naive import Naive, leaf
from tests.support.vectors import MANIFESTS
from tests.vectors import small
from tests.vectors.small import Log

MODEL = "hf://sentence-transformers/all-MiniLM-L6-v2"
COMMIT = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
FILES = MANIFESTS / "samples/all-MiniLM-L6-v2/files.txt"
TIME = 1_796_083_200
ORIGIN = "samples.example"
OPERATOR, PUBLISHER = makers.key("sample operator"), makers.key("sample publisher")
LOG, COSIGNER = makers.key("sample log", "ed25519"), makers.key("sample cosigner", "ed25519")


def read_files() -> tuple[File, ...]:
    """The real files, from lines `sha256 blake3 gitoid size name`."""
    found = []
    for line in FILES.read_text().splitlines():
        sha256, blake3, gitoid, size, name = line.split(" ", 4)
        found.append(File(name, int(size), bytes.fromhex(sha256), bytes.fromhex(blake3), gitoid))
    return tuple(found)


def model() -> Log:
    """A log that admits a sample of a publisher, and its release of the real model."""
    namespace = names.namespace_of(MODEL)
    claim = makers.claim(
        namespace,
        [PUBLISHER],
        [(PUBLISHER, namespace + "/*")],
        title="A sample - not Sentence Transformers",
        domain=None,
        origin=ORIGIN,
    )
    return small.build(
        makers.seal(PUBLISHER, MODEL, COMMIT, read_files(), created=TIME),
        OPERATOR,
        PUBLISHER,
        Signer(ORIGIN, LOG.secret, ORIGIN + "/cosigner", COSIGNER.secret),
        claim=claim,
        times=(TIME, TIME + 60, TIME + 120),
        cosigned=TIME + 123,
        holders=("a sample: its keys are public",),
    )


def _common(log: Log, repo: str, publisher: Private) -> dict[str, bytes]:
    tree = Naive([leaf(one) for one in log.leaves])
    proof = encode_proof(3, tree.path(3, 0, len(log.leaves)), log.note)
    return {
        "model.sig": log.seal.encode(),
        "statement.json": Bundle.parse(log.seal).payload,
        "release.record": makers.submission(log.release, [publisher], log.seal),
        "leaf-3.json": log.leaves[3],
        "leaf-3.tlog-proof": proof.encode(),
        "evidence.json": log.evidence(repo),
        "checkpoint": log.note.encode(),
        "policy": encode_policy(log.trust.policy.log, log.trust.policy.own),
        "registry.json": encode_registry(log.trust),
    }


def _pair(name: str, key: Private) -> dict[str, bytes]:
    pem = key.secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {f"{name}.sample-not-secret.key": pem, f"{name}.pub": key.public.pem.encode()}


def make() -> dict[str, bytes]:
    """Return path below samples/ -> bytes."""
    made = _common(model(), MODEL, PUBLISHER) | _pair("publisher", PUBLISHER) | _pair("operator", OPERATOR)
    found = {f"all-MiniLM-L6-v2/{path}": data for path, data in made.items()}

    log = small.log()
    made = _common(log, small.REPO, small.PUBLISHER)
    made["claim.json"] = log.claim.encode()
    made["claims.json"] = strict.encode({"v": 1, "claims": [makers.digest(log.claim)]}).encode()
    for name, key in (
        ("operator", small.OPERATOR), ("publisher", small.PUBLISHER), ("log", small.LOG), ("cosigner", small.COSIGNER),
    ):  # fmt: skip
        made |= _pair(name, key)
    del made["checkpoint"]
    made |= {f"log/{path}": data for path, data in log.static.items()}
    made |= {f"model/{name}": data for name, data in small.CONTENTS.items()}
    made["model/model.sig"] = made.pop("model.sig")
    return found | {f"small/{path}": data for path, data in made.items()}
