"""A mirror against registries that are honest, broken, or hold the log key and lie."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelseal.errors import Error, Misbehaviour, Refused, Unavailable, Unsupported, Usage
from modelseal.formats import merkle, paths, records
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import Leaf, Submission, encode_leaf
from modelseal.formats.note import Note
from modelseal.formats.policy import encode_policy, parse_policy
from modelseal.formats.records import Operators, parse_record, type_of
from modelseal.formats.trust import Trust, encode_registry
from modelseal_registry import config, trustroot
from modelseal_registry.append import Appender
from modelseal_registry.config import Place
from modelseal_registry.emitter import static_files
from modelseal_registry.log import only_writer
from modelseal_registry.mirror import run
from modelseal_registry.mirror.sync import Mirror, Synced
from modelseal_registry.store import Head, open_store
from tests.support import make
from tests.support.make import ORIGIN
from tests.support.registry import MAX_AGE, OPS, SIGNER, House
from tests.support.servers import Process, ask, lives, operate, running, until

ACME = "hf://acme-lab"
ANA, CI = make.key("ana"), make.key("ci", "ed25519")


class Registry(House):
    """A registry with a real trust root."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        with self.store.read() as tx:
            leaf0 = merkle.leaf_hash(tx.leaf(0) or b"")
        policy = encode_policy(SIGNER.log, SIGNER.own)
        url = f"https://{ORIGIN}"
        trust = Trust(ORIGIN, leaf0, MAX_AGE, parse_policy(policy, SIGNER.own), url, (url,), ())
        keys = {"operator_key": make.ed25519("operator"), "online_key": make.ed25519("online")}
        now = int(time.time())  # tuf judges by the clock of this machine
        registry = encode_registry(trust)
        root = trustroot.create(folder / "trust", **keys, policy=policy, registry=registry, now=now)
        self.fingerprint = hashlib.sha256(root).hexdigest()
        self.trust = trustroot.files(folder / "trust")
        shutil.rmtree(self.public / "trust")  # stood in for it so far
        self.sequencer.publish()

    def release(self, number: int, repo: str = "atlas") -> None:
        self.logged(make.sealed(CI, f"{ACME}/{repo}", number))

    def releases(self, count: int) -> None:
        """Many at once, in few batches."""
        with self.store.write() as tx:
            for number in range(count):
                sent = Submission.parse(make.sealed(CI, f"{ACME}/many", number))
                bare = dataclasses.replace(sent, seal=None)
                tx.add_pending(sent.digest, bare.encode(), sent.seal, int(self.now))
        while self.sequencer.batch():
            self.now += 1
        self.sequencer.publish()

    def smuggle(self, *leaves: tuple[bytes, Leaf]) -> None:
        """Append what no rule allows, and sign that."""
        with self.store.write() as tx:
            appender = Appender(tx)
            for data, leaf in leaves:
                appender.add(data, leaf)
            appender.close(ORIGIN)
            appender.finish()
        self.sequencer.publish()

    def recosign(self, note: str) -> None:
        """Publish an old note with a later time, as whoever holds the keys can."""
        self.now += 5
        text = Note.parse(note).text
        size, root = text.split("\n")[1:3]
        self.publish(Head(int(size), base64.b64decode(root)))

    def publish(self, head: Head) -> None:
        (self.public / "checkpoint").write_text(SIGNER.sign(head, int(self.now)))

    @property
    def note(self) -> str:
        return (self.public / "checkpoint").read_text()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path / "registry")
    made.adopt(ACME, [ANA], [(CI, f"{ACME}/*")])
    made.release(1)
    made.release(2)
    return made


class Copy:
    """A mirror in a folder, without a process of its own."""

    def __init__(self, folder: Path, registry: Registry, source: Path | None = None) -> None:
        self.place = Place(folder)
        self.registry = registry
        run.init(self.place, str(source or registry.public), registry.fingerprint)

    def sync(self, now: float | None = None) -> Synced:
        store = open_store(self.place.database)
        try:
            with only_writer(self.place):
                mirror = Mirror(config.read_mirror(self.place), store)
                return mirror.sync(int(self.registry.now if now is None else now))
        finally:
            store.close()

    def files(self) -> dict[str, bytes]:
        public = self.place.public
        return {path.relative_to(public).as_posix(): path.read_bytes() for path in public.rglob("*") if path.is_file()}

    def refuses(self, kind: type[Error], words: str) -> Error:
        """A sync fails with these words, and what is served stays as it was."""
        before = self.files()
        with pytest.raises(kind) as e:
            self.sync()
        assert words in str(e.value)
        assert self.files() == before
        return e.value


