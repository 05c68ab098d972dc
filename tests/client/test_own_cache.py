"""The Hub cache that a guard gives to programs: whatever lies in it may pass."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelseal.journeys import gate as gate_module
from modelseal.journeys.gate import Gate
from modelseal.journeys.own_cache import Aside, Own, admit, own
from tests.support import make
from tests.support.cache import HubCache
from tests.support.scene import GOOD, NEWER, REPO, Scene, acme, publish, scene

FOLDER = "models--acme-lab--atlas-7b"
COMMIT = make.revision(1)


class Home:
    """Somebody's cache after a guard has run."""

    def __init__(self, scene: Scene, own: Own) -> None:
        self.scene, self.own = scene, own
        self.cache = HubCache(own.hub)
        self.snapshot = self.cache.snapshot(FOLDER, COMMIT, GOOD)
        self.repo = own.hub / FOLDER

    def admit(self) -> tuple[Aside, ...]:
        return admit(self.own, Gate())

    def blob(self, data: bytes) -> Path:
        return self.repo / "blobs" / hashlib.sha256(data).hexdigest()

    def left(self) -> list[str]:
        return sorted(os.listdir(self.own.hub))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with scene(tmp_path, acme()) as one:
        monkeypatch.setenv("MODELSEAL_HOME", str(one.someone.home))
        with own() as found:
            yield Home(one, found)


def test_what_is_sealed_stays(home: Home) -> None:
    assert home.admit() == () and home.left() == [FOLDER]
    assert {path.name: path.read_bytes() for path in home.snapshot.iterdir()} == GOOD


def test_a_part_of_a_release_and_an_older_one_stay(home: Home) -> None:
    publish(home.scene.world, 2, NEWER)
    home.scene.serve()
    (home.snapshot / "config.json").unlink()
    home.cache.snapshot(FOLDER, make.revision(2), NEWER)
    assert home.admit() == ()


def test_a_cache_without_links_stays_if_it_is_right(home: Home) -> None:
    for name in GOOD:
        (home.snapshot / name).unlink()
        (home.snapshot / name).write_bytes(GOOD[name])
    assert home.admit() == ()
    (home.snapshot / "config.json").write_bytes(b"{}")
    assert len(home.admit()) == 1


def test_notes_about_what_the_hub_has_and_unfinished_downloads_are_gone(home: Home) -> None:
    half = home.repo / "blobs" / f"{'0' * 64}.incomplete"
    half.write_bytes(b"the first half of something else")
    assert home.admit() == ()
    assert not half.exists() and sorted(os.listdir(home.repo)) == ["blobs", "refs", "snapshots"]


def poisoned_blob(home: Home) -> str:
    home.blob(GOOD["model.safetensors"]).write_bytes(b"evil" * 2560)
    return "is not what its name says"


def blob_that_no_snapshot_has(home: Home) -> str:
    """A client that is told of a file with this digest would not download it."""
    home.blob(NEWER["model.safetensors"]).write_bytes(b"evil")
    return "is not what its name says"


def blob_under_another_name(home: Home) -> str:
    (home.repo / "blobs" / "5e506ffe").write_bytes(b"")
    return "the blob 5e506ffe"


def one_file_for_another(home: Home) -> str:
    (home.snapshot / "config.json").unlink()
    blob = os.path.relpath(home.blob(GOOD["model.safetensors"]), home.snapshot)
    (home.snapshot / "config.json").symlink_to(blob)
    return "config.json is not the sealed file"


def added_file(home: Home) -> str:
    home.cache.snapshot(FOLDER, COMMIT, {"loader.py": b"import os"})
    return "loader.py is not the sealed file"


def ignored_name(home: Home) -> str:
    home.cache.snapshot(FOLDER, COMMIT, {".gitattributes": b"x"})
    return ".gitattributes did not come through a guard"


def link_elsewhere(home: Home) -> str:
    outside = home.own.folder / "config.json"
    outside.write_bytes(GOOD["config.json"])
    (home.snapshot / "config.json").unlink()
    (home.snapshot / "config.json").symlink_to(outside)
    return "config.json did not come through a guard"


