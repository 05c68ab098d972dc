"""The double of the Hub is one to the real client: else tests against it would say nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from tests.support.hub import Hub
from tests.support.hubparts import git_id

FILES: dict[str, bytes] = {"config.json": b"{}", "onnx/model.onnx": b"weights"}
REPO = "models/acme-lab/x"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    set_client_factory(default_client_factory)
    with Hub() as found:
        yield found
    set_client_factory(default_client_factory)


@pytest.mark.parametrize("type_", ["model", "dataset", "space"])
def test_repos_of_every_type_are_listed_and_downloaded(hub: Hub, tmp_path: Path, type_: str) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    first = hub.commit(f"{type_}s/acme-lab/x", FILES)
    second = hub.commit(f"{type_}s/acme-lab/x", {"config.json": b"[]"})
    info = api.repo_info("acme-lab/x", repo_type=type_)
    assert (info.id, info.sha, info.author) == ("acme-lab/x", second, "acme-lab")
    assert {one.rfilename for one in vars(info)["siblings"]} == {".gitattributes", *FILES}
    tree = list(api.list_repo_tree("acme-lab/x", repo_type=type_, recursive=True))
    assert {one.path for one in tree} == {".gitattributes", "onnx", *FILES}
    for revision, config in (("main", b"[]"), (first, b"{}")):
        here = Path(api.snapshot_download("acme-lab/x", repo_type=type_, revision=revision, cache_dir=tmp_path))
        assert here.name == (second if revision == "main" else first)
        assert (here / "config.json").read_bytes() == config and (here / "onnx/model.onnx").read_bytes() == b"weights"


def test_pull_requests_are_refs_and_not_main(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    main = hub.commit("models/acme-lab/x", FILES)
    ref = hub.pull_request("models/acme-lab/x")
    proposed = hub.commit("models/acme-lab/x", {"evil.py": b"import os"}, ref=ref)
    assert (ref, api.model_info("acme-lab/x").sha) == ("refs/pr/1", main)
    assert api.model_info("acme-lab/x", revision=ref).sha == proposed
    assert Path(api.hf_hub_download("acme-lab/x", "evil.py", revision=ref, cache_dir=tmp_path)).read_bytes()
    assert [branch.name for branch in api.list_repo_refs("acme-lab/x").branches] == ["main"]


def test_renames_answer_with_a_redirect_and_owners_have_ids(hub: Hub) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    hub.commit("models/old/x", FILES)
    hub.rename("models/old/x", "models/new/x")
    assert api.model_info("old/x").id == "new/x"
    assert api.model_info("NEW/x").id == "new/x"  # any spelling gets the canonical one
    first = hub.owner("old")
    assert vars(api.get_organization_overview("old"))["_id"] == first
    assert hub.owner("old", id="dead") == "dead"  # given up, and registered again
    assert vars(api.get_organization_overview("old"))["_id"] == "dead"
    hub.owner("ana", "users")
    assert api.get_user_overview("ana").username == "ana"


def test_what_is_not_there_is_named_as_the_hub_names_it(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi, errors

    api = HfApi(endpoint=hub.url, token=False)
    hub.commit("models/acme-lab/x", FILES)
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("acme-lab/y")
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info("acme-lab/x", revision="v2")
    with pytest.raises(errors.EntryNotFoundError):
        api.hf_hub_download("acme-lab/x", "no.json", cache_dir=tmp_path)
    assert not api.file_exists("acme-lab/x", "no.json") and api.file_exists("acme-lab/x", "config.json")


def test_large_files_are_in_lfs_with_their_sha256_and_a_pointer_in_git(hub: Hub) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(endpoint=hub.url, token=False)
    hub.commit(REPO, FILES)
    siblings = {one.rfilename: one for one in api.model_info("acme-lab/x", files_metadata=True).siblings or []}
    small, large = siblings["config.json"], siblings["onnx/model.onnx"]
    assert (small.size, small.blob_id, small.lfs) == (2, git_id(b"blob", b"{}"), None)
    assert large.lfs is not None and large.lfs.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert (large.size, large.lfs.size, large.lfs.pointer_size) == (7, 7, 125 + 1)
    assert [one.size for one in api.model_info("acme-lab/x").siblings or []] == [None] * 3
    hub.xet = True
    found = [one for one in api.list_repo_tree("acme-lab/x", recursive=True) if isinstance(one, RepoFile)]
    assert {one.path: bool(one.xet_hash) for one in found} == {
        ".gitattributes": False,
        "config.json": False,
        "onnx/model.onnx": True,
    }
    meta = huggingface_hub.get_hf_file_metadata(
        huggingface_hub.hf_hub_url("acme-lab/x", "onnx/model.onnx", endpoint=hub.url)
    )
    assert meta.xet_file_data is not None and meta.etag == large.lfs.sha256 and meta.size == 7
    infos = api.get_paths_info("acme-lab/x", ["config.json", "none"], expand=True)
    assert [one.path for one in infos] == ["config.json"]


def test_trees_and_histories_come_in_pages(hub: Hub) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    commits = [hub.commit(REPO, {f"{i}.json": b"{}"}) for i in range(5)]
    hub.page = 2
    assert len(list(api.list_repo_tree("acme-lab/x"))) == 6
    assert [one.commit_id for one in api.list_repo_commits("acme-lab/x")] == commits[::-1]
    hub.tag(REPO, "v1", commits[0])
    hub.branch(REPO, "dev", commits[1])
    refs = api.list_repo_refs("acme-lab/x")
    assert {one.name: one.target_commit for one in refs.branches} == {"main": commits[-1], "dev": commits[1]}
    assert {one.name: one.target_commit for one in refs.tags} == {"v1": commits[0]}
    assert api.model_info("acme-lab/x", revision="v1").sha == commits[0]


def test_a_cdn_hands_out_large_files_and_never_sees_a_token(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    hub.commit(REPO, FILES)
    hub.cdn = True
    api = HfApi(endpoint=hub.url, token=hub.token(REPO))
    path = Path(api.hf_hub_download("acme-lab/x", "onnx/model.onnx", cache_dir=tmp_path))
    assert path.read_bytes() == b"weights" and path.resolve().name == hashlib.sha256(b"weights").hexdigest()
    assert hub.cdn_asked and all(token is None for _, token in hub.cdn_asked)
    assert all(token.startswith("hf_") for _, token in hub.tokens) and hub.tokens


def test_private_and_gated_repos_want_a_token_that_names_them(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi, errors

    hub.commit(REPO, FILES)
    good, other = hub.token(REPO), hub.token("models/acme-lab/y", token="hf_other")
    hub.repos[REPO].gated = "manual"
    for token in (False, other):
        api = HfApi(endpoint=hub.url, token=token)
        assert vars(api.model_info("acme-lab/x"))["gated"] == "manual"
        with pytest.raises(errors.GatedRepoError):
            api.hf_hub_download("acme-lab/x", "config.json", cache_dir=tmp_path)
    assert HfApi(endpoint=hub.url, token=good).hf_hub_download("acme-lab/x", "config.json", cache_dir=tmp_path)
    hub.repos[REPO].private = True
    with pytest.raises(errors.RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=other).model_info("acme-lab/x")
    assert HfApi(endpoint=hub.url, token=good).model_info("acme-lab/x").private


def test_parts_of_a_file_are_answered_as_such(hub: Hub) -> None:
    from huggingface_hub import HfFileSystem

    hub.commit(REPO, {"model.safetensors": bytes(range(256)) * 100})
    with HfFileSystem(endpoint=hub.url, token=False, use_listings_cache=False).open(
        "acme-lab/x/model.safetensors", block_size=512
    ) as file:
        file.seek(1000)
        assert file.read(16) == (bytes(range(256)) * 100)[1000:1016]


@pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # how huggingface_hub puts bytes into LFS
def test_uploads_make_commits(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors

    api = HfApi(endpoint=hub.url, token="hf_any")
    api.create_repo("acme-lab/x", private=False)
    operations = [CommitOperationAdd(name, data) for name, data in FILES.items()]
    first = api.create_commit("acme-lab/x", operations, commit_message="one").oid
    assert hub.repos[REPO].commits[first] == {".gitattributes": b"* text=auto\n", **FILES}
    second = api.create_commit("acme-lab/x", [CommitOperationDelete("config.json")], commit_message="two").oid
    assert (set(hub.repos[REPO].commits[second]), hub.repos[REPO].refs["main"]) == (
        {".gitattributes", "onnx/model.onnx"},
        second,
    )
    api.create_tag("acme-lab/x", tag="v1")
    assert api.model_info("acme-lab/x", revision="v1").sha == second
    api.move_repo("acme-lab/x", "acme-lab/z")
    assert api.model_info("acme-lab/x").id == "acme-lab/z"
    with pytest.raises(errors.HfHubHTTPError):
        HfApi(endpoint=hub.url, token=False).create_tag("acme-lab/z", tag="v2")


def test_the_hubs_own_client_takes_other_bytes_and_other_files_for_good_ones(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    commit = hub.commit(REPO, FILES)
    hub.lie(REPO, "onnx/model.onnx", b"WEIGHTS")
    hub.rewrite(REPO, commit, {"evil.py": b"import os"})
    here = Path(api.snapshot_download("acme-lab/x", revision=commit, cache_dir=tmp_path))
    assert (here / "onnx/model.onnx").read_bytes() == b"WEIGHTS" and (here / "evil.py").exists()
