"""Every byte of every kind of answer, changed in turn: nothing of it is believed, and nothing of it stays.

In process each byte is flipped and left out and each answer cut at every length; through the real command one byte of
each field. Bytes that may change without any effect are few, and listed where they occur:

- the seal inside evidence: the release leaf binds names, sizes and digests, so the verdict is the same without it;
- in a bundle of leaves, those that are about others (here: the roots leaves of earlier checkpoints).
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from modelseal import gather, root
from modelseal.authorship import check_seal
from modelseal.compare import Local, compare
from modelseal.decide import Freshness, decide
from modelseal.errors import Error, Malformed, Refused, Unavailable
from modelseal.formats import index, merkle, paths, strict, tiles
from modelseal.formats.evidence import Evidence, Lookup
from modelseal.formats.leaves import Leaf
from modelseal.formats.names import Asked
from modelseal.formats.records import Roots
from modelseal.formats.trust import Head, Revoked
from modelseal.verdict import Decision, Word
from tests.support import make, scene
from tests.support.client import Answer, Someone
from tests.support.forge import flipped
from tests.support.scene import ACME, BAD, EVIDENCE, GOOD, NAME, REPO, VERIFY, Scene, files_of
from tests.support.trust import Repository
from tests.support.world import MAX_AGE, World

OPS, ANA, CI = (make.key(name, "ed25519") for name in ("ops", "ana", "ci"))
ONE = make.revision(1)


def new_world() -> World:
    world = World([OPS], now=int(time.time()))
    world.claim(ACME, [ANA], [(CI, f"{ACME}/*")], operators=[OPS])
    world.publish(REPO, 1, CI, files_of(GOOD))
    return world


@dataclass(frozen=True)
class Known:
    """A world, its answers, and what an honest one comes to."""

    world: World
    files: Mapping[str, bytes]
    evidence: bytes
    honest: Decision

    def decide(self, evidence: bytes, head: Head | None = None, files: Mapping[str, bytes] | None = None) -> Decision:
        fresh = Freshness(self.world.now, MAX_AGE)
        return decide(evidence, files or {}, self.world.trust, head, Revoked(), Asked(REPO, None), fresh)


@pytest.fixture(scope="module")
def known() -> Known:
    world = new_world()
    evidence = world.evidence(REPO)
    found = Known(world, world.files(), evidence, world.ask(REPO, evidence=evidence))
    assert found.honest.word is None and found.honest.statement is not None and found.honest.head is not None
    return found


def mutations(data: bytes, *, each: int = 1, but: Container[int] = ()) -> Iterator[tuple[int, bytes]]:
    """Every byte with a low bit flipped (so that digits and letters stay such), *each* left out, and every length.

    Of the bytes in *but*, which have a test of their own, every eighth.
    """
    for at in range(len(data)):
        if at % 8 == 0 or at not in but:
            yield at, data[:at] + bytes([data[at] ^ 1 << at % 3]) + data[at + 1 :]
            if at % each == 0:
                yield at, data[:at] + data[at + 1 :]
        yield at, data[:at]


def proves_nothing(decision: Decision) -> bool:
    """No word about the repo, and nothing to remember."""
    return decision.word == Word.UNAVAILABLE and decision.head is None and decision.revoked == Revoked()


# evidence


_HASHES = re.compile(rb'"(?:path|proof)":"([^"]*)"')


def test_every_byte_of_evidence(known: Known) -> None:
    """Only the seal may be another one; then the same release stands, and only its very files are VERIFIED.

    The seal and the hashes of proofs have tests of their own, below: here each eighth of their bytes.
    """
    seal = Evidence.parse(known.evidence).seal
    assert seal is not None
    start = known.evidence.index(b'"seal":') + len(b'"seal":')
    end = known.evidence.index(b',"v":1}')
    without = known.decide(replace(Evidence.parse(known.evidence), seal=None).encode())
    assert (without.chosen, without.head, without.statement) == (known.honest.chosen, known.honest.head, None)
    accepted = set()
    hashes = {at for found in _HASHES.finditer(known.evidence) for at in range(*found.span(1))}
    assert len(hashes) > 2000
    for at, data in mutations(known.evidence, each=3, but=hashes | set(range(start, end))):
        decision = known.decide(data)
        if not proves_nothing(decision):
            assert decision == without, at
            accepted.add(at)
    assert accepted and accepted <= set(range(start, end))
    for contents, word in ((GOOD, Word.VERIFIED), (BAD, Word.FAILED)):
        local = tuple(Local(one.name, one.size, one.sha256) for one in files_of(contents))
        assert compare(without, local).word == word


def test_every_byte_of_a_checkpoint(known: Known) -> None:
    evidence = Evidence.parse(known.evidence)
    for at, data in mutations(known.files[paths.CHECKPOINT]):
        note = data.decode("utf-8", "replace")
        assert proves_nothing(known.decide(replace(evidence, checkpoint=note).encode())), (at, note)


def test_every_byte_of_a_tile(known: Known) -> None:
    """For whoever asks whether the log goes on, and for whoever makes proofs of it."""
    assert known.honest.head is not None
    old = known.honest.head
    larger = known.world.fork(keep=len(known.world.entries))
    larger.seals = {}
    larger.publish(f"{ACME}/other", 1, CI)
    evidence, files = larger.evidence(REPO), larger.files()
    path = paths.tile(0, 0, larger.size)
    assert known.decide(evidence, old, {path: files[path]}).word is None
    for at, data in mutations(files[path]):
        assert proves_nothing(known.decide(evidence, old, {path: data})), at
    path = paths.tile(0, 0, known.world.size)
    for at, data in mutations(known.files[path]):
        assert _gathered(known, {path: data}), at


def test_every_byte_of_a_bundle_of_leaves(known: Known) -> None:
    """Leaves that are about others are not looked at: exactly those bytes mean nothing here."""
    size = known.world.size
    path = paths.entries(0, size)
    bundle = known.files[path]
    leaves = tiles.parse_entries(bundle, size, path)
    used = {one.index for one in Evidence.parse(known.evidence).leaves} | {size - 1}
    others: set[int] = set()
    start = 0
    for number, leaf in enumerate(leaves):
        start += 2
        if number not in used:
            others |= set(range(start, start + len(leaf)))
        start += len(leaf)
    passed = set()
    tried = range(0, len(bundle), 3)  # a leaf's every byte is changed in evidence
    for at in tried:
        if not _gathered(known, {path: flipped(bundle, at)}):
            passed.add(at)
        for data in (bundle[:at] + bundle[at + 1 :], bundle[:at]):
            with pytest.raises(Malformed):
                tiles.parse_entries(data, size, path)
    assert passed == others & set(tried)


_looked_up: dict[tuple[bytes, str], Lookup] = {}


class _Files(gather.Files):
    """The index, which stays as it is, is read once for each root."""

    def _look_up(self, key: str) -> Lookup:
        known = (self.roots.records, key)  # type: ignore[union-attr]
        if known not in _looked_up:
            _looked_up[known] = super()._look_up(key)
        return _looked_up[known]


def _gathered(known: Known, changed: Mapping[str, bytes]) -> bool:
    """Whether what a client gathers itself from these files proves nothing; if not, it must be the honest answer."""
    files = {**known.files, **changed}

    def get(path: str, limit: int) -> bytes:
        if path not in files:
            raise Unavailable(path)
        return files[path]

    try:
        decision = known.decide(_Files(get).evidence(REPO, None))
    except (Malformed, Unavailable):
        return True
    assert proves_nothing(decision) or decision == known.honest
    return proves_nothing(decision)


def test_every_byte_of_the_index(known: Known) -> None:
    """Its objects are named by digests: a bucket by its own, a tile by what it folds to.

    Of a tile's 8,192 bytes, which are all hashed alike, each tenth; that it is cut is seen by its length.
    """
    found = {path: data for path, data in known.files.items() if path.startswith("index/")}
    kinds = {len(data) == index.TILE_SIZE for data in found.values()}
    assert kinds == {True, False}
    for tile in kinds:
        path, data = max((one for one in found.items() if (len(one[1]) == index.TILE_SIZE) == tile), key=lambda o: o[1])
        digest = bytes.fromhex(path.removeprefix("index/"))
        assert index.check_object(data, digest, tile=tile) == data
        for at in range(0, len(data), 10 if tile else 1):
            for other in (flipped(data, at), data[:at] + data[at + 1 :], data[:at]):
                with pytest.raises(Malformed):
                    index.check_object(other, digest, tile=tile)


def test_every_byte_of_a_look_up(known: Known) -> None:
    """Bucket and path, as they prove what is listed and what is not."""
    evidence = Evidence.parse(known.evidence)
    last = Leaf.parse(evidence.last.leaf).record
    assert isinstance(last, Roots)
    for key, lookup in evidence.lookups.items():
        for _, data in mutations(lookup.bucket.encode()):
            with pytest.raises(Malformed):
                index.check_lookup(key, data.decode(), lookup.path, last.records)
        joined = b"".join(lookup.path)
        for at in range(len(joined)):
            other = flipped(joined, at)
            bent = [other[i : i + 32] for i in range(0, len(other), 32)]
            with pytest.raises(Malformed):
                index.check_lookup(key, lookup.bucket, bent, last.records)
        for path in (lookup.path[1:], lookup.path[:-1], (*lookup.path, joined[:32])):
            with pytest.raises(Malformed):
                index.check_lookup(key, lookup.bucket, path, last.records)


def test_every_byte_of_a_seal(known: Known) -> None:
    seal = Evidence.parse(known.evidence).seal
    assert seal is not None and known.honest.chosen is not None
    release = known.honest.chosen.release
    check_seal(release, seal, CI.public)
    for _, data in mutations(seal.encode()):
        with pytest.raises((Malformed, Refused)):
            check_seal(release, data.decode("utf-8", "replace"), CI.public)


def test_every_byte_of_an_inclusion_proof(known: Known) -> None:
    """In the log, where trees are small and uneven."""
    hashes = [merkle.leaf_hash(b"%d" % n) for n in range(7)]
    whole = merkle.root(hashes)
    for number in range(7):
        proof = b"".join(merkle.inclusion_proof(number, 7, lambda a, b: merkle.root(hashes[a:b])))
        for at in range(len(proof)):
            bent = flipped(proof, at)
            for data in (bent, proof[: at // 32 * 32], bent + bent[:32]):
                with pytest.raises(Malformed):
                    merkle.check_inclusion(
                        hashes[number], number, 7, [data[i : i + 32] for i in range(0, len(data), 32)], whole
                    )


# every field, another kind of value


KINDS: tuple[Any, ...] = (
    None, 0, 1, 2**53 - 1, 2**60, 1.5, True, "", "x", "ab" * 32, "ab" * 20, [], {}, [None], {"a": 1},
    "hf://x", "hf://acme-lab", "hf://acme-lab/other", "operators", "roots", "keys", "suspend", "recover", "lift",
)  # fmt: skip
ABSENT = object()


def changes(value: Any, put: Callable[[Any], Any] = lambda v: v) -> Iterator[Any]:
    """*value* with each member in turn absent or of another kind; members of texts inside it too."""
    if isinstance(value, str) and value.startswith("{"):
        inner = strict.loads(value, "text")
        yield from changes(inner, lambda v: put(strict.encode(v)))
    members = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
    for key, member in members.items():

        def put_member(new: Any, key: Any = key) -> Any:
            kept = {**members, key: new}
            if new is ABSENT:
                del kept[key]
            return put(kept if isinstance(value, dict) else list(kept.values()))

        for kind in (*KINDS, ABSENT):
            yield put_member(kind)
        yield from changes(member, put_member)


def test_no_kind_of_value_ends_a_client_with_an_error_of_its_own() -> None:
    """Not even under signatures: leaves are folded as they come before they are proven. Each twentieth is tried."""
    world = new_world()
    world.log(make.text("suspend", namespace=ACME, turn=2, reason="malicious"), [OPS])
    world.log(make.text("lift", namespace=ACME, turn=3), [OPS])
    world.log(make.text("recover", namespace=ACME, turn=4, key_set=make.key_set([CI], [])), [OPS])
    world.revoke_everywhere(ACME, b"\1" * 32, [ANA])
    known = Known(world, world.files(), world.evidence(REPO), world.ask(REPO))
    assert known.honest.word is None
    for value in itertools.islice(changes(strict.loads(known.evidence.decode(), "evidence")), 7, None, 20):
        known.decide(strict.encode(value).encode())
    path = paths.entries(0, world.size)
    leaves = tiles.parse_entries(known.files[path], world.size, path)
    for number, leaf in enumerate(leaves):
        for value in itertools.islice(changes(strict.loads(leaf.decode(), "leaf")), number, None, 20):
            bent = [*leaves[:number], strict.encode(value).encode(), *leaves[number + 1 :]]
            _gathered(known, {path: tiles.encode_entries(bent)})


# through the command, one byte of each field


_VALUE = re.compile(rb'\\*"([a-z0-9_]+)\\*":\s*\\*"?([^\\",\[\]{}]+)')


def sampled(data: bytes) -> list[tuple[str, int]]:
    """The first and the last place at which each field has a value: its name, and a byte in the middle."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for match in _VALUE.finditer(data):
        name, at = match[1].decode(), (match.start(2) + match.end(2)) // 2
        first.setdefault(name, at)
        last[name] = at
    return sorted({*first.items(), *last.items()})


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene.scene(tmp_path_factory.mktemp("mutation"), new_world()) as found:
        found.someone.types(*VERIFY).says(0, f"VERIFIED (registry's word only) {NAME}")
        yield found


