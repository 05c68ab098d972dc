from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelseal import folders, hashing
from modelseal.errors import Error, Usage
from modelseal.hashing import Digests, hash_files, hash_folder

NAME = st.text(st.sampled_from("abz .é𝔞"), min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
SIZE = st.sampled_from([0, 1, 100, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 5])


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def expected(data: bytes, *, sha256: bool = True, with_blake3: bool = True) -> Digests:
    return Digests(
        len(data),
        hashlib.sha256(data).digest() if sha256 else None,
        blake3.blake3(data).digest() if with_blake3 else None,
    )


@settings(max_examples=25, deadline=None)
@given(tree=st.dictionaries(st.tuples(NAME, NAME), SIZE, max_size=8), which=st.sampled_from(["s", "b", "both"]))
def test_digests_equal_those_of_hashlib_and_blake3(tree: dict[tuple[str, str], int], which: str) -> None:
    sha256, with_blake3 = which != "b", which != "s"
    files = {f"{a}.d/{b}": os.urandom(64) * (size // 64) + b"x" * (size % 64) for (a, b), size in tree.items()}
    with tempfile.TemporaryDirectory() as root:
        listing = folders.walk(fill(Path(root), files))
        digests = hash_files(listing, None, sha256=sha256, blake3=with_blake3)
    assert digests == {n: expected(data, sha256=sha256, with_blake3=with_blake3) for n, data in files.items()}
    assert list(digests) == sorted(files)


@pytest.mark.parametrize(("sha256", "with_blake3"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_a_file_large_enough_for_several_threads_has_the_same_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, sha256: bool, with_blake3: bool
) -> None:
    monkeypatch.setattr(hashing, "_WIDE", 4 << 20)
    files = {name: os.urandom(size) for name, size in {"lone": (19 << 20) + 7, "b": 5 << 20, "c": 9}.items()}
    listing = folders.walk(fill(tmp_path, files))
    digests = hash_files(listing, None, sha256=sha256, blake3=with_blake3, jobs=jobs)
    assert digests == {n: expected(data, sha256=sha256, with_blake3=with_blake3) for n, data in files.items()}


def test_many_small_files_are_hashed_in_groups(tmp_path: Path) -> None:
    files = {f"{n % 7}/{n % 3}/{n}": b"%d" % n for n in range(450)}
    listing = folders.walk(fill(tmp_path, files))
    assert hash_files(listing, None, sha256=True, blake3=True, jobs=3) == {n: expected(d) for n, d in files.items()}


def test_only_the_files_named_are_read(tmp_path: Path) -> None:
    listing = folders.walk(fill(tmp_path, {"a": b"a", "b": b"b", "c/d": b"d"}))
    (tmp_path / "b").unlink()
    assert list(hash_files(listing, ["c/d", "a"], sha256=True, blake3=False)) == ["a", "c/d"]
    assert hash_files(listing, [], sha256=True, blake3=False) == {}
    with pytest.raises(ValueError, match="not in the listing: 'z'"):
        hash_files(listing, ["a", "z"], sha256=True, blake3=False)
    with pytest.raises(ValueError, match="no digest"):
        hash_files(listing, None, sha256=False, blake3=False)


def test_progress_counts_every_byte_once(tmp_path: Path) -> None:
    listing = folders.walk(fill(tmp_path, {"a": bytes(3 << 20), "b": bytes(5), "c": b""}))
    seen: list[int] = []
    hash_files(listing, None, sha256=True, blake3=True, progress=seen.append)
    assert sum(seen) == listing.total
    assert len(seen) > 3


def test_what_progress_raises_ends_the_work_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_WIDE", 2 << 20)
    listing = folders.walk(fill(tmp_path, {name: bytes(4 << 20) for name in "abcd"}))

    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        hash_files(listing, None, sha256=True, blake3=True, jobs=2, progress=interrupt)
    assert threading.active_count() == before
    assert len([fd for fd in os.listdir("/dev/fd") if _path(fd).startswith(str(tmp_path))]) == 0


def _path(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def append(path: Path, _elsewhere: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def truncate(path: Path, _elsewhere: Path) -> None:
    os.truncate(path, 10)


def overwrite(path: Path, _elsewhere: Path) -> None:
    status = path.stat()
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # what an attacker can set; ctime tells


def put_another_in_place(path: Path, elsewhere: Path) -> None:
    elsewhere.write_bytes(path.read_bytes())
    elsewhere.rename(path)


def remove(path: Path, _elsewhere: Path) -> None:
    path.unlink()


def link(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def link_its_folder(path: Path, elsewhere: Path) -> None:
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


def fifo(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


BEFORE = [append, truncate, overwrite, put_another_in_place, remove, link, link_its_folder, fifo, folder]
DURING = [append, truncate, overwrite, put_another_in_place, remove, link, fifo, folder]  # the handle keeps its folder


@pytest.mark.parametrize("change", BEFORE)
def test_a_file_that_changed_since_the_walk_is_refused(tmp_path: Path, change: Callable[[Path, Path], None]) -> None:
    listing = folders.walk(fill(tmp_path / "model", {"sub/file": b"data" * 10}))
    change(tmp_path / "model" / "sub" / "file", tmp_path / "elsewhere")
    with pytest.raises(Error, match="sub/file changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=True)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("change", DURING)
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, change: Callable[[Path, Path], None], wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_WIDE", (1 << 20) if wide else (1 << 30))
    listing = folders.walk(fill(tmp_path / "model", {"sub/file": bytes(5 << 20)}))
    changed = False

    def on_first_block(_count: int) -> None:
        nonlocal changed
        if not changed:
            changed = True
            change(tmp_path / "model" / "sub" / "file", tmp_path / "elsewhere")

    with pytest.raises(Error, match="sub/file changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=True, jobs=2, progress=on_first_block)


def test_a_file_that_grows_without_end_is_given_up(tmp_path: Path) -> None:
    listing = folders.walk(fill(tmp_path, {"file": bytes(2 << 20)}))
    calls: list[int] = []

    def grow(count: int) -> None:
        calls.append(count)
        with open(tmp_path / "file", "ab") as file:
            file.write(bytes(4 << 20))

    with pytest.raises(Error, match="file changed while it was read"):
        hash_files(listing, None, sha256=True, blake3=False, progress=grow)
    assert len(calls) <= 3


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = folders.walk(fill(tmp_path, {"a/file": b"data"}))
    (tmp_path / "a" / "file").chmod(0)
    listing = folders.walk(tmp_path)
    if os.geteuid() == 0:  # nothing is unreadable to root, so the kernel's answer is made here
        real = os.open

        def refuse(path: str | bytes | Path, *args: int, **kw: int) -> int:
            if path == b"file":
                raise PermissionError(13, "Permission denied")
            return real(path, *args, **kw)

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Error, match="a/file: cannot be read: permission denied"):
        hash_files(listing, None, sha256=True, blake3=True)


def test_a_folder_is_hashed_as_of_one_moment(tmp_path: Path) -> None:
    fill(tmp_path, {"a": b"a", "b/c": b"c"})
    listing, digests = hash_folder(tmp_path)
    assert listing == folders.walk(tmp_path)
    assert digests == {"a": expected(b"a"), "b/c": expected(b"c")}

    def add(_count: int) -> None:
        (tmp_path / "late.py").write_bytes(b"")

    with pytest.raises(Error, match="changed while it was read"):
        hash_folder(tmp_path, progress=add)
    with pytest.raises(Usage):
        hash_folder(tmp_path / "absent")
