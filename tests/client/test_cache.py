"""The digest cache: what it may answer, what defeats it, and that nothing which happens to its file matters."""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import blake3
import pytest

from modelseal import cache, folders
from modelseal.cache import FILE, QUIET_NS, DigestCache
from modelseal.folders import Found
from modelseal.hashing import Digests, hash_files
from tests.support.servers import until


@pytest.fixture
def kept(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path / "home" / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"a" * 100)
    (folder / "sub" / "b.bin").write_bytes(b"b" * 100)
    return folder


def later() -> int:
    """A moment at which what was just written is old enough."""
    return time.time_ns() + QUIET_NS + 1_000_000_000


def found(folder: Path) -> tuple[Found, ...]:
    return folders.walk(folder).files


def remember(kept: DigestCache, folder: Path, *, sha256: bool = True, with_blake3: bool = True) -> None:
    listing = folders.walk(folder)
    digests = hash_files(listing, None, sha256=sha256, blake3=with_blake3)
    kept.keep([(one, digests[one.name]) for one in listing.files], later())


def known(kept: DigestCache, folder: Path) -> set[str]:
    """Return which files the cache answers for; what it says must be true of some content that they had."""
    return set(kept.find(found(folder), sha256=True, blake3=True))


def test_what_was_hashed_is_known_until_the_file_changes(kept: DigestCache, model: Path) -> None:
    assert kept.find(found(model), sha256=True, blake3=True) == {}
    before = int(time.time())
    remember(kept, model)
    answer = kept.find(found(model), sha256=True, blake3=True)
    data = b"b" * 100
    assert answer["sub/b.bin"].digests == Digests(100, hashlib.sha256(data).digest(), blake3.blake3(data).digest())
    assert before <= answer["sub/b.bin"].hashed <= time.time()
    assert answer.keys() == {"a.bin", "sub/b.bin"}
    (model / "a.bin").write_bytes(b"c" * 100)
    assert known(kept, model) == {"sub/b.bin"}


def test_only_what_is_asked_for_is_answered_and_both_digests_add_up(kept: DigestCache, model: Path) -> None:
    remember(kept, model, with_blake3=False)
    assert known(kept, model) == set()
    one = kept.find(found(model), sha256=True, blake3=False)["a.bin"].digests
    assert one.blake3 is None
    remember(kept, model, sha256=False)
    both = kept.find(found(model), sha256=True, blake3=True)["a.bin"].digests
    assert (both.sha256, both.blake3) == (one.sha256, blake3.blake3(b"a" * 100).digest())
    assert kept.find(found(model), sha256=False, blake3=True)["a.bin"].digests.sha256 is None


def test_renewing_keeps_nothing_older(kept: DigestCache, model: Path) -> None:
    remember(kept, model)
    listing = folders.walk(model)
    digests = hash_files(listing, None, sha256=True, blake3=False)
    kept.keep([(one, digests[one.name]) for one in listing.files], later(), renew=True)
    assert known(kept, model) == set()


@pytest.mark.parametrize(("age_ns", "is_kept"), [(QUIET_NS, True), (QUIET_NS - 1, False), (-1, False)])
def test_nothing_that_changed_in_the_two_seconds_before_is_kept(
    kept: DigestCache, model: Path, age_ns: int, is_kept: bool
) -> None:
    [one, *_] = found(model)
    kept.keep([(one, Digests(one.size, bytes([1]) * 32, bytes([2]) * 32))], max(one.mtime_ns, one.ctime_ns) + age_ns)
    assert known(kept, model) == ({"a.bin"} if is_kept else set())


def test_an_mtime_from_the_future_is_not_kept(kept: DigestCache, model: Path) -> None:
    os.utime(model / "a.bin", (9e9, 9e9))
    remember(kept, model)
    assert known(kept, model) == {"sub/b.bin"}


def test_two_names_of_one_file_are_both_known(kept: DigestCache, model: Path) -> None:
    os.link(model / "a.bin", model / "other name")
    remember(kept, model)
    assert known(kept, model) == {"a.bin", "other name", "sub/b.bin"}


# what does not defeat it: each changes the bytes of a.bin, keeps its size and sets its mtime back


def overwrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"X")


def put_another_in_place(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"X" * 100)
    os.replace(other, path)


def restore_a_backup(path: Path) -> None:
    backup = path.with_name("backup")
    shutil.copy2(path, backup)
    path.unlink()
    overwrite(backup)
    backup.rename(path)


def exchange(path: Path) -> None:
    other = path.parent / "sub" / "b.bin"
    middle = path.with_name("middle")
    path.rename(middle)
    other.rename(path)
    middle.rename(other)


@pytest.mark.parametrize("change", [overwrite, put_another_in_place, restore_a_backup])
def test_same_size_and_a_forged_mtime_do_not_defeat_it(
    kept: DigestCache, model: Path, change: Callable[[Path], None]
) -> None:
    path = model / "a.bin"
    remember(kept, model)
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert "a.bin" not in known(kept, model)


def test_files_that_change_places_are_not_taken_for_each_other(kept: DigestCache, model: Path) -> None:
    remember(kept, model)
    exchange(model / "a.bin")
    for name, one in kept.find(found(model), sha256=True, blake3=True).items():
        assert one.digests.sha256 == hashlib.sha256((model / name).read_bytes()).digest()


