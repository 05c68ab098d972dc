"""What was verified gets its names in the Hub cache: whatever lies there already, and wherever it is killed."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelseal.errors import Error, Usage
from modelseal.formats.manifest import File
from modelseal.journeys.digests import Hashing
from modelseal.journeys.into_cache import CacheTarget, Moving
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import sealed_files
from tests.support.hubparts import git_id

ONE, TWO = make.revision(1), make.revision(2)
REPO = "hf://acme-lab/atlas-7b"
CACHED = "models--acme-lab--atlas-7b"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "sub/tokenizer.json": b"[]"}
LFS = {"model.safetensors"}
GOOD = {file.name: file for file in sealed_files(FILES)}


def ids(files: Mapping[str, bytes]) -> dict[str, str | None]:
    return {name: None if name in LFS else git_id(b"blob", data) for name, data in files.items()}


def target(hub: Path, ref: str | None = "main") -> CacheTarget:
    found = CacheTarget(hub, REPO, ONE, ref)
    found.check()
    return found


def put(
    target: CacheTarget, stage: Path, files: Mapping[str, bytes] = FILES, wanted: Iterable[str] = FILES
) -> tuple[tuple[str, ...], list[str]]:
    """Do what `get` does with verified files: bring what is missing, and move it."""
    expected: dict[str, File] = {file.name: file for file in sealed_files(dict(files))}
    at_hand = target.look(expected, ids(files), Hashing(), quiet=True)
    target.refuse(at_hand)
    moving = []
    for name in wanted:
        if name in at_hand.right.digests:
            continue
        path = stage / "came" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
        moving.append(Moving(name, path, expected[name].sha256.hex() if name in LFS else None))
    (stage / "scratch").mkdir(exist_ok=True)
    have = {*at_hand.right.digests, *(one.name for one in moving)}
    return target.move(at_hand, moving, have, stage / "scratch"), [one.name for one in moving]


def there(snapshot: Path) -> dict[str, bytes]:
    return {str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if not path.is_dir()}


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    (tmp_path / "stage").mkdir()
    return tmp_path / "stage"


def test_a_new_snapshot_lies_as_the_hubs_own_client_lays_it(hub: Path, stage: Path) -> None:
    at = target(hub)
    put(at, stage)
    assert there(at.path) == FILES
    repo = hub / CACHED
    assert os.readlink(at.path / "config.json") == f"../../blobs/{git_id(b'blob', b'{}')}"
    assert os.readlink(at.path / "sub/tokenizer.json") == f"../../../blobs/{git_id(b'blob', b'[]')}"
    weights = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert os.readlink(at.path / "model.safetensors") == f"../../blobs/{weights}"
    assert not (repo / "blobs" / weights).is_symlink()
    assert (repo / "refs/main").read_text() == ONE
    assert sorted(os.listdir(repo)) == ["blobs", "refs", "snapshots"]
    assert os.stat(at.path).st_mode & 0o777 == 0o777 & ~umask()


def umask() -> int:
    now = os.umask(0o22)
    os.umask(now)
    return now


def test_nothing_is_to_do_where_all_is_there_and_then_nothing_is_written(hub: Path, stage: Path) -> None:
    at = target(hub)
    put(at, stage)
    found = at.look(GOOD, ids(FILES), Hashing(), quiet=True)
    assert at.is_settled(found, FILES)
    assert not target(hub, "v1").is_settled(found, FILES)  # that ref is not kept yet
    (at.folder / "trees").mkdir()
    (at.folder / "trees" / f"{ONE}.json").write_text("{}")
    assert not at.is_settled(found, FILES)


def test_what_is_right_is_not_brought_again(hub: Path, stage: Path) -> None:
    HubCache(hub).snapshot(CACHED, ONE, {"config.json": b"{}"})
    other = HubCache(hub).snapshot(CACHED, TWO, {"model.safetensors": FILES["model.safetensors"]})  # its blob
    inode = os.stat(hub / CACHED / "blobs" / hashlib.sha256(FILES["model.safetensors"]).hexdigest()).st_ino
    at = target(hub, None)
    assert put(at, stage) == ((), ["sub/tokenizer.json"])
    assert there(at.path) == FILES
    assert os.stat(at.path / "model.safetensors").st_ino == inode == os.stat(other / "model.safetensors").st_ino


def test_what_is_wrong_or_extra_in_the_snapshot_does_not_stay(hub: Path, stage: Path) -> None:
    bad = {"config.json": b"[]", "loader.py": b"evil", "deep/er/x.bin": b"evil", "sub/tokenizer.json": b"??"}
    snapshot = HubCache(hub).snapshot(CACHED, ONE, bad)
    (snapshot / "model.safetensors").mkdir()
    (snapshot / "model.safetensors/x").write_bytes(b"evil")
    (snapshot / "elsewhere").symlink_to("/etc")
    (snapshot / "pipe").unlink(missing_ok=True)
    os.mkfifo(snapshot / "pipe")
    (hub / CACHED / ".no_exist" / ONE / "config.json").touch()
    at = target(hub)
    removed, brought = put(at, stage)
    assert brought == list(FILES)
    assert removed == ("deep/er/x.bin", "elsewhere", "loader.py", "model.safetensors/x", "pipe")
    assert there(at.path) == FILES
    assert not (snapshot / "deep").exists()
    assert not (hub / CACHED / "trees" / f"{ONE}.json").exists()
    assert os.listdir(hub / CACHED / ".no_exist" / ONE) == ["loader.py"]  # of a file that the release lacks: true


def test_a_blob_with_other_bytes_than_its_name_says_is_replaced(hub: Path, stage: Path) -> None:
    HubCache(hub).snapshot(CACHED, ONE, FILES)
    weights = hub / CACHED / "blobs" / hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    weights.write_bytes(b"x" * len(FILES["model.safetensors"]))
    (hub / CACHED / "blobs" / git_id(b"blob", b"[]")).write_bytes(b"??")
    at = target(hub)
    assert put(at, stage) == ((), ["model.safetensors"])
    assert there(at.path) == FILES
    assert weights.read_bytes() == FILES["model.safetensors"]


def test_a_shared_blob_stays_if_it_is_right_and_is_left_to_others_if_not(hub: Path, stage: Path) -> None:
    cache = HubCache(hub)
    cache.snapshot(CACHED, ONE, FILES, shared=("model.safetensors",))
    at = target(hub)
    assert put(at, stage) == ((), [])
    shared = Path(os.path.realpath(at.path / "model.safetensors"))
    assert shared.is_relative_to(hub / "blobs")
    shared.write_bytes(b"x" * len(FILES["model.safetensors"]))
    assert put(at, stage) == ((), ["model.safetensors"])
    assert there(at.path) == FILES
    assert shared.read_bytes()[:1] == b"x" and not os.path.samefile(shared, at.path / "model.safetensors")


def test_a_part_keeps_only_what_is_right(hub: Path, stage: Path) -> None:
    HubCache(hub).snapshot(CACHED, ONE, {"config.json": b"[]", "sub/tokenizer.json": b"[]"})
    at = target(hub)
    assert put(at, stage, wanted=["model.safetensors"]) == (("config.json",), ["model.safetensors"])
    assert set(there(at.path)) == {"model.safetensors", "sub/tokenizer.json"}


@pytest.mark.parametrize("how", ["the setting", "the cache is so"])
def test_a_cache_without_links_has_the_files_themselves(
    how: str, hub: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    if how == "the cache is so":
        HubCache(hub).snapshot(CACHED, ONE, {"config.json": b"[]", "loader.py": b"evil"}, links=False)
    at = target(hub)
    put(at, stage)
    assert there(at.path) == FILES
    assert not any(path.is_symlink() for path in at.path.rglob("*"))


def test_two_files_with_the_same_bytes_share_a_blob(hub: Path, stage: Path) -> None:
    files = {"a.json": b"{}", "sub/b.json": b"{}"}
    at = target(hub)
    put(at, stage, files, files)
    assert there(at.path) == files
    assert len(os.listdir(hub / CACHED / "blobs")) == 1


def test_refs_are_only_what_was_asked_for(hub: Path, stage: Path) -> None:
    put(target(hub, None), stage)
    assert not (hub / CACHED / "refs").exists()
    put(target(hub, "team/v1"), stage)
    assert (hub / CACHED / "refs/team/v1").read_text() == ONE
    for name in ("../x", "a/../../b", "/etc", ".", "a//b", "a\0b", "a\nb"):
        with pytest.raises(Usage, match="no name of a branch or tag"):
            target(hub, name)


def test_what_cannot_be_written_is_said(hub: Path, stage: Path) -> None:
    hub.mkdir()
    (hub / CACHED).touch()
    with pytest.raises(Error, match="cannot be written: not a directory"):
        put(target(hub), stage)
    with pytest.raises(Usage, match="not a folder"):
        target(hub / CACHED)


def killed_at(here: Path, step: int) -> bool:
    """Do it in a process that is killed before its call number *step* that changes names."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    left = step

    def deadly(name: str) -> None:
        real = getattr(os, name)

        def call(*words: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*words, **options)

        setattr(os, name, call)

    for name in ("replace", "rename", "symlink", "unlink", "rmdir", "makedirs"):
        deadly(name)
    try:
        put(target(here / "hub"), here / "stage")
    finally:
        os._exit(0)


@pytest.mark.parametrize("before", [{}, {"config.json": b"[]", "loader.py": b"evil"}], ids=["new", "poisoned"])
def test_a_kill_anywhere_leaves_no_wrong_file_that_was_not_there_and_the_next_one_ends_it(
    before: dict[str, bytes], tmp_path: Path
) -> None:
    for steps in range(1, 100):
        here = tmp_path / str(steps)
        (here / "stage").mkdir(parents=True)
        if before:
            HubCache(here / "hub").snapshot(CACHED, ONE, before)
        killed = killed_at(here, steps)
        at = target(here / "hub")
        if at.path.exists():
            for name, data in there(at.path).items():
                assert FILES.get(name) == data or before.get(name) == data, (steps, name)
            if not before:
                assert there(at.path) == FILES, steps  # as a whole
        if not killed:
            break
        (here / "stage2").mkdir()
        put(at, here / "stage2")
        assert there(at.path) == FILES
        assert (at.folder / "refs/main").read_text() == ONE
    assert 8 < steps < 99
