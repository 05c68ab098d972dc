from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from modelseal import platform
from modelseal.errors import Error, Unavailable
from modelseal.formats import index as indexes
from modelseal.formats import paths
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.note import Note
from modelseal.formats.records import Roots
from modelseal.formats.tiles import all_tiles
from modelseal_registry.emitter import Emitter, emission_lock, read_published, static_files
from modelseal_registry.store import Head, open_store
from tests.support import make
from tests.support.logs import grow
from tests.support.registry import MAX_AGE, SIGNER, House

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.adopt("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    return house


def fill(house: House, *numbers: int, batches: int = 1) -> None:
    """Log releases, several to a batch, without publishing."""
    for part in range(batches):
        with house.store.write() as tx:
            for number in numbers[part::batches]:
                data = make.sealed(CI, REPO, number)
                s = make_parsed(data)
                tx.add_pending(s[0], s[1], s[2], int(house.now))
        assert house.sequencer.batch()


def make_parsed(data: bytes) -> tuple[bytes, bytes, str | None]:
    s = Submission.parse(data)
    return s.digest, Submission(s.text, s.record, s.signatures, None).encode(), s.seal


def elsewhere(house: House, folder: Path) -> dict[str, bytes]:
    """The files that a first, whole emission of the same database gives, with the same checkpoint."""
    note = (house.public / "checkpoint").read_text()
    Emitter(house.store, folder, SIGNER.own, MAX_AGE).emit(
        lambda head: note, now=int(house.now), trust=lambda: house.trust
    )
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_files_of_a_checkpoint_are_complete_and_have_the_paths_of_the_specification(house: House) -> None:
    house.logged(make.sealed(CI, REPO, 1))
    files = house.files()
    note = Note.parse(files["checkpoint"])
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.size, checkpoint.root) == (6, house.head().root)
    assert len(note.by(SIGNER.log)) == len(note.by(SIGNER.own)) == 1
    assert all(paths.is_static(path) for path in files)
    assert {tile.path for tile in all_tiles(6)} <= set(files)
    with house.store.read() as tx:
        last = Leaf.parse(tx.leaf(5) or b"").record
    assert isinstance(last, Roots)
    for tree, root, key in (
        ("records", last.records, "operators"),
        ("records", last.records, "repo:" + REPO),
        ("files", last.files, "file:" + make.file("model.safetensors").sha256.hex()),
        ("files", last.files, "file:" + "00" * 32),
    ):
        top = indexes.check_object(files[paths.index(root)], root, tile=True)
        number = indexes.bucket_of(key)
        at = number // 256 * 32
        tile = indexes.check_object(files[paths.index(top[at : at + 32])], top[at : at + 32], tile=True)
        at = number % 256 * 32
        bucket = indexes.check_object(files[paths.index(tile[at : at + 32])], tile[at : at + 32], tile=False)
        with house.store.read() as tx:
            assert indexes.parse_bucket(bucket.decode()).get(key, ()) == tx.listed(tree, key)


def test_emission_in_steps_and_at_once_give_the_same_bytes(house: House, tmp_path: Path) -> None:
    for number in range(3):
        house.logged(make.sealed(CI, REPO, number))
    steps, once = house.files(), elsewhere(house, tmp_path / "once")
    assert once.items() <= steps.items()
    for path in set(steps) - set(once):  # of the sizes between
        assert path.startswith("index/") or ".p/" in path


def test_a_second_emission_changes_nothing(house: House) -> None:
    house.logged(make.sealed(CI, REPO, 1))
    before = {path: (data, (house.public / path).stat().st_mtime_ns) for path, data in house.files().items()}
    note = (house.public / "checkpoint").read_text()
    for full in (False, True):
        house.emitter.emit(lambda head: note, now=int(house.now), trust=lambda: house.trust, full=full)
    assert before == {path: (data, (house.public / path).stat().st_mtime_ns) for path, data in house.files().items()}


def test_crossing_the_width_of_a_tile_leaves_whole_tiles_and_no_partial_ones(house: House, tmp_path: Path) -> None:
    fill(house, *range(240), batches=4)
    house.sequencer.publish()
    assert house.head().size == 248
    assert (house.public / "tile/0/000.p/248").stat().st_size == 248 * 32
    fill(house, *range(300, 306))
    house.sequencer.publish()
    assert house.head().size == 255
    fill(house, 400)
    house.sequencer.publish()
    assert house.head().size == 257
    files = house.files()
    assert len(files["tile/0/000"]) == 8192
    assert len(files["tile/1/000.p/1"]) == 32
    assert not [path for path in files if path.startswith(("tile/0/000.p", "tile/entries/000.p"))]
    assert {"tile/entries/000", "tile/entries/001.p/1", "tile/0/001.p/1"} <= set(files)
    assert elsewhere(house, tmp_path / "once").items() <= files.items()
    house.check()


def test_what_is_new_at_each_checkpoint_is_together_all_that_the_last_one_needs() -> None:
    store = open_store(None)
    emitted: dict[str, bytes] = {}
    size = 0
    for head in grow(store, 515):
        with store.read() as tx:
            new = dict(static_files(tx, size))
            whole = dict(static_files(tx))
        assert not any(emitted.get(path, data) != data for path, data in new.items())  # nothing changes
        emitted |= new
        assert whole.items() <= emitted.items()
        size = head.size
    assert size == 515


def test_a_file_of_other_bytes_is_named_and_never_replaced(house: House) -> None:
    fill(house, 1)
    path = house.public / "tile/0/000.p/6"
    path.write_bytes(b"x" * 192)
    before = house.files()
    with pytest.raises(Error, match=r"tile/0/000\.p/6: other bytes stand there"):
        house.sequencer.publish()
    assert house.files()["checkpoint"] == before["checkpoint"]
    assert path.read_bytes() == b"x" * 192


