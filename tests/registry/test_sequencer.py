from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelseal.errors import Conflict, Error, Malformed, Unavailable
from modelseal.formats.leaves import Leaf, Submission, encode_leaf
from modelseal.formats.records import Release, Roots
from modelseal_registry.append import Appender
from modelseal_registry.sequencer import LogClock, Sequencer, create_log
from modelseal_registry.store import Store, Tx, open_store
from tests.support import make
from tests.support.make import NOW, ORIGIN
from tests.support.registry import OPS, SIGNER, House

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.adopt("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    return house


def store_pending(house: House, *posted: bytes) -> list[bytes]:
    """Let verified submissions wait without telling the sequencer; return their digests."""
    digests = []
    with house.store.write() as tx:
        for data in posted:
            s = Submission.parse(data)
            tx.add_pending(s.digest, Submission(s.text, s.record, s.signatures, None).encode(), s.seal, int(house.now))
            digests.append(s.digest)
    return digests


def other_seal(number: int) -> bytes:
    """Another release of the same revision."""
    return make.sealed(CI, REPO, number, [make.file("other.bin", b"%d" % number)])


def test_a_log_begins_with_the_operators_and_their_roots_leaf(tmp_path: Path) -> None:
    store = open_store(None)
    assert create_log(store, make.operators([OPS]), NOW).size == 2
    with store.read() as tx:
        first, last = (Leaf.parse(data) for data in tx.leaves(0, 2))
    assert first.text == make.operators([OPS])
    assert isinstance(last.record, Roots) and last.record.covers == 1
    with pytest.raises(Conflict, match="a log of 2 leaves already"):
        create_log(store, make.operators([OPS]), NOW)
    with pytest.raises(Malformed, match="begins with operators, not with release"):
        create_log(open_store(None), make.release(make.seal(CI, REPO, make.revision(1)), CI), NOW)


def test_a_batch_ends_in_a_roots_leaf_of_the_same_time(house: House) -> None:
    store_pending(house, make.sealed(CI, REPO, 1), make.sealed(CI, REPO, 2))
    house.now += 9
    head = house.sequencer.batch()
    assert head and head.size == 4 + 3
    with house.store.read() as tx:
        leaves = [Leaf.parse(data) for data in tx.leaves(4, 7)]
    assert [type(leaf.record) for leaf in leaves] == [Release, Release, Roots]
    assert {leaf.time for leaf in leaves} == {int(house.now)}


def test_log_time_never_goes_back_when_the_clock_does(house: House) -> None:
    before = house.head().size
    house.now -= 1000
    store_pending(house, make.sealed(CI, REPO, 1))
    assert house.sequencer.batch()
    with house.store.read() as tx:
        times = [Leaf.parse(data).time for data in tx.leaves(before - 1, before + 2)]
    assert times == [NOW + 1] * 3


def test_what_loses_a_race_is_refused_with_the_word_that_names_the_first(house: House) -> None:
    first, second = store_pending(house, make.sealed(CI, REPO, 1), other_seal(1))
    head = house.sequencer.batch()
    assert head and head.size == 4 + 2
    with house.store.read() as tx:
        found = tx.find(first)
        assert found and found[0] == 4
        assert tx.find(second) is None
        status, reason = tx.refusal(second) or (0, "")
    assert status == 409
    assert "is sealed already: leaf 4" in reason


def test_a_batch_in_which_all_is_refused_appends_nothing(house: House) -> None:
    before = house.head()
    digests = store_pending(
        house,
        make.sealed(ANA, REPO, 1),  # no signer
        make.sealed(CI, "hf://nobody/x", 1),
        make.submission(make.revocation("hf://acme-lab", fileset="ab" * 32), [CI]),
    )
    assert house.sequencer.batch() is None
    assert house.head() == before
    with house.store.read() as tx:
        assert [(tx.refusal(digest) or (0,))[0] for digest in digests] == [403, 403, 403]
        assert tx.count_waiting() == 0


def test_what_cannot_be_read_does_not_stop_what_waits_behind_it(house: House) -> None:
    with house.store.write() as tx:
        tx.add_pending(b"x" * 32, b"{}", None, NOW)
    (good,) = store_pending(house, make.sealed(CI, REPO, 1))
    assert house.sequencer.batch()
    with house.store.read() as tx:
        assert tx.refusal(b"x" * 32) == (400, "submission: v is missing")
        assert tx.find(good)


def test_a_record_that_was_logged_meanwhile_just_stops_waiting(house: House) -> None:
    (digest,) = store_pending(house, make.sealed(CI, REPO, 1))
    assert house.sequencer.batch()
    store_pending(house, make.sealed(CI, REPO, 1))
    assert house.sequencer.batch() is None
    with house.store.read() as tx:
        assert tx.refusal(digest) is None and tx.count_waiting() == 0


def test_the_seal_of_a_logged_release_is_kept_and_that_of_a_refused_one_is_not(house: House) -> None:
    first, second = Submission.parse(make.sealed(CI, REPO, 1)), Submission.parse(other_seal(1))
    store_pending(house, first.encode(), second.encode())
    house.sequencer.batch()
    with house.store.read() as tx:
        assert isinstance(first.record, Release) and isinstance(second.record, Release)
        assert tx.seal(first.record.bundle) == first.seal
        assert tx.seal(second.record.bundle) is None
        assert second.seal is not None
        assert not tx._db.exec_driver_sql("SELECT count(*) FROM pending WHERE seal IS NOT NULL").scalar()


# Clock


def test_nothing_is_appended_or_cosigned_while_the_clock_is_ahead_of_the_newest_cosignature(house: House) -> None:
    elapsed = [0.0]
    clock = LogClock(lambda: house.now, lambda: elapsed[0])
    sequencer = Sequencer(house.store, ORIGIN, SIGNER, house.emitter, clock=clock)
    sequencer.start()
    (digest,) = store_pending(house, make.sealed(CI, REPO, 1))
    house.now += 61
    before = house.files()
    for act in (sequencer.batch, sequencer.publish):
        with pytest.raises(Unavailable, match="jumped ahead"):
            act()
    assert house.files() == before
    elapsed[0] += 1  # a second later it is right again
    head = sequencer.batch()
    with house.store.read() as tx:
        assert head and tx.find(digest)


# Faults: whatever is reported, the database is the truth


@contextlib.contextmanager
def fault(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> Iterator[None]:
    """The next commit fails: before it took place, or after it."""
    real = Store.write

    @contextlib.contextmanager
    def write(self: Store) -> Iterator[Tx]:
        with real(self) as tx:
            yield tx
            if not committed:
                raise Unavailable("disk I/O error")
        raise Unavailable("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", write)
        yield


@pytest.mark.parametrize("same", [True, False], ids=["the same batch again", "another batch"])
@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed, but an error is told"])
def test_after_a_failed_commit_the_log_goes_on_from_what_is_in_the_database(
    house: House, monkeypatch: pytest.MonkeyPatch, committed: bool, same: bool
) -> None:
    (first,) = store_pending(house, make.sealed(CI, REPO, 1))
    before = house.head()
    with fault(monkeypatch, committed=committed), pytest.raises(Unavailable, match="disk I/O"):
        house.sequencer.batch()
    assert house.head().size == (before.size + 2 if committed else before.size)
    if not same:
        with house.store.write() as tx:
            tx.drop_pending(first)
        store_pending(house, other_seal(1), make.sealed(CI, REPO, 2))
    house.run()
    house.sequencer.publish()
    with house.store.read() as tx:
        assert (tx.find(first) is not None) == (same or committed)
        assert tx.count_waiting() == 0
    house.check()
    assert house.post(make.sealed(CI, REPO, 3))[0] == 200


def test_a_second_writer_cannot_fork_the_log(house: House) -> None:
    with house.store.read() as tx:
        size = tx.head().size
    with pytest.raises(Conflict, match="moved on"), house.store.write() as tx:
        appender = Appender(tx)
        data = make_leaf(make.sealed(CI, REPO, 1))
        appender.add(data, Leaf.parse(data))
        appender.close(ORIGIN)
        # what a broken lock would let happen: somebody else moves the head in between
        tx._db.exec_driver_sql(f"UPDATE head SET size = {size + 2}")
        appender.finish()
    assert house.head().size == size
    house.check()


def make_leaf(posted: bytes) -> bytes:
    s = Submission.parse(posted)
    return encode_leaf(s.text, s.signatures, NOW + 1000)


def test_a_database_that_went_back_is_refused(house: House, tmp_path: Path) -> None:
    backup = house.path.with_name("backup.db")
    with contextlib.closing(sqlite3.connect(house.path)) as now, contextlib.closing(sqlite3.connect(backup)) as old:
        now.backup(old)
    house.logged(make.sealed(CI, REPO, 1))
    house.store.close()
    backup.replace(house.path)
    for name in ("-wal", "-shm"):
        house.path.with_name(house.path.name + name).unlink(missing_ok=True)
    with pytest.raises(Error, match="published checkpoint has 6 leaves, the database only 4") as caught:
        House(tmp_path)
    assert "fork" in str(caught.value.hint)
    with pytest.raises(Error, match="went back from 6 to 4"):
        store_pending(house, make.sealed(CI, REPO, 2))
        house.sequencer.batch()


def test_a_database_of_another_log_is_refused(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", [make.key("other")])
    (house.public / "checkpoint").write_bytes((other.public / "checkpoint").read_bytes())
    with pytest.raises(Error, match="is not of this database"):
        house.another().start()


# Races


def test_two_sequencers_on_one_database_share_the_work_without_losing_or_doubling_any(house: House) -> None:
    others = [house.another() for _ in range(2)]
    digests = store_pending(house, *(make.sealed(CI, REPO, n) for n in range(20)))
    rivals = store_pending(house, *(other_seal(n) for n in range(20)))
    failures: list[BaseException] = []

    def drain(sequencer: Sequencer) -> None:
        try:
            for _ in range(5):
                sequencer.batch()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=drain, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    house.sequencer.publish()
    house.check()
    with house.store.read() as tx:
        assert all(tx.find(digest) for digest in digests)
        assert not any(tx.find(digest) for digest in rivals)
        assert all((tx.refusal(digest) or (0,))[0] == 409 for digest in rivals)


def _submit(folder: Path, posted: list[bytes], results: multiprocessing.Queue[tuple[int, int]]) -> None:
    from modelseal_registry.registry import Registry

    registry = Registry(open_store(folder / "registry.db"), ORIGIN, folder / "public", clock=lambda: NOW, wait_s=30)
    for number, data in enumerate(posted):
        results.put((number, registry.submit(data)[0]))


def test_of_two_processes_that_seal_one_revision_exactly_one_is_logged(house: House, tmp_path: Path) -> None:
    count = 6
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, int]] = context.Queue()
    sides: list[Callable[[int], bytes]] = [lambda n: make.sealed(CI, REPO, n), other_seal]
    rivals = [
        context.Process(target=_submit, args=(tmp_path, [side(n) for n in range(count)], results)) for side in sides
    ]
    stop = threading.Event()
    sequencer = house.another()
    sequencer.start()
    failures: list[Error] = []
    runner = threading.Thread(target=sequencer.run, args=(stop, failures.append))
    runner.start()
    try:
        for rival in rivals:
            rival.start()
        answers = [results.get(timeout=60) for _ in range(2 * count)]
        for rival in rivals:
            rival.join(timeout=60)
    finally:
        stop.set()
        runner.join()
    assert not failures
    for number in range(count):
        assert sorted(status for n, status in answers if n == number) == [200, 409]
    house.check()


def test_the_loop_publishes_what_it_finds_and_recovers_from_a_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelseal_registry.sequencer.RETRY_S", 0.01)
    failures: list[Error] = []
    stop = threading.Event()
    real, calls = house.emitter.emit, []

    def emit(*args: object, **options: object) -> str:
        calls.append(1)
        if len(calls) == 2:
            raise Unavailable("no space left on device")
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(house.emitter, "emit", emit)
    runner = threading.Thread(target=house.sequencer.run, args=(stop, failures.append))
    runner.start()
    try:
        store_pending(house, make.sealed(CI, REPO, 1))
        house.sequencer.wake()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            published = house.emitter.published()
            if published and published.size == 6:
                break
            time.sleep(0.01)
    finally:
        stop.set()
        runner.join()
    assert [str(e) for e in failures] == ["no space left on device"]
    house.check()
