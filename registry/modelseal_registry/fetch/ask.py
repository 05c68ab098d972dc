"""Question and answer between a registry and the process that looks: one canonical JSON text each.

{"domain":"acme.example","hub":"https://huggingface.co","nameserver":"","namespace":"hf://acme-lab",
 "unsafe_private_addresses":[],"v":1}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import findings, names, strict

MAX_QUESTION = 64 << 10
MAX_ANSWER = 1 << 20
LIMIT_S = 5.0  # for all that one claim asks for

FOUND, MISSING, OTHER, UNAVAILABLE = "found", "missing", "other", "unavailable"

_state = strict.text(f"{FOUND}|{MISSING}|{UNAVAILABLE}")
_says = strict.text(longest=500)


@dataclass(frozen=True, slots=True)
class Question:
    namespace: str
    domain: str | None
    hub: str  # endpoint; empty: do not ask
    nameserver: str  # HOST:PORT; empty: the system's
    unsafe_private_addresses: tuple[str, ...]

    def encode(self) -> bytes:
        return strict.encode(
            {
                "v": 1, "namespace": self.namespace, "domain": self.domain, "hub": self.hub,
                "nameserver": self.nameserver, "unsafe_private_addresses": list(self.unsafe_private_addresses),
            }
        ).encode()  # fmt: skip

    @classmethod
    def parse(cls, data: bytes) -> Question:
        fields = strict.Object(strict.parse(data, "question", limit=MAX_QUESTION), "question")
        fields.take("v", strict.version)
        found = cls(
            namespace=fields.take("namespace", names.namespace),
            domain=fields.take("domain", strict.optional(names.domain)),
            hub=fields.take("hub", strict.text(longest=256)),
            nameserver=fields.take("nameserver", strict.text(longest=64)),
            unsafe_private_addresses=fields.take("unsafe_private_addresses", strict.sequence(strict.text())),
        )
        fields.done()
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to: something was found, nothing is there, or nobody answered."""

    state: str
    says: str
    url: str
    body: bytes = b""
    status: int | None = None
    commit: str | None = None
    owner_id: str | None = None

    def value(self) -> dict[str, Any]:
        return {
            "state": self.state, "says": names.printable(self.says, longest=300), "url": self.url,
            "body": strict.to_base64(self.body), "status": self.status, "commit": self.commit,
            "owner_id": self.owner_id,
        }  # fmt: skip

    @classmethod
    def read(cls, value: Any, what: str) -> Seen:
        fields = strict.Object(value, what)
        found = cls(
            state=fields.take("state", _state),
            says=fields.take("says", _says),
            url=fields.take("url", strict.text(longest=findings.MAX_URL)),
            body=fields.take("body", strict.base64_text),
            status=fields.take("status", strict.optional(strict.integer(100))),
            commit=fields.take("commit", strict.optional(names.revision)),
            owner_id=fields.take("owner_id", strict.optional(names.owner_id)),
        )
        fields.done()
        return found


def encode_answer(seen: dict[str, Seen]) -> bytes:
    return strict.encode({"v": 1, "seen": {kind: one.value() for kind, one in seen.items()}}).encode()


def parse_answer(data: bytes) -> dict[str, Seen]:
    """Return what was seen, by kind of place."""
    fields = strict.Object(strict.parse(data, "answer", limit=MAX_ANSWER), "answer")
    fields.take("v", strict.version)
    seen = fields.take("seen", lambda value, what: value)
    fields.done()
    if not isinstance(seen, dict) or not set(seen) <= set(findings.KINDS):
        raise Malformed("answer: seen: not by kind of place")
    return {kind: Seen.read(value, f"answer: {kind}") for kind, value in seen.items()}
