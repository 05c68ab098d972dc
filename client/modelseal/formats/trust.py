"""What a client knows beforehand (`Trust`) and what it remembers (`Head`, `Revoked`).

`Trust` is read from the two targets of the trust root: `policy` and `registry.json`, whose unknown fields are ignored
so that it can grow.
"""

from __future__ import annotations

from modelseal.formats import names, strict
from modelseal.formats.note import Verifier
from modelseal.formats.policy import Policy, parse_policy
from modelseal.values import dataclass

MAX_REGISTRY = 64 << 10

_address = strict.text(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", longest=256
)
_holder = strict.text(longest=128)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the trust root says about one registry."""

    origin: str
    leaf0: bytes  # the RFC 6962 leaf hash of the first leaf: who the operators were
    max_age: int  # seconds: older answers are not answers
    policy: Policy
    url: str  # where publishers submit
    addresses: tuple[str, ...]  # where everybody reads: the registry's and its mirrors'
    holders: tuple[str, ...]  # people who hold the operators' keys; shown, never decisive


@dataclass(frozen=True, slots=True)
class Head:
    """The newest verified head of a log."""

    size: int
    root: bytes
    note: str  # the whole signed note
    log: str  # vkey under which it was verified
    time: int  # proven time, POSIX seconds


@dataclass(frozen=True, slots=True)
class Revoked:
    """Revocations once seen; they win over any later answer. Names are lower-case keys, digests 32 bytes."""

    seals: frozenset[tuple[str, bytes]] = frozenset()  # (repo, payload digest)
    filesets: frozenset[tuple[str, bytes]] = frozenset()  # (namespace, fileset)
    signers: frozenset[tuple[str, bytes]] = frozenset()  # (namespace, fingerprint)

    def __or__(self, other: Revoked) -> Revoked:
        return Revoked(self.seals | other.seals, self.filesets | other.filesets, self.signers | other.signers)


def parse_trust(policy: bytes, registry: bytes) -> Trust:
    """Read the two targets."""
    value = strict.Object(strict.parse(registry, "registry.json", limit=MAX_REGISTRY), "registry.json")
    value.take("v", strict.version)
    own = Verifier.parse(value.take("own_witness", strict.text()), "registry.json: own_witness")
    return Trust(
        origin=value.take("origin", names.origin),
        leaf0=value.take("leaf0", strict.hexadecimal),
        max_age=value.take("max_age", strict.integer(1)),
        policy=parse_policy(policy, own),
        url=value.take("url", _address),
        addresses=value.take("addresses", strict.sequence(_address, least=1, most=16)),
        holders=value.take("holders", strict.sequence(_holder, most=16)),
    )


def encode_registry(trust: Trust) -> bytes:
    """Return `registry.json`."""
    return strict.encode(
        {
            "v": 1,
            "origin": trust.origin,
            "leaf0": trust.leaf0.hex(),
            "max_age": trust.max_age,
            "own_witness": trust.policy.own.encode(),
            "url": trust.url,
            "addresses": list(trust.addresses),
            "holders": list(trust.holders),
        }
    ).encode()