@pytest.mark.parametrize("by", ["a whole emission", "a start without checkpoint"])
def test_lost_files_are_restored_and_half_written_ones_removed(house: House, by: str) -> None:
    house.logged(make.sealed(CI, REPO, 1))
    before = house.files()
    (house.public / "tile/entries/000.p/6").unlink()
    next((house.public / "seal/sha256").iterdir()).unlink()
    (house.public / "index/.modelseal-0123456789abcdef.tmp").write_bytes(b"half")
    if by == "a whole emission":
        house.sequencer.publish(full=True)
    else:
        (house.public / "checkpoint").unlink()
        house.another().start()
    after = house.files()
    after.pop("checkpoint"), before.pop("checkpoint")
    assert after == before


def test_the_checkpoint_never_goes_back_in_size_or_time(house: House) -> None:
    house.logged(make.sealed(CI, REPO, 1))
    note = (house.public / "checkpoint").read_text()
    house.emitter.emit(lambda head: SIGNER.sign(head, int(house.now) - 5), now=int(house.now))
    assert (house.public / "checkpoint").read_text() == note
    house.now += 5
    house.sequencer.publish()
    published = house.emitter.published()
    assert published and (published.size, published.time) == (6, int(house.now))
    with pytest.raises(Error, match="not one of the head"):
        house.emitter.emit(lambda head: SIGNER.sign(Head(4, head.root), int(house.now)), now=int(house.now))
    (house.public / "checkpoint").write_text(SIGNER.sign(Head(8, b"r" * 32), int(house.now)))
    with pytest.raises(Error, match="8 leaves, the database only 6"):
        house.sequencer.publish()


def test_the_trust_roots_files_are_written_and_only_its_timestamp_changes(house: House) -> None:
    house.trust["trust/timestamp.json"] = b'{"newer":1}'
    house.trust["trust/2.root.json"] = b"{}"
    house.sequencer.publish()
    assert (house.public / "trust/timestamp.json").read_bytes() == b'{"newer":1}'
    assert (house.public / "trust/2.root.json").read_bytes() == b"{}"
    house.trust["trust/2.root.json"] = b"other"
    with pytest.raises(Error, match=r"trust/2\.root\.json: other bytes"):
        house.sequencer.publish()


def test_index_objects_stay_for_the_maximal_age_and_then_go(house: House, tmp_path: Path) -> None:
    house.logged(make.sealed(CI, REPO, 1))
    with house.store.read() as tx:
        old = {path for path, _ in static_files(tx) if path.startswith("index/")}
    house.logged(make.sealed(CI, REPO, 2))
    replaced_at = int(house.now)
    assert old <= set(house.files())
    house.now = replaced_at + MAX_AGE + 60
    house.sequencer.publish()
    assert old <= set(house.files())
    house.now += 1
    house.sequencer.publish()
    left = {path for path in house.files() if path.startswith("index/")}
    assert left == {path for path in elsewhere(house, tmp_path / "once") if path.startswith("index/")}
    house.check()


def test_emissions_wait_for_each_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = platform.lock
    monkeypatch.setattr(platform, "lock", lambda path: real(path, timeout_s=0))
    with emission_lock(house.public), pytest.raises(Unavailable, match=r"public\.lock is locked"):
        house.sequencer.publish()
    house.sequencer.publish()


def test_a_failure_anywhere_in_an_emission_is_repaired_by_the_next(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_new, real_replace = platform.write_new, platform.replace
    left = [0]

    def failing(real: object, *, after: bool):  # type: ignore[no-untyped-def]
        def write(path: Path, data: bytes) -> None:
            left[0] -= 1
            if left[0] < 0 and not after:
                raise Error("no space left on device")
            real(path, data)  # type: ignore[operator]
            if left[0] < 0:
                raise Error("input/output error")

        return write

    number = 0
    for after in (False, True):
        for steps in range(20):
            fill(house, number)
            number += 1
            published = house.emitter.published()
            left[0] = steps
            with monkeypatch.context() as patch:
                patch.setattr(platform, "write_new", failing(real_new, after=after))
                patch.setattr(platform, "replace", failing(real_replace, after=after))
                try:
                    house.now += 1
                    house.sequencer.publish()
                    break
                except Error:
                    pass
            # a reader still finds the old checkpoint, or already the whole new one
            now = house.emitter.published()
            assert now and published and (now == published or now.head == house.head())
            house.sequencer.publish()
            assert elsewhere(house, tmp_path / f"{after}-{steps}").items() <= house.files().items()
        else:
            raise AssertionError("an emission has more steps than that?")
    house.check()


def _serve(folder: Path) -> None:
    house = House(folder)
    number = 0
    while True:
        number += 1
        status, answer = house.post(make.sealed(CI, REPO, number))
        assert status in (200, 409), answer
        with (folder / "acknowledged").open("a") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())


def test_killed_at_any_moment_it_comes_back_with_everything_it_acknowledged(house: House, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged = tmp_path / "acknowledged"
    for round_ in range(3):
        process = context.Process(target=_serve, args=(tmp_path,))
        process.start()
        deadline = time.monotonic() + 60
        count = acknowledged.read_text().count("\n") if round_ else 0
        while time.monotonic() < deadline:
            if acknowledged.exists() and acknowledged.read_text().count("\n") >= count + 3:
                break
            time.sleep(0.005)
        time.sleep(0.013 * round_)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        published = read_published(house.public, SIGNER.own)
        assert published and published.size <= house.head().size
        again = House(tmp_path)
        assert again.check() == again.head()
        for number in acknowledged.read_text().split():
            with again.store.read() as tx:
                assert tx.find(make_parsed(make.sealed(CI, REPO, int(number)))[0])
        again.store.close()