@pytest.fixture
def copy(tmp_path: Path, registry: Registry) -> Copy:
    return Copy(tmp_path / "mirror", registry)


def needed(registry: Registry) -> set[str]:
    """The paths of every file that the published checkpoint needs."""
    with registry.store.read() as tx:
        return {path for path, _ in static_files(tx)} | set(registry.trust) | {paths.CHECKPOINT}


def test_records_of_every_type_pass_through(registry: Registry, copy: Copy) -> None:
    copy.sync()
    una, new = make.key("una"), make.key("new")
    first = make.operators([OPS])
    claim = make.claim(ACME, [ANA], [(CI, f"{ACME}/*")])
    keys = make.keys(ACME, make.key_set([new], [(CI, f"{ACME}/*")]), seq=2, prev=make.digest(claim))
    old = make.seal(CI, f"{ACME}/atlas", make.revision(1))
    bundle = make.seal(CI, f"{ACME}/atlas", make.revision(1), [make.file("other.bin")])
    replaced = hashlib.sha256(Bundle.parse(old).payload).hexdigest()

    def act(kind: str, turn: int, **fields: str) -> bytes:
        return make.submission(make.text(kind, turn=turn, namespace=ACME, **fields), [una])

    def objection(target: str) -> bytes:
        return make.submission(make.text("objection", namespace=ACME, target=target), [ANA])

    recover = make.text("recover", turn=2, namespace=ACME, key_set=make.key_set([ANA], [(CI, f"{ACME}/*")]))
    for data in (
        make.submission(
            make.operators([una], seq=2, prev=make.digest(first), observers=make.fingerprints([una])), [OPS, una]
        ),
        make.submission(make.text("watchlist", seq=1, prev=None, add=["hf://openai"], remove=[]), [una]),
        make.submission(make.observation("hf://someuser/tiny-lm", make.revision(1), una), [una]),
        make.submission(make.withdrawal("hf://someuser/tiny-lm", make.revision(1)), [una]),
        make.submission(make.release(bundle, CI, replaces=replaced), [CI, ANA], bundle),
        make.submission(recover, [una]),
        objection(make.digest(recover)),
        act("suspend", 3, reason="malicious"),
        act("lift", 4),
        make.submission(keys, [ANA, new]),
        make.submission(make.revocation(ACME, "compromised", signer=CI.key.value()), [new]),
        act("retire", 5, reason="withdrawn"),
    ):
        registry.logged(data)
    copy.sync()
    with open_store(copy.place.database).read() as tx:
        found = {type_of(Leaf.parse(leaf).record) for leaf in tx.leaves(0, tx.head().size)}
    assert found == set(records._TYPES) - {"claim"}
    registry.check()
    assert run.check(copy.place) == registry.head()


def test_a_mirror_has_the_registrys_bytes_and_everything_a_checkpoint_needs(registry: Registry, copy: Copy) -> None:
    done = copy.sync()
    assert (done.old, done.head.size) == (0, registry.head().size)
    ours, theirs = copy.files(), registry.files()
    assert set(ours) == needed(registry)
    assert ours == {path: theirs[path] for path in ours}


def test_many_syncs_end_with_the_bytes_of_one(registry: Registry, copy: Copy, tmp_path: Path) -> None:
    for number in range(10, 14):
        copy.sync()
        registry.release(number)
    copy.sync()
    registry.releases(260)
    copy.sync()
    clean = Copy(tmp_path / "clean", registry)
    clean.sync()
    ours, theirs = copy.files(), registry.files()
    assert ours == {path: theirs[path] for path in ours}
    assert needed(registry) <= set(ours)
    assert clean.files().items() <= ours.items()
    run.check(copy.place)


def test_with_nothing_new_it_asks_for_a_few_files(registry: Registry, copy: Copy) -> None:
    copy.sync()
    before = copy.files()
    done = copy.sync()
    assert (done.old, done.head.size) == (registry.head().size, registry.head().size)
    assert done.requests <= 5 and done.bytes < 2000
    assert copy.files() == before


def test_a_log_that_was_only_cosigned_again_moves_the_time(registry: Registry, copy: Copy) -> None:
    copy.sync()
    registry.now += 3600
    registry.sequencer.publish()
    assert copy.sync().head.time == int(registry.now)
    assert copy.files()["checkpoint"].decode() == registry.note


