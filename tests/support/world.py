"""One small world in memory: a log with real keys, its static files, a client with a memory, and a hand-set clock.

    world = World()
    world.claim("hf://acme-lab", ana, [(ci, "hf://acme-lab/*")])
    world.publish("hf://acme-lab/atlas-7b", 1, ci)
    world.ask("hf://acme-lab/atlas-7b").word           # None: a release is chosen

What a liar would do are verbs too: `force` logs what no rule admits, `fork` goes on differently from the same past.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from modelseal import gather
from modelseal.compare import Local, compare
from modelseal.decide import Freshness, decide, tiles_wanted
from modelseal.errors import Malformed, NotFound
from modelseal.formats import merkle, paths
from modelseal.formats.entries import Entry
from modelseal.formats.envelope import RECORD
from modelseal.formats.leaves import Leaf, Submission, encode_leaf
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.formats.policy import Policy
from modelseal.formats.trust import Head, Revoked, Trust
from modelseal.verdict import Decision, Verdict
from modelseal_registry.append import Appender
from modelseal_registry.emitter import static_files
from modelseal_registry.signing import Signer
from modelseal_registry.store import open_store
from tests.support import make
from tests.support.make import NOW, ORIGIN, Private
from tests.support.witness import Witness, quorum

OPS = make.key("ops")
WATCHER = make.key("watcher")  # who observes, in a World(observers=[WATCHER])
WEEK = 7 * 86_400  # after which an observation counts
MAX_AGE = 24 * 3600


class World:
    """A registry and one client. Time stands still unless a test moves `now`."""

    def __init__(
        self,
        operators: Sequence[Private] = (OPS,),
        threshold: int = 1,
        *,
        name: str = ORIGIN,
        now: int = NOW,
        observers: Sequence[Private] = (),
    ) -> None:
        self.now = now
        self.signer = Signer(name, make.ed25519("log"), f"{name}/own", make.ed25519("own"))
        self.entries: list[tuple[str, tuple[Entry, ...]]] = []
        self.seals: dict[str, str] = {}  # path -> bundle
        self.head: Head | None = None
        self.revoked = Revoked()
        self.witnesses: tuple[Witness, ...] = ()  # whom the policy names, and how many of them it wants
        self.quorum = 0
        self.cosigners: tuple[Witness, ...] = ()  # who cosigns what is served
        self._store = open_store(None)
        self._claims: dict[str, tuple[int, str]] = {}  # namespace -> (seq, digest) of its chain
        self.leaf0 = b""
        self.log(make.operators(operators, threshold, origin=name, observers=make.fingerprints(observers)))

    # what honest people do

    def log(self, record: str, by: Iterable[Private] = (), *, listed_as: str | None = None) -> int:
        """Append one record with a roots leaf behind it, whatever the rules say; return its index.

        It is listed where *listed_as* would be: a registry newer than this program knows more types.
        """
        return self.log_signed(record, make.entries(RECORD, record, by), listed_as=listed_as)

    def log_signed(self, record: str, signatures: tuple[Entry, ...], *, listed_as: str | None = None) -> int:
        """The same with signatures at hand."""
        with self._store.write() as tx:
            appender = Appender(tx)
            data = encode_leaf(record, signatures, self.now)
            listed = encode_leaf(listed_as, (), self.now) if listed_as else data
            index = appender.add(data, Leaf.parse(listed))
            appender.close(self.signer.origin)
            self.size = appender.finish().size
        self.entries.append((record, signatures))
        if index == 0:
            self.leaf0 = merkle.leaf_hash(data)
        return index

    @contextlib.contextmanager
    def batch(self) -> Iterator[Callable[[str, Iterable[Private]], None]]:
        """Many records with one roots leaf behind them: `add(record, by)`."""
        with self._store.write() as tx:
            appender = Appender(tx)

            def add(record: str, by: Iterable[Private]) -> None:
                data = encode_leaf(record, make.entries(RECORD, record, by), self.now)
                appender.add(data, Leaf.parse(data))

            yield add
            appender.close(self.signer.origin)
            self.size = appender.finish().size

    def claim(
        self,
        namespace: str,
        controllers: Sequence[Private],
        signers: Iterable[tuple[Private, str]],
        *,
        threshold: int = 1,
        operators: Sequence[Private] = (OPS,),
        **changed: Any,
    ) -> str:
        """Claim and admit a namespace; return the digest of the claim."""
        text = make.claim(namespace, controllers, signers, threshold=threshold, origin=self.signer.origin)
        self.log(make.identity(text, controllers, origin=self.signer.origin, **changed), operators)
        return make.digest(text)

    def publish(
        self,
        repo: str,
        number: int | str,
        signer: Private,
        files: Sequence[File] | None = None,
        *,
        also_by: Sequence[Private] = (),
        **changed: Any,
    ) -> Submission:
        """Seal and log a release of *repo* at `make.revision(number)`, or at a commit, its record signed *also_by*
        others."""
        bundle = make.seal(signer, repo, number if isinstance(number, str) else make.revision(number), files)
        record = make.release(bundle, signer, **{"origin": self.signer.origin, **changed})
        found = Submission.parse(make.submission(record, [signer, *also_by], bundle))
        self.log(record, [signer, *also_by])
        self.seals[paths.seal(bytes.fromhex(_bundle_digest(record)))] = bundle
        return found

    def revoke(self, repo: str, seal: bytes, by: Sequence[Private], reason: str = "malicious") -> int:
        return self.log(
            make.revocation(
                "hf://" + repo.split("/")[-2], reason, repo=repo, seal=seal.hex(), origin=self.signer.origin
            ),
            by,
        )

    def revoke_everywhere(self, namespace: str, fileset: bytes, by: Sequence[Private]) -> int:
        return self.log(make.revocation(namespace, fileset=fileset.hex(), origin=self.signer.origin), by)

    def observe(self, repo: str, number: int, by: Private = WATCHER, files: Sequence[File] = (), **changed: Any) -> int:
        """Log what *by*, one of the observers, saw at `make.revision(number)`; it counts 7 days later."""
        commit, texts = make.revision(number), [text for text, _ in self.entries]
        prev = make.last_observation(texts, by, repo, commit)
        fields = {"origin": self.signer.origin, "prev": prev, **changed}
        return self.log(make.observation(repo, commit, by, files, **fields), [by])

    def withdraw(self, repo: str, number: int, reason: str = "malicious", by: Sequence[Private] = (OPS,)) -> int:
        return self.log(make.withdrawal(repo, make.revision(number), reason, origin=self.signer.origin), by)

    def observers(self, *new: Private, operators: Sequence[Private] = (OPS,)) -> int:
        """From now on these observe, and no others."""
        versions = [text for text, _ in self.entries if '"type":"operators"' in text]
        seq, prev = len(versions) + 1, make.digest(versions[-1])
        listed = make.fingerprints(new)
        text = make.operators(operators, origin=self.signer.origin, seq=seq, prev=prev, observers=listed)
        return self.log(text, operators)

    def watched(self, witnesses: Sequence[Witness], k: int) -> None:
        """Have the policy name *witnesses*, of whom *k* must cosign; all of them do."""
        self.witnesses = self.cosigners = tuple(witnesses)
        self.quorum = k

    # what is served

    @property
    def trust(self) -> Trust:
        policy = Policy(self.signer.log, self.signer.own, (), 0)
        if self.witnesses:
            policy = quorum(self.signer.log, self.signer.own, self.witnesses, self.quorum)
        url = "http://127.0.0.1:1"
        return Trust(self.signer.origin, self.leaf0, MAX_AGE, policy, url, (url,), ())

    def files(self) -> dict[str, bytes]:
        """Every static file of the newest checkpoint, cosigned now."""
        with self._store.read() as tx:
            files = dict(static_files(tx))
            note = self.signer.sign(tx.head(), self.now)
        for witness in self.cosigners:
            note = witness.cosign(note, self.now)
        files[paths.CHECKPOINT] = note.encode()
        files.update({path: seal.encode() for path, seal in self.seals.items()})
        return files

    def evidence(self, repo: str, revision: str | None = None) -> bytes:
        return gather.gather(self.reader(), repo, revision)

    def reader(self) -> gather.Get:
        files = self.files()

        def get(path: str, limit: int) -> bytes:
            if path not in files:
                raise NotFound(path)
            assert len(files[path]) <= limit
            return files[path]

        return get

    # what a client does

    def ask(
        self, repo: str, revision: str | None = None, *, evidence: bytes | None = None, fresh: Freshness | None = None
    ) -> Decision:
        """Decide about *repo* as a client that remembers; its memory moves on."""
        evidence = self.evidence(repo, revision) if evidence is None else evidence
        tiles: dict[str, bytes] = {}
        with contextlib.suppress(Malformed):
            if wanted := tiles_wanted(evidence, self.head):
                get = self.reader()
                tiles = {tile.path: gather.get_tile(get, tile) for tile in wanted}
        decision = decide(
            evidence,
            tiles,
            self.trust,
            self.head,
            self.revoked,
            Asked(repo, revision),
            fresh or Freshness(self.now, MAX_AGE),
        )
        self.head = decision.head or self.head
        self.revoked |= decision.revoked
        return decision

    def verify(
        self, repo: str, files: Sequence[File], revision: str | None = None, *, evidence: bytes | None = None
    ) -> Verdict:
        """Compare *files* with what the log says about *repo*."""
        local = tuple(Local(file.name, file.size, file.sha256, file.blake3) for file in files)
        return compare(self.ask(repo, revision, evidence=evidence), local)

    # what liars do

    def fork(self, keep: int) -> World:
        """Return a registry with the same keys and the first *keep* records, and the same client."""
        other = copy.copy(self)
        other._store = open_store(None)
        other.entries = []
        operators, *rest = self.entries[:keep]
        other.log(operators[0])
        for record, signatures in rest:
            other.log_signed(record, signatures)
        return other


def _bundle_digest(record: str) -> str:
    from modelseal.formats.records import Release, parse_record

    release = parse_record(record)
    assert isinstance(release, Release)
    return release.bundle.hex()


def with_blake3(file: File) -> File:
    return replace(file, blake3=file.sha256[::-1])