def kept(someone: Someone) -> dict[Path, bytes]:
    """All that lasts between commands."""
    return {path: path.read_bytes() for path in someone.home.rglob("*") if path.is_file()}


def tries(found: Scene, answers: Mapping[str, Answer], says: str) -> int:
    """Verify good and bad files against changed answers; return how it ended for the good ones."""
    found.address.files.update(answers)
    before = kept(found.someone)
    ran = found.someone.types(*VERIFY)
    bad = found.someone.types("verify", "./bad", "--repo", NAME)
    assert bad.code in (1, 6) and "VERIFIED" not in bad.out, (says, bad)
    if ran.code == 0:
        assert ran.out.startswith(f"VERIFIED (registry's word only) {NAME}"), (says, ran)
    else:
        ran.says(6, f"UNAVAILABLE {NAME}")
    assert kept(found.someone) == before, says
    return ran.code


def test_one_byte_of_each_field_of_evidence_through_the_command(standing: Scene) -> None:
    """Then the honest answer again: VERIFIED. A changed seal is asked for once more, and found."""
    evidence = standing.world.evidence(REPO)
    in_seal = evidence.index(b'"seal":')
    samples = sampled(evidence)
    fields = {name for name, _ in samples}
    assert {"checkpoint", "index", "proof", "bucket", "path", "time", "title", "fileset", "sig", "repo"} <= fields
    for number, (name, at) in enumerate(samples):
        standing.serve()
        code = tries(standing, {EVIDENCE: flipped(evidence, at)}, f"{name} at {at}")
        assert code == (0 if at > in_seal and name != "v" else 6), (name, at)
        if number % 10 == 0:
            standing.serve()
            standing.someone.types(*VERIFY).says(0, f"VERIFIED (registry's word only) {NAME}")