def test_a_live_mmap_writer_defeats_it(kept: DigestCache) -> None:
    """Said in the module, in the README, and the reason for --recheck."""
    memory = Path("/dev/shm")  # there nothing is written back, after which the kernel would notice the next write
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as top:
        path = Path(top) / "a.bin"
        path.write_bytes(b"a" * 100)
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
            view[0] = ord("a")  # the page is dirty from here on
            remember(kept, Path(top))
            view[1] = ord("X")
            assert path.read_bytes()[1] == ord("X")
            answer = kept.find(found(Path(top)), sha256=True, blake3=True)
            assert answer["a.bin"].digests.sha256 == hashlib.sha256(b"a" * 100).digest()


# its file


def test_the_file_is_private_and_made_only_when_there_is_something_to_keep(kept: DigestCache, model: Path) -> None:
    folder = model.parent / "home" / "cache"
    kept.find(found(model), sha256=True, blake3=True)
    kept.keep([], later())
    assert not folder.exists()
    before = os.umask(0)
    try:
        remember(kept, model)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [FILE]


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _emptied(path: Path) -> None:
    os.truncate(path, 0)


def _other_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE digests (x)")
    database.close()
    path.chmod(0o600)


def _other_values(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE digests SET value = 'text'")
    database.close()


def _open_to_others(path: Path) -> None:
    path.chmod(0o660)


def _a_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


DAMAGES = [_garbage, _truncated, _emptied, _other_tables, _other_values, _open_to_others, _a_link]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_no_answer_and_is_made_again(
    kept: DigestCache, model: Path, damage: Callable[[Path], None]
) -> None:
    remember(kept, model)
    path = model.parent / "home" / "cache" / FILE
    damage(path)
    assert known(kept, model) == set()
    remember(kept, model)
    remember(kept, model)
    assert known(kept, model) == {"a.bin", "sub/b.bin"}
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert path.is_file() and not path.is_symlink()


def test_no_single_bad_byte_makes_it_say_what_is_not_true(kept: DigestCache, model: Path) -> None:
    remember(kept, model)
    truth = kept.find(found(model), sha256=True, blake3=True)
    path = model.parent / "home" / "cache" / FILE
    good = path.read_bytes()
    where = [*range(0, 110), *(n for n in range(110, len(good), 13) if any(good[n - 40 : n + 40]))]
    for n in where:
        data = bytearray(good)
        data[n] ^= 0xFF
        path.write_bytes(data)
        path.chmod(0o600)
        answer = kept.find(found(model), sha256=True, blake3=True)
        assert all(truth[name] == one for name, one in answer.items()), n


def test_where_it_cannot_be_written_there_is_none_and_nobody_is_told(tmp_path: Path, model: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    nowhere = DigestCache(tmp_path / "file" / "cache")
    remember(nowhere, model)
    assert known(nowhere, model) == set()


def test_without_sqlite_in_this_python_there_is_none(
    kept: DigestCache, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(kept, model)
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    assert known(kept, model) == set()
    remember(kept, model)


def test_it_does_not_grow_without_end(kept: DigestCache, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_FILES", 3)
    for name in "cdef":
        (model / f"{name}.bin").write_bytes(name.encode())
        one = next(one for one in found(model) if one.name == f"{name}.bin")
        kept.keep([(one, Digests(1, bytes([1]) * 32, bytes([2]) * 32))], later())
    assert known(kept, model) == {"d.bin", "e.bin", "f.bin"}


# several processes, and one that dies

KEEP = """if True:
    import sys
    from pathlib import Path
    from modelseal import folders
    from modelseal.cache import DigestCache
    from modelseal.hashing import Digests
    store, files = DigestCache(Path(sys.argv[1])), folders.walk(Path(sys.argv[2])).files
    print("ready", flush=True)
    for turn in range(int(sys.argv[3])):
        for one in files:
            store.keep([(one, Digests(one.size, bytes([1]) * 32, bytes([2]) * 32))], 1 << 62)
        assert len(store.find(files, sha256=True, blake3=True)) == len(files)
"""


def process(folder: Path, model: Path, turns: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KEEP, str(folder), str(model), str(turns)], stdout=subprocess.PIPE)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for one in started:
        one.kill()
        one.communicate()


def test_two_processes_share_it(kept: DigestCache, model: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    processes += [process(model.parent / "home" / "cache", model, 5) for _ in range(2)]
    assert [one.wait(timeout=60) for one in processes] == [0, 0]
    assert known(kept, model) == {"a.bin", "sub/b.bin"}


def test_a_process_that_is_killed_while_it_writes_leaves_a_cache_that_works(
    kept: DigestCache, model: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    folder = model.parent / "home" / "cache"
    for _ in range(3):
        one = process(folder, model, 10_000)
        processes.append(one)
        until("it writes", lambda: (folder / f"{FILE}-journal").exists())
        os.kill(one.pid, signal.SIGKILL)
        one.wait(timeout=60)
        remember(kept, model)
        assert known(kept, model) == {"a.bin", "sub/b.bin"}
        (model / "a.bin").write_bytes(os.urandom(100))
