"""The small log whose numbers stand in FORMAT.md, whole: fixed keys, one namespace, one release, size 5."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelseal.formats import envelope, merkle, paths
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.manifest import File
from modelseal.formats.policy import Policy
from modelseal.formats.trust import Trust
from modelseal.gather import gather
from modelseal.keytext import PublicKey
from modelseal_registry.append import Appender
from modelseal_registry.emitter import static_files
from modelseal_registry.signing import Signer
from modelseal_registry.store import open_store
from tests.support import make
from tests.support.make import Private

NAMESPACE, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"
REVISION = "9c1f0d2233ab4455667788990011223344556677"
CONTENTS = {"README.md": b"# Atlas\n", "model.safetensors": b"weights\n"}
START = 1_796_000_000
COSIGNED = START + 123
MAX_AGE = 86_400
URL = "https://registry.example"


def private(byte: int, algorithm: str = "ed25519") -> Private:
    """The key whose secret is *byte* 32 times."""
    secret: ec.EllipticCurvePrivateKey | Ed25519PrivateKey
    if algorithm == "ed25519":
        secret = Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32)
    else:
        secret = ec.derive_private_key(int.from_bytes(bytes([byte]) * 32), ec.SECP256R1())
    return Private(secret, PublicKey.of(secret))


OPERATOR, PUBLISHER = private(1), private(2, "ecdsa-p256")
LOG, COSIGNER = private(3), private(4)
SIGNER = Signer(make.ORIGIN, LOG.secret, make.ORIGIN + "/cosigner", COSIGNER.secret)


@dataclass(frozen=True)
class Log:
    """A log in memory: its leaves, the seal in it, and every static file of its checkpoint."""

    leaves: tuple[bytes, ...]
    seal: str
    release: str
    claim: str
    static: dict[str, bytes]
    trust: Trust

    @property
    def note(self) -> str:
        return self.static[paths.CHECKPOINT].decode()

    def evidence(self, repo: str, revision: str | None = None) -> bytes:
        return gather(lambda path, limit: self.static[path], repo, revision)


def build(
    seal: str,
    operator: Private,
    publisher: Private,
    signer: Signer,
    *,
    claim: str,
    times: tuple[int, int, int],
    cosigned: int,
    holders: tuple[str, ...],
) -> Log:
    """Return the log of a first claim and one release: operators, roots, identity, release, roots."""
    origin = signer.origin
    release = make.release(seal, publisher, origin=origin)
    identity = make.identity(claim, [publisher], origin=origin)
    store = open_store(None)
    with store.write() as tx:
        appender = Appender(tx)
        for record, by, time, last in (
            (make.operators([operator], origin=origin), [], times[0], True),
            (identity, [operator], times[1], False),
            (release, [publisher], times[2], True),
        ):
            data = encode_leaf(record, make.entries(envelope.RECORD, record, by), time)
            appender.add(data, Leaf.parse(data))
            if last:
                appender.close(origin)
        head = appender.finish()
        leaves = tuple(tx.leaves(0, head.size))
        static = dict(static_files(tx))
    store.close()
    static[paths.seal(hashlib.sha256(seal.encode()).digest())] = seal.encode()
    static[paths.CHECKPOINT] = signer.sign(head, cosigned).encode()
    policy = Policy(signer.log, signer.own, (), 0)
    trust = Trust(origin, merkle.leaf_hash(leaves[0]), MAX_AGE, policy, URL, (URL,), holders)
    return Log(leaves, seal, release, claim, static, trust)


def files() -> tuple[File, ...]:
    return tuple(make.file(name, data) for name, data in CONTENTS.items())


def log() -> Log:
    """The log of FORMAT.md."""
    return build(
        make.seal(PUBLISHER, REPO, REVISION, files(), created=START + 100),
        OPERATOR,
        PUBLISHER,
        SIGNER,
        claim=make.claim(NAMESPACE, [PUBLISHER], [(PUBLISHER, NAMESPACE + "/*")], families=["Atlas"]),
        times=(START, START + 60, START + 120),
        cosigned=COSIGNED,
        holders=("one key, for trying out",),
    )
