"""The guard as huggingface_hub sees it: what it downloads is sealed, and what it says when it is not."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import make
from tests.support.guarded import MODEL, Guarded, guarded
from tests.support.scene import ACME, CI, GOOD, NAME, REPO, files_of
from tests.support.world import World

hf = pytest.importorskip("huggingface_hub")
errors = pytest.importorskip("huggingface_hub.errors")

COMMIT = make.revision(1)
BIG = bytes(range(256)) * (3 << 12)  # 3 MiB
FILES = {**GOOD, "sub/tokenizer.json": b"{}", "model-00001-of-00002.safetensors": BIG}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    world = World(now=int(time.time()))
    world.claim(ACME, [make.key("ana")], [(CI, f"{ACME}/*")])
    world.publish(REPO, 1, CI, files_of(FILES))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    with guarded(tmp_path, world) as one:
        one.hub.commit(MODEL, FILES, id=COMMIT)
        one.hub.xet = True
        yield one


def where(here: Guarded, folder: Path) -> dict[str, Any]:
    return {"endpoint": here.url, "token": False, "cache_dir": folder}


def held(snapshot: str) -> dict[str, bytes]:
    found = {}
    for above, _, names in os.walk(snapshot):
        for name in names:
            path = Path(above) / name
            found[path.relative_to(snapshot).as_posix()] = path.read_bytes()
    return found


def test_a_snapshot_is_exactly_what_is_sealed(
    here: Guarded, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http._WARNED_TOPICS", set())  # it says each thing once per process
    here.hub.rewrite(MODEL, COMMIT, {"loader.py": b"import os", "sub/evil.bin": b"!"})
    for revision in (None, "main", COMMIT):
        path = hf.snapshot_download(NAME, revision=revision, **where(here, tmp_path / f"of {revision}"))
        assert held(path) == FILES and path.endswith(COMMIT)
    assert "2 files are hidden, not in its seal: loader.py, sub/evil.bin" in caplog.text
    names = sorted(os.listdir(Path(path).parents[1] / "blobs"))
    assert names == sorted(hashlib.sha256(data).hexdigest() for data in set(FILES.values()))


def test_into_a_folder_and_with_patterns(here: Guarded, tmp_path: Path) -> None:
    path = hf.snapshot_download(NAME, local_dir=tmp_path / "local", allow_patterns=["*.json"], endpoint=here.url)
    assert {name for name in held(path) if not name.startswith(".cache")} == {"config.json", "sub/tokenizer.json"}


def test_an_absent_file_is_absent(here: Guarded, tmp_path: Path) -> None:
    with pytest.raises(errors.EntryNotFoundError):
        hf.hf_hub_download(NAME, "added_tokens.json", **where(here, tmp_path))
    kept = hf.try_to_load_from_cache(NAME, "added_tokens.json", cache_dir=tmp_path, revision=COMMIT)
    assert kept is hf._CACHED_NO_EXIST


def test_a_file_that_nobody_sealed_is_refused_by_name(here: Guarded, tmp_path: Path) -> None:
    here.hub.rewrite(MODEL, COMMIT, {"loader.py": b"import os"})
    with pytest.raises(errors.LocalEntryNotFoundError) as caught:  # its words for a HEAD that fails
        hf.hf_hub_download(NAME, "loader.py", **where(here, tmp_path))
    assert f"FAILED {NAME}: loader.py is not in its seal" in str(caught.value.__cause__)


def test_a_repo_that_nobody_sealed_is_refused_by_its_verdict(here: Guarded, tmp_path: Path) -> None:
    here.hub.commit("models/someuser/tiny-lm", GOOD)
    with pytest.raises(errors.LocalEntryNotFoundError) as caught:
        hf.hf_hub_download("someuser/tiny-lm", "config.json", **where(here, tmp_path))
    assert "UNKNOWN someuser/tiny-lm: nobody has sealed" in str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["config.json", "model-00001-of-00002.safetensors"])
def test_other_bytes_are_never_kept(here: Guarded, tmp_path: Path, name: str) -> None:
    here.hub.lie(MODEL, name, bytes(reversed(FILES[name])))
    for _ in range(2):
        with pytest.raises(errors.HfHubHTTPError, match="BLOCKED"):
            hf.hf_hub_download(NAME, name, **where(here, tmp_path / "hub"))
    kept = {path.name for path in (tmp_path / "hub").rglob("*")}
    assert not kept & {name, hashlib.sha256(FILES[name]).hexdigest()}


def test_a_half_that_somebody_else_left_is_not_gone_on_with(here: Guarded, tmp_path: Path) -> None:
    """The client would put our second half behind it, and look at the size alone."""
    name, digest = "model-00001-of-00002.safetensors", hashlib.sha256(BIG).hexdigest()
    blobs = tmp_path / "hub/models--acme-lab--atlas-7b/blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{digest}.incomplete").write_bytes(b"evil" * 100_000)
    path = hf.hf_hub_download(NAME, name, **where(here, tmp_path / "hub"))
    assert Path(path).read_bytes() == BIG


def test_listings_and_parts(here: Guarded) -> None:
    api = hf.HfApi(endpoint=here.url, token=False)
    info = api.repo_info(NAME, files_metadata=True)
    assert info.sha == COMMIT and {one.rfilename: one.size for one in info.siblings} == {
        name: len(data) for name, data in FILES.items()
    }
    tree = {one.path: one for one in api.list_repo_tree(NAME, recursive=True, expand=True)}
    assert tree.keys() == {*FILES, "sub"} and getattr(tree["model.safetensors"], "xet_hash", None) is None
    assert {one.path for one in api.get_paths_info(NAME, ["config.json", "sub", "none"])} == {"config.json", "sub"}
    assert [one.target_commit for one in api.list_repo_refs(NAME).branches] == [COMMIT]
    files = hf.HfFileSystem(endpoint=here.url, token=False)
    with files.open(f"{NAME}/model-00001-of-00002.safetensors", "rb", block_size=1 << 16) as file:
        file.seek(1_000_000)
        assert file.read(1000) == BIG[1_000_000:1_001_000]


def test_gated_and_private_repos_say_what_they_say_elsewhere(here: Guarded, tmp_path: Path) -> None:
    here.hub.repos[MODEL].gated = "manual"
    with pytest.raises(errors.GatedRepoError):
        hf.hf_hub_download(NAME, "config.json", **where(here, tmp_path))
    token = here.hub.token(MODEL)
    path = hf.hf_hub_download(NAME, "config.json", endpoint=here.url, cache_dir=tmp_path, token=token)
    assert Path(path).read_bytes() == GOOD["config.json"]
    here.hub.repos[MODEL].private = True
    with pytest.raises(errors.RepositoryNotFoundError):
        hf.snapshot_download(NAME, **where(here, tmp_path / "other"))


def test_a_renamed_repo_keeps_its_old_name(here: Guarded, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    here.hub.rename(MODEL, "models/acme-lab/atlas-8b")
    assert held(hf.snapshot_download(NAME, **where(here, tmp_path / "hub"))) == FILES
    assert "models--acme-lab--atlas-7b" in os.listdir(tmp_path / "hub") and "is called acme-lab/atlas-8b" in caplog.text


def test_what_lies_in_the_clients_cache_is_used_while_nobody_answers(here: Guarded, tmp_path: Path) -> None:
    """Which is why a program that is guarded has a cache of its own, in which nothing wrong lies."""
    path = hf.hf_hub_download(NAME, "config.json", **where(here, tmp_path))
    here.scene.address.close()
    assert hf.hf_hub_download(NAME, "config.json", **where(here, tmp_path)) == path