def test_a_mirror_of_a_mirror_has_the_same_bytes(registry: Registry, copy: Copy, tmp_path: Path) -> None:
    copy.sync()
    second = Copy(tmp_path / "second", registry, copy.place.public)
    second.sync()
    assert second.files() == copy.files()


def test_killed_again_and_again_it_ends_with_the_bytes_of_a_clean_sync(registry: Registry, tmp_path: Path) -> None:
    # The commands judge by the real clock, so this log has to have been cosigned by it.
    registry.now = time.time()
    registry.releases(60)
    copy, clean = Copy(tmp_path / "mirror", registry), Copy(tmp_path / "clean", registry)
    clean.sync()
    public = copy.place.public

    def files() -> int:
        return sum(len(found) for _, _, found in os.walk(public))

    # from the first row on the disk to the last files before the checkpoint
    for reached in (copy.place.database.exists, *((lambda n=n: files() >= n) for n in (1, 20, 60))):
        with Process(copy.place.dir, "mirror", "sync") as process:
            until("the sync came that far", lambda: reached() or not lives(process.pid))  # noqa: B023
            process.kill()
        assert not (public / "checkpoint").exists()
    operate(copy.place.dir, "mirror", "sync")
    assert copy.files() == clean.files()


# What a source can do that has no key


def edited(registry: Registry, path: str, change: Callable[[bytes], bytes]) -> None:
    file = registry.public / path
    file.write_bytes(change(file.read_bytes()))