def test_one_byte_of_each_file_through_the_command(standing: Scene) -> None:
    """A client that gathers its evidence itself, file by file."""
    asked = standing.address.asked
    standing.serve()
    asked.clear()
    standing.someone.types(*VERIFY).says(0)
    files = {path: data for path, data in standing.world.files().items() if path in asked and data}
    assert {path.split("/")[0] for path in files} == {"checkpoint", "index", "seal", "tile"}
    for path, data in files.items():
        for at in {0, len(data) // 2, len(data) - 1}:
            standing.serve()
            code = tries(standing, {path: flipped(data, at)}, f"{path} at {at}")
            # without its seal the release is judged by its fileset
            assert code == (0 if path.startswith("seal/") else 6), (path, at)
    standing.serve()
    standing.someone.types(*VERIFY).says(0, f"VERIFIED (registry's word only) {NAME}")


# the trust root


def trust_samples(files: Mapping[str, bytes]) -> Iterator[tuple[str, int]]:
    """Path and place of one byte of each field, and of each part of what has no fields."""
    for path, data in files.items():
        found = sampled(data) or [("text", at) for at in range(0, len(data), 16)]
        assert len(found) > 5, path
        yield from ((path, at) for _, at in found)


def test_one_byte_of_each_field_of_a_trust_root_to_be_added(tmp_path: Path) -> None:
    """Nothing is stored, whatever the byte."""
    repository = Repository(tmp_path / "tuf")
    files = repository.files()
    home = tmp_path / "home"
    fingerprint = hashlib.sha256(files["trust/1.root.json"]).digest()
    for path, at in trust_samples(files):
        other = repository.files()
        other[path] = flipped(files[path], at)
        with pytest.raises(Error):
            root.add(other, fingerprint, home, repository.now, env={})
        assert not home.exists() or not list(home.rglob("*.*")), (path, at)
    root.add(files, fingerprint, home, repository.now, env={})


def test_one_byte_of_each_field_of_a_newer_trust_root(tmp_path: Path) -> None:
    """The last good one stays, byte for byte; then the honest one is taken."""
    repository = Repository(tmp_path / "tuf")
    old = repository.files()
    home = tmp_path / "home"
    entry = root.add(old, hashlib.sha256(old["trust/1.root.json"]).digest(), home, repository.now, env={})
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    repository.rotate("new operator")
    repository.publish(replace(repository.says, holders=("Ben",)))
    files = repository.files()
    newer = {path: data for path, data in files.items() if path not in old or data != old[path]}
    assert {"trust/2.root.json", "trust/timestamp.json"} <= set(newer)
    for path, at in trust_samples(newer):
        other = repository.files()
        other[path] = flipped(files[path], at)
        with pytest.raises(Unavailable):
            root.refresh(entry, other, repository.now)
        assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before, (path, at)
    assert root.refresh(entry, files, repository.now).trust.holders == ("Ben",)
