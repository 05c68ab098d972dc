"""One case of the decision, for the vectors: evidence, what a client knows, what it asked -> a word."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelseal.formats.trust import Head, Trust, encode_registry
from tests.support.make import NOW
from tests.support.vectors import Vector, vector
from tests.support.world import MAX_AGE, World

REPO = "hf://acme-lab/atlas-7b"


@dataclass(frozen=True)
class Case:
    phrase: str
    expect: str
    evidence: bytes
    world: World
    asked: str = REPO
    revision: str | None = None
    now: int = NOW
    release: str | None = None  # the revision that is chosen
    why: str | None = None  # REVOKED (...)
    head: Head | None = None
    tiles: tuple[tuple[str, bytes], ...] = ()
    revoked: tuple[str, ...] = ()
    trust: Trust | None = None
    policy: str | None = None
    comment: str = ""
    observed: str | None = None  # what is observed, and by whom

    def headers(self) -> Iterator[tuple[str, str]]:
        trust = self.trust or self.world.trust
        yield "asked", self.asked.removeprefix("hf://") + (f"@{self.revision}" if self.revision else "")
        yield "now", str(self.now)
        yield "max-age", str(MAX_AGE)
        yield "registry", encode_registry(trust).decode()
        policy = self.policy or f"log {trust.policy.log.encode()}\nwitness own {trust.policy.own.encode()}\nquorum none"
        yield from (("policy", line) for line in policy.split("\n"))
        if self.head is not None:
            yield "head-size", str(self.head.size)
            yield "head-root", self.head.root.hex()
            yield "head-log", self.head.log
            yield "head-note", base64.b64encode(self.head.note.encode()).decode()
        yield from (("tile", f"{path} {data.hex()}") for path, data in self.tiles)
        yield from (("revoked", one) for one in self.revoked)
        if self.release:
            yield "release", self.release
        if self.observed:
            yield "observed", self.observed
        if self.why:
            yield "because", self.why

    def without_release(self) -> Case:
        return replace(self, release=None)

    def vector(self) -> Vector:
        return vector("decisions", self.phrase, self.expect, self.evidence, self.headers(), self.comment)