def blobs_elsewhere(home: Home) -> str:
    (home.repo / "blobs").rename(home.own.folder / "blobs")
    (home.repo / "blobs").symlink_to(home.own.folder / "blobs")
    return ""


def link_to_a_repo(home: Home) -> str:
    home.repo.rename(home.own.folder / "elsewhere")
    home.repo.symlink_to(home.own.folder / "elsewhere")
    return "not a repo's folder"


def another_commit(home: Home) -> str:
    (home.repo / "snapshots" / "main").mkdir()
    return "snapshots/main is no snapshot"


def revoked(home: Home) -> str:
    release = publish(home.scene.world, 2, NEWER)
    home.scene.world.revoke(REPO, release.seal, [make.key("ci")])
    home.scene.serve()
    home.cache.snapshot(FOLDER, make.revision(2), NEWER)
    return "REVOKED"


def repo_that_nobody_sealed(home: Home) -> str:
    home.repo.rename(home.own.hub / "models--someuser--tiny-lm")
    return "UNKNOWN someuser/tiny-lm"


def name_that_no_seal_can_have(home: Home) -> str:
    home.repo.rename(home.own.hub / "models--gpt2")
    return "no repo that can be sealed"


def shared_blobs(home: Home) -> str:
    home.blob(GOOD["config.json"]).unlink()
    home.cache.snapshot(FOLDER, COMMIT, {"config.json": GOOD["config.json"]}, shared=("config.json",))
    return ""


WRONG: tuple[Callable[[Home], str], ...] = (
    poisoned_blob, blob_that_no_snapshot_has, blob_under_another_name, one_file_for_another, added_file, ignored_name,
    link_elsewhere, blobs_elsewhere, link_to_a_repo, another_commit, revoked, repo_that_nobody_sealed,
    name_that_no_seal_can_have, shared_blobs,
)  # fmt: skip


@pytest.mark.parametrize("make_wrong", WRONG, ids=lambda one: one.__name__)
def test_what_is_wrong_is_moved_aside_and_said(home: Home, make_wrong: Callable[[Home], str]) -> None:
    words = make_wrong(home)
    found = home.admit()
    assert home.left() == [] and found
    assert any(words in one.why for one in found), found
    assert all(one.path.is_relative_to(home.own.folder / "aside") and not one.is_for_now for one in found)
    assert all(os.path.lexists(one.path) for one in found)
    assert home.admit() == ()


def test_what_nobody_could_judge_waits_and_comes_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "REMEMBER_FAILURE_S", -1.0)
    home.scene.address.files.clear()
    (found,) = home.admit()
    assert found.is_for_now and "UNAVAILABLE" in found.why and home.left() == []
    home.scene.serve()
    assert home.admit() == () and home.left() == [FOLDER]


def test_what_waits_never_takes_the_place_of_what_is_there(home: Home) -> None:
    home.scene.address.files.clear()
    home.admit()
    home.cache.snapshot(FOLDER, COMMIT, GOOD)
    (found,) = home.admit()
    assert not found.is_for_now and home.left() == []  # it is kept, but does not come back
    home.scene.serve()
    assert home.admit() == () and home.left() == [FOLDER]


def test_it_is_private_and_two_guards_have_two(home: Home) -> None:
    assert stat.S_IMODE(home.own.folder.stat().st_mode) == 0o700
    with own() as other:
        assert other.folder != home.own.folder
    with own() as third:
        assert third.folder == other.folder


def test_what_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSEAL_HOME", str(tmp_path))
    folder = tmp_path / "cache/guard/1"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(Exception, match="others may write there"), own():
        pass


def test_copied_code_and_what_was_made_of_datasets_begin_empty(home: Home) -> None:
    (home.own.modules / "transformers_modules").mkdir()
    folder = home.own.folder
    with own() as other:
        assert other.folder != folder
    assert folder.exists()
