"""The claim file, and findings: what a registry found where only an owner can write (FORMAT.md 5.5).

    {"claims":["3f0d6b25..."],"v":1}

    {"body":"eyJjbGFpbXMiOls...","commit":"5f1e...","kind":"hub","owner_id":"64f0...","status":200,
     "time":1796000050,"url":"https://huggingface.co/spaces/acme-lab/README/resolve/5f1e.../modelseal.json","v":1}

A finding is named by its SHA-256 in the identity that rests on it, and lies at `blob/<digest>` for everybody to read.
"""

from __future__ import annotations

import hashlib
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import names, strict
from modelseal.values import dataclass

FILE = "modelseal.json"  # at the root of the Space NS/README
WELL_KNOWN = "/.well-known/modelseal.json"
DNS_LABEL = "_modelseal"

MAX_FOUND = 64 << 10  # bytes of what was found
MAX_FINDING = 128 << 10
MAX_CLAIMS = 16
MAX_URL = 2048

HUB, HTTPS, DNS = KINDS = ("hub", "https", "dns")

_claims = strict.listing(strict.hexadecimal, most=MAX_CLAIMS)
_TXT = "claim=sha256:"


def encode_claim_file(claims: tuple[bytes, ...]) -> bytes:
    """Return the claim file that names *claims*, digests of their texts."""
    return strict.encode({"v": 1, "claims": sorted(one.hex() for one in claims)}).encode()


def parse_claim_file(data: bytes) -> tuple[bytes, ...]:
    """Return the digests that a claim file names, at least one."""
    fields = strict.Object(strict.parse(data, FILE, limit=MAX_FOUND), FILE)
    fields.take("v", strict.version)
    found = fields.take("claims", _claims)
    fields.done()
    if not found:
        raise Malformed(f"{FILE}: it names no claim")
    return found


def parse_txt(records: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the digests that the TXT records of a name give. Records of other purposes may stand beside them."""
    found = []
    for record in records:
        text = record.decode("ascii", "replace")
        if text.startswith(_TXT):
            found.append(strict.hexadecimal(text.removeprefix(_TXT), "TXT record"))
    return tuple(sorted(found))


def domain_url(domain: str) -> str:
    return f"https://{domain}{WELL_KNOWN}"


def dns_url(domain: str) -> str:
    """Return the name of the TXT records of *domain* (RFC 4501)."""
    return f"dns:{DNS_LABEL}.{domain}?type=TXT"


def space_of(namespace: str) -> str:
    """Return the Space in which the owner of *namespace* publishes: `acme-lab/README`."""
    return f"{names.short(namespace)}/README"


@dataclass(frozen=True, slots=True)
class Finding:
    """What stood at *url* at *time*. Nothing in it is believed for standing in it: the operators signed its digest."""

    kind: str
    url: str
    time: int
    status: int | None  # of HTTP; None: DNS
    body: bytes  # as found; of DNS the records, each with a line feed, sorted
    commit: str | None = None  # of the Space
    owner_id: str | None = None  # who the Hub says owns the namespace

    @classmethod
    def parse(cls, data: bytes) -> Finding:
        fields = strict.Object(strict.parse(data, "finding", limit=MAX_FINDING), "finding")
        fields.take("v", strict.version)
        found = cls(
            kind=fields.take("kind", strict.text("|".join(KINDS))),
            url=fields.take("url", strict.text(r"(?:https?://|dns:)[!-~]+", longest=MAX_URL)),
            time=fields.take("time", strict.integer()),
            status=fields.take("status", strict.optional(strict.integer(100))),
            body=fields.take("body", _body),
            commit=fields.take("commit", strict.optional(names.revision)),
            owner_id=fields.take("owner_id", strict.optional(names.owner_id)),
        )
        fields.done()
        if (found.kind == DNS) != (found.status is None):
            raise Malformed("finding: a status belongs to HTTP, and only to it")
        if (found.kind == HUB) != (found.commit is not None) or (found.kind != HUB and found.owner_id is not None):
            raise Malformed("finding: commit and owner_id belong to the Hub, and only to it")
        return found

    def encode(self) -> bytes:
        value: dict[str, Any] = {
            "v": 1, "kind": self.kind, "url": self.url, "time": self.time, "status": self.status,
            "body": strict.to_base64(self.body), "commit": self.commit, "owner_id": self.owner_id,
        }  # fmt: skip
        return strict.encode(value).encode()

    def claims(self) -> tuple[bytes, ...]:
        """Return the digests that stood there; Malformed if what stood there is no claim file."""
        if self.kind == DNS:
            return parse_txt(tuple(self.body.splitlines()))
        return parse_claim_file(self.body)


def digest(finding: bytes) -> bytes:
    return hashlib.sha256(finding).digest()


def _body(value: Any, what: str) -> bytes:
    data = strict.base64_text(value, what)
    if len(data) > MAX_FOUND:
        raise Malformed(f"{what}: larger than {MAX_FOUND} bytes")
    return data
