"""Where `modelseal get` puts things, and where it cannot: odd caches, full and other disks, no network, no rights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.folders import Found
from modelseal.formats.manifest import File
from modelseal.hubcache import Snapshot
from modelseal.journeys.gathered import really
from modelseal.journeys.staged import Stage
from modelseal.platform import kept
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, sealed_files
from tests.support.getter import ANA, CACHED, CI, NAME, NEWER, ONE, REPO, TWO, Getter, a_world, getting, read
from tests.support.hub import Answer
from tests.support.world import World

LARGE = 60_000_000_000  # bytes


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    a_world(world)
    large = (File("model.safetensors", LARGE, b"7" * 32),)
    world.publish("hf://acme-lab/large", 1, CI, large)
    return world


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def getter(tmp_path: Path, world: World, address: Address) -> Iterator[Getter]:
    with getting(tmp_path, world, address) as getter:
        yield getter


def test_where_all_is_right_nothing_is_written(getter: Getter) -> None:
    getter.get(NAME).says(0)
    shutil.rmtree(getter.cache / ".locks")
    (getter.cache / ".locks").touch()  # nothing can wait there
    getter.get(NAME).says(0, "0 files downloaded")
    getter.get(f"{NAME}@{ONE}").says(1, "cannot be written")
    assert not getter.snapshot(ONE).exists()


def test_a_cache_without_links_has_the_files_themselves(getter: Getter) -> None:
    getter.get(NAME, HF_HUB_DISABLE_SYMLINKS="1").says(0, "VERIFIED")
    assert getter.there() == NEWER
    assert not any(path.is_symlink() for path in getter.snapshot().rglob("*"))
    (getter.snapshot() / "config.json").write_bytes(b"??")
    getter.get(NAME, HF_HUB_DISABLE_SYMLINKS="1").says(0, "1 file downloaded")
    assert getter.there() == NEWER


def test_a_blob_that_all_repos_share_leaves_the_stage_as_a_file(tmp_path: Path) -> None:
    held = Stage(tmp_path / "stage")
    held.folder.mkdir()
    snapshot = HubCache(held.cache).snapshot(CACHED, TWO, NEWER, shared=("model.safetensors",))
    listing = Snapshot(snapshot.parent.parent.resolve(), CACHED, TWO).walk()
    paths = held.files(snapshot, listing, ["model.safetensors", "config.json"])
    assert not paths["model.safetensors"].is_symlink()
    assert paths["model.safetensors"].parent.parent.parent == held.cache  # .../blobs/<2 hex>/<xet hash>
    outside = tmp_path / "outside"
    outside.write_bytes(b"{}")
    (tmp_path / "stage/link").symlink_to(outside)
    assert really(tmp_path / "stage/link", Found.of("link", outside.stat()), held.folder) is None


def test_a_repos_folder_that_is_a_link_to_another_disk(getter: Getter) -> None:
    disk = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else getter.someone.home
    place = disk / f"modelseal-test-{os.getpid()}"
    place.mkdir()
    try:
        (place / CACHED).mkdir()
        getter.cache.mkdir()
        (getter.cache / CACHED).symlink_to(place / CACHED)
        getter.get(NAME).says(0, "VERIFIED")
        assert getter.there() == NEWER
        assert list((place / ".locks/modelseal").iterdir()) == []
    finally:
        shutil.rmtree(place)


def test_a_folder_that_is_a_disk_of_its_own_holds_what_waits(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = getter.someone.folder("atlas", {"config.json": NEWER["config.json"]})
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder.parent and access(path, mode))
    getter.hub.lie(REPO, "model.safetensors", b"?" * len(NEWER["model.safetensors"]))
    getter.get(NAME, "--local-dir", "./atlas").says(1, "FAILED")
    assert sorted(os.listdir(folder)) == [".modelseal-get", "config.json"]
    getter.hub.lie(REPO, "model.safetensors", NEWER["model.safetensors"])
    getter.get(NAME, "--local-dir", "./atlas").says(0, "VERIFIED")
    assert read(folder) == NEWER
    assert ".modelseal-get" not in os.listdir(folder)


def test_with_evidence_at_hand_nobody_is_asked(getter: Getter) -> None:
    getter.someone.types("show", NAME, "--save", "./e.evidence").says(0)
    getter.get(NAME).says(0)
    getter.hub.close()
    words = (NAME, "--offline", "--evidence", "./e.evidence")
    getter.get(*words).says(0, "VERIFIED", f"path:     {getter.snapshot()}")
    (getter.snapshot() / "loader.py").write_text("evil")
    ran = getter.get(*words).says(1, "FAILED", "loader.py (program)")
    assert "path:" not in ran.out
    getter.get(NAME, "--offline", "--evidence", "./e.evidence", "--local-dir", "./none").says(6, "is not at none")


def test_files_of_over_50_gb_want_xet(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    lfs = {"size": LARGE, "sha256": (b"7" * 32).hex(), "oid": (b"7" * 32).hex(), "pointerSize": 134}
    entry = {"size": LARGE, "lfs": lfs, "blobId": "1" * 40, "oid": "1" * 40, "type": "file"}

    def huge(method: str, path: str) -> Answer | None:
        says = {"Content-Type": "application/json"}
        if "/tree/" in path:
            return Answer(200, json.dumps([{**entry, "path": "model.safetensors"}]).encode(), says)
        if path.startswith("/api/"):
            value = {"id": "acme-lab/large", "sha": ONE, "siblings": [{**entry, "rfilename": "model.safetensors"}]}
            return Answer(200, json.dumps({**value, "private": False, "gated": False, "tags": []}).encode(), says)
        etag = {"X-Linked-Etag": f'"{lfs["sha256"]}"', "X-Linked-Size": str(LARGE), "X-Repo-Commit": ONE}
        return Answer(200, b"", {**etag, "ETag": '"x"', "Content-Length": str(LARGE)}) if method == "HEAD" else None

    getter.hub.hook = huge
    ran = getter.get("acme-lab/large")
    if ran.code == 1:  # a small disk
        ran.says(1, "60 GB are to be downloaded")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**13, 0, 10**13))
    getter.get("acme-lab/large").says(6, "over 50 GB", "pip install hf_xet")


def test_another_owner_of_the_name_at_the_hub_is_failed(tmp_path: Path) -> None:
    world = World(now=int(time.time()))
    claim = make.claim(
        "hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")], origin=world.signer.origin, hub_owner_id="1" * 24
    )
    world.log(make.identity(claim, [ANA], origin=world.signer.origin), (make.key("ops"),))
    world.publish(f"hf://{NAME}", 2, CI, sealed_files(NEWER))
    with Address(world.files()) as address, getting(tmp_path, world, address) as getter:
        getter.hub.owner("acme-lab", id="1" * 24)
        getter.get(NAME).says(0, "VERIFIED")
        getter.hub.owner("acme-lab", id="2" * 24)
        getter.get(NAME, "--cache-dir", "./other").says(1, "owner changed", "; nothing was downloaded")
        assert not (getter.someone.here / "other").exists()


def test_the_oldest_huggingface_hub_does_as_well(getter: Getter, hub1: Path) -> None:
    argv = [str(hub1), "-m", "modelseal", "get", NAME]
    env = {**getter.someone.env, **getter.env}
    done = subprocess.run(argv, cwd=getter.someone.here, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("VERIFIED") and getter.there() == NEWER


LIMITED = 'ulimit -f 8; exec "$@"'  # blocks of 512 bytes: no file may get larger


@pytest.mark.parametrize("place", [(), ("--local-dir", "./atlas")], ids=["cache", "folder"])
def test_a_disk_that_is_full_in_the_middle(place: tuple[str, ...], getter: Getter) -> None:
    from tests.support.client import PROGRAM

    argv = ["sh", "-c", LIMITED, "sh", str(PROGRAM), "get", NAME, *place]
    env = {**getter.someone.env, **getter.env}
    done = subprocess.run(argv, cwd=getter.someone.here, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "cannot be written: file too large" in done.stderr, done
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert not getter.snapshot().exists() and not (getter.someone.here / "atlas").exists()
    getter.get(NAME, *place).says(0, "VERIFIED")


def test_what_a_killed_run_left_of_a_liar_accuses_nobody(getter: Getter) -> None:
    waits = getter.cache / ".locks/modelseal" / CACHED
    waits.mkdir(parents=True, mode=0o700)
    HubCache(waits / "hub-1").snapshot(CACHED, TWO, {"config.json": b"??", "sub/tokenizer.json": b"[7]"})
    getter.get(NAME).says(0, "VERIFIED")
    assert getter.downloads() == ["config.json", "model.safetensors"]
    assert getter.there() == NEWER


def test_a_download_that_nobody_goes_on_with_is_removed_by_another_one(getter: Getter) -> None:
    beside = getter.cache / ".locks/modelseal"
    times = {"models--nobody--old": 15, "models--nobody--held": 15, "models--nobody--new": 13, CACHED: 15}
    for name, days in times.items():
        (beside / name).mkdir(parents=True, mode=0o700)
        snapshot = HubCache(beside / name / "hub-1").snapshot(name, TWO, {"config.json": NEWER["config.json"]})
        (beside / name / "hub-1" / name / "blobs/x.incomplete").write_bytes(b"half")
        for path in (snapshot, *(beside / name).rglob("*"), beside / name):
            os.utime(path, (0, time.time() - days * 24 * 3600), follow_symlinks=False)
    (beside / "link").symlink_to(beside / "models--nobody--new")
    with kept.held(beside / "models--nobody--held", waiting=lambda: None, timeout_s=0):
        ran = getter.get(NAME).says(0, "VERIFIED")
    assert ran.err == (
        "modelseal: a download that did not end, and that nobody went on with for 14 days, was removed: "
        f"{beside / 'models--nobody--old'}\n"
    )
    assert getter.downloads() == ["model.safetensors", "sub/tokenizer.json"], "its own is gone on with, however old"
    assert sorted(path.name for path in getter.waiting()) == ["link", "models--nobody--held", "models--nobody--new"]
    assert getter.get("datasets/acme-lab/corpus", "-q").says(0).err == ""
    assert sorted(path.name for path in getter.waiting()) == ["link", "models--nobody--new"]


def test_a_cache_that_may_only_be_read_is_enough_where_all_is_right(getter: Getter) -> None:
    getter.kept.snapshot(CACHED, TWO, NEWER)  # with the notes of the Hub's client, and without our ref
    (getter.cache / CACHED / "refs/main").unlink()
    (getter.cache / ".locks").touch()
    getter.get(NAME).says(0, "VERIFIED", "0 files downloaded")
    (getter.cache / CACHED / ".no_exist" / TWO / "config.json").touch()  # it would hide a file from loaders
    getter.get(NAME).says(1, "cannot be written")


def test_a_cache_by_a_relative_path(getter: Getter) -> None:
    getter.get(NAME, "--cache-dir", "./mine").says(0, f"path:     mine/{CACHED}/snapshots/{TWO}")
    assert read(getter.someone.here / f"mine/{CACHED}/snapshots/{TWO}") == NEWER


def test_what_another_program_puts_there_meanwhile_is_noticed(getter: Getter) -> None:
    (getter.snapshot()).mkdir(parents=True)

    def other(method: str, path: str) -> Answer | None:
        if method == "GET" and path.endswith("model.safetensors"):
            (getter.snapshot() / "loader.py").write_text("evil")
        return None

    getter.hub.hook = other
    ran = getter.get(NAME).says(1, "somebody else has put loader.py there meanwhile")
    assert "VERIFIED" not in ran.out
    getter.hub.hook = lambda method, path: None
    getter.get(NAME).says(0, "VERIFIED", "removed:")
    assert getter.there() == NEWER
