"""A registry in a folder: database, static files, sequencer and service, with a hand-set clock and no thread.

    house = House(tmp_path)
    house.adopt("hf://acme-lab", [ana], [(ci, "hf://acme-lab/*")])
    status, answer = house.post(make.sealed(ci, "hf://acme-lab/atlas-7b"))

What is posted is sequenced and published before the answer comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelseal_registry.check import check
from modelseal_registry.emitter import Emitter
from modelseal_registry.registry import Registry
from modelseal_registry.sequencer import LogClock, Sequencer, create_log
from modelseal_registry.signing import Signer
from modelseal_registry.store import Head, open_store
from tests.support import make
from tests.support.make import ORIGIN, Private

MAX_AGE = 24 * 3600
SIGNER = Signer(ORIGIN, make.ed25519("log"), f"{ORIGIN}/cosigner", make.ed25519("cosigner"))
OPS = make.key("ops")


class House:
    def __init__(
        self,
        folder: Path,
        operators: Sequence[Private] = (OPS,),
        threshold: int = 1,
        *,
        observers: Sequence[Private] = (),
    ) -> None:
        self.now = float(make.NOW)
        self.path = folder / "registry.db"
        self.store = open_store(self.path)
        self.public = folder / "public"
        with self.store.read() as tx:
            new = tx.head().size == 0
        if new:
            first = make.operators(operators, threshold, observers=make.fingerprints(observers))
            create_log(self.store, first, int(self.now))
        self.emitter = Emitter(self.store, self.public, SIGNER.own, MAX_AGE)
        self.trust = {"trust/1.root.json": b"{}", "trust/timestamp.json": b"{}"}
        self.sequencer = self.another()
        self.registry = Registry(self.store, ORIGIN, self.public, clock=lambda: self.now, wait_s=0, wake=self.run)
        self.sequencer.start()

    def another(self) -> Sequencer:
        """One more sequencer on the same database."""
        clock = LogClock(lambda: self.now, lambda: self.now - make.NOW)
        return Sequencer(self.store, ORIGIN, SIGNER, self.emitter, clock=clock, trust=lambda: self.trust)

    def run(self) -> None:
        self.now += 1
        if self.sequencer.batch():
            self.sequencer.publish()

    def post(self, data: bytes) -> tuple[int, dict[str, Any]]:
        return self.registry.submit(data)

    def logged(self, data: bytes) -> int:
        """Post *data*, which must be logged; return its index."""
        status, answer = self.post(data)
        assert status == 200, answer
        return int(answer["index"])

    def adopt(
        self,
        namespace: str,
        controllers: Sequence[Private],
        signers: Iterable[tuple[Private, str]],
        threshold: int = 1,
    ) -> str:
        """Claim and approve *namespace*; return the claim's text."""
        claim = make.claim(namespace, controllers, signers, threshold=threshold)
        self.logged(make.submission(make.identity(claim, controllers), [OPS]))
        return claim

    def head(self) -> Head:
        with self.store.read() as tx:
            return tx.head()

    def check(self) -> Head:
        return check(self.store, self.public, ORIGIN, log=SIGNER.log, own=SIGNER.own, trust=self.trust)

    def files(self) -> dict[str, bytes]:
        """Every static file."""
        return {
            path.relative_to(self.public).as_posix(): path.read_bytes()
            for path in sorted(self.public.rglob("*"))
            if path.is_file()
        }