def flipped(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


def test_a_forged_leaf_proves_nothing(registry: Registry, copy: Copy) -> None:
    edited(registry, paths.entries(0, registry.head().size), flipped)
    copy.refuses(Unavailable, "is not of the signed log")


def test_leaves_in_another_order_prove_nothing(registry: Registry, copy: Copy) -> None:
    path = paths.entries(0, registry.head().size)
    edited(registry, path, lambda data: data[-100:] + data[:-100])
    copy.refuses(Unavailable, "tile/entries/000.p")


def test_a_forged_tile_proves_nothing(registry: Registry, copy: Copy) -> None:
    edited(registry, paths.tile(0, 0, registry.head().size), flipped)
    copy.refuses(Unavailable, "is not of the signed log")


@pytest.mark.parametrize("what", ["entries", "tile", "seal", "checkpoint", "trust"])
def test_a_missing_file_is_no_answer_and_the_next_sync_goes_on(registry: Registry, copy: Copy, what: str) -> None:
    size = registry.head().size
    path = {
        "entries": paths.entries(0, size),
        "tile": paths.tile(0, 0, size),
        "seal": next(path for path in registry.files() if path.startswith("seal/")),
        "checkpoint": "checkpoint",
        "trust": "trust/timestamp.json",
    }[what]
    kept = (registry.public / path).read_bytes()
    (registry.public / path).unlink()
    copy.refuses(Unavailable, "")
    (registry.public / path).write_bytes(kept)
    copy.sync()
    assert set(copy.files()) == needed(registry)


def test_a_tampered_seal_is_refused_and_none_of_its_batch_is_stored(registry: Registry, copy: Copy) -> None:
    copy.sync()
    before = copy.files()
    registry.release(3)
    newest = next(path for path in registry.files() if path.startswith("seal/") and path not in before)
    edited(registry, newest, flipped)
    copy.refuses(Unavailable, "is not the seal of leaf")
    store = open_store(copy.place.database)
    with store.read() as tx:
        assert tx.head().size < registry.head().size
    store.close()


def test_a_swapped_seal_is_refused(registry: Registry, copy: Copy) -> None:
    one, other = (path for path in registry.files() if path.startswith("seal/"))
    shutil.copy(registry.public / one, registry.public / other)
    copy.refuses(Unavailable, "is not the seal of leaf")


def test_a_checkpoint_without_the_log_keys_line_proves_nothing(registry: Registry, copy: Copy) -> None:
    edited(registry, "checkpoint", lambda data: data.replace(b"\n" + registry.note.split("\n")[4].encode(), b""))
    copy.refuses(Unavailable, "not signed by the log key")


def test_an_answer_that_is_too_old_is_none(registry: Registry, copy: Copy) -> None:
    registry.now += MAX_AGE + 10
    copy.refuses(Unavailable, "the newest checkpoint is")


def test_a_smaller_checkpoint_that_was_not_cosigned_again_is_only_stale(registry: Registry, copy: Copy) -> None:
    old = registry.note
    registry.release(3)
    copy.sync()
    (registry.public / "checkpoint").write_text(old)
    copy.refuses(Unavailable, "were seen before")


def test_another_registry_in_its_place_is_refused(registry: Registry, copy: Copy, tmp_path: Path) -> None:
    copy.sync()
    with running(tmp_path / "other") as other:
        shutil.rmtree(registry.public)
        shutil.copytree(other.public, registry.public)
        with pytest.raises((Refused, Unavailable)):
            copy.sync()
    assert copy.files()["checkpoint"].startswith(ORIGIN.encode())


# What the holder of the log key can do


def test_a_leaf_that_no_rule_allows_stops_the_sync_and_is_named(registry: Registry, copy: Copy) -> None:
    copy.sync()
    stranger = make.key("stranger")
    bundle = make.seal(stranger, f"{ACME}/atlas", make.revision(9))
    text = make.release(bundle, stranger)
    data = encode_leaf(text, make.entries("application/vnd.modelseal.record+json", text, [stranger]), int(registry.now))
    index = registry.head().size
    registry.smuggle((data, Leaf.parse(data)))
    copy.refuses(Refused, f"leaf {index}: ")
    registry.release(10)
    copy.refuses(Refused, f"leaf {index}: ")


def test_a_leaf_whose_signature_is_forged_stops_the_sync(registry: Registry, copy: Copy) -> None:
    text = make.release(make.seal(CI, f"{ACME}/atlas", make.revision(9)), CI)
    forged = make.entries("application/vnd.modelseal.claim+json", text, [CI])
    data = encode_leaf(text, forged, int(registry.now))
    index = registry.head().size
    registry.smuggle((data, Leaf.parse(data)))
    copy.refuses(Refused, f"leaf {index}: ")


def test_an_index_root_that_leaves_something_out_stops_the_sync(
    registry: Registry, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry.store.read() as tx:
        size = tx.head().size
        roots = parse_record(Leaf.parse(tx.leaf(size - 1) or b"").text)
    text = make.text("roots", covers=size, records="ab" * 32, files=roots.files.hex(), names=None)  # type: ignore[union-attr]
    data = encode_leaf(text, (), int(registry.now))
    with monkeypatch.context() as liar:
        liar.setattr(Appender, "_check_roots", lambda *_: None)
        with registry.store.write() as tx:
            appender = Appender(tx)
            appender.add(data, Leaf.parse(data))
            appender.finish()
        registry.sequencer.publish()
    copy.refuses(Refused, f"leaf {size}: its root of the index records is abab")


def test_a_root_that_the_tiles_do_not_give_proves_nothing(registry: Registry, copy: Copy) -> None:
    registry.publish(Head(registry.head().size, bytes(32)))
    copy.refuses(Unavailable, "is not of the signed log")


def test_a_leaf_from_the_future_is_refused(registry: Registry, copy: Copy) -> None:
    text = make.revocation(ACME, fileset="ab" * 32)
    signed = make.entries("application/vnd.modelseal.record+json", text, [ANA])
    data = encode_leaf(text, signed, int(registry.now) + 3600)
    index = registry.head().size
    registry.smuggle((data, Leaf.parse(data)))
    copy.refuses(Refused, f"leaf {index}: its time is")


def test_a_record_of_a_newer_kind_needs_an_upgrade_and_what_is_checked_is_still_served(
    registry: Registry, copy: Copy
) -> None:
    copy.sync()
    with registry.store.read() as tx:
        known = Leaf.parse(tx.leaf(0) or b"").record
    assert isinstance(known, Operators)
    text = make.text("hologram")
    index = registry.head().size
    registry.smuggle((encode_leaf(text, (), int(registry.now)), Leaf(int(registry.now), text, known, ())))
    error = copy.refuses(Unsupported, f"leaf {index}: ")
    assert "upgrade needed" in str(error)


def test_a_log_that_goes_back_is_caught_with_both_notes(registry: Registry, copy: Copy) -> None:
    old = registry.note
    registry.release(3)
    copy.sync()
    newer = registry.note
    registry.recosign(old)
    error = copy.refuses(Misbehaviour, "went back")
    assert isinstance(error, Misbehaviour)
    assert (error.older, error.newer) == (newer, registry.note)


@pytest.mark.parametrize("more", [0, 1], ids=["at the same size", "at a larger size"])
def test_a_log_with_two_histories_is_caught_with_both_notes(
    registry: Registry, copy: Copy, tmp_path: Path, more: int
) -> None:
    shutil.copytree(registry.path.parent, tmp_path / "fork")
    shutil.rmtree(tmp_path / "fork/public/trust")
    registry.release(3)
    copy.sync()
    fork = House(tmp_path / "fork")
    fork.now = registry.now
    for number in range(20, 21 + more):
        fork.logged(make.sealed(CI, f"{ACME}/atlas", number))
    shutil.rmtree(fork.public / "trust")
    shutil.copytree(registry.public / "trust", fork.public / "trust")
    shutil.rmtree(registry.public)
    shutil.copytree(fork.public, registry.public)
    seen = copy.files()["checkpoint"].decode()
    error = copy.refuses(Misbehaviour, "")
    assert isinstance(error, Misbehaviour)
    assert (error.older, error.newer) == (seen, registry.note)
    copy.refuses(Misbehaviour, "")


# The commands


def test_the_commands_from_init_to_serve(tmp_path: Path) -> None:
    with running(tmp_path / "reg") as registry:
        registry.approve(ACME, ANA, [(CI, f"{ACME}/*")])
        registry.publish(CI, f"{ACME}/atlas")
        folder = tmp_path / "mirror"
        assert "mirror sync" in operate(folder, "mirror", "init", "--from", registry.invitation).out
        operate(folder, "mirror", "serve", fine=(6,))
        synced = operate(folder, "mirror", "sync")
        assert synced.out.startswith(f"SYNCED {registry.origin}: 0 to 6, ")
        assert "every rule replayed, nothing refused" in synced.out
        evidence = json.loads(registry.get("evidence/acme-lab/atlas"))
        registry.stop()
        assert operate(folder, "mirror", "sync", "--json", fine=(6,)).json["exit"] == 6
        assert operate(folder, "mirror", "status").out.startswith("FRESH mirror of")
        assert operate(folder, "mirror", "check").out.startswith("CHECKED 6 leaves")
        with Process(folder, "mirror", "serve", "--listen", "127.0.0.1:0") as process:
            port = int(process.ready().rpartition(":")[2])
            assert json.loads(ask(port, "/evidence/acme-lab/atlas")[2]) == evidence
            assert ask(port, "/checkpoint")[0] == 200
            assert ask(port, "/records", "POST", b"{}", {"Content-Type": "application/json"})[0] == 404
            assert json.loads(ask(port, "/healthz")[2])["status"] == "ok"
            assert b"\nmodelseal_log_size " in ask(port, "/metrics")[2]
            assert process.stop(signal.SIGTERM) == 0


def test_a_log_that_goes_back_ends_the_command_with_8_and_prints_both_notes(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    registry.now = time.time()
    registry.adopt(ACME, [ANA], [(CI, f"{ACME}/*")])
    old = registry.note
    registry.release(1)
    copy = Copy(tmp_path / "mirror", registry)
    operate(copy.place.dir, "mirror", "sync")
    newer = registry.note
    registry.recosign(old)
    done = operate(copy.place.dir, "mirror", "sync", fine=(8,))
    assert done.out.startswith("LOG MISBEHAVED")
    for note in (newer, registry.note):
        assert all(line in done.out for line in note.split("\n"))
    assert operate(copy.place.dir, "mirror", "sync", "--json", fine=(8,)).json["proof"] == [newer, registry.note]


@pytest.mark.parametrize(
    ("words", "fingerprint"),
    [("", None), ("#sha256:12", None), ("#sha256:" + "ab" * 32, "cd" * 32), ("", "ab" * 31)],
)
def test_a_mirror_without_one_whole_fingerprint_is_a_usage_error(
    registry: Registry, tmp_path: Path, words: str, fingerprint: str | None
) -> None:
    with pytest.raises(Usage):
        run.init(Place(tmp_path / "mirror"), f"{registry.public}{words}", fingerprint)
    assert not (tmp_path / "mirror").exists()


def test_a_fingerprint_that_the_source_does_not_have_makes_nothing(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has the fingerprint"):
        run.init(Place(tmp_path / "mirror"), str(registry.public), "ab" * 32)
    assert not any(path.name.startswith((".mirror", "mirror")) for path in tmp_path.iterdir())
