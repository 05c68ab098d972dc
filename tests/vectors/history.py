"""A builder of short logs, for the vectors of the rules (histories.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from modelseal.formats import envelope
from modelseal.formats.entries import Entry
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.manifest import fileset
from tests.support import make
from tests.support.make import NOW, Private

OPS, OP2, OP3 = make.key("ops"), make.key("op2"), make.key("op3", "ed25519")
ANA, BOB, CAT = make.key("ana"), make.key("bob", "ed25519"), make.key("cat")
DAN, EVE, CI, CI2 = make.key("dan"), make.key("eve"), make.key("ci", "ed25519"), make.key("ci2")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"
ALL = NS + "/*"
GOOD = (make.file("model.safetensors"),)
DIGEST = "ab" * 32
DAY = 86_400


@dataclass
class History:
    """A log without its roots leaves: no rule depends on them."""

    leaves: list[bytes] = field(default_factory=list)
    seq: int = 0
    prev: str | None = None
    first: str = ""  # the first claim
    turn: int = 1  # of the operators' acts
    waited: int = 0  # seconds

    def wait(self, days: int, seconds: int = 0) -> History:
        """Let the time of the next leaf be *days* after that of the last one."""
        self.waited += days * DAY + seconds - 1  # one second goes by with every leaf
        return self

    def add(self, record: str, by: Iterable[Private] = (), *, entries: Iterable[Entry] | None = None) -> History:
        signatures = tuple(entries) if entries is not None else make.entries(envelope.RECORD, record, by)
        self.leaves.append(encode_leaf(record, signatures, NOW + len(self.leaves) + self.waited))
        return self

    def claim(
        self, controllers: list[Private], threshold: int = 1, signers: list[Private] | None = None, **more: Any
    ) -> History:
        """The namespace and its first identity."""
        scopes = [(one, ALL) for one in signers or [CI]]
        self.first = make.claim(NS, controllers, scopes, threshold=threshold)
        self.seq, self.prev = 1, make.digest(self.first)
        return self.add(make.identity(self.first, more.pop("claimed_by", controllers), **more), [OPS])

    def keys(self, controllers: list[Private], by: list[Private], threshold: int = 1, **more: Any) -> History:
        """The next change of keys."""
        new = make.key_set(controllers, more.pop("signers", [(CI, ALL)]), threshold)
        fields = {"seq": self.seq + 1, "prev": self.prev, **more}
        record = make.keys(fields.pop("namespace", NS), new, **fields)
        self.seq, self.prev = self.seq + 1, make.digest(record)
        return self.add(record, by)

    def later_claim(self, claimed_by: list[Private], by: list[Private] = [OPS], **more: Any) -> History:  # noqa: B006
        fields = {"seq": self.seq + 1, "prev": self.prev, "turn": 2, "namespace": NS, "title": "Acme & Sons", **more}
        self.turn = turn = fields.pop("turn")
        text = make.claim(fields.pop("namespace"), **fields)
        self.seq, self.prev = self.seq + 1, make.digest(text)
        return self.add(make.identity(text, claimed_by, turn=turn), by)

    def act(self, type_: str, by: Iterable[Private] = (), **more: Any) -> History:
        """The operators' next act upon the namespace."""
        self.turn += 1
        turn, namespace = more.pop("turn", self.turn), more.pop("namespace", NS)
        return self.add(make.text(type_, turn=turn, namespace=namespace, **more), by or [OPS])

    def object(self, by: list[Private], **more: Any) -> History:
        """Object to the last leaf."""
        last = Leaf.parse(self.leaves[-1]).digest.hex()
        return self.add(make.text("objection", **{"namespace": NS, "target": last, **more}), by)

    def release(self, number: int = 1, signer: Private = CI, repo: str = REPO, **more: Any) -> History:
        by = more.pop("by", [signer])
        bundle = make.seal(signer, repo, make.revision(number), more.pop("files", GOOD))
        return self.add(make.release(bundle, signer, **more), by)

    def revoke(self, by: list[Private], number: int = 1, reason: str = "malicious", **more: Any) -> History:
        """Revoke the release with this number by its seal."""
        target = {"repo": REPO, "seal": seal_of(number), **more}
        return self.add(make.revocation(target.pop("namespace", NS), reason, **target), by)


def seal_of(number: int, signer: Private = CI, repo: str = REPO, files: Any = GOOD) -> str:
    return hashlib.sha256(Bundle.parse(make.seal(signer, repo, make.revision(number), files)).payload).hexdigest()


def fileset_of(files: Any = GOOD) -> str:
    return fileset(files).hex()


def begun(threshold: int = 1, *operators: Private) -> History:
    return History().add(make.operators(operators or (OPS,), threshold))


def owned(*controllers: Private, threshold: int = 1, signers: list[Private] | None = None) -> History:
    return begun().claim(list(controllers or (ANA,)), threshold, signers)


Row = tuple[str, str, History]  # expect, why, history
